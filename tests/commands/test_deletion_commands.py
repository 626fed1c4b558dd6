"""`plan_deletion`, `run_deletion` and `undo_deletion` against a living registry."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from registry_browser.models import DeletionPlan, PlanState, Registry, UndoState
from tests.builders import push
from tests.fake_registry.faults import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.builders import PushedImage
    from tests.commands.conftest import Outcome
    from tests.fake_registry import FakeRegistry

    Manage = Callable[..., Outcome]

PATH = "team/web"


@pytest.fixture
def old(manage: Manage, fake: FakeRegistry) -> PushedImage:
    """An image that lost its tag, in a registry that is connected and synced."""
    image = push(fake, f"{PATH}:1", layers=("base", "old"))
    assert manage("add_registry", "prod", fake.url, "--allow-deletion").status == 0
    assert manage("sync", "prod").status == 0
    push(fake, f"{PATH}:1", layers=("base", "new"))
    assert manage("sync", "prod").status == 0
    return image


def test_a_plan_is_printed_and_deletes_nothing(
    old: PushedImage, manage: Manage, fake: FakeRegistry
) -> None:
    outcome = manage("plan_deletion", "prod", "--grace", "0s")
    plan = DeletionPlan.objects.get()
    assert (outcome.status, outcome.err) == (0, "")
    first, *_, result, following = outcome.out.splitlines()
    assert first.startswith(f"{PATH}@{old.digest}  untagged since ")
    assert result == (
        f"Plan {plan.pk}: 1 manifest goes, 0 are kept; {plan.reclaimable_bytes:,} bytes come back "
        "when garbage is collected. Nothing was deleted."
    )
    assert following == f"`manage.py run_deletion {plan.pk}` approves it and carries it out."
    assert fake.count("DELETE") == 0


def test_a_place_that_is_not_there_is_not_planned(old: PushedImage, manage: Manage) -> None:
    outcome = manage("plan_deletion", "prod", "--prefix", "nowhere")
    assert outcome.status == 1
    assert "--prefix: no repository at or below nowhere was seen in prod." in outcome.err
    assert not DeletionPlan.objects.exists()


def test_a_plan_says_what_it_keeps(old: PushedImage, manage: Manage) -> None:
    outcome = manage("plan_deletion", "prod")
    assert f"kept {PATH}@{old.digest}  Younger than the grace period of 24 h" in outcome.out


def test_a_plan_as_json(old: PushedImage, manage: Manage) -> None:
    outcome = manage("plan_deletion", "prod", "--grace", "0s", "--prefix", "team", "--json")
    plan = json.loads(outcome.out)
    assert plan["prefix"] == "team"
    assert [item["digest"] for item in plan["items"]] == [old.digest]
    assert plan["reclaimable_bytes"] > 0


def test_wrong_words_are_refused_with_the_option_they_are_about(
    old: PushedImage, manage: Manage
) -> None:
    assert manage("plan_deletion", "prod", "--grace", "soon").complaint.startswith("--grace: ")
    assert manage("plan_deletion", "prod", "--prefix", "UP").complaint.startswith("--prefix: ")
    assert "There is no registry named x" in manage("plan_deletion", "x").complaint
    assert "There is no plan 99" in manage("run_deletion", "99").complaint


def test_a_plan_is_run_with_a_line_for_each_outcome_and_then_undone(
    old: PushedImage, manage: Manage, fake: FakeRegistry
) -> None:
    manage("plan_deletion", "prod", "--grace", "0s")
    plan = DeletionPlan.objects.get()
    outcome = manage("run_deletion", str(plan.pk))
    assert (outcome.status, outcome.err) == (0, "")
    assert f"Deleted (202): {PATH}@{old.digest}" in outcome.out.splitlines()
    assert fake.store.manifest(PATH, old.digest) is None
    plan.refresh_from_db()
    assert plan.state == PlanState.DONE
    assert plan.walk["problems"] == []

    outcome = manage("undo_deletion", str(plan.pk))
    assert (outcome.status, outcome.err) == (0, "")
    assert f"Back: {PATH}@{old.digest}" in outcome.out.splitlines()
    assert fake.store.manifest(PATH, old.digest) is not None
    plan.refresh_from_db()
    assert plan.undo_state == UndoState.DONE


def test_what_needs_a_look_is_status_one(
    old: PushedImage, manage: Manage, fake: FakeRegistry
) -> None:
    manage("plan_deletion", "prod", "--grace", "0s")
    fake.faults.on("DELETE", "/manifests/", Answer(405))
    outcome = manage("run_deletion", str(DeletionPlan.objects.get().pk))
    assert outcome.status == 1
    assert "Refused (405)" in outcome.out
    assert "1 manifests and 0 remaining ones need a look." in outcome.err


def test_a_large_plan_wants_its_words(old: PushedImage, manage: Manage) -> None:
    manage("plan_deletion", "prod", "--grace", "0s")
    DeletionPlan.objects.update(words=PATH)
    number = str(DeletionPlan.objects.get().pk)
    assert manage("run_deletion", number).complaint.endswith("Give it with --confirm.")
    assert manage("run_deletion", number, "--confirm", PATH).status == 0


def test_a_large_plan_is_printed_with_the_command_that_runs_it(
    old: PushedImage, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_browser.deletion.store.TYPED_FROM_ITEMS", 1)
    following = manage("plan_deletion", "prod", "--grace", "0s").out.splitlines()[-1]
    command = shlex.split(following.split("`")[1])
    assert command[-2:] == ["--confirm", PATH]
    assert manage(*command[1:]).status == 0


def test_a_second_person_is_not_this_terminal(old: PushedImage, manage: Manage) -> None:
    Registry.objects.update(deletion_needs_second_person=True)
    following = manage("plan_deletion", "prod", "--grace", "0s").out.splitlines()[-1]
    assert following == "Another admin approves it in the dashboard, which has it carried out."
    complaint = manage("run_deletion", str(DeletionPlan.objects.get().pk)).complaint
    assert "needs a second person" in complaint


def test_a_registry_asks_for_two_people_from_the_start(manage: Manage, fake: FakeRegistry) -> None:
    manage("add_registry", "prod", fake.url, "--allow-deletion", "--two-people-delete")
    assert Registry.objects.get().deletion_needs_second_person


def test_nothing_to_undo(old: PushedImage, manage: Manage) -> None:
    manage("plan_deletion", "prod", "--grace", "0s")
    assert (
        "nothing to undo" in manage("undo_deletion", str(DeletionPlan.objects.get().pk)).complaint
    )
