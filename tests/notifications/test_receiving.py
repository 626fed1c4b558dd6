"""The door, and what is kept of what comes through it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry_browser import tasks
from registry_browser.models import (
    Delivery,
    DeliveryState,
    NotificationEndpoint,
    NotificationKind,
    Registry,
    SyncItem,
    SyncRun,
    SyncTrigger,
    ToldEvent,
)
from registry_browser.notifications.endpoints import close_endpoint, open_endpoint
from registry_browser.notifications.receive import MAX_BODY
from registry_browser.notifications.run import forget_old_deliveries, forgotten_endpoints
from tests.notifications.bodies import A, B, deleted, distribution, pubsub, pulled, pushed
from tests.notifications.conftest import NAME, NOW

if TYPE_CHECKING:
    from tests.notifications.conftest import Sender

PUSH = distribution(pushed("team/app", "v1"))


# -- Who is let in


def test_the_secret_opens_the_door_in_a_header_or_in_the_address(sender: Sender) -> None:
    basic = base64.b64encode(f"any:{sender.secret}".encode()).decode()

    answers = [
        sender.post(PUSH).status_code,
        sender.post(PUSH, secret=sender.secret, headers={}).status_code,
        sender.post(PUSH, headers={"Authorization": sender.secret}).status_code,
        sender.post(PUSH, headers={"Authorization": f"Basic {basic}"}).status_code,
    ]

    assert answers == [202] * 4


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer ✗"},
        {"X-Hub-Signature-256": "sha256=00"},
        {"X-Hub-Signature-256": ""},
    ],
)
def test_without_the_secret_nobody_is_let_in_and_nothing_is_kept(
    sender: Sender, endpoint: NotificationEndpoint, headers: dict[str, str]
) -> None:
    answer = sender.post(PUSH, headers=headers)

    assert answer.status_code == 401
    assert answer.content == b""
    assert not Delivery.objects.exists()
    assert sender.sent == []
    endpoint.refresh_from_db()
    assert endpoint.refused_count == 1


def test_a_wrong_secret_an_endpoint_that_is_closed_and_no_registry_look_the_same(
    sender: Sender, endpoint: NotificationEndpoint
) -> None:
    wrong = sender.post(PUSH, secret="rbn_wrong", headers={})
    elsewhere = sender.post(PUSH, name="elsewhere")
    close_endpoint(endpoint, actor="admin", now=NOW)
    closed = sender.post(PUSH)

    assert wrong.status_code == elsewhere.status_code == closed.status_code == 401
    assert wrong.content == elsewhere.content == closed.content
    assert dict(wrong.headers) == dict(elsewhere.headers) == dict(closed.headers)


def test_the_secret_of_one_registry_does_not_open_another(sender: Sender) -> None:
    other = Registry.objects.create(name="other", url="http://other.test", created_at=NOW)
    open_endpoint(other, actor="admin", now=NOW)

    assert sender.post(PUSH, name="other").status_code == 401


def test_a_new_secret_ends_the_one_before(sender: Sender, registry: Registry) -> None:
    renewed = open_endpoint(registry, actor="admin", now=NOW)

    assert sender.post(PUSH).status_code == 401
    assert sender.post(PUSH, secret=renewed.secret, headers={}).status_code == 202


def test_refusals_are_counted_once_a_second_at_most(
    sender: Sender, endpoint: NotificationEndpoint
) -> None:
    for _ in range(20):
        sender.post(PUSH, headers={})

    endpoint.refresh_from_db()
    assert 1 <= endpoint.refused_count < 20


def test_github_is_let_in_by_its_signature_over_the_raw_body(sender: Sender) -> None:
    body = json.dumps({"zen": "…"}).encode()
    signature = hmac.new(sender.secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": "ping", "X-Hub-Signature-256": f"sha256={signature}"}

    assert sender.post(body, headers=headers).status_code == 202
    assert sender.post(body + b" ", headers=headers).status_code == 401


def test_only_what_is_posted_is_taken(sender: Sender) -> None:
    assert Client().get(f"/notify/{NAME}/{sender.secret}").status_code == 405


# -- Handshakes


def test_event_grid_gets_a_200_with_its_code(sender: Sender) -> None:
    event = {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "512d38b6"},
    }

    answer = sender.post([event], secret=sender.secret, headers={})

    assert answer.status_code == 200
    assert json.loads(answer.content) == {"validationResponse": "512d38b6"}


def test_cloud_events_are_told_that_they_are_welcome(sender: Sender) -> None:
    answer = sender.options({"WebHook-Request-Origin": "eventgrid.azure.net"})

    assert answer.status_code == 200
    assert answer["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert answer["WebHook-Allowed-Rate"] == "*"


def test_a_handshake_without_the_secret_is_refused(sender: Sender) -> None:
    sender.secret = "rbn_wrong"

    assert sender.options({"WebHook-Request-Origin": "x"}).status_code == 401


# -- What is kept


def test_a_delivery_is_kept_as_it_came_without_credentials(sender: Sender) -> None:
    body = json.dumps(PUSH, indent=3).encode()
    headers = {
        "Authorization": f"Bearer {sender.secret}",
        "X-Hub-Signature-256": "sha256=00",
        "User-Agent": "Go-http-client/1.1",
    }

    sender.post(body, headers=headers)

    delivery = Delivery.objects.get()
    assert bytes(delivery.body) == body
    assert delivery.kind == NotificationKind.DISTRIBUTION
    assert delivery.state == DeliveryState.RECEIVED
    assert delivery.headers["user-agent"] == "Go-http-client/1.1"
    assert sender.secret not in json.dumps(delivery.headers)
    assert delivery.headers["x-hub-signature-256"] == "(left out)"


def test_what_it_tells_is_kept_in_order_with_both_clocks(sender: Sender) -> None:
    sender.post(
        distribution(pushed("team/app", "v1"), deleted("team/app", tag="v2"), pushed("other"))
    )

    told = list(ToldEvent.objects.order_by("pk"))
    assert [(each.path, each.tag, each.deletes) for each in told] == [
        ("team/app", "v1", False),
        ("team/app", "v2", True),
        ("other", "", False),
    ]
    assert [each.actor for each in told] == ["alice", "", "alice"]
    assert all(each.at <= each.received_at for each in told)


def test_what_is_sent_again_counts_once(sender: Sender) -> None:
    answers = [sender.post(PUSH).status_code for _ in range(3)]

    assert answers == [202] * 3
    assert Delivery.objects.get().repeats == 2
    assert ToldEvent.objects.count() == 1


def test_an_event_that_comes_in_two_deliveries_counts_once(sender: Sender) -> None:
    sender.post(PUSH)
    sender.post(distribution(pushed("team/app", "v1"), pushed("team/app", "v2")))

    assert Delivery.objects.count() == 2
    assert list(ToldEvent.objects.values_list("tag", flat=True)) == ["v1", "v2"]


def test_a_body_that_tells_no_time_is_news_each_time(sender: Sender) -> None:
    quay = {"repository": "ns/name", "docker_url": "quay.io/ns/name", "updated_tags": ["v1"]}

    sender.post(quay)
    sender.post(quay)

    assert ToldEvent.objects.count() == 2


def test_pulls_are_counted_and_not_kept(sender: Sender, endpoint: NotificationEndpoint) -> None:
    for _ in range(5):
        sender.post(distribution(pulled("team/app"), pulled("team/web")))

    assert not Delivery.objects.exists()
    assert sender.sent == []
    endpoint.refresh_from_db()
    assert endpoint.ignored_count == 10


def test_bad_json_is_kept_as_unreadable_and_refused(sender: Sender) -> None:
    answer = sender.post(b'{"events": [')

    assert answer.status_code == 400
    delivery = Delivery.objects.get()
    assert delivery.state == DeliveryState.UNREADABLE
    assert "not JSON" in delivery.detail
    assert sender.sent == []


def test_a_kind_that_nobody_knows_is_kept_and_syncs_nothing(sender: Sender) -> None:
    answer = sender.post({"hello": "world"})

    assert answer.status_code == 202
    delivery = Delivery.objects.get()
    assert (delivery.kind, delivery.state) == (NotificationKind.UNKNOWN, DeliveryState.NOTHING)
    assert sender.sent == []


def test_a_huge_body_is_refused_and_not_kept(sender: Sender) -> None:
    assert sender.post(b" " * (MAX_BODY + 1)).status_code == 413
    assert sender.post(b" " * MAX_BODY).status_code == 400
    assert Delivery.objects.count() == 1


def test_what_google_tells_of_another_host_is_left_out(sender: Sender, registry: Registry) -> None:
    registry.url = "https://gcr.io"
    registry.save()

    sender.post(pubsub(action="INSERT", tag="gcr.io/p/img:v1"))
    other = pubsub(action="INSERT", tag="eu.gcr.io/p/img:v1")
    sender.post({**other, "message": {**other["message"], "messageId": "2"}})

    assert ToldEvent.objects.count() == 1
    assert Delivery.objects.filter(state=DeliveryState.NOTHING).count() == 1


def test_a_delivery_costs_a_constant_number_of_statements(sender: Sender) -> None:
    with CaptureQueriesContext(connection) as one:
        sender.post(PUSH)
    many_events = distribution(*(pushed(f"team/app{number}", "v1") for number in range(300)))
    with CaptureQueriesContext(connection) as many:
        sender.post(many_events)

    assert len(many) <= len(one)
    assert len(one) <= 16


# -- What becomes of it


def test_waiting_deliveries_become_one_sync_of_what_they_name(
    sender: Sender, registry: Registry, endpoint: NotificationEndpoint
) -> None:
    sender.post(distribution(pushed("team/app", "v1")))
    sender.post(distribution(pushed("team/web", "v1"), pushed("team/app", "v2", B)))
    assert sender.sent == [endpoint.pk]

    tasks.sync_told(endpoint.pk)

    run = SyncRun.objects.get()
    assert (run.trigger, run.whole) == (SyncTrigger.NOTIFICATION, False)
    assert set(SyncItem.objects.values_list("path", flat=True)) == {"team/app", "team/web"}
    assert set(Delivery.objects.values_list("state", "run")) == {(DeliveryState.SYNCED, run.pk)}
    assert sender.sent == [endpoint.pk, run.pk]


def test_what_arrives_afterwards_joins_the_run_under_way(
    sender: Sender, endpoint: NotificationEndpoint
) -> None:
    sender.post(distribution(pushed("team/app", "v1")))
    tasks.sync_told(endpoint.pk)

    sender.post(distribution(pushed("team/web", "v1")))
    tasks.sync_told(endpoint.pk)

    run = SyncRun.objects.get()
    assert SyncItem.objects.filter(run=run).count() == 2


def test_a_message_that_comes_twice_does_nothing_the_second_time(
    sender: Sender, endpoint: NotificationEndpoint
) -> None:
    sender.post(PUSH)
    tasks.sync_told(endpoint.pk)
    SyncRun.objects.all().delete()

    tasks.sync_told(endpoint.pk)

    assert not SyncRun.objects.exists()


def test_a_repository_that_is_not_followed_is_not_synced(
    sender: Sender, registry: Registry, endpoint: NotificationEndpoint
) -> None:
    registry.follow = ["team/"]
    registry.save()

    sender.post(distribution(pushed("elsewhere/app", "v1")))
    tasks.sync_told(endpoint.pk)

    assert not SyncRun.objects.exists()
    assert Delivery.objects.get().state == DeliveryState.NOTHING


def test_deliveries_whose_message_was_lost_are_found(
    sender: Sender, endpoint: NotificationEndpoint
) -> None:
    sender.post(PUSH)
    endpoint.refresh_from_db()
    assert endpoint.due_at is not None

    assert forgotten_endpoints(endpoint.due_at + timedelta(seconds=10)) == []
    assert forgotten_endpoints(endpoint.due_at + timedelta(seconds=30)) == [endpoint.pk]


def test_ten_thousand_events_become_one_run_and_none_is_lost(
    sender: Sender, endpoint: NotificationEndpoint
) -> None:
    for batch in range(10):
        sender.post(
            distribution(
                *(pushed(f"team/app{number % 50}", f"v{batch}-{number}") for number in range(1000))
            )
        )
    tasks.sync_told(endpoint.pk)

    assert ToldEvent.objects.count() == 10_000
    assert SyncItem.objects.count() == 50
    assert SyncRun.objects.count() == 1


def test_old_deliveries_are_forgotten_and_waiting_ones_are_not(
    sender: Sender, endpoint: NotificationEndpoint
) -> None:
    sender.post({"hello": "world"})
    sender.post(distribution(pushed("team/app", "v1", A)))
    later = Delivery.objects.latest("pk").received_at + timedelta(days=15)

    forget_old_deliveries(later)

    assert Delivery.objects.get().state == DeliveryState.RECEIVED


@pytest.mark.parametrize("opened_again", [False, True], ids=["closed", "opened again"])
def test_what_waits_at_a_door_that_was_closed_is_forgotten_in_time(
    sender: Sender, registry: Registry, endpoint: NotificationEndpoint, opened_again: bool
) -> None:
    sender.post(PUSH)
    told_at = Delivery.objects.get().received_at
    close_endpoint(endpoint, actor="admin", now=NOW)
    if opened_again:
        open_endpoint(registry, actor="admin", now=NOW)

    forget_old_deliveries(told_at + timedelta(days=13))
    assert Delivery.objects.exists()

    forget_old_deliveries(told_at + timedelta(days=15))
    assert not Delivery.objects.exists()
