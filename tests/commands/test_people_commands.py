"""Letting people and scripts in from a terminal."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from registry_browser.models import ApiToken, AuditEvent, Role, SignInToken, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import Settings

    from tests.commands.conftest import Outcome

    Manage = Callable[..., Outcome]

GOOD = "correct horse battery"


@pytest.mark.parametrize("role", Role)
def test_a_user_is_made_and_a_link_signs_the_person_in_once(manage: Manage, role: Role) -> None:
    outcome = manage("create_user", "ada", "--role", role)

    made, link = outcome.out.splitlines()
    assert (outcome.status, outcome.err) == (0, "")
    assert made == f"Made ada, {role}."
    found = re.fullmatch(r"Sign in: http://127\.0\.0\.1:8000/sign-in/([\w-]+)/", link)
    assert found
    user = User.objects.get()
    assert (user.role, user.has_usable_password()) == (role, False)
    now = datetime.now(UTC)
    assert SignInToken.objects.redeem(found[1], now) == user
    assert SignInToken.objects.redeem(found[1], now) is None


@pytest.mark.parametrize(
    ("origins", "start"),
    [([], "http://[::1]:8000"), (["https://registries.example"], "https://registries.example")],
)
def test_the_link_leads_to_where_the_dashboard_is_reached(
    manage: Manage, settings: Settings, origins: list[str], start: str
) -> None:
    settings.REGISTRY_BROWSER_ADDRESS = "http://[::1]:8000"
    settings.CSRF_TRUSTED_ORIGINS = origins

    outcome = manage("create_user", "ada", "--role", "viewer")

    assert f"\nSign in: {start}/sign-in/" in outcome.out


def test_a_user_is_made_with_a_password(manage: Manage) -> None:
    outcome = manage(
        "create_user", "ada", "--role", "viewer", "--password-stdin", stdin=f"{GOOD}\n"
    )

    assert outcome.out == "Made ada, viewer.\n"
    assert User.objects.get().check_password(GOOD)
    assert not SignInToken.objects.exists()


def test_making_a_user_is_history_without_the_password(manage: Manage) -> None:
    manage("create_user", "ada", "--role", "admin", "--password-stdin", stdin=GOOD)

    event = AuditEvent.objects.get()
    assert (event.action, event.about, event.detail) == ("user:created", "ada", {"role": "admin"})
    assert event.actor.endswith("(command)")


@pytest.mark.parametrize(
    ("name", "password", "named"),
    [
        ("ada lovelace", GOOD, "ada lovelace: "),
        ("", GOOD, "blank"),
        ("x" * 151, GOOD, "150"),
        ("ada", "short", "too short"),
        ("ada", "12345678901", "numeric"),
        ("ada", "", "standard input is empty"),
    ],
)
def test_a_user_that_cannot_be_is_refused(
    manage: Manage, name: str, password: str, named: str
) -> None:
    outcome = manage("create_user", name, "--role", "viewer", "--password-stdin", stdin=password)

    assert named in outcome.complaint
    assert not User.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_user_is_made_once(manage: Manage) -> None:
    manage("create_user", "ada", "--role", "viewer")

    outcome = manage("create_user", "ada", "--role", "admin")

    assert "a user named ada already" in outcome.complaint
    assert User.objects.get().role == Role.VIEWER


@pytest.mark.parametrize("words", [["ada"], ["ada", "--role", "king"]])
def test_a_role_is_one_of_three(manage: Manage, words: list[str]) -> None:
    outcome = manage("create_user", *words)

    assert outcome.status == 2
    assert "--role" in outcome.err
    assert not User.objects.exists()


def test_a_token_is_printed_alone_and_works(manage: Manage) -> None:
    user = User.objects.create(username="ada", role=Role.VIEWER)

    outcome = manage("create_token", "ada", "--name", "nightly job")

    assert (outcome.status, outcome.err) == (0, "")
    [text] = outcome.out.splitlines()
    token = ApiToken.objects.find(text, datetime.now(UTC))
    assert token is not None
    assert (token.user, token.name, token.expires_at) == (user, "nightly job", None)


def test_making_a_token_is_history_without_the_token(manage: Manage) -> None:
    User.objects.create(username="ada")

    text = manage("create_token", "ada").out.strip()

    event = AuditEvent.objects.get()
    assert (event.action, event.about) == ("token:created", "ada")
    assert text not in str(vars(event))


@pytest.mark.parametrize("name", ["", " ", "x" * 81])
def test_a_token_has_a_name_that_fits(manage: Manage, name: str) -> None:
    User.objects.create(username="ada")

    assert "--name: " in manage("create_token", "ada", "--name", name).complaint
    assert not ApiToken.objects.exists()


def test_a_token_of_nobody_is_refused(manage: Manage) -> None:
    assert "no user named ada" in manage("create_token", "ada").complaint


def test_a_token_of_a_deactivated_user_is_refused(manage: Manage) -> None:
    User.objects.create(username="ada", is_active=False)

    assert "deactivated" in manage("create_token", "ada").complaint
    assert not ApiToken.objects.exists()
