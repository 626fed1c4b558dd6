"""A person's own account, and what admins do to the accounts of others."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from registry_browser.models import ApiToken, AuditEvent, Role, SignInToken, User

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
NEW = "an even longer donkey cable"


def test_a_person_without_a_password_sets_one(viewer: Client) -> None:
    person = User.objects.get(username="some-viewer")
    person.set_unusable_password()
    person.save()
    viewer.force_login(person)

    viewer.post("/account/", {"do": "password", "new_password1": NEW, "new_password2": NEW})

    person.refresh_from_db()
    assert person.check_password(NEW)
    assert viewer.get("/account/").status_code == 200
    assert AuditEvent.objects.get().action == "password:changed"


def test_changing_a_password_needs_the_old_one(viewer: Client) -> None:
    person = User.objects.get(username="some-viewer")
    person.set_password(PASSWORD)
    person.save()
    viewer.force_login(person)
    form = {"do": "password", "new_password1": NEW, "new_password2": NEW}

    refused = viewer.post("/account/", {**form, "old_password": "wrong"})
    assert refused.status_code == 422
    assert viewer.post("/account/", {**form, "old_password": PASSWORD}).status_code == 302

    person.refresh_from_db()
    assert person.check_password(NEW)


def test_a_changed_password_ends_other_sessions(viewer: Client) -> None:
    person = User.objects.get(username="some-viewer")
    person.set_password(PASSWORD)
    person.save()
    viewer.force_login(person)
    elsewhere = Client()
    elsewhere.force_login(person)

    viewer.post(
        "/account/",
        {"do": "password", "old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW},
    )

    assert viewer.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302


@pytest.mark.parametrize("weak", ["sh0rt!", "password123", "12345678901"])
def test_a_weak_password_is_refused_with_the_reason(weak: str, viewer: Client) -> None:
    person = User.objects.get(username="some-viewer")
    person.set_unusable_password()
    person.save()
    viewer.force_login(person)

    answer = viewer.post(
        "/account/", {"do": "password", "new_password1": weak, "new_password2": weak}
    )

    assert answer.status_code == 422
    assert "id_new_password2_error" in answer.text
    assert weak not in answer.text


def test_a_token_is_shown_once_and_works(viewer: Client) -> None:
    answer = viewer.post("/account/", {"do": "token", "name": "ci", "days": "30"})

    shown = re.search(r"rb_[\w-]{20,}", answer.text)
    assert shown is not None
    found = ApiToken.objects.find(shown[0], datetime.now(UTC))
    assert found is not None
    assert found.user.username == "some-viewer"
    assert shown[0] not in viewer.get("/account/").text
    assert "no-store" in answer["Cache-Control"]
    assert AuditEvent.objects.get().about == "ci"
    assert shown[0] not in str(list(AuditEvent.objects.values()))


def test_a_token_without_a_name_is_refused(viewer: Client) -> None:
    answer = viewer.post("/account/", {"do": "token", "name": "", "days": "30"})

    assert answer.status_code == 422
    assert not ApiToken.objects.exists()


def test_a_person_revokes_only_their_own_tokens(
    viewer: Client, sign_in: Callable[[str], Client]
) -> None:
    viewer.post("/account/", {"do": "token", "name": "ci", "days": ""})
    token = ApiToken.objects.get()

    other = sign_in("auditor").post("/account/", {"do": "revoke", "token": token.pk})
    assert other.status_code == 404
    assert ApiToken.objects.exists()

    viewer.post("/account/", {"do": "revoke", "token": token.pk})
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("number", ["", "x", "999999999999999999999999"])
def test_revoking_what_is_no_token_is_not_found(number: str, viewer: Client) -> None:
    assert viewer.post("/account/", {"do": "revoke", "token": number}).status_code == 404


# -- People


def test_an_admin_adds_a_person_who_comes_in_by_the_link(admin: Client) -> None:
    answer = admin.post("/people/", {"do": "add", "username": "grace", "role": "auditor"})

    shown = re.search(r"http://testserver(/sign-in/[\w-]{20,}/)", answer.text)
    assert shown is not None
    grace = Client()
    grace.get(shown[1])
    assert "grace" in grace.get("/account/").text
    assert User.objects.get(username="grace").role == Role.AUDITOR
    assert shown[0] not in admin.get("/people/").text


def test_a_name_is_given_once(admin: Client) -> None:
    admin.post("/people/", {"do": "add", "username": "grace", "role": "viewer"})

    answer = admin.post("/people/", {"do": "add", "username": "grace", "role": "admin"})

    assert answer.status_code == 422
    assert "grace has an account already" in answer.text
    assert User.objects.get(username="grace").role == Role.VIEWER


def test_a_new_link_ends_the_one_before(admin: Client) -> None:
    User.objects.create_user("grace")
    for _ in range(2):
        admin.post("/people/", {"do": "link", "person": "grace"})

    assert SignInToken.objects.count() == 1


def test_a_role_is_changed_and_in_the_trail(admin: Client) -> None:
    User.objects.create_user("grace")

    admin.post("/people/", {"do": "role", "person": "grace", "role": "admin"})

    assert User.objects.get(username="grace").is_admin
    event = AuditEvent.objects.get()
    assert (event.action, event.about) == ("role:changed", "grace")
    assert event.detail == {"from": "viewer", "to": "admin"}


@pytest.mark.parametrize("post", [{"do": "role", "role": "viewer"}, {"do": "deactivate"}])
def test_the_last_admin_stays(post: dict[str, str], admin: Client) -> None:
    User.objects.create_user("gone", role="admin", is_active=False)

    answer = admin.post("/people/", {**post, "person": "some-admin"}, follow=True)

    assert "some-admin is the only admin" in answer.text
    assert User.objects.get(username="some-admin").is_admin


def test_an_admin_may_step_back_where_there_is_another(admin: Client) -> None:
    User.objects.create_user("grace", role="admin")

    admin.post("/people/", {"do": "role", "person": "some-admin", "role": "viewer"})

    assert not User.objects.get(username="some-admin").is_admin


def test_deactivating_ends_links_and_tokens_and_can_be_undone(admin: Client) -> None:
    grace = User.objects.create_user("grace")
    token = ApiToken.objects.issue(grace, "ci", datetime.now(UTC))
    SignInToken.objects.issue(grace, datetime.now(UTC))

    admin.post("/people/", {"do": "deactivate", "person": "grace"})

    assert ApiToken.objects.find(token, datetime.now(UTC)) is None
    assert not SignInToken.objects.exists()

    admin.post("/people/", {"do": "activate", "person": "grace"})
    assert ApiToken.objects.find(token, datetime.now(UTC)) is not None


@pytest.mark.parametrize(
    "post", [{"do": "role", "role": "god"}, {"do": "link"}, {"do": "explode"}, {}]
)
def test_nonsense_changes_nothing(post: dict[str, str], admin: Client) -> None:
    User.objects.create_user("grace", is_active=False)

    answer = admin.post("/people/", {**post, "person": "grace"})

    assert answer.status_code in (200, 302)
    assert User.objects.get(username="grace").role == Role.VIEWER
    assert not AuditEvent.objects.exists()


# -- What the browser remembers


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_the_theme_stands_on_the_root_element(theme: str, viewer: Client) -> None:
    answer = viewer.post("/theme/", {"theme": theme, "next": "/runs/"})

    assert answer["Location"] == "/runs/"
    assert f'<html lang="en" data-theme="{theme}">' in viewer.get("/account/").text


def test_an_unknown_theme_is_the_systems(viewer: Client) -> None:
    viewer.post("/theme/", {"theme": '"><script>'})

    assert 'data-theme="auto"' in viewer.get("/account/").text


def test_a_theme_can_be_chosen_before_signing_in() -> None:
    browser = Client()

    browser.post("/theme/", {"theme": "dark", "next": "/sign-in/"})

    assert 'data-theme="dark"' in browser.get("/sign-in/").text


def test_times_turn_absolute_and_back(viewer: Client) -> None:
    viewer.post("/times/", {"times": "absolute"})
    assert "Times in UTC, absolute" in viewer.get("/account/").text

    viewer.post("/times/", {"times": "relative"})
    assert "Times in UTC, relative to now" in viewer.get("/account/").text


def test_who_was_deactivated_comes_back_by_no_cookie_from_before(
    admin: Client, sign_in: Callable[[str], Client]
) -> None:
    theirs, others = sign_in("viewer"), sign_in("auditor")

    admin.post("/people/", {"do": "deactivate", "person": "some-viewer"})
    admin.post("/people/", {"do": "activate", "person": "some-viewer"})

    assert theirs.get("/account/").status_code == 302
    assert others.get("/account/").status_code == 200
    assert sign_in("viewer").get("/account/").status_code == 200
