"""Coming in by password or by link, and going out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client

from registry_browser import tasks
from registry_browser.models import AuditEvent, SignInFailures, SignInToken, User
from registry_browser.web import attempts
from tests.record import NOW

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password=PASSWORD)


@pytest.fixture
def visitor() -> Client:
    return Client()


def is_signed_in(visitor: Client) -> bool:
    return visitor.get("/account/").status_code == 200


def token_for(person: User) -> str:
    return SignInToken.objects.issue(person, datetime.now(UTC))


def test_a_link_signs_in_once(ada: User, visitor: Client) -> None:
    address = f"/sign-in/{token_for(ada)}/"

    assert visitor.get(address)["Location"] == "/"
    assert is_signed_in(visitor)

    second = Client().get(address)
    assert second.status_code == 410
    assert "This link does not work any more" in second.text


def test_a_link_that_is_too_old_signs_nobody_in(ada: User, visitor: Client) -> None:
    token = SignInToken.objects.issue(ada, datetime.now(UTC) - timedelta(hours=25))

    assert visitor.get(f"/sign-in/{token}/").status_code == 410
    assert not is_signed_in(visitor)


def test_looking_ahead_does_not_use_a_link_up(ada: User, visitor: Client) -> None:
    address = f"/sign-in/{token_for(ada)}/"

    assert visitor.head(address).status_code == 405
    assert visitor.get(address, headers={"Sec-Purpose": "prefetch"}).status_code == 503
    assert not is_signed_in(visitor)

    visitor.get(address)
    assert is_signed_in(visitor)


def test_a_used_link_leads_home_who_is_signed_in_already(ada: User, visitor: Client) -> None:
    address = f"/sign-in/{token_for(ada)}/"
    visitor.get(address)

    assert visitor.get(address)["Location"] == "/"


def test_who_comes_by_a_link_is_asked_to_set_a_password(visitor: Client) -> None:
    person = User(username="first")
    person.set_unusable_password()
    person.save()

    page = visitor.get(f"/sign-in/{token_for(person)}/", follow=True)

    assert "Set a password in your account" in page.text


def test_a_password_signs_in_and_leads_on(ada: User, visitor: Client) -> None:
    answer = visitor.post(
        "/sign-in/", {"username": "ada", "password": PASSWORD, "next": "/runs/?state=look"}
    )

    assert answer["Location"] == "/runs/?state=look"
    assert is_signed_in(visitor)


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"]
)
def test_nobody_is_led_to_another_site(elsewhere: str, ada: User, visitor: Client) -> None:
    answer = visitor.post("/sign-in/", {"username": "ada", "password": PASSWORD, "next": elsewhere})

    assert answer["Location"] == "/"


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("nobody", PASSWORD)])
def test_a_wrong_password_and_an_unknown_name_are_told_alike(
    name: str, password: str, ada: User, visitor: Client
) -> None:
    answer = visitor.post("/sign-in/", {"username": name, "password": password})

    assert answer.status_code == 422
    assert "Name and password do not belong together" in answer.text
    assert password not in answer.text
    assert not is_signed_in(visitor)


def test_a_name_may_be_tried_so_often(ada: User, visitor: Client) -> None:
    for _ in range(attempts.PER_NAME):
        visitor.post("/sign-in/", {"username": "ada", "password": "wrong"})

    answer = visitor.post("/sign-in/", {"username": "ADA", "password": PASSWORD})
    assert "Too many wrong passwords" in answer.text
    answer = visitor.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    assert "Too many wrong passwords" in answer.text
    assert not is_signed_in(visitor)


def test_a_locked_name_still_comes_in_by_a_link(ada: User, visitor: Client) -> None:
    for _ in range(attempts.PER_NAME):
        attempts.count_failure("ada", "203.0.113.9", datetime.now(UTC))

    visitor.get(f"/sign-in/{token_for(ada)}/")

    assert is_signed_in(visitor)


def test_an_address_may_try_so_many_names(ada: User, visitor: Client) -> None:
    for number in range(attempts.PER_ADDRESS):
        attempts.count_failure(f"name-{number}", "127.0.0.1", datetime.now(UTC))

    answer = visitor.post("/sign-in/", {"username": "ada", "password": PASSWORD})

    assert "Too many wrong passwords" in answer.text
    assert attempts.may_try("ada", "203.0.113.9", datetime.now(UTC))


def test_the_right_password_forgets_the_failures_before_it(ada: User, visitor: Client) -> None:
    for _ in range(attempts.PER_NAME - 1):
        attempts.count_failure("ada", "203.0.113.9", datetime.now(UTC))

    visitor.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    attempts.count_failure("ada", "203.0.113.9", datetime.now(UTC))

    assert attempts.may_try("ada", "203.0.113.9", datetime.now(UTC))


def test_failures_count_for_a_quarter_of_an_hour_from_the_first(db: None) -> None:
    for minute in range(attempts.PER_NAME):
        attempts.count_failure("ada", f"10.0.0.{minute}", NOW + timedelta(minutes=minute))

    assert not attempts.may_try("ada", "10.0.1.1", NOW + timedelta(minutes=14, seconds=59))
    assert attempts.may_try("ada", "10.0.1.1", NOW + timedelta(minutes=15))


def test_a_failure_after_the_window_begins_a_new_one(db: None) -> None:
    for _ in range(attempts.PER_NAME):
        attempts.count_failure("ada", "203.0.113.9", NOW)
    later = NOW + timedelta(minutes=16)
    attempts.count_failure("ada", "203.0.113.9", later)

    assert attempts.may_try("ada", "203.0.113.9", later)
    for _ in range(attempts.PER_NAME - 1):
        attempts.count_failure("ada", "203.0.113.9", later)
    assert not attempts.may_try("ada", "203.0.113.9", later + timedelta(minutes=14))


def test_failures_of_many_other_names_free_none(db: None) -> None:
    for _ in range(attempts.PER_NAME):
        attempts.count_failure("ada", "203.0.113.9", NOW)
    for number in range(400):
        attempts.count_failure(f"name-{number}", f"address-{number}", NOW)

    assert not attempts.may_try("ada", "198.51.100.1", NOW)


@pytest.mark.django_db(transaction=True)
def test_failures_at_the_same_moment_are_all_counted(transactional_db: None) -> None:
    def fail(_: int) -> None:
        with closing(connection):
            attempts.count_failure("ada", "203.0.113.9", NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fail, range(40)))

    assert set(SignInFailures.objects.values_list("number", flat=True)) == {40}


def test_windows_that_have_ended_are_forgotten(db: None) -> None:
    attempts.count_failure("ada", "203.0.113.9", datetime.now(UTC) - attempts.WINDOW)
    attempts.count_failure("ben", "203.0.113.10", datetime.now(UTC))

    tasks.forget()

    assert SignInFailures.objects.count() == 2


def test_a_deactivated_person_does_not_come_in(ada: User, visitor: Client) -> None:
    token = token_for(ada)
    User.objects.update(is_active=False)

    visitor.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    visitor.get(f"/sign-in/{token}/")

    assert not is_signed_in(visitor)


def test_sign_ins_and_refusals_are_in_the_trail_without_what_was_typed(
    ada: User, visitor: Client
) -> None:
    visitor.post("/sign-in/", {"username": "ada", "password": "wrong"})
    visitor.post("/sign-in/", {"username": PASSWORD, "password": "ada"})
    visitor.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    visitor.get("/sign-in/not-a-token/")

    trail = AuditEvent.objects.order_by("id").values_list("action", "actor", "address")
    assert list(trail) == [
        ("sign-in:refused", "ada", "127.0.0.1"),
        ("sign-in:refused", "", "127.0.0.1"),
        ("sign-in:done", "ada", "127.0.0.1"),
    ]
    assert PASSWORD not in str(list(AuditEvent.objects.values()))


def test_signing_out_ends_the_session_and_is_in_the_trail(ada: User, visitor: Client) -> None:
    visitor.force_login(ada)

    assert visitor.post("/sign-out/")["Location"] == "/sign-in/"
    assert not is_signed_in(visitor)
    ended = AuditEvent.objects.get(action="sign-in:ended")
    assert (ended.actor, ended.address) == ("ada", "127.0.0.1")


def test_a_polled_region_leads_the_whole_page_to_the_sign_in(visitor: Client) -> None:
    answer = visitor.get("/runs/", headers={"HX-Request": "true"}, follow=True)

    assert answer["HX-Redirect"] == "/sign-in/?next=%2Fruns%2F"
