"""What a delivery says, whoever sent it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from registry_browser.models import NotificationKind
from registry_browser.oci.digest import is_digest
from registry_browser.oci.reference import is_valid_path, is_valid_tag

Document = dict[str, Any]
Headers = Mapping[str, str]
"""Names in lower case."""

MAX_KEY = 64


class Unreadable(ValueError):
    """The body is not what its sender's documentation says; the text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One change that a registry says has happened. `host` is set where the sender speaks for
    several registries; `at` is None where it tells no time, `key` "" where it tells nothing that
    makes this event known again.
    """

    path: str
    tag: str = ""
    digest: str = ""
    deletes: bool = False
    at: datetime | None = None
    actor: str = ""
    host: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A delivery that was read. `ignored` counts pulls and blobs, `unusable` what named no valid
    repository. `answer` is what a handshake wants to hear. `dated` says whether a second body with
    the same bytes can only be the first one sent again.
    """

    kind: NotificationKind
    told: tuple[Told, ...] = ()
    ignored: int = 0
    unusable: int = 0
    answer: dict[str, str] | None = None
    remark: str = ""
    dated: bool = True


class Reading:
    """Collects what a delivery tells; what cannot be used is counted."""

    def __init__(self, kind: NotificationKind) -> None:
        self._kind = kind
        self._told: list[Told] = []
        self.ignored = 0
        self.unusable = 0

    def add(
        self,
        *,
        path: object,
        tag: object = "",
        digest: object = "",
        deletes: bool = False,
        at: datetime | None = None,
        actor: object = "",
        host: str = "",
        key: object = "",
    ) -> None:
        """One change. A tag or digest that is none makes it unusable, and so does such a path."""
        fits = (
            isinstance(path, str)
            and is_valid_path(path)
            and (not tag or (isinstance(tag, str) and is_valid_tag(tag)))
            and (not digest or (isinstance(digest, str) and is_digest(digest)))
        )
        if not fits:
            self.unusable += 1
            return
        self._told.append(
            Told(
                path=str(path),
                tag=str(tag or ""),
                digest=str(digest or ""),
                deletes=deletes,
                at=at,
                actor=text(actor)[:255],
                host=host,
                key=_key(self._kind, key),
            )
        )

    def notice(self, *, remark: str = "", dated: bool = True) -> Notice:
        """What was read."""
        return Notice(
            kind=self._kind,
            told=tuple(self._told),
            ignored=self.ignored,
            unusable=self.unusable,
            remark=remark,
            dated=dated,
        )


def _key(kind: NotificationKind, key: object) -> str:
    if not key:
        return ""
    whole = f"{kind.value}:{text(key)}"
    return whole if len(whole) <= MAX_KEY else hashlib.sha256(whole.encode()).hexdigest()


def part(document: object, *names: str) -> Any:
    """What lies at `names` inside a document of unknown shape; None where it ends before."""
    for name in names:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def text(value: object) -> str:
    """A text of the document, without what the database does not take; "" for anything else."""
    if not isinstance(value, str):
        return ""
    return value.replace("\x00", "").encode(errors="replace").decode()


def moment(value: object) -> datetime | None:
    """RFC 3339 text (with any number of fractional digits) or seconds since 1970, in UTC; None for
    anything else.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
        return read.astimezone(UTC) if read is not None and read.tzinfo else None
    except (ValueError, OverflowError, OSError):
        return None


def load(body: bytes) -> object:
    """The JSON document in `body`. Raises Unreadable."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"The body is not JSON: {str(error)[:200]}") from error


def split_image(name: str) -> tuple[str, str, str]:
    """`host/path[:tag][@digest]` as (host, path with the rest cut off, rest)."""
    host, _, rest = name.partition("/")
    if "@" in rest:
        path, _, reference = rest.partition("@")
        return host, path, reference
    path, _, reference = rest.partition(":")
    return host, path, reference
