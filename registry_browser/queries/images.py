"""Everything that is known of one manifest in one repository."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry_browser.models import (
    BlobRole,
    ImageConfig,
    Manifest,
    ManifestBody,
    ManifestKind,
    Presence,
    Repository,
    Tag,
)
from registry_browser.oci.config import HelmConfig, parse_helm_config
from registry_browser.oci.errors import UnexpectedAnswer
from registry_browser.oci.mediatypes import artifact_name
from registry_browser.queries.exclusive import ManifestSet, exclusive_bytes, reach
from registry_browser.queries.history.lines import Step, dockerfile
from registry_browser.queries.image_layers import LayerLine, layers_of
from registry_browser.queries.image_neighbours import (
    NAMED,
    ReachedBy,
    ReferrerRow,
    is_here,
    other_places,
    referrers_here,
    tags_above,
)
from registry_browser.queries.likely_base import LikelyBase, base_of_manifest
from registry_browser.queries.manifests import state_of, what_it_is
from registry_browser.queries.neighbours import parents_of
from registry_browser.queries.platforms import (
    ChildRow,
    children_of,
    default_child,
    metadata_labels,
)
from registry_browser.queries.pull import PullCommand, pull_commands

if TYPE_CHECKING:
    from datetime import datetime

SHOWN_BODY = 64 * 1024
"""Bytes of a manifest that a page shows in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPage:
    """One manifest in one repository.

    `size_bytes` is what a plain pull transfers, `total_bytes` all that the manifest reaches (layers
    and configs, each once a manifest), `exclusive_bytes` what only it and its children hold, bodies
    included.
    """

    manifest: Manifest
    presence: Presence
    state: str
    what: str
    size_bytes: int
    size_platform: str
    total_bytes: int
    exclusive_bytes: int
    tags: list[str]
    reached_by: list[ReachedBy]
    parents: list[str]
    parent_count: int
    platforms: list[ChildRow]
    attestations: list[ChildRow]
    metadata: list[tuple[str, int]]
    siblings: list[ChildRow]
    layers: list[LayerLine]
    empty_after: list[Step]
    history_fits: bool
    config: ImageConfig | None
    dockerfile: list[str]
    referrers: list[ReferrerRow]
    subject: str
    subject_is_here: bool
    elsewhere: list[str]
    elsewhere_count: int
    likely_base: LikelyBase | None
    pull: list[PullCommand]
    body: str
    chart: HelmConfig | None

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def annotations(self) -> list[tuple[str, str]]:
        return sorted((str(key), str(value)) for key, value in self.manifest.annotations.items())

    @property
    def labels(self) -> list[tuple[str, str]]:
        labels = self.config.labels if self.config else {}
        return sorted((str(key), str(value)) for key, value in labels.items())

    @property
    def only_here(self) -> int:
        return sum(layer.is_only_here for layer in self.layers)

    @property
    def shared_layers(self) -> int:
        return len(self.layers) - self.only_here

    @property
    def is_image(self) -> bool:
        """Whether its blobs are layers of a file system, with a history that tells of them."""
        return self.manifest.kind in (ManifestKind.IMAGE, ManifestKind.SCHEMA1)

    @property
    def created_at(self) -> datetime | None:
        """When the image was built; for an index, its default platform's image."""
        default = default_child(self.platforms)
        return self.manifest.image_created_at or (default.image_created_at if default else None)

    @property
    def present_in(self) -> int:
        """How many repositories hold it now."""
        return self.elsewhere_count + (self.presence.gone_at is None)

    @property
    def reaching(self) -> int:
        """How many tags reach it, directly or through an index."""
        return len({*self.tags, *(tag for each in self.reached_by for tag in each.tags)})


