"""Connecting, checking and listing registries from a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry_browser.models import AuditEvent, Registry
from tests.fake_registry import Auth, FakeRegistry, Habits
from tests.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.commands.conftest import Outcome

    Manage = Callable[..., Outcome]


def test_a_registry_is_added_and_checked(manage: Manage, fake: FakeRegistry) -> None:
    outcome = manage("add_registry", "prod", fake.url)

    assert outcome.status == 0
    assert outcome.out.splitlines()[0] == f"Added prod at {fake.url}."
    assert outcome.err == ""
    registry = Registry.objects.get()
    assert (registry.name, registry.url, registry.dialect) == ("prod", fake.url, "auto")
    assert registry.next_sync_at == registry.created_at
    assert AuditEvent.objects.get().actor.endswith("(command)")


def test_a_registry_is_added_with_all_that_can_be_said(manage: Manage, fake: FakeRegistry) -> None:
    fake.habits = Habits(auth=Auth.BASIC, users={"robot": "sword fish"})

    outcome = manage(
        "add_registry", "prod", fake.url, "--username", "robot", "--password-stdin",
        "--dialect", "oci", "--token-realm", "https://auth.example/token", "--allow-deletion",
        "--follow", "team/", "library/alpine", "--follow", "tools/",
        stdin="sword fish\n",
    )  # fmt: skip

    assert (outcome.status, outcome.err) == (0, "")
    registry = Registry.objects.get()
    assert (registry.username, registry.secret) == ("robot", "sword fish")
    assert (registry.dialect, registry.deletion_allowed) == ("oci", True)
    assert registry.token_realm == "https://auth.example/token"
    assert registry.follow == ["team/", "library/alpine", "tools/"]


def test_a_registry_that_does_not_answer_is_added_with_a_warning(manage: Manage) -> None:
    with FakeRegistry() as gone:
        url = gone.url

    outcome = manage("add_registry", "prod", url)

    assert outcome.status == 0
    assert outcome.out == f"Added prod at {url}.\n"
    assert len(outcome.err.splitlines()) == 1
    assert Registry.objects.filter(name="prod").exists()


def test_the_password_shows_nowhere(manage: Manage, fake: FakeRegistry) -> None:
    words = ("--username", "robot", "--password-stdin")

    outcome = manage("add_registry", "prod", fake.url, *words, stdin="swordfish\n")

    assert outcome.status == 0
    history = str(list(AuditEvent.objects.values()))
    assert "swordfish" not in outcome.out + outcome.err + history


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["Prod!", "https://host"], "NAME: “Prod!”"),
        (["prod", "host:5000"], "URL: This is no address of a registry"),
        (["prod", "https://user:pass@host"], "URL: "),
        (["prod", "https://host", "--dialect", "esperanto"], "--dialect: “esperanto”"),
        (["prod", "https://host", "--follow", "Not A Path"], "--follow: “Not A Path”"),
        (["prod", "https://host", "--token-realm", "auth"], "--token-realm: "),
        (["prod", "https://host", "--username", "robot"], "--password-stdin"),
        (["prod", "https://host", "--password-stdin"], "--password-stdin: standard input is empty"),
    ],
)
def test_what_cannot_be_added_is_named_and_nothing_is_stored(
    manage: Manage, words: list[str], named: str
) -> None:
    outcome = manage("add_registry", *words)

    assert named in outcome.complaint
    assert not Registry.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_password_without_a_user_name_is_refused(manage: Manage) -> None:
    outcome = manage("add_registry", "prod", "https://host", "--password-stdin", stdin="secret")

    assert "--username: " in outcome.complaint


def test_a_name_is_taken_once(manage: Manage, fake: FakeRegistry) -> None:
    manage("add_registry", "prod", fake.url)

    assert "exists already" in manage("add_registry", "prod", fake.url).complaint


def test_a_check_says_what_the_registry_can_do(manage: Manage, fake: FakeRegistry) -> None:
    manage("add_registry", "prod", fake.url)

    outcome = manage("check_registry", "prod")

    assert (outcome.status, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0].startswith("prod: ")
    assert "dialect: distribution" in lines
    assert "catalog: yes" in lines


def test_a_check_that_fails_ends_with_status_1(manage: Manage, fake: FakeRegistry) -> None:
    manage("add_registry", "prod", fake.url)
    fake.habits = Habits(auth=Auth.BASIC)

    assert manage("check_registry", "prod").complaint.startswith("prod: ")


@pytest.mark.parametrize("command", ["check_registry", "sync"])
def test_an_unknown_registry_is_named_beside_the_known_ones(manage: Manage, command: str) -> None:
    Record("prod")
    Record("edge")

    complaint = manage(command, "pord").complaint

    assert complaint == "There is no registry named pord. Known: edge, prod."


def test_without_any_registry_the_way_to_one_is_shown(manage: Manage) -> None:
    complaint = manage("check_registry", "prod").complaint

    assert complaint.endswith("Add one with `manage.py add_registry NAME URL`.")


def test_registries_are_listed_a_line_each(manage: Manage) -> None:
    Record("prod")
    Registry.objects.create(name="edge", url="http://edge", created_at=Record("mid").now)

    lines = [line.split("\t") for line in manage("list_registries").out.splitlines()]

    assert [line[0] for line in lines] == ["edge", "mid", "prod"]
    assert lines[0][1:] == ["http://edge", "Not synced yet", "0 repositories", "0 tags", "never"]
    assert lines[2][-1] == "2026-11-20T14:26:00Z"
