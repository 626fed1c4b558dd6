"""What the fake registry holds: repositories, manifests, blobs, tags and upload sessions.

Everything lives in memory and is kept byte for byte. The store checks digests and nothing else;
which documents a registry accepts is decided by ``app``, so tests can put any bytes here directly.

All methods may be called from any thread.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


class DigestMismatch(ValueError):
    """The bytes do not hash to the digest that was promised for them."""


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Return ``algorithm:hex`` of ``data``; ``algorithm`` is ``sha256`` or ``sha512``."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it was pushed. ``digest`` names it; ``body`` is never re-serialised."""

    digest: str
    media_type: str
    body: bytes

    def document(self) -> dict[str, Any]:
        """Return the parsed body, or an empty mapping when it is no JSON object."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def children(self) -> list[str]:
        """Return the digests that an index names, in its order; empty for anything else."""
        entries = self.document().get("manifests")
        return [entry["digest"] for entry in entries] if isinstance(entries, list) else []

    def subject(self) -> str | None:
        """Return the digest this manifest refers to, if it has a ``subject``."""
        subject = self.document().get("subject")
        return subject["digest"] if isinstance(subject, dict) else None


@dataclass(slots=True)
class Repository:
    """One repository: its manifests by digest, the blobs linked into it, and its tags."""

    name: str
    manifests: dict[str, StoredManifest] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    listed: bool = False
    ever_had_manifest: bool = False


@dataclass(slots=True)
class Upload:
    """A blob upload in progress. ``state`` changes with every chunk, as in distribution."""

    repository: str
    uuid: str
    state: str
    data: bytearray = field(default_factory=bytearray)


class Store:
    """The whole content of one registry."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._repositories: dict[str, Repository] = {}
        self._blobs: dict[str, bytes] = {}
        self._phantoms: dict[str, int] = {}
        self._uploads: dict[str, Upload] = {}

    # Repositories and tags

    def repositories(self) -> list[str]:
        """Return the names as CNCF distribution orders them: ``/`` before every other character.

        A repository is listed once it has had a blob, and stays so when it is emptied, as there
        (2.8.2 looks for a ``_layers`` directory).
        """
        with self._lock:
            listed = [name for name, held in self._repositories.items() if held.listed]
            return sorted(listed, key=catalog_order)

    def add_repository(self, name: str) -> None:
        """Make sure that ``name`` exists, if only as an empty directory."""
        with self._lock:
            self._repository(name).listed = True

    def remove_repository(self, name: str) -> None:
        """Forget ``name`` with all it holds, as an operator does with ``rm -r``."""
        with self._lock:
            self._repositories.pop(name, None)

    def has_manifest_history(self, name: str) -> bool:
        """Tell whether ``name`` ever held a manifest; if not, its tags answer 404."""
        with self._lock:
            repository = self._repositories.get(name)
            return repository is not None and repository.ever_had_manifest

    def tags(self, name: str) -> dict[str, str]:
        """Return a copy of the tags of ``name`` (tag → digest), in the order of their creation."""
        with self._lock:
            repository = self._repositories.get(name)
            return dict(repository.tags) if repository else {}

    def tag(self, name: str, tag: str, digest: str) -> None:
        """Point ``tag`` to ``digest``, which must be in ``name``; raises KeyError otherwise."""
        with self._lock:
            repository = self._repositories[name]
            repository.manifests[digest]
            repository.tags[tag] = digest

    def untag(self, name: str, tag: str) -> bool:
        """Remove a tag and leave its manifest. Return whether there was one."""
        with self._lock:
            repository = self._repositories.get(name)
            return repository is not None and repository.tags.pop(tag, None) is not None

    # Manifests

    def put_manifest(
        self, name: str, reference: str | None, media_type: str, body: bytes, digest: str = ""
    ) -> str:
        """Store a manifest under its digest and, if ``reference`` is a tag, tag it.

        ``digest`` overrides the computed one only for signed schema 1 documents, whose digest is
        that of the document without its signatures. Returns the digest. Raises DigestMismatch when
        ``reference`` is a digest that ``body`` does not have.
        """
        by_digest = reference is not None and ":" in reference
        if not digest:
            algorithm = reference.partition(":")[0] if by_digest and reference else "sha256"
            digest = digest_of(body, algorithm)
        if by_digest and reference != digest:
            raise DigestMismatch(reference)
        with self._lock:
            repository = self._repository(name)
            repository.manifests[digest] = StoredManifest(digest, media_type, body)
            repository.ever_had_manifest = True
            if reference is not None and not by_digest:
                repository.tags[reference] = digest
        return digest

    def manifest(self, name: str, reference: str) -> StoredManifest | None:
        """Return the manifest that a tag or digest of ``name`` leads to."""
        with self._lock:
            repository = self._repositories.get(name)
            if repository is None:
                return None
            digest = reference if ":" in reference else repository.tags.get(reference, "")
            return repository.manifests.get(digest)

    def manifests(self, name: str) -> dict[str, StoredManifest]:
        """Return a copy of the manifests present in ``name``, by digest."""
        with self._lock:
            repository = self._repositories.get(name)
            return dict(repository.manifests) if repository else {}

    def delete_manifest(self, name: str, digest: str) -> bool:
        """Remove a manifest and every tag on it, not blobs or children. Return if it was there."""
        with self._lock:
            repository = self._repositories.get(name)
            if repository is None or repository.manifests.pop(digest, None) is None:
                return False
            for tag in [tag for tag, target in repository.tags.items() if target == digest]:
                del repository.tags[tag]
            return True

    def untagged(self, name: str) -> list[str]:
        """Return the digests in ``name`` that no tag points to directly, oldest push first."""
        with self._lock:
            tagged = set(self.tags(name).values())
            return [digest for digest in self.manifests(name) if digest not in tagged]

    def parents(self, name: str, digest: str) -> list[str]:
        """Return the digests of the indexes in ``name`` that list ``digest``."""
        return [d for d, m in self.manifests(name).items() if digest in m.children()]

    def referrers(self, name: str, digest: str) -> list[StoredManifest]:
        """Return the manifests in ``name`` whose subject is ``digest``, oldest push first."""
        return [m for m in self.manifests(name).values() if m.subject() == digest]

    # Blobs

    def put_blob(self, name: str, data: bytes, digest: str = "") -> str:
        """Store bytes, link them into ``name``, return the digest.

        Raises DigestMismatch when ``digest`` is given and the bytes do not have it.
        """
        actual = digest_of(data, digest.partition(":")[0] or "sha256")
        if digest and digest != actual:
            raise DigestMismatch(digest)
        with self._lock:
            self._blobs[actual] = bytes(data)
            self._link(name, actual)
        return actual

    def put_phantom_blob(self, name: str, digest: str, size: int) -> None:
        """Link a blob that has a name and a size in bytes but no content.

        HEAD finds it, GET answers 404. It lets a demonstration show layers of gigabytes.
        """
        with self._lock:
            self._phantoms[digest] = size
            self._link(name, digest)

    def blob(self, name: str, digest: str) -> bytes | None:
        """Return the bytes of a blob linked into ``name``; None if absent or a phantom."""
        with self._lock:
            repository = self._repositories.get(name)
            if repository is None or digest not in repository.blobs:
                return None
            return self._blobs.get(digest)

    def blob_size(self, name: str, digest: str) -> int | None:
        """Return the size in bytes of a blob linked into ``name``, phantoms included."""
        with self._lock:
            repository = self._repositories.get(name)
            if repository is None or digest not in repository.blobs:
                return None
            data = self._blobs.get(digest)
            return len(data) if data is not None else self._phantoms.get(digest)

    def mount_blob(self, digest: str, source: str, target: str) -> bool:
        """Link a blob of ``source`` into ``target``. Return whether ``source`` had it."""
        with self._lock:
            if self.blob_size(source, digest) is None:
                return False
            self._link(target, digest)
            return True

    def delete_blob(self, name: str, digest: str) -> bool:
        """Unlink a blob from ``name``; other repositories keep it. Return if it was there."""
        with self._lock:
            if self.blob_size(name, digest) is None:
                return False
            self._repositories[name].blobs.discard(digest)
            return True

    def stored_bytes(self) -> int:
        """Return the bytes of every distinct linked blob and manifest body, each counted once."""
        with self._lock:
            bodies: dict[str, int] = {}
            for repository in self._repositories.values():
                for digest in repository.blobs:
                    bodies[digest] = self.blob_size(repository.name, digest) or 0
                for manifest in repository.manifests.values():
                    bodies[manifest.digest] = len(manifest.body)
            return sum(bodies.values())

    # Uploads

    def start_upload(self, name: str) -> Upload:
        """Open an upload session. The repository appears only with its first blob."""
        upload = Upload(name, uuid=_uuid(), state=secrets.token_urlsafe(12))
        with self._lock:
            self._uploads[upload.uuid] = upload
        return upload

    def upload(self, name: str, uuid: str) -> Upload | None:
        """Return an open session of ``name``."""
        with self._lock:
            upload = self._uploads.get(uuid)
            return upload if upload is not None and upload.repository == name else None

    def append(self, upload: Upload, chunk: bytes) -> None:
        """Add a chunk; the state handed out before it becomes stale."""
        with self._lock:
            upload.data.extend(chunk)
            upload.state = secrets.token_urlsafe(12)

    def close_upload(self, upload: Upload) -> None:
        """Forget a session, finished or not."""
        with self._lock:
            self._uploads.pop(upload.uuid, None)

    # Everything

    def clear(self) -> None:
        """Forget all content."""
        with self._lock:
            self._repositories.clear()
            self._blobs.clear()
            self._phantoms.clear()
            self._uploads.clear()

    def all_tags(self) -> Iterator[tuple[str, str, str]]:
        """Yield (repository, tag, digest) for every tag of the registry."""
        for name in self.repositories():
            for tag, digest in self.tags(name).items():
                yield name, tag, digest

    def _repository(self, name: str) -> Repository:
        return self._repositories.setdefault(name, Repository(name))

    def _link(self, name: str, digest: str) -> None:
        repository = self._repository(name)
        repository.blobs.add(digest)
        repository.listed = True


def catalog_order(name: str) -> str:
    """Return the sort key of CNCF distribution's catalog, where ``a/b`` comes before ``a-b``."""
    return name.replace("/", "\x00")


def hash_order(names: Iterable[str]) -> list[str]:
    """Return ``names`` unsorted but the same each time, like the order of a directory on disk."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())


def _uuid() -> str:
    token = secrets.token_hex(16)
    return "-".join((token[:8], token[8:12], token[12:16], token[16:20], token[20:]))
