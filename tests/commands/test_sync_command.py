"""`manage.py sync` against a living registry."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

import pytest
from django.core.management.base import OutputWrapper
from django.db import OperationalError

from registry_browser.management.progress import Bar, Lines
from registry_browser.models import Registry, RunState, SyncPhase, SyncRun, SyncTrigger, Tag
from tests.api.test_fields import RUN
from tests.builders import push
from tests.fake_registry.faults import answer
from tests.record import NOW, Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.commands.conftest import Outcome
    from tests.fake_registry import FakeRegistry

    Manage = Callable[..., Outcome]


@pytest.fixture
def connected(manage: Manage, fake: FakeRegistry) -> FakeRegistry:
    for reference in ("team/app:1.0", "team/app:latest", "team/web:2.0"):
        push(fake, reference)
    assert manage("add_registry", "prod", fake.url).status == 0
    return fake


def test_a_sync_brings_the_record_up_to_date(connected: FakeRegistry, manage: Manage) -> None:
    outcome = manage("sync", "prod")

    assert (outcome.status, outcome.err) == (0, "")
    tags = Tag.objects.values_list("repository__path", "name")
    assert sorted(tags) == [("team/app", "1.0"), ("team/app", "latest"), ("team/web", "2.0")]
    assert outcome.out.splitlines()[-1].startswith("Done: 2 of 2 repositories, 3 tags, ")
    run = SyncRun.objects.get()
    assert (run.trigger, run.state) == ("command", "done")


def test_the_log_of_a_sync_is_for_those_who_ask(connected: FakeRegistry, manage: Manage) -> None:
    outcome = manage("sync", "prod", "--verbosity", "2")

    assert "sync_slice_started" in outcome.err


def test_one_repository_can_be_synced_alone(connected: FakeRegistry, manage: Manage) -> None:
    outcome = manage("sync", "prod", "--repository", "team/web", "--full-check")

    assert outcome.status == 0
    assert list(Tag.objects.values_list("repository__path", flat=True)) == ["team/web"]
    assert SyncRun.objects.get().full_check


def test_json_is_all_that_stands_on_standard_output(
    connected: FakeRegistry, manage: Manage
) -> None:
    outcome = manage("sync", "prod", "--json")

    run = json.loads(outcome.out)
    assert not set(RUN.split()) - set(run)
    assert (run["state"], run["done"], run["total"], run["errors"]) == ("done", 2, 2, [])
    assert outcome.status == 0


def test_an_incomplete_sync_ends_with_status_1(connected: FakeRegistry, manage: Manage) -> None:
    manage("sync", "prod")
    connected.faults.on("GET", "/v2/team/web/tags/list", answer(403))

    outcome = manage("sync", "prod")

    assert outcome.status == 1
    assert "team/web: " in outcome.err
    last = outcome.err.splitlines()[-1]
    assert last.startswith("CommandError: The sync of prod is incomplete: 1 repository ")
    assert Tag.objects.count() == 3


def test_json_of_an_incomplete_sync_is_still_json(connected: FakeRegistry, manage: Manage) -> None:
    connected.faults.on("GET", "/v2/team/web/tags/list", answer(403))

    outcome = manage("sync", "prod", "--json")

    assert outcome.status == 1
    run = json.loads(outcome.out)
    assert run["state"] == "incomplete"
    assert len(run["errors"]) == 1


def test_a_registry_that_refuses_ends_the_sync_with_its_reason(
    connected: FakeRegistry, manage: Manage
) -> None:
    connected.faults.on(None, "/v2/", answer(401))

    outcome = manage("sync", "prod")

    assert outcome.status == 1
    [line] = outcome.err.splitlines()
    assert line.startswith("CommandError: The sync of prod is ")
    assert "wants a sign-in" in line


def test_a_path_that_is_none_is_refused(manage: Manage) -> None:
    Record()

    assert (
        "--repository: “Team/App”" in manage("sync", "prod", "--repository", "Team/App").complaint
    )
    assert not SyncRun.objects.exists()


def test_ctrl_c_cancels_the_run_of_this_command(manage: Manage) -> None:
    record = Record()

    def interrupted(registry: Registry, **_: Any) -> None:
        SyncRun.objects.create(
            registry=record.registry, trigger=SyncTrigger.COMMAND, created_at=NOW
        )
        raise KeyboardInterrupt

    with patch("registry_browser.management.commands.sync.sync_in_foreground", interrupted):
        outcome = manage("sync", "prod")

    assert outcome.status == 130
    assert "Cancelled the sync of prod." in outcome.err
    assert SyncRun.objects.get().state == RunState.CANCELLED


def test_ctrl_c_leaves_a_run_alone_that_somebody_else_asked_for(manage: Manage) -> None:
    record = Record()
    run = SyncRun.objects.create(
        registry=record.registry, trigger=SyncTrigger.PERSON, created_at=NOW
    )

    with patch(
        "registry_browser.management.commands.sync.sync_in_foreground",
        side_effect=KeyboardInterrupt,
    ):
        outcome = manage("sync", "prod")

    run.refresh_from_db()
    assert outcome.status == 130
    assert f"Run {run.pk} of prod goes on" in outcome.err
    assert run.state == RunState.QUEUED


def test_a_database_that_is_away_is_one_line(manage: Manage) -> None:
    away = OperationalError("connection refused\nIs the server running?")
    with patch("registry_browser.management.terminal.MigrationExecutor", side_effect=away):
        outcome = manage("list_registries")

    assert outcome.complaint == "DATABASE_URL: the database does not answer (connection refused)."


def test_a_database_that_is_not_prepared_is_one_line(manage: Manage) -> None:
    with patch(
        "django.db.migrations.executor.MigrationExecutor.migration_plan", return_value=["one"]
    ):
        outcome = manage("list_registries")

    assert "manage.py prepare" in outcome.complaint


# -- Progress


def a_run_at(done: int, total: int | None, phase: str = "reading") -> SyncRun:
    return SyncRun(phase=phase, done=done, total=total, requests=done * 3)


def stream() -> tuple[io.StringIO, OutputWrapper]:
    text = io.StringIO()
    return text, OutputWrapper(cast("Any", text))


def test_a_bar_is_drawn_over_itself_and_leaves_a_fresh_line() -> None:
    text, out = stream()
    bar = Bar(out)

    bar.show(a_run_at(0, None, SyncPhase.LISTING))
    bar.show(a_run_at(5, 10))
    bar.end()

    first, second = text.getvalue().split("\r")[1:]
    assert first.startswith(f"[{'.' * 30}] Listing repositories: 0 of ? repositories")
    assert second.startswith(f"[{'#' * 15}{'.' * 15}] Reading tags and manifests: 5 of 10 ")
    assert second.endswith("\n")


def test_a_shorter_bar_blanks_the_longer_one_before() -> None:
    text, out = stream()
    bar = Bar(out)

    bar.show(a_run_at(5, 10))
    bar.show(a_run_at(9, 10, SyncPhase.FIGURES))

    first, second = text.getvalue().split("\r")[1:]
    assert len(second) == len(first)


def test_a_bar_of_nothing_is_full_of_nothing() -> None:
    text, out = stream()

    Bar(out).show(a_run_at(0, 0))

    assert "0 of 0 repositories" in text.getvalue()


def test_a_log_gets_a_line_a_tenth_and_not_a_line_a_repository() -> None:
    text, out = stream()
    lines = Lines(out)

    for done in range(1001):
        lines.show(a_run_at(done, 1000))
    lines.end()

    written = text.getvalue().splitlines()
    assert len(written) == 11
    assert written[-1].startswith("Reading tags and manifests: 1,000 of 1,000 repositories")


def test_a_log_says_once_until_when_the_registry_wants_us_to_wait() -> None:
    text, out = stream()
    lines = Lines(out)
    run = a_run_at(1, 2)

    for seconds in (0.0, 0.1, 0.2):
        run.rate_limited_until = NOW + timedelta(seconds=seconds)
        lines.show(run)
    run.rate_limited_until = None
    lines.show(run)

    waiting, going_on = text.getvalue().splitlines()
    assert waiting.endswith(f"; the registry asks to wait until {NOW:%H:%M:%S} UTC")
    assert going_on.endswith("requests")


@pytest.mark.parametrize(("is_terminal", "drawn"), [(True, "\r["), (False, "Reading tags")])
def test_the_bar_is_for_terminals(manage: Manage, is_terminal: bool, drawn: str) -> None:
    record = Record()
    run = a_run_at(1, 2)
    run.registry, run.state = record.registry, RunState.DONE

    def worked(_: Registry, *, on_progress: Callable[[SyncRun], None], **__: Any) -> SyncRun:
        on_progress(run)
        return run

    run.pk = 1
    with (
        patch("registry_browser.management.commands.sync.sync_in_foreground", worked),
        patch.object(OutputWrapper, "isatty", lambda self: is_terminal),
    ):
        outcome = manage("sync", "prod")

    assert drawn in outcome.out
