"""What a fetched manifest becomes in the record: rows of plain values, in the order of the columns
that are named beside them. Pure.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from registry_browser.models.chains import top_chain
from registry_browser.oci.config import HistoryStep, ImageConfig
from registry_browser.oci.manifest import Child, Descriptor, Platform
from registry_browser.sync.reading.observed import ObservedContent

Row = tuple[Any, ...]

MANIFEST = (
    "digest, kind, media_type, artifact_type, body_bytes, content_bytes, pull_bytes, config_digest,"
    " subject, os, architecture, variant, os_version, image_created_at, annotations, problem, chain"
)
BLOB = "digest, size, stored_bytes, media_type"
CHILD = (
    "position, digest, media_type, size, os, architecture, variant, os_version, artifact_type,"
    " annotations, attests"
)
CONFIG = (
    'created_at, author, env, entrypoint, cmd, labels, ports, volumes, "user", working_dir,'
    " stop_signal, history, body"
)


def manifest_row(content: ObservedContent) -> Row:
    manifest = content.manifest
    content_bytes = sum({blob.digest: blob.size for blob in manifest.blobs}.values())
    return (
        content.digest,
        manifest.kind,
        _short(content.media_type),
        _short(manifest.artifact_type or ""),
        len(content.body),
        content_bytes,
        # Of an image; that of an index follows from what it names.
        content_bytes,
        manifest.config.digest if manifest.config else "",
        manifest.subject.digest if manifest.subject else "",
        *platform_row(content),
        _json(manifest.annotations),
        manifest.problem or "",
        top_chain(layer.digest for layer in manifest.layers),
    )


def platform_row(content: ObservedContent) -> tuple[str, str, str, str, datetime | None]:
    """The platform as the config has it, or else as the manifest does, and when it was made."""
    config = content.config
    if config is None:
        return *_platform(content.manifest.platform or Platform()), None
    platform = Platform(config.os, config.architecture, config.variant, config.os_version)
    return *_platform(platform), config.created


def body_row(content: ObservedContent) -> Row:
    """The manifest's own bytes: registries store them as a blob too."""
    size = len(content.body)
    return content.digest, size, size, _short(content.media_type)


def blob_row(blob: Descriptor) -> Row:
    return blob.digest, blob.size, 0 if blob.is_foreign else blob.size, _short(blob.media_type)


def child_rows(content: ObservedContent) -> Iterator[Row]:
    for position, child in enumerate(content.manifest.children):
        yield (
            position,
            child.digest,
            _short(child.media_type),
            child.size,
            *_platform(_platform_of(child)),
            _short(child.artifact_type or ""),
            _json(child.annotations),
            _attests(child),
        )


def _platform_of(child: Child) -> Platform:
    """No platform rather than BuildKit's "unknown/unknown", which stands for "this is no image"."""
    return Platform() if child.platform is None or child.platform.is_unknown else child.platform


def _attests(child: Child) -> str:
    """What an attestation speaks about; its own digest where it does not say, so that it still
    counts as one.
    """
    return (child.attests or child.digest) if child.is_attestation else ""


def config_row(config: ImageConfig | None, body: bytes) -> Row:
    """An image's config; of another readable config just its bytes."""
    empty_list, empty_object = "[]", "{}"
    if config is None:
        return (
            None, "", empty_list, empty_list, empty_list, empty_object,
            empty_list, empty_list, "", "", "", empty_list, body,
        )  # fmt: skip
    return (
        config.created,
        config.author,
        _json(config.env),
        _json(config.entrypoint),
        _json(config.cmd),
        _json(config.labels),
        _json(config.exposed_ports),
        _json(config.volumes),
        config.user,
        config.working_dir,
        config.stop_signal,
        _json([_step(step) for step in config.history]),
        body,
    )


def _step(step: HistoryStep) -> dict[str, object]:
    return {
        "created": step.created.isoformat() if step.created else None,
        "created_by": step.created_by,
        "comment": step.comment,
        "author": step.author,
        "empty_layer": step.empty_layer,
    }


def _platform(platform: Platform) -> tuple[str, str, str, str]:
    os, architecture = platform.os[:64], platform.architecture[:64]
    return os, architecture, platform.variant[:64], platform.os_version[:64]


def _short(text: str) -> str:
    """Media types are bounded by nothing in the specification; the column is."""
    return text[:255]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
