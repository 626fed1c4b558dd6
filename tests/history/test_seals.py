"""Seals: what is sealed cannot be changed without being found, by whoever."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_browser.history import audit, seals
from registry_browser.history.verify import verify
from registry_browser.models import AuditEvent, Seal, SealMarks, TagEvent, TagSpan
from tests.history.trail import Trail, minute
from tests.record import NOW, Record

if TYPE_CHECKING:
    from collections.abc import Callable

TAG = "registry_browser_tagevent"


@pytest.fixture
def trail(db: None) -> Trail:
    """Nine events of tags and three of the audit trail, in two seals."""
    record = Record()
    trail = Trail(record, record.repository("team/web"))
    for number in range(4):
        trail.look(minute(number), {"stable": f"image {number}", f"1.{number}": "one"})
    audit.record("sign-in:done", actor="ada", now=minute(1))
    audit.record("registry:added", actor="ada", about="prod", detail={"b": 1, "a": 2}, now=NOW)
    seals.seal_all(NOW)
    trail.look(minute(9), {"stable": "image 9"})
    with audit.asked_from("10.0.0.7"):
        audit.record("sign-in:done", actor="ben", now=minute(1))
    seals.seal_all(NOW + timedelta(hours=1))
    return trail


def as_owner(statement: str, parameters: list[Any] | None = None) -> None:
    """Run a statement as the owner of the database with all triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, parameters)
        cursor.execute("SET session_replication_role = DEFAULT")


def ids() -> list[int]:
    return list(TagEvent.objects.order_by("id").values_list("id", flat=True))


def test_untouched_ledgers_verify(trail: Trail) -> None:
    found = verify()

    assert found.holds, found.sentence
    assert found.seals == 2
    assert found.rows == TagEvent.objects.count() + AuditEvent.objects.count()
    assert (found.open_tags, found.open_audit) == (0, 0)


def test_marks_cover_every_field_of_a_row() -> None:
    for ledger in seals.LEDGERS:
        assert set(ledger.fields) == {field.name for field in ledger.model._meta.fields}


def test_rows_after_the_last_seal_are_counted_as_open(trail: Trail) -> None:
    trail.look(minute(20), {"stable": "later"})

    assert verify().open_tags == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actor", "mallory"),
        ("new_digest", "sha256:" + "0" * 64),
        ("tag", "stable2"),
        ("seen_at", "2026-11-01T00:00:00Z"),
        ("not_before", "2026-10-01T00:00:00Z"),
        ("source", "import"),
    ],
)
def test_a_changed_field_is_found_and_its_row_named(trail: Trail, field: str, value: str) -> None:
    row = ids()[3]
    as_owner(f"UPDATE {TAG} SET {field} = %s WHERE id = %s", [value, row])

    fault = verify().fault

    assert fault is not None
    assert (fault.ledger, fault.row, fault.what) == ("tags", row, "changed")
    assert f"Row {row}" in fault.sentence


@settings(max_examples=12)
@given(
    position=st.integers(0, 11),
    other=st.integers(0, 11),
    what=st.sampled_from(["changed", "removed", "inserted", "reordered"]),
)
def test_any_single_tampering_is_found_and_the_first_row_named(
    trail: Trail, position: int, other: int, what: str
) -> None:
    known = ids()
    row, second = known[position % len(known)], known[other % len(known)]
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before_tampering")
    expected, named = row, what
    if what == "changed":
        as_owner(f"UPDATE {TAG} SET path = path || 'x' WHERE id = %s", [row])
    elif what == "removed":
        as_owner(f"DELETE FROM {TAG} WHERE id = %s", [row])
    elif what == "inserted":
        expected = _insert_before(known[0])
    else:
        _swap(row, second)
        expected, named = min(row, second), "changed"

    fault = verify().fault

    with connection.cursor() as cursor:
        cursor.execute("ROLLBACK TO SAVEPOINT before_tampering")
    if what == "reordered" and row == second:
        assert fault is None
    else:
        assert fault is not None
        assert (fault.ledger, fault.row, fault.what) == ("tags", expected, named)


def _insert_before(first: int) -> int:
    """A row whose id lies in front of all; every id between the others is taken."""
    as_owner(
        f"INSERT INTO {TAG} SELECT (json_populate_record(event, %s::json)).*"
        f" FROM {TAG} event WHERE id = %s",
        [f'{{"id": {first - 1}}}', first],
    )
    return first - 1


def _swap(one: int, two: int) -> None:
    as_owner(f"UPDATE {TAG} SET id = -%s WHERE id = %s", [one, one])
    if one != two:
        as_owner(f"UPDATE {TAG} SET id = %s WHERE id = %s", [one, two])
    as_owner(f"UPDATE {TAG} SET id = %s WHERE id = -%s", [two if one != two else one, one])


def test_a_row_put_into_a_gap_of_ids_is_found(trail: Trail) -> None:
    with connection.cursor() as cursor:
        # A rolled-back transaction leaves such a gap.
        cursor.execute(f"SELECT nextval(pg_get_serial_sequence('{TAG}', 'id'))")
        gap = cursor.fetchone()[0]
    trail.look(minute(30), {"stable": "after the gap"})
    seals.seal_all(NOW + timedelta(hours=2))
    assert verify().holds
    as_owner(
        f"INSERT INTO {TAG} SELECT (json_populate_record(event, %s::json)).*"
        f" FROM {TAG} event WHERE id = %s",
        [f'{{"id": {gap}}}', ids()[0]],
    )

    fault = verify().fault

    assert fault is not None
    assert (fault.row, fault.what) == (gap, "inserted")


