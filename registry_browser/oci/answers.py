"""What a status and an error document mean, whatever the registry's way of putting it."""

from typing import Any, NoReturn

import msgspec

from registry_browser.oci.errors import (
    AccessDenied,
    NotFound,
    RegistryError,
    UnexpectedAnswer,
    Unsupported,
)
from registry_browser.oci.transport import Answer

_NO_SUCH_THING = frozenset(
    {
        "MANIFEST_UNKNOWN",
        "NAME_UNKNOWN",
        "BLOB_UNKNOWN",
        "BLOB_UPLOAD_UNKNOWN",
        "TAG_EXPIRED",  # Quay
        "NOT_FOUND",  # Harbor
        "NAME_INVALID",
        "BLOBNOTFOUND",  # MCR
    }
)


def error_document(answer: Answer) -> list[dict[str, Any]]:
    """Return the entries of `{"errors": [...]}`; none if the body is anything else."""
    try:
        document = msgspec.json.decode(answer.body)
    except (ValueError, RecursionError):
        return []
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return []
    return [entry for entry in errors if isinstance(entry, dict)]


def error_codes(answer: Answer) -> frozenset[str]:
    """Return the codes in an answer's error document, in upper case."""
    return frozenset(str(entry.get("code", "")).upper() for entry in error_document(answer))


def is_document(answer: Answer) -> bool:
    """Whether a body served as success could be a manifest: a JSON object that is no error."""
    if answer.content_type in ("text/html", "application/xhtml+xml"):
        return False
    return answer.body.lstrip()[:1] == b"{" and not error_document(answer)


def raise_for(answer: Answer, host: str, path: str) -> NoReturn:
    """Raise the RegistryError that an unwelcome answer means. 429 and 5xx never get this far."""
    entries = error_document(answer)
    codes = frozenset(str(entry.get("code", "")).upper() for entry in entries)
    said = "; ".join(str(entry.get("message") or entry.get("code") or "") for entry in entries)
    kind, sentence = _meaning(answer, host, codes, said)
    raise kind(
        sentence,
        host=host,
        method=answer.method,
        path=path,
        status=answer.status,
        detail=said or answer.body[:300].decode("utf-8", "replace"),
    )


def _meaning(
    answer: Answer, host: str, codes: frozenset[str], said: str
) -> tuple[type[RegistryError], str]:
    status = answer.status
    if status == 401:
        return AccessDenied, f"{host} does not let us in: the sign-in is not enough for this."
    if status == 403 or (status < 500 and codes & {"DENIED", "UNAUTHORIZED"}):
        return AccessDenied, f"{host} does not allow this for the account in use."
    if status == 404:
        if "accept header" in said.lower():
            # distribution 2.8.2 has the manifest and hides it from clients that it thinks too old.
            return UnexpectedAnswer, f"{host} keeps this in a format that was not asked for."
        if codes & _NO_SUCH_THING or _says_not_found(codes, said):
            return NotFound, f"{host} does not know this repository, tag or digest."
        return UnexpectedAnswer, f"Something at {host} answered 404, and not as a registry does."
    if status == 405 or "UNSUPPORTED" in codes:
        return Unsupported, f"{host} does not offer this."
    return UnexpectedAnswer, f"{host} answered with status {status}, which was not expected here."


def _says_not_found(codes: frozenset[str], said: str) -> bool:
    """registry.redhat.io and Harbor 2.10 say code UNKNOWN, message "Not Found"."""
    return "UNKNOWN" in codes and "not found" in said.lower()
