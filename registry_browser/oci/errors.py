"""What can go wrong between us and a registry, as one tree.

    RegistryError
    ├── Unreachable            no answer arrived: DNS, refused, TLS, timeout, cut off, reset …
    ├── RateLimited            429
    ├── AccessDenied           401, 403, a refused token
    │   └── UnconfirmedRealm   credentials are wanted at a host that no admin has confirmed
    ├── NotFound               404 in the registry's own words
    ├── Unsupported            the registry does not offer this: 405, UNSUPPORTED
    ├── ServerFault            5xx
    └── UnexpectedAnswer       an answer came, and it cannot be believed
        ├── DigestMismatch     the bytes are not what their name says
        ├── TooLarge           more bytes than we are willing to read
        ├── NotARegistry       whatever answers there, it is no registry
        └── ListingIncomplete  a list ended before its end

    ValueError
    ├── InvalidDigest
    ├── InvalidReference
    └── InvalidEndpoint

`str(error)` is one sentence for a person. It holds neither credentials nor query strings; whoever
raises an error with text from outside gets that text through `redact` first.
"""

import re
from typing import Any

_URL_SECRETS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?:[^/\s@]*@)?(?P<rest>[^\s?\"'<>]*)(?:\?[^\s\"'<>]*)?", re.I
)
_QUERY = re.compile(r"(?<=\S)\?[^\s\"'<>=]+=[^\s\"'<>]*")
_AUTHORIZATION = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.I)
_NAMED_SECRET = re.compile(
    r"(?P<name>\b(?:access_token|refresh_token|token|password|secret|signature)\b[\"']?\s*[=:]\s*)"
    r"[\"']?[^\s\"'&,;]+",
    re.I,
)
_MAX_TEXT = 300


def redact(text: str) -> str:
    """Make text from outside fit for an error: one short line without credentials or queries."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _MAX_TEXT]).split())
    line = _URL_SECRETS.sub(r"\g<scheme>\g<rest>", line)
    line = _QUERY.sub("", line)
    line = _AUTHORIZATION.sub(r"\1 …", line)
    line = _NAMED_SECRET.sub(r"\g<name>…", line)
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"


class RegistryError(Exception):
    """Something went wrong with one request to a registry.

    `message` is a sentence for a person; `host`, `method`, `path` (without its query) and `status`
    say which request it was; `detail` is what the registry said itself, redacted and shortened.
    """

    def __init__(
        self,
        message: str,
        *,
        host: str | None = None,
        method: str | None = None,
        path: str | None = None,
        status: int | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.host = host
        self.method = method
        self.path = path.partition("?")[0] if path else path
        self.status = status
        self.detail = redact(detail) if detail else None

    def __str__(self) -> str:
        return self.message

    @property
    def temporary(self) -> bool:
        """Whether the same request may well succeed a little later."""
        return False


class Unreachable(RegistryError):
    """No answer arrived, or it stopped half-way.

    `kind` is one of "dns", "refused", "tls", "timeout", "cut off", "reset", "forbidden address"
    and "network".
    """

    def __init__(self, message: str, *, kind: str, **where: Any) -> None:
        super().__init__(message, **where)
        self.kind = kind

    @property
    def temporary(self) -> bool:
        return self.kind not in ("tls", "forbidden address")


class RateLimited(RegistryError):
    """The registry asks us to slow down. `retry_after` is in seconds, None if it did not say."""

    def __init__(self, message: str, *, retry_after: float | None = None, **where: Any) -> None:
        super().__init__(message, **where)
        self.retry_after = retry_after

    @property
    def temporary(self) -> bool:
        return True


class AccessDenied(RegistryError):
    """The registry, or its token service, does not let us do this."""


class UnconfirmedRealm(AccessDenied):
    """The registry sends us to a token service that no admin has confirmed: `realm`, a URL."""

    def __init__(self, message: str, *, realm: str, **where: Any) -> None:
        super().__init__(message, **where)
        self.realm = realm


class NotFound(RegistryError):
    """The registry does not know what we asked for."""


class Unsupported(RegistryError):
    """The registry does not offer this operation."""


class ServerFault(RegistryError):
    """The registry answered with a status of 500 or above."""

    @property
    def temporary(self) -> bool:
        return self.status != 501


class UnexpectedAnswer(RegistryError):
    """The registry answered with something that cannot be understood or believed."""


class DigestMismatch(UnexpectedAnswer):
    """The bytes received do not hash to the digest they were asked for by."""


class TooLarge(UnexpectedAnswer):
    """The answer is larger than its bound."""


class NotARegistry(UnexpectedAnswer):
    """Something answers at this address, and it does not speak the registry protocol."""


class ListingIncomplete(UnexpectedAnswer):
    """A listing could not be followed to its end; what was seen of it proves nothing."""


class InvalidDigest(ValueError):
    """This text is not a digest."""


class InvalidReference(ValueError):
    """This text is not a reference to anything in a registry."""


class InvalidEndpoint(ValueError):
    """A registry cannot be reached on these terms. `part` is the one that is wrong: "url",
    "token_realm" or "ca_certificate".
    """

    def __init__(self, message: str, part: str = "url") -> None:
        super().__init__(message)
        self.part = part
