"""What two images have in common and what not."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from registry_browser.models import BlobRole, ImageConfig, Manifest, ManifestBlob, Presence
from registry_browser.queries.compare_sides import Side, sides
from registry_browser.queries.history.lines import align, dockerfile
from registry_browser.queries.manifests import what_it_is

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.contrib.auth.models import AnonymousUser

    from registry_browser.models import User

NAMED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer, compressed bytes, and the step that made it."""

    digest: str
    size: int
    created_by: str


@dataclass(frozen=True, slots=True)
class Pair:
    """What stands on each side, None or empty where nothing does."""

    name: str
    a: str | None
    b: str | None

    @property
    def is_same(self) -> bool:
        return self.a == self.b


@dataclass(frozen=True, slots=True)
class LayerPair:
    a: Layer | None
    b: Layer | None

    @property
    def command(self) -> str:
        """What made it, empty where that is not recorded."""
        layer = self.a or self.b
        return layer.created_by if layer else ""

    @property
    def is_same(self) -> bool:
        return self.a is not None and self.b is not None and self.a.digest == self.b.digest


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of facts, in pairs by name."""

    title: str
    pairs: list[Pair]

    @property
    def different(self) -> list[Pair]:
        return [pair for pair in self.pairs if not pair.is_same]

    @property
    def same(self) -> int:
        return len(self.pairs) - len(self.different)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sides. Bytes are compressed; a layer that stands twice counts once."""

    a: Side
    b: Side
    layers: list[LayerPair]
    common_layers: int
    common_bytes: int
    only_a_bytes: int
    only_b_bytes: int
    sections: list[Section]

    @property
    def alike(self) -> list[Section]:
        """What is the same in both, where nothing of it differs."""
        return [section for section in self.sections if not section.different]

    @property
    def is_same_manifest(self) -> bool:
        return self.a.manifest.digest == self.b.manifest.digest

    @property
    def is_same_image(self) -> bool:
        return self.a.image.digest == self.b.image.digest


def compare(user: User | AnonymousUser, first: str, second: str) -> Comparison:
    """Compare two references. Raises NotComparable. A constant number of statements."""
    a, b = sides(user, first, second)
    images = [a.image.pk, b.image.pk]
    configs = _configs(images)
    layers = {pk: _layers(pk, configs.get(pk)) for pk in set(images)}
    ours, theirs = layers[a.image.pk], layers[b.image.pk]
    sizes_a = {layer.digest: layer.size for layer in ours}
    sizes_b = {layer.digest: layer.size for layer in theirs}
    common = sizes_a.keys() & sizes_b.keys()
    return Comparison(
        a=a,
        b=b,
        layers=_aligned(ours, theirs),
        common_layers=len(common),
        common_bytes=sum(sizes_a[digest] for digest in common),
        only_a_bytes=sum(size for digest, size in sizes_a.items() if digest not in common),
        only_b_bytes=sum(size for digest, size in sizes_b.items() if digest not in common),
        sections=_sections(a, b, configs.get(a.image.pk), configs.get(b.image.pk)),
    )


def _configs(manifests: Sequence[int]) -> dict[int, ImageConfig]:
    links = ManifestBlob.objects.filter(manifest__in=manifests, role=BlobRole.CONFIG)
    blobs = dict(links.values_list("manifest_id", "blob_id"))
    found = ImageConfig.objects.defer("body").in_bulk(list(blobs.values()))
    return {manifest: found[blob] for manifest, blob in blobs.items() if blob in found}


def _layers(manifest: int, config: ImageConfig | None) -> list[Layer]:
    links = list(
        ManifestBlob.objects.filter(manifest=manifest, role=BlobRole.LAYER)
        .select_related("blob")
        .order_by("position")
    )
    steps = align(config.history if config else [], len(links)).layers
    return [
        Layer(digest=link.blob.digest, size=link.blob.size, created_by=str(step or ""))
        for link, step in zip(links, steps, strict=True)
    ]


