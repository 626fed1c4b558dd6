"""The audit trail: who did what in the dashboard, when, from where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q, QuerySet

from registry_browser.models import AuditEvent, SyncRun
from registry_browser.queries.history.events import Place, read_place
from registry_browser.queries.history.scope import LedgerFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE = 100
CHUNK = 2000
COUNT_TO = 10_000

_WORDS = {
    "sign-in:done": "signed in",
    "sign-in:ended": "signed out",
    "sign-in:refused": "was refused at sign-in",
    "sign-in-link:made": "made a sign-in link for",
    "password:changed": "changed the password of",
    "person:added": "added the person",
    "user:created": "added the person",
    "person:activated": "activated",
    "person:deactivated": "deactivated",
    "role:changed": "changed the role of",
    "token:made": "made the API token",
    "token:created": "made an API token for",
    "token:revoked": "revoked the API token",
    "registry:added": "connected the registry",
    "registry:changed": "changed the registry",
    "registry:removed": "removed the registry",
    "sync:requested": "started a sync of",
    "sync:cancelled": "cancelled the sync of",
    "deletion:planned": "planned a deletion in",
    "deletion:approved": "approved a deletion in",
    "deletion:discarded": "discarded a plan of deletion in",
    "deletion:expired": "let a plan of deletion expire in",
    "deletion:started": "ran a deletion in",
    "deletion:cancelled": "stopped a deletion in",
    "deletion:ended": "finished a deletion in",
    "deletion:undo-requested": "started to undo a deletion in",
    "deletion:undone": "undid a deletion in",
    "lock:added": "locked against deletion",
    "lock:removed": "took away the lock of",
    "notifications:opened": "let notifications in from",
    "notifications:secret-changed": "changed the secret for notifications from",
    "notifications:google-changed": "changed whose Google signature is let in from",
    "notifications:closed": "closed notifications from",
    "history:exported": "exported history as",
    "history:verify": "asked to verify the history",
    "history:verified": "verified the history",
    "history:broken": "found the history broken",
    "audit:exported": "exported the audit trail as",
    "export:checked": "checked the export",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter(LedgerFilter):
    """What to look for; a `subject` (`sign-in`) stands for all its actions (`sign-in:…`)."""

    actor: str = ""
    action: str = ""
    about: str = ""
    address: str = ""

    def matching(self) -> QuerySet[AuditEvent]:
        """The events, newest first."""
        found = AuditEvent.objects.order_by("-at", "-id")
        if self.actor:
            found = found.filter(actor=self.actor)
        if self.action:
            # ";" follows ":", so all actions of a subject are between the two.
            start = Q(action__gte=f"{self.action}:", action__lt=f"{self.action};")
            found = found.filter(Q(action=self.action) | start)
        if self.about:
            found = found.filter(about__icontains=self.about)
        if self.address:
            found = found.filter(address=self.address)
        if self.since is not None:
            found = found.filter(at__gte=self.since)
        if self.until is not None:
            found = found.filter(at__lte=self.until)
        return found if self.up_to is None else found.filter(id__lte=self.up_to)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One event, for display. `has_run`: the run that it is about has a page still; runs go with
    their registry, plans stay.
    """

    event: AuditEvent
    has_run: bool = False

    @property
    def words(self) -> str:
        """What was done: "connected the registry"; the action itself where it has no words."""
        action = self.event.action
        return _WORDS.get(action) or action.replace("-", " ").replace(":", " ")

    @property
    def is_refusal(self) -> bool:
        return self.event.action in ("sign-in:refused", "history:broken")

    @property
    def details(self) -> list[tuple[str, str]]:
        """What else is known, by name; what is empty is left out, and so are `plan` and `run`."""
        return [
            (str(name).replace("_", " "), _in_words(value))
            for name, value in sorted(self.event.detail.items())
            if value not in ("", None, [], {}) and name not in _NUMBERED
        ]

    @property
    def plan(self) -> int | None:
        """The number of the deletion plan that it is about."""
        return self._number("plan")

    @property
    def run(self) -> int | None:
        """The number of the sync that it is about."""
        return self._number("run")

    def _number(self, name: str) -> int | None:
        value = self.event.detail.get(name)
        return value if isinstance(value, int) else None


# Numbers that name something with a page of its own.
_NUMBERED = ("plan", "run")


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict) and value.keys() == {"from", "to"}:
        return " → ".join(_in_words(value[side]) for side in ("from", "to"))
    if value in ("", None, []):
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Some events, newest first; `after` is where the next page begins."""

    rows: list[AuditRow]
    after: str
    total: int
    newest: int

    @property
    def total_words(self) -> str:
        return f"{self.total:,}{'+' if self.total >= COUNT_TO else ''}"


def audit_page(wanted: AuditFilter, *, after: str = "") -> AuditPage:
    """One page, in a constant number of statements."""
    found = wanted.matching()
    listed = list(_behind(found, read_place(after))[: PAGE + 1])
    last = listed[PAGE - 1] if len(listed) > PAGE else None
    rows = [AuditRow(event) for event in listed[:PAGE]]
    runs = SyncRun.objects.in_bulk([row.run for row in rows if row.run is not None])
    return AuditPage(
        rows=[replace(row, has_run=row.run in runs) for row in rows],
        after=f"{last.at.isoformat()}_{last.pk}" if last else "",
        total=found.order_by()[:COUNT_TO].count(),
        newest=newest_audit_id(),
    )


def newest_audit_id() -> int:
    """The highest id of the trail, 0 while it is empty."""
    return AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


def every_audit_row(wanted: AuditFilter, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """All events, newest first, as these fields; one chunk in memory."""
    found, place = wanted.matching(), None
    while True:
        listed = list(_behind(found, place).values_list("at", "id", *fields)[:CHUNK])
        yield from (row[2:] for row in listed)
        if len(listed) < CHUNK:
            return
        place = (listed[-1][0], listed[-1][1])


def _behind(found: QuerySet[AuditEvent], place: Place | None) -> QuerySet[AuditEvent]:
    if place is None:
        return found
    return found.filter(Q(at__lt=place[0]) | Q(id__lt=place[1]), at__lte=place[0])


# Few values, many rows: step from one to the next by the index.
_DISTINCT = """
WITH RECURSIVE step (value) AS (
    SELECT min({column}) FROM registry_browser_auditevent
  UNION ALL
    SELECT (SELECT min({column}) FROM registry_browser_auditevent WHERE {column} > step.value)
      FROM step WHERE step.value IS NOT NULL
)
SELECT value FROM step WHERE value <> '' LIMIT 200
"""


def audit_choices() -> tuple[list[str], list[str]]:
    """The people and the actions that the trail names."""
    with connection.cursor() as cursor:
        found = []
        for column in ("actor", "action"):
            cursor.execute(_DISTINCT.format(column=column))
            found.append([value for (value,) in cursor.fetchall()])
    return found[0], found[1]
