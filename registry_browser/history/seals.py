"""Seals: rows of both ledgers hashed in a chain, so that no row changes without a trace.

Each row has a mark, the SHA-256 of its fields as JSON. A seal hashes what it covers, the marks of
its rows and the digest of the seal before. Whoever changes a row, also as the owner of the database
with triggers off, has to change every seal from there on; any digest that somebody noted elsewhere
(each export ends in one) then tells.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connection, transaction

from registry_browser.models import AuditEvent, Seal, SealMarks, TagEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

SEAL_EVERY = timedelta(minutes=30)
ROWS_IN_A_SEAL = 10_000
"""Of each ledger; what is more goes into the next seal."""
MARK_BYTES = 40
_FORMAT = "registry-browser seal 1"
_ADVISORY_LOCK = 0x5EA1
_LOCK_WAIT = "2s"


@dataclass(frozen=True, slots=True)
class Ledger:
    """One of the two, with the fields that its marks cover, in this order."""

    name: str
    model: type[TagEvent | AuditEvent]
    fields: tuple[str, ...]

    def rows(self, after: int | None, up_to: int) -> Iterator[tuple[Any, ...]]:
        """The rows with ids above `after` and up to `up_to`, by id, a few thousand at a time."""
        place = after
        while True:
            found = self.model.objects.filter(id__lte=up_to).order_by("id")
            if place is not None:
                found = found.filter(id__gt=place)
            listed = list(found.values_list(*self.fields)[:2000])
            yield from listed
            if len(listed) < 2000:
                return
            place = listed[-1][0]

    def mark(self, row: tuple[Any, ...]) -> bytes:
        """The mark of a row: eight bytes of its id, then its hash."""
        return int(row[0]).to_bytes(8, "big", signed=True) + row_hash(self.name, row)


TAGS = Ledger(
    "tags",
    TagEvent,
    (
        "id",
        "registry_id",
        "repository_id",
        "registry_name",
        "path",
        "tag",
        "kind",
        "old_digest",
        "new_digest",
        "not_before",
        "seen_at",
        "source",
        "actor",
    ),
)
AUDIT = Ledger("audit", AuditEvent, ("id", "at", "actor", "action", "about", "detail", "address"))
LEDGERS = (TAGS, AUDIT)


def row_hash(ledger: str, row: tuple[Any, ...]) -> bytes:
    """The SHA-256 of a row: a JSON array of the ledger's name and its fields in order, without
    spaces, keys sorted, times in UTC with microseconds.
    """
    text = json.dumps(
        [ledger, *row], ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=_plain
    )
    return sha256(text.encode()).digest()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    return str(value)


def digest_of(seal: Seal, tags: bytes, audit: bytes) -> str:
    """The digest that a seal with these marks has."""
    head = [
        _FORMAT,
        seal.number,
        _plain(seal.sealed_at),
        seal.previous,
        *(seal.tags_first, seal.tags_last, seal.tags_count),
        *(seal.audit_first, seal.audit_last, seal.audit_count),
    ]
    text = json.dumps(head, separators=(",", ":")).encode()
    return sha256(text + b"\n" + tags + audit).hexdigest()


def last_seal() -> Seal | None:
    return Seal.objects.order_by("-number").first()


def open_rows(seal: Seal | None) -> tuple[int, int]:
    """How many rows of the two ledgers no seal covers yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM registry_browser_tagevent WHERE id > %s),"
            " (SELECT count(*) FROM registry_browser_auditevent WHERE id > %s)",
            [seal.tags_last, seal.audit_last] if seal else [0, 0],
        )
        tags, audit = cursor.fetchone()
        return tags, audit


def is_due(now: datetime) -> bool:
    """Whether there is something to seal, and its time has come or a seal would be full."""
    seal = last_seal()
    beyond = (seal.tags_last, seal.audit_last) if seal else (0, 0)
    for ledger, last in zip(LEDGERS, beyond, strict=True):
        found = ledger.model.objects.filter(id__gt=last).order_by("id")
        if not found.exists():
            continue
        if seal is None or now - seal.sealed_at >= SEAL_EVERY:
            return True
        if found[ROWS_IN_A_SEAL - 1 : ROWS_IN_A_SEAL].exists():
            return True
    return False


def seal_all(now: datetime, *, at_most: int = 50) -> list[Seal]:
    """Seal what is open, oldest first, in as many seals as it takes, `at_most` at once. None where
    there is nothing, where somebody else is at it, or where writers kept the ledgers busy; then the
    next call does it.
    """
    made: list[Seal] = []
    if (limits := _settled()) is None:
        return made
    while len(made) < at_most and (seal := _seal_up_to(limits, now)) is not None:
        made.append(seal)
    return made


def _seal_up_to(limits: tuple[int, int], now: datetime) -> Seal | None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
            if not cursor.fetchone()[0]:
                return None
        before = last_seal()
        after = (before.tags_last, before.audit_last) if before else (None, None)
        tags = _read(TAGS, after[0], limits[0])
        audit = _read(AUDIT, after[1], limits[1])
        if not tags and not audit:
            return None
        return _store(before, tags, audit, now)


def _settled() -> tuple[int, int] | None:
    """The highest ids of both ledgers, below which no row can appear any more.

    An id is taken before its row is committed. SHARE waits for those who are writing, which takes
    milliseconds; whoever writes longer has us come back later. Others wait for us until the
    transaction ends, which is therefore one of its own and reads two ids.
    """
    tables = ", ".join(f'"{ledger.model._meta.db_table}"' for ledger in LEDGERS)
    try:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
            cursor.execute(f"LOCK TABLE {tables} IN SHARE MODE")
            found = [
                ledger.model.objects.order_by("-id").values_list("id", flat=True).first() or 0
                for ledger in LEDGERS
            ]
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == "55P03":  # lock_not_available
            return None
        raise
    return found[0], found[1]


def _read(ledger: Ledger, after: int | None, up_to: int) -> bytes:
    marks = bytearray()
    for number, row in enumerate(ledger.rows(after, up_to)):
        if number == ROWS_IN_A_SEAL:
            break
        marks += ledger.mark(row)
    return bytes(marks)


def _store(before: Seal | None, tags: bytes, audit: bytes, now: datetime) -> Seal:
    seal = Seal(
        number=before.number + 1 if before else 1,
        sealed_at=now,
        previous=before.digest if before else "",
        tags_first=_id_in(tags, 0) if tags else 0,
        tags_last=_id_in(tags, -1) if tags else (before.tags_last if before else 0),
        tags_count=len(tags) // MARK_BYTES,
        audit_first=_id_in(audit, 0) if audit else 0,
        audit_last=_id_in(audit, -1) if audit else (before.audit_last if before else 0),
        audit_count=len(audit) // MARK_BYTES,
    )
    seal.digest = digest_of(seal, tags, audit)
    seal.save(force_insert=True)
    SealMarks(seal=seal, tags=tags, audit=audit).save(force_insert=True)
    return seal


def _id_in(marks: bytes, number: int) -> int:
    start = number * MARK_BYTES if number >= 0 else len(marks) + number * MARK_BYTES
    return int.from_bytes(marks[start : start + 8], "big", signed=True)


def split_marks(marks: bytes) -> Iterator[tuple[int, bytes]]:
    """Each row's id and hash, in order."""
    for start in range(0, len(marks) - MARK_BYTES + 1, MARK_BYTES):
        yield (
            int.from_bytes(marks[start : start + 8], "big", signed=True),
            marks[start + 8 : start + MARK_BYTES],
        )