def _aligned(ours: Sequence[Layer], theirs: Sequence[Layer]) -> list[LayerPair]:
    """Layers side by side; those in common on one line."""
    found: list[LayerPair] = []
    matcher = SequenceMatcher(
        None, [each.digest for each in ours], [each.digest for each in theirs], autojunk=False
    )
    for what, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if what == "equal":
            found += map(LayerPair, ours[a_from:a_to], theirs[b_from:b_to])
        else:
            found += [LayerPair(layer, None) for layer in ours[a_from:a_to]]
            found += [LayerPair(None, layer) for layer in theirs[b_from:b_to]]
    return found


def _sections(
    a: Side, b: Side, ours: ImageConfig | None, theirs: ImageConfig | None
) -> list[Section]:
    found = [
        Section("Config", _pairs(_facts(a.image, ours), _facts(b.image, theirs))),
        Section("Environment", _pairs(_environment(ours), _environment(theirs))),
        Section(
            "Labels",
            _pairs(_texts(ours.labels if ours else {}), _texts(theirs.labels if theirs else {})),
        ),
        Section("Build history", _lines(ours, theirs)),
        Section("Annotations", _pairs(_annotations(a), _annotations(b))),
        Section("Platforms", _pairs(_platforms(a), _platforms(b))),
        Section("Referrers", _pairs(_referrers(a), _referrers(b))),
    ]
    return [section for section in found if section.pairs]


def _pairs(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[Pair]:
    names = sorted({*ours, *theirs})
    return [Pair(name, ours.get(name), theirs.get(name)) for name in names]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in values.items()}


def _facts(image: Manifest, config: ImageConfig | None) -> dict[str, str]:
    facts = {"media type": image.media_type, "artifact type": image.artifact_type}
    facts["platform"] = image.platform
    if image.image_created_at:
        facts["created"] = f"{image.image_created_at:%Y-%m-%d %H:%M:%S} UTC"
    if config is not None:
        facts |= {
            "entrypoint": _words(config.entrypoint),
            "command": _words(config.cmd),
            "user": config.user,
            "working directory": config.working_dir,
            "ports": _words(config.ports),
            "volumes": _words(config.volumes),
            "stop signal": config.stop_signal,
            "author": config.author,
        }
    return {name: value for name, value in facts.items() if value}


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _environment(config: ImageConfig | None) -> dict[str, str]:
    pairs = (str(each).partition("=") for each in (config.env if config else []))
    return {name: value for name, _, value in pairs}


def _annotations(side: Side) -> dict[str, str]:
    return _texts({**side.manifest.annotations, **side.image.annotations})


def _platforms(side: Side) -> dict[str, str]:
    return {child.platform: child.digest for child in side.platforms}


def _lines(ours: ImageConfig | None, theirs: ImageConfig | None) -> list[Pair]:
    """The steps of both, as a text comparison aligns them."""
    first = dockerfile(ours.history) if ours else []
    second = dockerfile(theirs.history) if theirs else []
    found: list[Pair] = []
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    for what, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if what == "equal":
            found += [Pair("", line, line) for line in first[a_from:a_to]]
        else:
            found += [Pair("", line, None) for line in first[a_from:a_to]]
            found += [Pair("", None, line) for line in second[b_from:b_to]]
    return found


def _referrers(side: Side) -> dict[str, str]:
    """By what they are; several of a kind are counted."""
    found = Presence.objects.filter(
        repository=side.repository,
        gone_at=None,
        manifest__registry=side.repository.registry_id,
        manifest__subject__in={side.manifest.digest, side.image.digest},
    ).select_related("manifest")[:NAMED]
    kinds: dict[str, list[str]] = {}
    for presence in found:
        manifest = presence.manifest
        kinds.setdefault(manifest.artifact_type or what_it_is(manifest), []).append(manifest.digest)
    return {kind: ", ".join(sorted(digests)) for kind, digests in kinds.items()}
