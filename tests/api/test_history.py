"""History, audit trail and seals over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry_browser.history import audit, seals
from registry_browser.history.export_check import check_export
from registry_browser.models import AuditEvent, TagEvent
from tests.api.conftest import problem_of
from tests.history.trail import Trail, minute
from tests.record import NOW, Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Caller

HERE = "registries/prod/repositories/team/web/-/history/"


@pytest.fixture
def trail(db: None) -> Trail:
    record = Record()
    trail = Trail(record, record.repository("team/web"))
    trail.look(minute(0), {"stable": "one", "1.0": "one"})
    trail.look(minute(10), {"stable": "two", "1.0": "one"}, actor="ada")
    trail.look(minute(20), {"1.0": "one"})
    return trail


def test_an_event_has_its_promised_fields(trail: Trail, viewer: Caller) -> None:
    [event] = viewer.walk(f"{HERE}?event=moved")

    assert event | {"certainty": "", "following_digest": ""} == {
        "registry": "prod",
        "repository": "team/web",
        "tag": "stable",
        "event": "moved",
        "old_digest": digest_of("one"),
        "new_digest": digest_of("two"),
        "not_before": "2026-11-01T08:00:00Z",
        "seen_at": "2026-11-01T08:10:00Z",
        "source": "sync",
        "actor": "ada",
        "certainty": "",
        "following_digest": "",
    }


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("", 4),
        ("registry=prod", 4),
        ("registry=other", 0),
        ("prefix=team", 4),
        ("prefix=te", 0),
        ("tag=s*", 3),
        ("since=2026-11-01T08:20:00Z", 1),
        ("until=2026-11-01T08:10:00Z", 3),
        ("actor=ada", 1),
    ],
)
def test_filters_of_the_whole_history(
    trail: Trail, auditor: Caller, query: str, events: int
) -> None:
    assert len(auditor.walk(f"history/?{query}")) == events


@pytest.mark.parametrize(
    ("at", "digest", "certainty", "following"),
    [
        ("2026-11-01T08:00:00Z", "one", "known", ""),
        ("2026-11-01T08:05:00Z", "one", "between", "two"),
        ("2026-11-01T08:10:00Z", "two", "known", ""),
        ("2026-11-01T08:15:00Z", "two", "between", ""),
    ],
)
def test_as_of_a_moment_names_the_event_that_led_there(
    trail: Trail, auditor: Caller, at: str, digest: str, certainty: str, following: str
) -> None:
    [row] = auditor.walk(f"history/?tag=stable&at={at}")

    assert row["new_digest"] == digest_of(digest)
    assert row["certainty"] == certainty
    assert row["following_digest"] == (digest_of(following) if following else "")


def test_as_of_reads_one_event_of_each_tag_however_often_it_moved(
    trail: Trail, viewer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30, 60):
        trail.look(minute(number), {"1.0": "one", "nightly": "one" if number % 2 else "two"})
    read: list[TagEvent] = []
    made = TagEvent.from_db.__func__  # type: ignore[attr-defined]

    def counted(cls: type[TagEvent], *row: Any) -> TagEvent:
        read.append(made(cls, *row))
        return read[-1]

    monkeypatch.setattr(TagEvent, "from_db", classmethod(counted))
    rows = viewer.get(f"{HERE}?at=2026-11-01T08:52:00Z").json()["results"]

    assert [(row["tag"], row["seen_at"]) for row in rows] == [
        ("1.0", "2026-11-01T08:00:00Z"),
        ("nightly", "2026-11-01T08:52:00Z"),
    ]
    assert len(read) == len(rows)


def test_as_of_is_paged(trail: Trail, viewer: Caller) -> None:
    rows = viewer.walk(f"{HERE}?at=2026-11-01T08:12:00Z&page_size=1")

    assert [row["tag"] for row in rows] == ["1.0", "stable"]


def test_a_tag_that_was_gone_is_left_out(trail: Trail, viewer: Caller) -> None:
    assert viewer.walk(f"{HERE}?tag=stable&at=2026-11-02") == []


@pytest.mark.parametrize("address", ["history/", "audit/", "seals/"])
def test_viewers_read_only_the_history_of_repositories(
    trail: Trail, viewer: Caller, address: str
) -> None:
    problem_of(viewer.get(address), 403, "not-allowed")
    assert len(viewer.walk(HERE)) == 4


def test_what_is_no_moment_is_refused(trail: Trail, viewer: Caller) -> None:
    assert viewer.get(f"{HERE}?at=yesterday").status_code == 400


def test_the_audit_trail_and_the_seals(trail: Trail, auditor: Caller) -> None:
    with audit.asked_from("10.0.0.7"):
        audit.record("sync:requested", actor="ada", about="prod", now=NOW)
    seals.seal_all(NOW)

    [event] = auditor.walk("audit/?action=sync")
    [seal] = auditor.walk("seals/")

    assert (event["actor"], event["address"]) == ("ada", "10.0.0.7")
    last = seals.last_seal()
    assert last is not None
    assert seal["digest"] == last.digest
    assert seal["tags_count"] == 4


def test_the_number_of_statements_does_not_depend_on_rows(
    trail: Trail, viewer: Caller, statements: Callable[[Callable[[], object]], int]
) -> None:
    viewer.read(HERE)
    few = statements(lambda: viewer.read(f"{HERE}?page_size=1"))
    many = statements(lambda: viewer.read(HERE))

    assert few == many


@pytest.mark.parametrize(
    ("address", "rows"),
    [
        ("history/export/?", 4),
        ("history/export/?prefix=team&tag=s*&", 3),
        ("history/export/?registry=other&", 0),
        ("registries/prod/repositories/team/web/-/history/export/?event=moved&", 1),
        ("audit/export/?action=sync&", 1),
    ],
)
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_is_what_the_filter_finds_and_can_be_checked(
    trail: Trail, auditor: Caller, address: str, rows: int, form: str
) -> None:
    audit.record("sync:requested", actor="ada", about="prod", now=NOW)

    response = auditor.get(f"{address}form={form}", Accept="text/csv")

    assert response.status_code == 200
    checked = check_export(response.getvalue().splitlines(keepends=True))
    assert checked.holds, checked.sentence
    assert checked.rows == rows
    taken = AuditEvent.objects.filter(action__endswith=":exported").get()
    assert (taken.actor, taken.address) == (auditor.user.username, "127.0.0.1")


@pytest.mark.parametrize("address", ["history/export/", f"{HERE}export/", "audit/export/?form=csv"])
def test_only_auditors_take_the_ledgers_away(trail: Trail, viewer: Caller, address: str) -> None:
    problem_of(viewer.get(address), 403, "not-allowed")
    assert not AuditEvent.objects.filter(action__endswith=":exported").exists()


def test_an_export_of_another_form_is_refused(trail: Trail, auditor: Caller) -> None:
    assert auditor.get("history/export/?form=exe").status_code == 400
