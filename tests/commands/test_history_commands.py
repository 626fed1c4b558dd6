"""`tag_history` and `verify_history`, as an auditor at a terminal uses them."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from registry_browser.history import exports, seals
from registry_browser.models import TagEvent
from tests.history.trail import Trail, minute
from tests.record import NOW, Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Outcome

    Manage = Callable[..., Outcome]


@pytest.fixture
def trail(db: None) -> Trail:
    record = Record()
    trail = Trail(record, record.repository("team/web"))
    trail.look(minute(0), {"stable": "one", "1.0": "one"})
    trail.look(minute(10), {"stable": "two", "1.0": "one"})
    seals.seal_all(NOW)
    return trail


def export(form: str) -> bytes:
    ending = exports.Ending(
        ledger="tags", filters={"tag": "*"}, exported_at=NOW, exported_by="ada", up_to=10**9
    )
    rows = TagEvent.objects.order_by("-id").values_list(*seals.TAGS.fields)
    lines = exports.csv_lines if form == "csv" else exports.json_lines
    return b"".join(lines(rows, ending))


def test_tag_history_reads_as_a_log_oldest_first(trail: Trail, manage: Manage) -> None:
    lines = manage("tag_history", "prod", "team/web", "stable").out.splitlines()

    assert len(lines) == 2
    assert f"team/web:stable first seen at {digest_of('one')}" in lines[0]
    assert f"moved from {digest_of('one')} to {digest_of('two')}" in lines[1]
    assert "somewhere between 1 Nov 2026 08:00:00 and 08:10:00 UTC" in lines[1]


def test_tag_history_as_csv_and_json_say_the_same(trail: Trail, manage: Manage) -> None:
    table = list(
        csv.DictReader(io.StringIO(manage("tag_history", "prod", "team/web", "--csv").out))
    )
    lines = manage("tag_history", "prod", "team/web", "--json").out.splitlines()

    assert [row["new_digest"] for row in table] == [
        json.loads(line)["new_digest"] for line in lines
    ]
    assert len(table) == 3


def test_tag_history_as_csv_is_safe_in_a_spreadsheet(trail: Trail, manage: Manage) -> None:
    trail.look(minute(20), {**trail.tags, "stable": "one"}, actor="=cmd|' /C calc'!A0")

    table = csv.DictReader(io.StringIO(manage("tag_history", "prod", "team/web", "--csv").out))

    assert [row["actor"] for row in table][-1] == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        ("2026-11-01T08:00", digest_of("one")),
        ("2026-11-01T08:05", f"{digest_of('one')} or {digest_of('two')}"),
        ("2026-11-01T08:10", digest_of("two")),
        ("2026-10-01", "Nothing is known of that moment"),
    ],
)
def test_tag_history_at_a_moment(trail: Trail, manage: Manage, at: str, answer: str) -> None:
    outcome = manage("tag_history", "prod", "team/web", "stable", "--at", at)

    assert outcome.status == 0
    assert answer in outcome.out


def test_tag_history_refuses_what_is_no_moment(trail: Trail, manage: Manage) -> None:
    outcome = manage("tag_history", "prod", "team/web", "--at", "yesterday")

    assert "“yesterday” is no moment" in outcome.complaint


def test_tag_history_of_a_removed_registry_is_still_there(trail: Trail, manage: Manage) -> None:
    trail.record.registry.delete()

    assert len(manage("tag_history", "prod", "team/web").out.splitlines()) == 3


def test_tag_history_names_the_registries_it_knows(trail: Trail, manage: Manage) -> None:
    assert "Known: prod" in manage("tag_history", "nowhere", "team/web").complaint


def test_verify_history_says_what_holds(trail: Trail, manage: Manage) -> None:
    outcome = manage("verify_history")

    assert outcome.status == 0
    assert "The only seal holds: 3 rows" in outcome.out


def test_verify_history_names_the_row_and_fails(trail: Trail, manage: Manage) -> None:
    row = TagEvent.objects.order_by("id")[1].pk
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM registry_browser_tagevent WHERE id = %s", [row])
        cursor.execute("SET session_replication_role = DEFAULT")

    assert f"Row {row} of the ledger of tags is missing" in manage("verify_history").complaint


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_verify_history_checks_an_export(
    trail: Trail, manage: Manage, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"history.{form}"
    file.write_bytes(export(form))

    outcome = manage("verify_history", "--export", str(file))

    assert outcome.status == 0
    assert "The export holds: its 3 rows are those of the ledger." in outcome.out


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ("other text", "is not what the ledger says"),
        ("a line less", "speaks of 3 rows; the file has 2"),
        ("two lines swapped", "order or bytes differ"),
        ("cut off", "does not end with its manifest"),
        ("a line twice", "speaks of 3 rows; the file has 4"),
    ],
)
def test_a_falsified_export_is_found(
    trail: Trail, manage: Manage, tmp_path: Path, form: str, how: str, complaint: str
) -> None:
    lines = export(form).splitlines(keepends=True)
    first = 1 if form == "csv" else 0
    match how:
        case "other text":
            lines[first] = lines[first].replace(b"stable", b"steady").replace(b"1.0", b"2.0")
        case "a line less":
            del lines[first]
        case "two lines swapped":
            lines[first], lines[first + 1] = lines[first + 1], lines[first]
        case "cut off":
            del lines[-1]
        case _:
            lines.insert(first, lines[first])
    file = tmp_path / f"history.{form}"
    file.write_bytes(b"".join(lines))

    assert complaint in manage("verify_history", "--export", str(file)).complaint


def test_verify_history_expects_a_noted_seal(trail: Trail, manage: Manage) -> None:
    last = seals.last_seal()
    assert last is not None

    assert manage("verify_history", "--expect", last.digest).status == 0
    assert "No seal has the digest" in manage("verify_history", "--expect", "0" * 64).complaint
    assert "64 hex digits" in manage("verify_history", "--expect", "abc").complaint