def test_the_audit_trail_is_sealed_too(trail: Trail) -> None:
    row = AuditEvent.objects.get(action="registry:added").pk
    as_owner("UPDATE registry_browser_auditevent SET actor = 'nobody' WHERE id = %s", [row])

    fault = verify().fault

    assert fault is not None
    assert (fault.ledger, fault.row, fault.what) == ("audit", row, "changed")


def test_rows_missing_at_the_end_are_found(trail: Trail) -> None:
    last = ids()[-1]
    as_owner(f"DELETE FROM {TAG} WHERE id = %s", [last])

    fault = verify().fault

    assert fault is not None
    assert (fault.row, fault.what) == (last, "removed")


def test_a_row_changed_together_with_its_mark_is_found_by_the_seal(trail: Trail) -> None:
    row = ids()[0]
    as_owner(f"UPDATE {TAG} SET actor = 'mallory' WHERE id = %s", [row])
    changed = b"".join(seals.TAGS.mark(each) for each in seals.TAGS.rows(None, row))
    marks = SealMarks.objects.get(seal__number=1)
    as_owner(
        "UPDATE registry_browser_sealmarks SET tags = %s WHERE seal_id = %s",
        [changed + bytes(marks.tags)[len(changed) :], marks.pk],
    )

    fault = verify().fault

    assert fault is not None
    assert (fault.ledger, fault.row, fault.what) == ("seals", 1, "changed")


def test_a_rewritten_first_seal_breaks_the_chain_at_the_second(trail: Trail) -> None:
    first = Seal.objects.select_related("marks").get(number=1)
    first.sealed_at += timedelta(days=1)
    digest = seals.digest_of(first, bytes(first.marks.tags), bytes(first.marks.audit))
    as_owner(
        "UPDATE registry_browser_seal SET sealed_at = %s, digest = %s WHERE number = 1",
        [first.sealed_at, digest],
    )

    fault = verify().fault

    assert fault is not None
    assert (fault.ledger, fault.row) == ("seals", 2)


def test_a_chain_cut_off_with_its_rows_is_found_by_a_digest_noted_elsewhere(trail: Trail) -> None:
    noted = Seal.objects.get(number=2)
    as_owner("DELETE FROM registry_browser_sealmarks WHERE seal_id = %s", [noted.pk])
    as_owner("DELETE FROM registry_browser_seal WHERE number = 2")
    as_owner(f"DELETE FROM {TAG} WHERE id >= %s", [noted.tags_first])
    TagSpan.objects.all().delete()

    fault = verify(expected=noted.digest).fault

    assert fault is not None
    assert fault.what == "missing"


def test_a_missing_seal_is_named(trail: Trail) -> None:
    as_owner(
        "DELETE FROM registry_browser_sealmarks WHERE seal_id IN"
        " (SELECT id FROM registry_browser_seal WHERE number = 1)"
    )
    as_owner("DELETE FROM registry_browser_seal WHERE number = 1")

    fault = verify().fault

    assert fault is not None
    assert (fault.ledger, fault.row, fault.what) == ("seals", 1, "missing")


def test_a_falsified_span_is_found(trail: Trail) -> None:
    span = TagSpan.objects.filter(tag="stable").order_by("id")[1]
    TagSpan.objects.filter(pk=span.pk).update(digest="sha256:" + "f" * 64)

    fault = verify().fault

    assert fault is not None
    assert fault.ledger == "spans"
    assert "stable" in fault.sentence


def test_a_seal_is_due_by_time_or_when_it_would_be_full(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = NOW + timedelta(hours=1)
    trail.look(minute(50), {"stable": "fresh"})

    assert not seals.is_due(sealed + timedelta(minutes=29))
    assert seals.is_due(sealed + timedelta(minutes=30))
    monkeypatch.setattr(seals, "ROWS_IN_A_SEAL", 1)
    assert seals.is_due(sealed + timedelta(minutes=1))


def test_nothing_new_makes_no_seal(trail: Trail) -> None:
    assert seals.seal_all(NOW + timedelta(days=1)) == []


def test_many_rows_become_several_seals_that_verify(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        trail.look(minute(60 + number), {"stable": f"more {number}"})
    monkeypatch.setattr(seals, "ROWS_IN_A_SEAL", 3)

    made = seals.seal_all(NOW + timedelta(days=1))

    assert [seal.tags_count for seal in made] == [3, 3, 1]
    assert verify().holds


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_while_rows_are_sealed(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.record("sign-in:done", actor="ada", now=NOW)
    real, other = seals.digest_of, connections.create_connection("default")

    def write_meanwhile(*arguments: Any) -> str:
        # Refused, rather than stuck, where it would have to wait for the seal.
        with other.cursor() as cursor:
            cursor.execute("SET lock_timeout = '1s'")
            cursor.execute(
                "INSERT INTO registry_browser_auditevent (at, actor, action, about, detail)"
                " VALUES (%s, 'ben', 'sign-in:done', '', '{}')",
                [NOW],
            )
        return real(*arguments)

    monkeypatch.setattr(seals, "digest_of", write_meanwhile)
    try:
        [seal] = seals.seal_all(NOW)
    finally:
        other.close()

    assert (seal.audit_count, AuditEvent.objects.count()) == (1, 2)


def test_seals_cannot_be_changed_by_the_dashboard_itself(trail: Trail) -> None:
    from django.db import ProgrammingError, transaction

    def change() -> None:
        with transaction.atomic():
            Seal.objects.update(previous="")

    refused: Callable[[], None] = change
    with pytest.raises(ProgrammingError, match="Cannot update"):
        refused()
