"""Writing to a registry: blobs, manifests, and the one call that deletes.

Nothing here decides whether something should be written or deleted, and nothing is checked against
the record; that is the work of `deletion` and `imports`. Everything goes through a RegistryClient,
so credentials, pace and bounds are the same as for reading.
"""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from registry_browser.oci.answers import error_codes, raise_for
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.digest import Digest, is_digest
from registry_browser.oci.errors import (
    AccessDenied,
    DigestMismatch,
    InvalidReference,
    RateLimited,
    RegistryError,
    ServerFault,
    UnexpectedAnswer,
    Unreachable,
)
from registry_browser.oci.reference import is_valid_path, is_valid_tag
from registry_browser.oci.transport import Answer


class DeletionOutcome(StrEnum):
    """What became of one request to delete; each is a different thing to do next."""

    ACCEPTED = "accepted"
    """202 or 200: the registry has deleted it."""
    ABSENT = "absent"
    """404 in the registry's own words: it was not there (any more)."""
    DENIED = "denied"
    """401 or 403: this account may not delete it."""
    UNSUPPORTED = "unsupported"
    """405 UNSUPPORTED: deletion is switched off in this registry."""
    LOCKED = "locked"
    """The registry protects this one manifest: locked, immutable, or part of an index."""
    TAGGED = "tagged"
    """The registry refuses as long as a tag points to it (Google, Docker Hub)."""
    RATE_LIMITED = "rate limited"
    """429 to the end: nothing was deleted."""
    UNKNOWN = "unknown"
    """No answer, or one that says nothing: it may be deleted or not. Look before trying again."""


@dataclass(frozen=True, slots=True)
class DeletionAnswer:
    """The outcome, the HTTP status if one arrived, and the registry's own words, redacted."""

    outcome: DeletionOutcome
    status: int | None
    detail: str = ""


async def upload_blob(client: RegistryClient, path: str, body: bytes) -> Digest:
    """Upload a blob in one piece (POST, then PUT) and return its digest."""
    _check_path(path)
    digest = Digest.of(body)
    scopes = client.dialect.push_scopes(path)
    target = f"{path}/blobs/uploads/"
    session = await client.call("POST", target, scopes, body=b"")
    if session.status != 202:
        raise_for(session, client.endpoint.host, f"/v2/{target}")
    location = upload_url(client, session)
    mark = "&" if "?" in location else "?"
    answer = await client.call(
        "PUT",
        target,
        scopes,
        url=f"{location}{mark}digest={digest}",
        headers={"Content-Type": "application/octet-stream"},
        body=body,
    )
    # 201 by the specification; Gitea and others have been seen to say 204.
    if answer.status not in (201, 204):
        raise_for(answer, client.endpoint.host, f"/v2/{target}")
    return digest


async def mount_blob(client: RegistryClient, path: str, digest: str, from_path: str) -> bool:
    """Make a blob of one repository present in another; False if it must be uploaded instead."""
    _check_path(path)
    _check_path(from_path)
    Digest.parse(digest)
    scopes = client.dialect.push_scopes(path, from_path)
    target = f"{path}/blobs/uploads/"
    answer = await client.call(
        "POST", f"{target}?mount={digest}&from={from_path}", scopes, body=b""
    )
    if answer.status == 201:
        return True
    if answer.status == 202:
        # An upload session was opened instead. It is closed again, as politeness asks; a registry
        # that cannot cancel lets it expire.
        await client.call("DELETE", target, scopes, url=upload_url(client, answer))
        return False
    # A 4xx refuses the mount and nothing more (go-containerregistry's experience): upload it.
    return False


