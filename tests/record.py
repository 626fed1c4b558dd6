"""Tiny stored records, row by row: what a sync would have left, with bytes that a reader can add
up.

record = Record() base = record.layer("base", 1000) image = record.image("app", [base,
record.layer("code", 10)]) web = record.repository("team/web") record.tag(web, "1.0", image)

Bodies and configs take no bytes unless `body_bytes` or `config_bytes` say so. Digests are those of
the names, so a test may ask for `digest_of("app")`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from registry_browser.models import (
    Blob,
    BlobRole,
    EventSource,
    ImageConfig,
    KnownBy,
    Manifest,
    ManifestBlob,
    ManifestBody,
    ManifestChild,
    ManifestKind,
    Presence,
    PresenceState,
    Registry,
    Repository,
    Tag,
    TagEvent,
    TagEventKind,
)
from registry_browser.models.chains import chains, top_chain
from registry_browser.models.tagsort import sort_key
from registry_browser.oci import mediatypes
from registry_browser.sync.figures import counts, liveness
from registry_browser.sync.figures.bases import refresh_bases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
"""When the record was made, as far as it is concerned; pass `now` to say otherwise."""

_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


def digest_of(name: str) -> str:
    """The digest of the content that has this name in a record."""
    return f"sha256:{sha256(name.encode()).hexdigest()}"


class Record:
    """One registry and what is in it. Every method stores its rows at once and returns the main
    one.
    """

    def __init__(
        self, name: str = "prod", url: str = "https://registry.example", *, now: datetime = NOW
    ) -> None:
        self.now = now
        self.registry = Registry.objects.create(
            name=name,
            url=url,
            created_at=now - timedelta(days=30),
            state="healthy",
            state_since=now - timedelta(days=30),
            synced_at=now - timedelta(minutes=4),
            catalog_complete_at=now - timedelta(minutes=4),
            complete=True,
        )

    # -- Content

    def layer(self, name: str, size: int, *, foreign: bool = False) -> Blob:
        """A layer of `size` bytes; the registry stores none of a foreign one."""
        media_type = _FOREIGN if foreign else _LAYER
        return self._blob(digest_of(name), size, media_type, 0 if foreign else size)

    def image(
        self,
        name: str,
        layers: Sequence[Blob] = (),
        *,
        platform: str = "linux/amd64",
        config_bytes: int = 0,
        body_bytes: int = 0,
        config: Mapping[str, Any] | None = None,
        created_at: datetime | None = None,
        **fields: Any,
    ) -> Manifest:
        """An image; `config` holds fields of ImageConfig (`history`, `labels`, `env` …)."""
        os, _, rest = platform.partition("/")
        architecture, _, variant = rest.partition("/")
        config_blob = self._blob(
            digest_of(f"config of {name}"), config_bytes, mediatypes.OCI_CONFIG, config_bytes
        )
        ImageConfig.objects.create(
            blob=config_blob, created_at=created_at, body=b"{}", **(config or {})
        )
        return self._manifest(
            name,
            layers,
            config_blob,
            kind=ManifestKind.IMAGE,
            media_type=mediatypes.OCI_MANIFEST,
            body_bytes=body_bytes,
            os=os,
            architecture=architecture,
            variant=variant,
            image_created_at=created_at,
            **fields,
        )

    def index(
        self,
        name: str,
        children: Mapping[str, Manifest],
        *,
        attestations: Sequence[Manifest] = (),
        missing: Mapping[str, str] | None = None,
        body_bytes: int = 0,
        **fields: Any,
    ) -> Manifest:
        """An index of platform → child. `missing` are children that the record lacks: platform →
        digest. Each attestation speaks about the child of the same number.
        """
        index = self._manifest(
            name,
            (),
            None,
            kind=ManifestKind.INDEX,
            media_type=mediatypes.OCI_INDEX,
            body_bytes=body_bytes,
            **fields,
        )
        entries = [(platform, child.digest, "") for platform, child in children.items()]
        entries += [(platform, digest, "") for platform, digest in (missing or {}).items()]
        digests = [child.digest for child in children.values()]
        entries += [
            ("", each.digest, subject) for each, subject in zip(attestations, digests, strict=False)
        ]
        for position, (platform, digest, attests) in enumerate(entries):
            os, _, rest = platform.partition("/")
            architecture, _, variant = rest.partition("/")
            ManifestChild.objects.create(
                manifest=index,
                position=position,
                digest=digest,
                media_type=mediatypes.OCI_MANIFEST,
                size=500,
                os=os,
                architecture=architecture,
                variant=variant,
                attests=attests,
            )
        pulled = children.get("linux/amd64") or next(iter(children.values()), None)
        index.pull_bytes = pulled.pull_bytes if pulled else 0
        index.save(update_fields=["pull_bytes"])
        return index

    def attestation(self, name: str, size: int, *predicates: str) -> Manifest:
        """What BuildKit puts beside a platform: one layer a statement, named by predicate type."""
        layers = [self.layer(f"{name} {predicate}", size) for predicate in predicates]
        body = {
            "layers": [{"annotations": {"in-toto.io/predicate-type": each}} for each in predicates]
        }
        return self._manifest(
            name,
            layers,
            None,
            kind=ManifestKind.ARTIFACT,
            media_type=mediatypes.OCI_MANIFEST,
            artifact_type=mediatypes.IN_TOTO,
            body=json.dumps(body).encode(),
        )

    def artifact(
        self, name: str, size: int, artifact_type: str, *, subject: Manifest | None = None
    ) -> Manifest:
        """An artifact of one blob; a referrer where it has a subject."""
        return self._manifest(
            name,
            [self.layer(f"blob of {name}", size)],
            None,
            kind=ManifestKind.ARTIFACT,
            media_type=mediatypes.OCI_MANIFEST,
            artifact_type=artifact_type,
            subject=subject.digest if subject else "",
        )

    def unparsed(
        self, name: str, media_type: str, problem: str, *, mentions: Sequence[Manifest] = ()
    ) -> Manifest:
        """A manifest that could not be read, with digests in its body."""
        return self._manifest(
            name,
            (),
            None,
            kind=ManifestKind.UNPARSED,
            media_type=media_type,
            problem=problem,
            body=b"\x00\xff\\" + b" ".join(each.digest.encode() for each in mentions),
        )

    # -- Places

    def repository(self, path: str, **fields: Any) -> Repository:
        """A repository; whole and fresh unless `fields` say otherwise."""
        defaults: dict[str, Any] = {
            "first_seen_at": self.now - timedelta(days=30),
            "synced_at": self.now - timedelta(minutes=4),
            "tags_complete_at": self.now - timedelta(minutes=4),
            "untagged_known_since": self.now - timedelta(days=30),
            "complete": True,
        }
        return Repository.objects.create(
            registry=self.registry, path=path, **{**defaults, **fields}
        )

    def present(
        self,
        repository: Repository,
        manifest: Manifest,
        state: PresenceState = PresenceState.DANGLING,
        **fields: Any,
    ) -> Presence:
        """A manifest in a repository, with what its index entries name as children of that state's
        kind: those of a dangling index dangle too.
        """
        beneath = PresenceState.DANGLING if state == PresenceState.DANGLING else PresenceState.CHILD
        for child in Manifest.objects.filter(
            registry=self.registry, digest__in=manifest.children.values("digest")
        ):
            if not Presence.objects.filter(repository=repository, manifest=child).exists():
                self.present(repository, child, beneath, **fields)
        defaults: dict[str, Any] = {
            "known_by": KnownBy.TAG,
            "first_seen_at": self.now - timedelta(days=1),
            "last_seen_at": self.now - timedelta(minutes=4),
        }
        found, _ = Presence.objects.update_or_create(
            repository=repository,
            manifest=manifest,
            defaults={**defaults, **fields, "state": state},
        )
        return found

    def tag(
        self,
        repository: Repository,
        name: str,
        manifest: Manifest,
        *,
        changed_at: datetime | None = None,
        actor: str = "",
        source: EventSource = EventSource.SYNC,
        moved_from: Manifest | None = None,
    ) -> Tag:
        """A tag, the presence of what it points to, and the ledger row of how it came there."""
        changed_at = changed_at or self.now - timedelta(hours=1)
        self.present(repository, manifest, PresenceState.TAGGED)
        TagEvent.objects.create(
            registry_id=self.registry.pk,
            repository_id=repository.pk,
            registry_name=self.registry.name,
            path=repository.path,
            tag=name,
            kind=TagEventKind.MOVED if moved_from else TagEventKind.CREATED,
            old_digest=moved_from.digest if moved_from else "",
            new_digest=manifest.digest,
            not_before=changed_at - timedelta(minutes=15),
            seen_at=changed_at,
            source=source,
            actor=actor,
        )
        return Tag.objects.create(
            repository=repository,
            name=name,
            manifest=manifest,
            sort_key=sort_key(name),
            first_seen_at=changed_at,
            changed_at=changed_at,
        )

    def refresh(self) -> None:
        """Have the sync compute the states and figures of the whole record."""
        repositories = list(
            Repository.objects.filter(registry=self.registry).values_list("pk", flat=True)
        )
        liveness.refresh_states(self.registry.pk, dict.fromkeys(repositories, self.now))
        counts.refresh_repositories(repositories)
        counts.refresh_registry(self.registry, anew=True)
        refresh_bases(self.registry, self.now)

    # -- Rows

    def _blob(self, digest: str, size: int, media_type: str, stored_bytes: int) -> Blob:
        found, _ = Blob.objects.get_or_create(
            registry=self.registry,
            digest=digest,
            defaults={"size": size, "stored_bytes": stored_bytes, "media_type": media_type},
        )
        return found

    def _manifest(
        self,
        name: str,
        layers: Sequence[Blob],
        config: Blob | None,
        *,
        body_bytes: int = 0,
        body: bytes = b"",
        **fields: Any,
    ) -> Manifest:
        size = body_bytes or len(body)
        content = {blob.pk: blob.size for blob in [*layers, *([config] if config else [])]}
        manifest = Manifest.objects.create(
            registry=self.registry,
            digest=digest_of(name),
            body_bytes=size,
            content_bytes=sum(content.values()),
            pull_bytes=sum(content.values()),
            config_digest=config.digest if config else "",
            stored_at=self.now,
            chain=top_chain(layer.digest for layer in layers),
            **fields,
        )
        ManifestBody.objects.create(manifest=manifest, body=body or b'{"name": "%a"}' % name)
        held = self._blob(manifest.digest, size, manifest.media_type, size)
        links = [(BlobRole.BODY, 0, held)]
        links += [(BlobRole.CONFIG, 0, config)] if config else []
        links += [(BlobRole.LAYER, position, layer) for position, layer in enumerate(layers)]
        named = chains(layer.digest for layer in layers)
        ManifestBlob.objects.bulk_create(
            ManifestBlob(
                manifest=manifest,
                role=role,
                position=position,
                blob=blob,
                chain=named[position] if role == BlobRole.LAYER else None,
            )
            for role, position, blob in links
        )
        return manifest
