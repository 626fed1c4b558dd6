"""Connecting, checking, changing and removing a registry by its pages."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from kombu.exceptions import OperationalError

from registry_browser import tasks
from registry_browser.models import AuditEvent, Registry, RegistryState, SyncRun, TagEvent
from registry_browser.models.registry import SLUG
from tests.builders import push
from tests.fake_registry import Auth, FakeRegistry, Habits
from tests.record import NOW, Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client
    from pytest_django import Settings

SECRET = "tr0ub4dor-and-3"
DEFAULTS = {
    "name": "lab",
    "username": "",
    "secret": "",
    "sync_interval": "900",
    "check_interval": "86400",
    "concurrency": "16",
    "vanish_percent": "25",
    "verify_tls": "on",
}


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        push(registry, "team/web:1.0")
        yield registry


@pytest.fixture
def silent_url() -> str:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def filled(url: str, /, **fields: str) -> dict[str, str]:
    return {**DEFAULTS, "url": url, **fields}


def test_connecting_checks_stores_and_starts_the_first_sync(
    admin: Client, fake: FakeRegistry
) -> None:
    answer = admin.post("/registries/add/", filled(fake.url))

    registry = Registry.objects.get()
    run = SyncRun.objects.get()
    assert answer["Location"] == f"/runs/{run.pk}/"
    assert (registry.name, registry.url) == ("lab", fake.url)
    assert (run.registry, run.actor) == (registry, "some-admin")
    assert registry.sync_interval == timedelta(minutes=15)


def test_a_registry_that_does_not_answer_is_named_and_not_stored(
    admin: Client, silent_url: str
) -> None:
    answer = admin.post("/registries/add/", filled(silent_url))

    assert answer.status_code == 422
    assert not Registry.objects.exists()
    assert "refused" in answer.text
    assert "Connect anyway" in answer.text


def test_an_admin_may_connect_what_does_not_answer_yet(admin: Client, silent_url: str) -> None:
    admin.post("/registries/add/", filled(silent_url, anyway="1"))

    assert Registry.objects.get().url == silent_url


def test_a_check_says_what_answers_and_stores_nothing(admin: Client, fake: FakeRegistry) -> None:
    answer = admin.post(
        "/registries/check/", filled(fake.url, name=""), headers={"HX-Request": "true"}
    )

    assert answer.status_code == 200
    assert "CNCF distribution" in answer.text
    assert answer.text.lstrip().startswith('<div class="stack tight sticky-above" id="check"')
    assert not Registry.objects.exists()


def test_a_check_without_scripts_gives_the_page_with_what_was_filled_in(
    admin: Client, fake: FakeRegistry
) -> None:
    answer = admin.post("/registries/check/", filled(fake.url, name="my-lab", secret=SECRET))

    assert "<!doctype html>" in answer.text
    assert 'value="my-lab"' in answer.text
    assert SECRET not in answer.text


def test_a_check_names_refused_credentials(admin: Client) -> None:
    with FakeRegistry(Habits(auth=Auth.BASIC)) as fake:
        answer = admin.post(
            "/registries/check/",
            filled(fake.url, username="admin", secret=SECRET),
            headers={"HX-Request": "true"},
        )

    assert "Check the user name, the password" in answer.text
    assert SECRET not in answer.text


def test_a_check_of_something_else_says_that_it_is_no_registry(admin: Client) -> None:
    with FakeRegistry(Habits(prefix="/elsewhere")) as fake:
        answer = admin.post(
            "/registries/check/",
            filled(f"http://{fake.host}"),
            headers={"HX-Request": "true"},
        )

    assert "notice danger" in answer.text


def test_a_check_of_half_a_form_says_what_to_fill_in(admin: Client) -> None:
    answer = admin.post("/registries/check/", filled(""), headers={"HX-Request": "true"})

    assert "Not checked: fill in Address first." in answer.text


def test_credentials_go_to_a_foreign_token_service_only_once_it_is_confirmed(
    admin: Client,
) -> None:
    with FakeRegistry(Habits(auth=Auth.BEARER, token_on_other_port=True)) as fake:
        realm = f"{fake.annex_url.replace('127.0.0.1', 'localhost')}/token"
        fake.habits.token_realm = realm
        form = filled(fake.url, username="admin", secret="secret")

        asked = admin.post("/registries/add/", form)

        assert not Registry.objects.exists()
        assert not any("authorization" in map(str.lower, r.headers) for r in fake.requests)
        assert f'<input type="checkbox" name="token_realm" value="{realm}">' in asked.text

        admin.post("/registries/add/", {**form, "token_realm": realm})

    assert Registry.objects.get().token_realm == realm


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("url", "registry.example", "write it as https://host"),
        ("url", "https://me:pw@registry.example", "have fields of their own"),
        ("name", "Not A Slug", SLUG.message),
        ("secret", "pw", "A password or token needs a user name"),
        ("follow", "Team/../x", "is no repository path or namespace"),
        ("concurrency", "0", "Choose between 1 and 256"),
        ("vanish_percent", "200", "Choose a share above 0 and up to 1"),
        ("ca_certificate", "nonsense", "PEM form"),
    ],
)
def test_a_refusal_stands_at_its_field_and_says_the_next_step(
    field: str, value: str, sentence: str, admin: Client
) -> None:
    form = filled("https://registry.example", anyway="1", **{field: value})

    answer = admin.post("/registries/add/", form)

    at = "username" if field == "secret" else field
    error = answer.text.partition(f'id="id_{at}_error"')[2].partition("</div>")[0]
    assert answer.status_code == 422
    assert sentence in error
    assert not Registry.objects.exists()


def test_a_name_that_is_taken_is_refused(admin: Client) -> None:
    Record("lab")

    answer = admin.post("/registries/add/", filled("https://other.example", anyway="1"))

    assert "A registry named lab exists already" in answer.text


@pytest.fixture
def stored(db: None) -> Registry:
    registry = Record("prod").registry
    registry.username, registry.secret = "reader", SECRET
    registry.sync_interval = timedelta(minutes=7)
    registry.follow = ["team/", "base/alpine"]
    registry.save()
    return registry


def test_no_page_holds_the_stored_secret(admin: Client, stored: Registry) -> None:
    for address in ("/", "/registries/", "/registries/prod/", "/registries/prod/remove/"):
        assert SECRET not in admin.get(address).text


def test_the_settings_show_what_is_stored(admin: Client, stored: Registry) -> None:
    page = admin.get("/registries/prod/").text

    assert 'value="https://registry.example"' in page
    assert "team/\nbase/alpine" in page
    assert '<option value="420" selected>every 7 minutes</option>' in page
    assert "One is stored. Leave this empty to keep it." in page


def edited(**fields: str) -> dict[str, str]:
    return filled("https://registry.example", **{"username": "reader", **fields})


def test_an_empty_password_keeps_the_stored_one(admin: Client, stored: Registry) -> None:
    admin.post("/registries/prod/", edited(concurrency="4"))

    stored.refresh_from_db()
    assert (stored.secret, stored.concurrency) == (SECRET, 4)


def test_taking_the_user_name_away_takes_the_password_too(admin: Client, stored: Registry) -> None:
    admin.post("/registries/prod/", edited(username=""))

    stored.refresh_from_db()
    assert (stored.username, stored.secret) == ("", "")


def test_the_stored_password_is_not_sent_to_another_host(
    admin: Client, stored: Registry, fake: FakeRegistry
) -> None:
    fake.habits = Habits(auth=Auth.BASIC)

    checked = admin.post("/registries/check/", edited(url=fake.url, stored="prod"))
    saved = admin.post("/registries/prod/", edited(url=fake.url))

    assert checked.status_code == 200
    assert "enter the password again" in saved.text
    stored.refresh_from_db()
    assert stored.url == "https://registry.example"
    assert not any(SECRET in str(request.headers) for request in fake.requests)


@pytest.mark.parametrize("spelled", ["http://localhost", "HTTP://LOCALHOST"])
def test_a_check_uses_the_stored_password_at_its_own_host(
    admin: Client, stored: Registry, spelled: str
) -> None:
    with FakeRegistry(Habits(auth=Auth.BASIC, users={"reader": SECRET})) as fake:
        port = fake.url.rpartition(":")[2]
        Registry.objects.update(url=f"http://localhost:{port}")
        answer = admin.post("/registries/check/", edited(url=f"{spelled}:{port}", stored="prod"))

    assert "CNCF distribution" in answer.text
    assert SECRET not in answer.text


def test_the_name_of_a_registry_stays(admin: Client, stored: Registry) -> None:
    admin.post("/registries/prod/", edited(name="other"))

    assert Registry.objects.get().name == "prod"


def test_removing_needs_the_name_typed(admin: Client, stored: Registry) -> None:
    refused = admin.post("/registries/prod/remove/", {"words": "prd"})

    assert refused.status_code == 422
    assert "Nothing was removed." in refused.text
    assert Registry.objects.exists()


def test_removing_keeps_the_history(admin: Client, stored: Registry) -> None:
    TagEvent.objects.create(
        registry_id=stored.pk, repository_id=1, registry_name="prod", path="team/web", tag="1.0",
        kind="created", new_digest=digest_of("a"), seen_at=NOW, source="sync",
    )  # fmt: skip

    answer = admin.post("/registries/prod/remove/", {"words": "prod"}, follow=True)

    assert not Registry.objects.exists()
    assert TagEvent.objects.filter(registry_name="prod").exists()
    assert AuditEvent.objects.filter(action="registry:removed", about="prod").exists()
    assert "Its history stays." in answer.text


@pytest.mark.parametrize(
    ("posted", "full", "whole"),
    [({}, False, True), ({"full": "1"}, True, True), ({"path": "team/web"}, False, False)],
)
def test_syncing_now_leads_to_the_run(
    posted: dict[str, str], full: bool, whole: bool, admin: Client
) -> None:
    Record().repository("team/web")

    answer = admin.post("/registries/prod/sync/", posted)

    run = SyncRun.objects.get()
    assert answer["Location"] == f"/runs/{run.pk}/"
    assert (run.full_check, run.whole) == (full, whole)


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_is_said_and_the_run_is_there(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    Record()

    def away(_run: int) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.crawl, "delay", away)
    answer = admin.post("/registries/prod/sync/", follow=True)

    assert "The message broker does not answer." in answer.text
    assert answer.redirect_chain == [(f"/runs/{SyncRun.objects.get().pk}/", 302)]


def test_an_unknown_repository_is_not_synced(admin: Client) -> None:
    Record()

    assert admin.post("/registries/prod/sync/?path=no/such").status_code == 404
    assert not SyncRun.objects.exists()


def test_the_list_says_how_each_registry_stands(viewer: Client) -> None:
    Record("well")
    ill = Record("ill").registry
    ill.state, ill.state_reason = RegistryState.UNREACHABLE, "ill.example refused the connection."
    ill.save()

    page = viewer.get("/registries/").text

    assert "Healthy" in page
    assert "ill.example refused the connection." in page
    assert "/registries/ill/" not in page


@pytest.mark.parametrize("address", ["/registries/none/", "/registries/none/remove/"])
def test_an_unknown_registry_is_not_found(address: str, admin: Client) -> None:
    assert admin.get(address).status_code == 404


def test_the_settings_of_a_registry_whose_secret_is_lost_can_be_read_and_checked(
    admin: Client, fake: FakeRegistry, settings: Settings
) -> None:
    admin.post("/registries/add/", filled(fake.url, username="robot", secret=SECRET, anyway="1"))
    settings.REGISTRY_KEYS = [Fernet.generate_key().decode()]

    page = admin.get("/registries/lab/")
    check = admin.post("/registries/check/", filled(fake.url, username="robot", stored="lab"))

    assert "One is stored" in page.text
    assert "REGISTRY_KEYS lacks the key" in check.text