async def put_manifest(
    client: RegistryClient, path: str, reference: str, body: bytes, media_type: str
) -> Digest:
    """Store a manifest's exact bytes under a tag or under its own digest; return the digest."""
    _check_path(path)
    digest = Digest.of(body)
    if ":" in reference:
        named = Digest.parse(reference)
        if not named.verifies(body):
            raise DigestMismatch(f"The manifest to be stored does not hash to {named.short}….")
        digest = named
    elif not is_valid_tag(reference):
        raise InvalidReference(f"“{reference[:140]}” is not a tag.")
    target = f"{path}/manifests/{reference}"
    answer = await client.call(
        "PUT",
        target,
        client.dialect.push_scopes(path),
        headers={"Content-Type": media_type},
        body=body,
    )
    if answer.status not in (200, 201, 202):
        raise_for(answer, client.endpoint.host, f"/v2/{target}")
    said = answer.headers.get("Docker-Content-Digest", "")
    if is_digest(said) and said != str(digest) and said.startswith(f"{digest.algorithm}:"):
        raise DigestMismatch(
            f"{client.endpoint.host} stored other bytes than were sent: it names {said[:19]}….",
            host=client.endpoint.host,
            method="PUT",
            path=f"/v2/{target}",
            status=answer.status,
        )
    return digest


async def delete_manifest(client: RegistryClient, path: str, digest: str) -> DeletionAnswer:
    """Ask the registry to delete a manifest by digest, and say what it answered.

    Deleting by digest takes every tag that points there with it on most registries; the caller
    has made sure that there is none. Never raises a RegistryError: each is an outcome.
    """
    _check_path(path)
    Digest.parse(digest)
    target = f"{path}/manifests/{digest}"
    try:
        answer = await client.call("DELETE", target, client.dialect.delete_scopes(path))
    except AccessDenied as error:
        return DeletionAnswer(DeletionOutcome.DENIED, error.status, str(error))
    except RateLimited as error:
        return DeletionAnswer(DeletionOutcome.RATE_LIMITED, error.status, str(error))
    except (Unreachable, ServerFault, UnexpectedAnswer) as error:
        return DeletionAnswer(DeletionOutcome.UNKNOWN, error.status, str(error))
    return _deletion_answer(client, answer, target)


def _deletion_answer(client: RegistryClient, answer: Answer, target: str) -> DeletionAnswer:
    if answer.status in (200, 202, 204):
        return DeletionAnswer(DeletionOutcome.ACCEPTED, answer.status)
    codes = error_codes(answer)
    try:
        raise_for(answer, client.endpoint.host, f"/v2/{target}")
    except RegistryError as error:
        said = error.detail or str(error)
    if answer.status == 404:
        # A proxy's 404 page says nothing about the manifest.
        outcome = DeletionOutcome.ABSENT if codes else DeletionOutcome.UNKNOWN
    elif "REGISTRY_DISALLOWED_OPERATION" in codes or answer.status in (409, 412):
        # ACR answers a locked manifest with 405 and this code; Quay has 409 for immutable tags.
        outcome = DeletionOutcome.LOCKED
    elif "GOOGLE_MANIFEST_DANGLING_TAG" in codes:
        outcome = DeletionOutcome.TAGGED
    elif "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE" in codes:
        outcome = DeletionOutcome.LOCKED
    elif answer.status == 405 and "DENIED" in codes:
        # zot refuses to delete a child of an index in these words.
        outcome = DeletionOutcome.LOCKED
    elif answer.status == 403:
        outcome = DeletionOutcome.DENIED
    elif answer.status == 405 or "UNSUPPORTED" in codes:
        outcome = DeletionOutcome.UNSUPPORTED
    else:
        outcome = DeletionOutcome.UNKNOWN
    return DeletionAnswer(outcome, answer.status, said)


def upload_url(client: RegistryClient, answer: Answer) -> str:
    """Return where an upload goes on, always on the registry's own scheme and host.

    `Location` may be relative or absolute, and behind a proxy it may say http where we use https;
    its query is the registry's own and is kept. Another host is refused: our bytes and
    credentials are not for it.
    """
    endpoint = client.endpoint
    location = answer.headers.get("Location", "")
    try:
        there = urlsplit(urljoin(answer.url, location))
        hostname = there.hostname
    except ValueError:
        location, hostname = "", None
    if not location or hostname != endpoint.hostname:
        raise UnexpectedAnswer(
            f"{endpoint.host} opened an upload and did not say where on itself it goes on.",
            host=endpoint.host,
            method="POST",
            status=answer.status,
        )
    query = f"?{there.query}" if there.query else ""
    return f"{endpoint.origin}{there.path}{query}"


def _check_path(path: str) -> None:
    if not is_valid_path(path):
        raise InvalidReference(f"“{path[:120]}” is not a repository's name.")
