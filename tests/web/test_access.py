"""Who may open which page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.urls import URLPattern, get_resolver, reverse

from registry_browser.models import RunState, SyncRun, SyncTrigger, User
from registry_browser.models.deletion import DeletionPlan, Protection
from registry_browser.models.notification import Delivery, DeliveryState, NotificationKind
from registry_browser.models.registry import Registry
from tests.record import NOW, Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

# One sample of what each kind of address holds.
ARGUMENTS = {
    "registry": "prod",
    "name": "prod",
    "path": "team/web",
    "tag": "1.0",
    "digest": digest_of("app"),
    "reference": "registry.example/team/web:1.0",
    "token": "no-such-token",
    "secret": "no-such-secret",
    "form": "csv",
}

# What each page answers to a GET of: anonymous, viewer, admin. The rest of the pages answers a
# reader with 200 or leads on, and everybody else to the sign-in.
SHOWN_TO_ADMINS = ("delivery", "delivery-raw")
CHANGED_BY_ADMINS = (
    "deletion-plan",
    "notifications",
    "people",
    "registry-add",
    "registry-edit",
    "registry-remove",
)
ADMINS_ONLY = (*SHOWN_TO_ADMINS, *CHANGED_BY_ADMINS)
# The history of everything; that of a repository is open to viewers too.
AUDITORS_ONLY = (
    "audit",
    "audit-export",
    "history",
    "history-as-of",
    "history-between",
    "history-export",
    "history-home",
    "seals",
)
OPEN = ("sign-in", "sign-in-link")
POSTED_BY_ADMINS = (
    "deletion-approve",
    "deletion-cancel",
    "deletion-discard",
    "deletion-undo",
    "lock-remove",
    "registry-check",
    "registry-sync",
    "run-cancel",
    "run-believe",
)
POSTED = (
    *POSTED_BY_ADMINS,
    # Registries post to these; who they are is asked for by the door itself.
    "notify",
    "notify-secret",
    "seals-check",
    "seals-verify",
    "sign-out",
    "theme",
    "times",
)


def pages() -> list[str]:
    """The names of all pages, as the address book has them."""
    patterns = get_resolver("registry_browser.web.urls").url_patterns
    names = {each.name for each in patterns if isinstance(each, URLPattern) and each.name}
    return sorted(names - {"parts"})


@pytest.fixture
def addresses(db: None) -> Callable[[str], str]:
    record = Record()
    image = record.image("app", [record.layer("base", 1000)])
    record.tag(record.repository("team/web"), "1.0", image)
    run = SyncRun.objects.create(
        registry=record.registry,
        trigger=SyncTrigger.PERSON,
        state=RunState.DONE,
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW,
    )
    plan = DeletionPlan.objects.create(
        registry=record.registry,
        registry_name=record.registry.name,
        grace=timedelta(hours=24),
        creator="ada",
        created_at=NOW,
        as_of=NOW,
        expires_at=NOW,
    )
    lock = Protection.objects.create(
        registry=record.registry, path="team", reason="on show", actor="ada", created_at=NOW
    )
    delivery = Delivery.objects.create(
        registry=record.registry,
        key="one",
        kind=NotificationKind.DISTRIBUTION,
        state=DeliveryState.NOTHING,
        received_at=NOW,
        body=b"{}",
    )
    numbers = {"deletion": plan.pk, "lock": lock.pk, "delivery": delivery.pk}

    def address(name: str) -> str:
        patterns = get_resolver("registry_browser.web.urls").reverse_dict.getlist(name)
        parameters = patterns[-1][0][-1][1]
        known = {**ARGUMENTS, "pk": numbers.get(name.partition("-")[0], run.pk)}
        if name == "layer":
            known["digest"] = digest_of("base")
        return reverse(name, kwargs={each: known[each] for each in parameters})

    return address


@pytest.mark.parametrize("name", [name for name in pages() if name not in (*OPEN, *POSTED)])
def test_nobody_reads_a_page_without_a_sign_in(
    name: str, sign_in: Callable[[str], Client], addresses: Callable[[str], str]
) -> None:
    answer = sign_in("anonymous").get(addresses(name))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize("role", ["viewer", "auditor", "admin"])
@pytest.mark.parametrize(
    "name",
    [name for name in pages() if name not in (*ADMINS_ONLY, *AUDITORS_ONLY, *OPEN, *POSTED)],
)
def test_every_role_reads_every_page_of_the_record(
    name: str, role: str, sign_in: Callable[[str], Client], addresses: Callable[[str], str]
) -> None:
    answer = sign_in(role).get(addresses(name))

    assert answer.status_code in (200, 302)


@pytest.mark.parametrize("role", ["viewer", "auditor"])
@pytest.mark.parametrize("name", ADMINS_ONLY)
def test_pages_that_change_something_tell_others_who_may(
    name: str, role: str, sign_in: Callable[[str], Client], addresses: Callable[[str], str]
) -> None:
    User.objects.create_user("grace", role="admin")

    answer = sign_in(role).get(addresses(name))

    assert answer.status_code == 403
    assert "grace" in answer.text


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("auditor", 200), ("admin", 200)])
@pytest.mark.parametrize("name", AUDITORS_ONLY)
def test_the_whole_trail_is_for_auditors(
    name: str,
    role: str,
    status: int,
    sign_in: Callable[[str], Client],
    addresses: Callable[[str], str],
) -> None:
    assert sign_in(role).get(addresses(name)).status_code == status


@pytest.mark.parametrize("name", ADMINS_ONLY)
def test_admins_open_what_changes_something(
    name: str, admin: Client, addresses: Callable[[str], str]
) -> None:
    assert admin.get(addresses(name)).status_code == 200


@pytest.mark.parametrize("role", ["viewer", "auditor"])
@pytest.mark.parametrize("name", [*CHANGED_BY_ADMINS, *POSTED_BY_ADMINS])
def test_only_admins_post_changes(
    name: str, role: str, sign_in: Callable[[str], Client], addresses: Callable[[str], str]
) -> None:
    answer = sign_in(role).post(addresses(name), {"words": "prod"})

    assert answer.status_code == 403
    assert Registry.objects.filter(name="prod").exists()
    assert SyncRun.objects.count() == 1


@pytest.mark.parametrize("name", POSTED)
def test_what_changes_something_is_not_done_by_a_link(
    name: str, admin: Client, addresses: Callable[[str], str]
) -> None:
    assert admin.get(addresses(name)).status_code == 405


def test_a_person_who_is_deactivated_is_out_at_once(viewer: Client) -> None:
    User.objects.filter(username="some-viewer").update(is_active=False)

    assert viewer.get("/").status_code == 302
