"""All figures computed again the slow and obvious way: sets in Python over the plain rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import (
    BlobRole,
    Manifest,
    ManifestBlob,
    ManifestChild,
    Presence,
    Protection,
    Repository,
    Tag,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry_browser.models import Blob, Registry


@dataclass(frozen=True)
class Figures:
    """What the program says of a set of repositories, in its order."""

    repositories: int
    tags: int
    manifests: int
    dangling: int
    apparent: int
    stored: int
    exclusive: int
    reclaimable: int


class Naive:
    """What is present in a registry, and what of it stays whatever is deleted."""

    def __init__(self, registry: Registry) -> None:
        found = Manifest.objects.filter(registry=registry).select_related("stored_body")
        self.manifests = {each.pk: each for each in found}
        self.blobs: dict[int, set[Blob]] = {pk: set() for pk in self.manifests}
        self.layers: dict[int, list[Blob]] = {pk: [] for pk in self.manifests}
        for link in ManifestBlob.objects.select_related("blob").order_by("position"):
            if link.manifest_id in self.manifests:
                self.blobs[link.manifest_id].add(link.blob)
                if link.role == BlobRole.LAYER:
                    self.layers[link.manifest_id].append(link.blob)
        self.children: dict[int, set[str]] = {pk: set() for pk in self.manifests}
        for child in ManifestChild.objects.all():
            if child.manifest_id in self.children:
                self.children[child.manifest_id].add(child.digest)
        present = Presence.objects.filter(gone_at=None, repository__registry=registry)
        self.present: dict[str, set[int]] = {
            path: set()
            for path in Repository.objects.filter(registry=registry, gone_at=None).values_list(
                "path", flat=True
            )
        }
        for path, manifest in present.values_list("repository__path", "manifest_id"):
            self.present[path].add(manifest)
        self.tags = [
            (path, manifest)
            for path, manifest in Tag.objects.filter(repository__registry=registry).values_list(
                "repository__path", "manifest_id"
            )
            if path in self.present
        ]
        self.stays = {path: self._staying(path) for path in self.present}

    def _staying(self, path: str) -> set[int]:
        """What no deletion may take: what is tagged, attached to, locked, unreadable or needed in
        another repository, and then children, referrers and subjects of what stays, around and
        around.
        """
        here = self.present[path]
        stays = {manifest for place, manifest in self.tags if place == path}
        names = Tag.objects.filter(repository__path=path).values_list("name", flat=True)
        locked = {
            lock.digest
            for lock in Protection.objects.all()
            if not lock.path or f"{path}/".startswith(f"{lock.path}/")
        }
        for pk in here:
            one = self.manifests[pk]
            attached = any(name.startswith(one.digest.replace(":", "-")) for name in names)
            # Another repository has an index that names it, and does not hold it itself.
            needed = any(
                one.digest in self.children[index] and pk not in there
                for other, there in self.present.items()
                for index in there
                if other != path
            )
            if attached or needed or one.digest in locked or one.kind == "unparsed":
                stays.add(pk)
        while True:
            digests = {self.manifests[pk].digest for pk in stays}
            named = {digest for pk in stays for digest in self.children[pk]}
            named |= {self.manifests[pk].subject for pk in stays}
            named |= {
                other.digest
                for pk in stays
                for other in self.manifests.values()
                if self.manifests[pk].kind == "unparsed"
                and other.digest.encode() in bytes(self.manifests[pk].stored_body.body)
            }
            more = {
                pk
                for pk in here
                if self.manifests[pk].digest in named or self.manifests[pk].subject in digests
            }
            if more <= stays:
                return stays
            stays |= more

    def dangles(self, path: str, manifest: int) -> bool:
        return manifest not in self.stays[path]

    def figures(self, is_inside: Callable[[str], bool]) -> Figures:
        """The figures of the set of repositories whose path `is_inside`."""
        inside = [path for path in self.present if is_inside(path)]
        outside = [path for path in self.present if not is_inside(path)]
        held = self._held(inside)
        elsewhere = self._held(outside)
        needed = {
            blob
            for path in inside
            for pk in self.present[path]
            if not self.dangles(path, pk)
            for blob in self.blobs[pk]
        }
        return Figures(
            repositories=len(inside),
            tags=sum(1 for path, _ in self.tags if path in inside),
            manifests=sum(len(self.present[path]) for path in inside),
            dangling=sum(self.dangles(path, pk) for path in inside for pk in self.present[path]),
            apparent=sum(
                self.manifests[pk].content_bytes + self.manifests[pk].body_bytes
                for path in inside
                for pk in self.present[path]
            ),
            stored=_bytes(held),
            exclusive=_bytes(held - elsewhere),
            reclaimable=_bytes(held - elsewhere - needed),
        )

    def common(self, one: str, other: str) -> int:
        return _bytes(self._held([one]) & self._held([other]))

    def layer_counts(self) -> dict[int, tuple[int, int]]:
        """Blob → manifests that have it as a layer, once a repository, and its places in them."""
        manifests: Counter[int] = Counter()
        places: Counter[int] = Counter()
        for present in self.present.values():
            for pk in present:
                places.update(blob.pk for blob in self.layers[pk])
                manifests.update({blob.pk for blob in self.layers[pk]})
        return {pk: (count, places[pk]) for pk, count in manifests.items()}

    def bases(self) -> dict[tuple[str, ...], int]:
        """Layers on which images stand → how many do: common beginnings, as far as they agree."""
        everywhere = {pk for present in self.present.values() for pk in present}
        stacks = [tuple(blob.digest for blob in self.layers[pk]) for pk in everywhere]
        beginnings = Counter(stack[:n] for stack in stacks for n in range(1, len(stack) + 1))
        found = {}
        for beginning, images in beginnings.items():
            above = max(
                (
                    count
                    for other, count in beginnings.items()
                    if len(other) == len(beginning) + 1 and other[: len(beginning)] == beginning
                ),
                default=0,
            )
            standing = images - stacks.count(beginning)
            if images > 1 and above < images and standing > 0:
                found[beginning] = standing
        return found

    def freed_alone(self, path: str, manifest: int) -> int:
        """What comes back if this manifest alone goes from this repository."""
        others = {
            blob
            for place, present in self.present.items()
            for pk in present
            if (place, pk) != (path, manifest)
            for blob in self.blobs[pk]
        }
        return _bytes(self.blobs[manifest] - others)

    def freed_with(self, is_inside: Callable[[str], bool], manifest: int) -> int:
        """What of this manifest comes back if all that dangles inside goes."""
        kept = {
            blob
            for place, present in self.present.items()
            for pk in present
            if not (is_inside(place) and self.dangles(place, pk))
            for blob in self.blobs[pk]
        }
        return _bytes(self.blobs[manifest] - kept)

    def _held(self, paths: Iterable[str]) -> set[Blob]:
        return {blob for path in paths for pk in self.present[path] for blob in self.blobs[pk]}


def below(prefix: str) -> Callable[[str], bool]:
    """Whether a path is at `prefix` or below it."""
    return lambda path: not prefix or path == prefix or path.startswith(f"{prefix}/")


def _bytes(blobs: Iterable[Blob]) -> int:
    return sum(blob.stored_bytes for blob in blobs)
