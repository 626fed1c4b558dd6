"""The ledgers: rows are added, and the database itself refuses everything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from registry_browser.history import audit
from registry_browser.history.ledger import record_tag_events, tags_seen_before
from registry_browser.models import AuditEvent, EventSource, TagEvent, TagEventKind, TagSpan

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
A, B = ("sha256:" + letter * 64 for letter in "ab")
LEDGERS = ["registry_browser_tagevent", "registry_browser_auditevent"]

pytestmark = pytest.mark.django_db


def event(
    kind: TagEventKind, old: str, new: str, hour: int, *, tag: str = "1.0", repository: int = 7
) -> TagEvent:
    """What happened to a tag between two hours."""
    return TagEvent(
        registry_id=1,
        repository_id=repository,
        registry_name="prod",
        path="team/web",
        tag=tag,
        kind=kind,
        old_digest=old,
        new_digest=new,
        not_before=NOW + timedelta(hours=hour - 1) if hour else None,
        seen_at=NOW + timedelta(hours=hour),
        source=EventSource.SYNC,
    )


def spans(tag: str = "1.0") -> list[tuple[str, int | None, int, int | None, int | None]]:
    """Digest and the four bounds, in hours."""

    def hours(moment: datetime | None) -> int | None:
        return None if moment is None else round((moment - NOW) / timedelta(hours=1))

    return [
        (
            span.digest,
            hours(span.since_not_before),
            round((span.since_seen_at - NOW) / timedelta(hours=1)),
            hours(span.until_not_before),
            hours(span.until_seen_at),
        )
        for span in TagSpan.objects.filter(tag=tag).order_by("since_seen_at")
    ]


@pytest.fixture
def history() -> None:
    for change in (
        event(TagEventKind.CREATED, "", A, 0),
        event(TagEventKind.MOVED, A, B, 2),
        event(TagEventKind.DELETED, B, "", 5),
        event(TagEventKind.RESTORED, "", A, 9),
    ):
        record_tag_events([change])
    audit.record("sync:requested", actor="ada", now=NOW)


def test_a_life_of_a_tag_in_spans(history: None) -> None:
    assert spans() == [
        (A, None, 0, 1, 2),
        (B, 1, 2, 4, 5),
        (A, 8, 9, None, None),
    ]


def test_events_of_many_tags_close_their_own_spans_alone() -> None:
    record_tag_events(
        [
            event(TagEventKind.CREATED, "", A, 0, tag=tag, repository=repository)
            for tag in ("1.0", "2.0")
            for repository in (7, 8)
        ]
    )
    record_tag_events([event(TagEventKind.DELETED, A, "", 3, tag="2.0", repository=8)])
    still_open = TagSpan.objects.filter(until_seen_at=None)
    assert set(still_open.values_list("repository_id", "tag")) == {
        (7, "1.0"),
        (7, "2.0"),
        (8, "1.0"),
    }


def test_nothing_to_record_is_nothing_recorded() -> None:
    record_tag_events([])
    assert TagEvent.objects.count() == TagSpan.objects.count() == 0
    assert tags_seen_before([]) == set()


def test_tags_that_once_stood_there(history: None) -> None:
    assert tags_seen_before([(7, "1.0"), (7, "2.0"), (8, "1.0")]) == {(7, "1.0")}


def test_a_tag_has_one_open_span(history: None) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        record_tag_events([event(TagEventKind.CREATED, "", B, 10)])


@pytest.mark.parametrize("table", LEDGERS)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET actor = 'nobody'",
        "DELETE FROM {table}",
        "TRUNCATE {table}",
        "TRUNCATE {table} CASCADE",
    ],
)
def test_the_database_refuses_to_change_history(history: None, table: str, statement: str) -> None:
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table=table))
    assert TagEvent.objects.count() == 4
    assert AuditEvent.objects.get().actor == "ada"


def test_models_refuse_it_too(history: None) -> None:
    row = TagEvent.objects.earliest("id")
    row.path = "elsewhere"
    with pytest.raises(DatabaseError), transaction.atomic():
        row.save()
    with pytest.raises(DatabaseError), transaction.atomic():
        TagEvent.objects.all().delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEvent.objects.update(actor="")


def test_an_audit_event_is_part_of_the_change_that_it_tells_of() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        audit.record("registry:added", actor="ada", now=NOW)
        raise ZeroDivisionError
    assert AuditEvent.objects.count() == 0


def test_an_audit_event_keeps_names_as_text() -> None:
    with audit.asked_from("2001:db8::1"):
        audit.record(
            "registry:added",
            actor="ada",
            about="x" * 600,
            now=NOW,
            detail={"url": "https://example.com"},
        )
    kept = AuditEvent.objects.get()
    assert (kept.at, kept.actor, kept.action) == (NOW, "ada", "registry:added")
    assert (len(kept.about), kept.detail["url"]) == (500, "https://example.com")
    assert kept.address == "2001:db8::1"
