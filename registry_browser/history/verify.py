"""Verification: recompute every seal and name the first row that does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from registry_browser.history.seals import (
    AUDIT,
    TAGS,
    Ledger,
    digest_of,
    last_seal,
    open_rows,
    split_marks,
)
from registry_browser.models import Seal

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that does not fit. `ledger` is tags, audit, seals or spans; `row` the id (a
    seal's number); `what` is changed, removed, inserted or missing.
    """

    ledger: str
    row: int
    what: str
    seal: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was recomputed. `digest` is the last seal's; no seal covers the `open_…` rows yet."""

    seals: int
    rows: int
    digest: str
    open_tags: int
    open_audit: int
    fault: Fault | None

    @property
    def holds(self) -> bool:
        return self.fault is None

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if self.fault is not None:
            return self.fault.sentence
        if not self.seals:
            return "Nothing is sealed yet."
        held = "The only seal holds" if self.seals == 1 else f"All {self.seals:,} seals hold"
        one = "row is as it was when it was"
        rows = one if self.rows == 1 else "rows are as they were when they were"
        return f"{held}: {self.rows:,} {rows} sealed. The chain ends in {self.digest}."


def verify(
    *, expected: str = "", on_progress: Callable[[int], None] = lambda rows: None
) -> Verification:
    """Recompute all seals in order, then the spans that as-of answers rest on.

    `expected` is the digest of a seal that somebody noted: a chain that does not hold it any more
    was cut or rewritten. Stops at the first fault. One seal's marks are in memory at a time.
    """
    before: Seal | None = None
    fault: Fault | None = None
    seals = rows = 0
    while fault is None:
        number = before.number + 1 if before else 1
        seal = Seal.objects.select_related("marks").filter(number__gte=number).first()
        if seal is None:
            break
        fault = _check(seal, number, before)
        seals += 1
        rows += seal.tags_count + seal.audit_count
        on_progress(rows)
        before = seal
    if fault is None and expected and not Seal.objects.filter(digest=expected).exists():
        fault = Fault(
            "seals",
            0,
            "missing",
            0,
            f"No seal has the digest {expected}: the chain was cut off or rewritten after it was "
            "noted, or it is of another dashboard.",
        )
    fault = fault or _check_spans()
    open_tags, open_audit = open_rows(last_seal())
    return Verification(
        seals=seals,
        rows=rows,
        digest=before.digest if before else "",
        open_tags=open_tags,
        open_audit=open_audit,
        fault=fault,
    )


def _check(seal: Seal, number: int, before: Seal | None) -> Fault | None:
    if seal.number != number:
        sentence = f"Seal {number} is missing: the next one is seal {seal.number}."
        return Fault("seals", number, "missing", number, sentence)
    if seal.previous != (before.digest if before else ""):
        sentence = f"Seal {number} does not follow seal {number - 1}: one of them was changed."
        return Fault("seals", number, "changed", number, sentence)
    if not hasattr(seal, "marks"):
        sentence = f"The marks of seal {number} are missing."
        return Fault("seals", number, "removed", number, sentence)
    tags, audit = bytes(seal.marks.tags), bytes(seal.marks.audit)
    if digest_of(seal, tags, audit) != seal.digest:
        sentence = f"Seal {number} was changed: its digest is not that of what it covers."
        return Fault("seals", number, "changed", number, sentence)
    last = (before.tags_last, before.audit_last) if before else (None, None)
    return _check_rows(TAGS, tags, last[0], seal.tags_last, seal) or _check_rows(
        AUDIT, audit, last[1], seal.audit_last, seal
    )


def _check_rows(
    ledger: Ledger, marks: bytes, after: int | None, up_to: int, seal: Seal
) -> Fault | None:
    """Walk rows and marks side by side, both by id."""
    expected = split_marks(marks)
    for row in ledger.rows(after, up_to):
        mark = next(expected, None)
        if mark is None or row[0] < mark[0]:
            return _row_fault(ledger, row[0], "inserted", seal)
        if row[0] > mark[0]:
            return _row_fault(ledger, mark[0], "removed", seal)
        if ledger.mark(row)[8:] != mark[1]:
            return _row_fault(ledger, row[0], "changed", seal)
    left = next(expected, None)
    return None if left is None else _row_fault(ledger, left[0], "removed", seal)


_ENDINGS = {
    "inserted": "was inserted after the seal was made",
    "removed": "is missing: it was removed after it was sealed",
    "changed": "was changed after it was sealed",
}


def _row_fault(ledger: Ledger, row: int, what: str, seal: Seal) -> Fault:
    sentence = (
        f"Row {row} of the ledger of {'tags' if ledger is TAGS else 'the audit trail'} "
        f"{_ENDINGS[what]} (seal {seal.number}, {seal.sealed_at:%Y-%m-%d %H:%M:%S} UTC)."
    )
    return Fault(ledger.name, row, what, seal.number, sentence)


# A span begins with an event that brings a digest, and ends with the tag's next move or deletion.
_DERIVED = """
SELECT repository_id, tag, new_digest AS digest, not_before AS since_not_before,
       seen_at AS since_seen_at,
       CASE WHEN next_kind IN ('moved', 'deleted') THEN next_not_before END AS until_not_before,
       CASE WHEN next_kind IN ('moved', 'deleted') THEN next_seen_at END AS until_seen_at
  FROM (SELECT *, lead(kind) OVER life AS next_kind, lead(not_before) OVER life AS next_not_before,
               lead(seen_at) OVER life AS next_seen_at
          FROM registry_browser_tagevent
        WINDOW life AS (PARTITION BY repository_id, tag ORDER BY id)) event
 WHERE new_digest <> ''
"""
_STORED = """
SELECT repository_id, tag, digest, since_not_before, since_seen_at, until_not_before, until_seen_at
  FROM registry_browser_tagspan
"""
_DIFFERENT = f"""
SELECT repository_id, tag, since_seen_at
  FROM (SELECT * FROM (({_DERIVED}) EXCEPT ({_STORED})) lacking
        UNION ALL SELECT * FROM (({_STORED}) EXCEPT ({_DERIVED})) invented) different
 ORDER BY since_seen_at, repository_id, tag LIMIT 1
"""


def _check_spans() -> Fault | None:
    """As-of answers come from spans; these must be what the ledger says."""
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENT)
        found = cursor.fetchone()
    if found is None:
        return None
    repository, tag, since = found
    sentence = (
        f"The span of tag {tag} (repository {repository}) since {since:%Y-%m-%d %H:%M:%S} UTC is "
        "not what the ledger says: as-of answers for it cannot be trusted."
    )
    return Fault("spans", repository, "changed", 0, sentence)