def manifest_page(
    repository: Repository, digest: str, *, tag: str = "", platform: str = ""
) -> ManifestPage | None:
    """All about `digest` in `repository`, None where it never was seen there. A constant number of
    statements.

    `tag` is the tag that it was reached by, for the pull commands; without one the first of its own
    tags is taken.
    """
    presence = (
        Presence.objects.select_related("manifest")
        .filter(
            repository=repository,
            manifest__registry=repository.registry_id,
            manifest__digest=digest,
        )
        .first()
    )
    if presence is None:
        return None
    manifest = presence.manifest
    reached = reach([manifest.pk])[manifest.pk]
    parents, parent_count = parents_of(repository, [digest]).get(digest, ([], 0))
    parent = Manifest.objects.filter(
        registry=repository.registry_id, digest__in=parents[:1]
    ).first()
    entries = children_of([manifest.pk, *([parent.pk] if parent else [])])
    children = _with_exclusive(entries.get(manifest.pk, []))
    siblings = entries.get(parent.pk, []) if parent else []
    default = default_child(children)
    config = _config(manifest)
    lines, empty_after, fits = layers_of(manifest, config)
    own_tags = list(
        Tag.objects.filter(repository=repository, manifest=manifest)
        .order_by("-sort_key", "-name")
        .values_list("name", flat=True)[:NAMED]
    )
    reached_by = tags_above(repository, digest)
    elsewhere, elsewhere_count = other_places(repository, manifest)
    attestations = [child for child in children if child.is_attestation]
    content = Manifest.objects.filter(pk__in=reached).values_list("content_bytes", flat=True)
    return ManifestPage(
        manifest=manifest,
        presence=presence,
        state=state_of(presence),
        what=what_it_is(manifest, sum(not child.is_attestation for child in children)),
        size_bytes=manifest.pull_bytes,
        size_platform=default.platform if default else manifest.platform,
        total_bytes=sum(content),
        exclusive_bytes=exclusive_bytes([ManifestSet.of(reached)])[0],
        tags=own_tags,
        reached_by=reached_by,
        parents=parents,
        parent_count=parent_count,
        platforms=[child for child in children if not child.is_attestation],
        attestations=attestations,
        metadata=metadata_labels(
            attestations or [child for child in siblings if child.attests == digest]
        ),
        siblings=[child for child in siblings if not child.is_attestation],
        layers=lines,
        empty_after=empty_after,
        history_fits=fits,
        config=config,
        dockerfile=dockerfile(config.history) if config else [],
        referrers=referrers_here(repository, manifest),
        subject=manifest.subject,
        subject_is_here=bool(manifest.subject) and is_here(repository, manifest.subject),
        elsewhere=elsewhere,
        elsewhere_count=elsewhere_count,
        likely_base=base_of_manifest(repository, manifest),
        pull=pull_commands(
            repository.registry,
            repository.path,
            tag=tag or next(iter(own_tags), ""),
            digest=digest,
            kind=manifest.kind,
            artifact_type=manifest.artifact_type,
            platform=platform,
        ),
        body=_shown_body(manifest),
        chart=_chart(manifest, config),
    )


def manifest_body(repository: Repository, digest: str) -> tuple[bytes, str] | None:
    """The exact bytes and the media type of a manifest that was seen in the repository."""
    found = (
        ManifestBody.objects.select_related("manifest")
        .filter(
            manifest__registry=repository.registry_id,
            manifest__digest=digest,
            manifest__presences__repository=repository,
        )
        .first()
    )
    return None if found is None else (bytes(found.body), found.manifest.media_type)


def config_body(repository: Repository, digest: str) -> bytes | None:
    """The exact bytes of the config of the manifest `digest`; None where none was read."""
    manifest = Manifest.objects.filter(
        registry=repository.registry_id, digest=digest, presences__repository=repository
    ).first()
    config = _config(manifest) if manifest else None
    return bytes(config.body) if config else None


def _shown_body(manifest: Manifest) -> str:
    """The body as text, empty where it is too large to stand on a page; the raw address has it."""
    if manifest.body_bytes > SHOWN_BODY:
        return ""
    stored = ManifestBody.objects.filter(manifest=manifest).first()
    return bytes(stored.body).decode(errors="replace") if stored else ""


def _chart(manifest: Manifest, config: ImageConfig | None) -> HelmConfig | None:
    if config is None or artifact_name(manifest.artifact_type) != "Helm chart":
        return None
    try:
        return parse_helm_config(bytes(config.body))
    except UnexpectedAnswer:
        # Whatever calls itself a chart; its blobs and raw config are still shown.
        return None


def _config(manifest: Manifest) -> ImageConfig | None:
    return ImageConfig.objects.filter(
        blob__manifest_links__manifest=manifest, blob__manifest_links__role=BlobRole.CONFIG
    ).first()


def _with_exclusive(children: list[ChildRow]) -> list[ChildRow]:
    known = [child for child in children if child.manifest is not None]
    figures = exclusive_bytes(
        [ManifestSet.of([child.manifest]) for child in known if child.manifest is not None]
    )
    own = {child.position: figure for child, figure in zip(known, figures, strict=True)}
    return [replace(child, exclusive_bytes=own.get(child.position)) for child in children]
