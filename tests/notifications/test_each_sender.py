"""Every kind of sender at the door: let in, understood, synced once, and nobody else."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry_browser import tasks
from registry_browser.models import (
    Delivery,
    DeliveryState,
    NotificationEndpoint,
    SyncItem,
    ToldEvent,
)
from registry_browser.models import NotificationKind as Kind
from registry_browser.notifications.receive import MAX_BODY
from tests.notifications.bodies import (
    ACR_PUSH,
    CLOUD_EVENT,
    EVENT_GRID,
    GHCR,
    HARBOR,
    HARBOR_CLOUD,
    HUB,
    QUAY,
    A,
    distribution,
    pubsub,
    pulled,
    pushed,
)
from tests.notifications.test_google import ACCOUNT, AUDIENCE, published, token

if TYPE_CHECKING:
    from registry_browser.models import Registry
    from registry_browser.notifications.google import Jwk
    from tests.notifications.conftest import Sender


@dataclass(frozen=True)
class Spoken:
    """What one kind of sender posts, and the repository that it names. `host` is the registry's
    where the sender speaks for several; `signs`: it knows the secret and does not send it.
    """

    kind: Kind
    body: object
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    host: str = ""
    signs: bool = False
    is_dated: bool = True


V3 = {"Content-Type": "application/vnd.docker.distribution.events.v2+json"}
SPOKEN = {
    "distribution 2.8": Spoken(Kind.DISTRIBUTION, distribution(pushed("a/b", "v1")), "a/b"),
    "distribution 3": Spoken(
        Kind.DISTRIBUTION,
        distribution(
            pushed("a/b", "v1", source={"addr": "host:5000", "instanceID": "cffea8ac"}),
        ),
        "a/b",
        headers=V3,
    ),
    "Azure webhook": Spoken(Kind.ACR, ACR_PUSH, "hello-world"),
    "Event Grid": Spoken(
        Kind.EVENT_GRID, [EVENT_GRID], "hello-world", {"aeg-event-type": "Notification"}
    ),
    "Event Grid, CloudEvents": Spoken(
        Kind.EVENT_GRID,
        CLOUD_EVENT,
        "hello-world",
        {"Content-Type": "application/cloudevents+json"},
    ),
    "Google": Spoken(
        Kind.PUBSUB,
        pubsub(action="INSERT", digest=f"gcr.io/p/img@{A}", tag="gcr.io/p/img:v1"),
        "p/img",
        host="https://gcr.io",
    ),
    "Docker Hub": Spoken(Kind.DOCKER_HUB, HUB, "svendowideit/testhook"),
    "Harbor": Spoken(Kind.HARBOR, HARBOR, "proj/repo"),
    "Harbor, CloudEvents": Spoken(Kind.HARBOR, HARBOR_CLOUD, "proj/repo"),
    "Quay": Spoken(Kind.QUAY, QUAY, "ns/name", is_dated=False),
    "GitHub": Spoken(
        Kind.GHCR,
        GHCR,
        "owner/img",
        {"X-GitHub-Event": "package", "X-GitHub-Delivery": "72d3162e"},
        signs=True,
    ),
}


@pytest.fixture(params=list(SPOKEN.values()), ids=list(SPOKEN))
def spoken(request: pytest.FixtureRequest, registry: Registry) -> Spoken:
    said: Spoken = request.param
    if said.host:
        registry.url = said.host
        registry.save()
    return said


def say(sender: Sender, spoken: Spoken, *, secret: str = "", raw: bytes | None = None) -> int:
    """Post as the sender does, with the endpoint's secret or another one: the status."""
    body = json.dumps(spoken.body).encode() if raw is None else raw
    key = secret or sender.secret
    signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    proof = (
        {"X-Hub-Signature-256": f"sha256={signature}"}
        if spoken.signs
        else {"Authorization": f"Bearer {key}"}
    )
    return sender.post(body, headers={**spoken.headers, **proof}).status_code


def test_what_it_tells_is_stored_and_becomes_a_sync_of_what_it_names(
    sender: Sender, endpoint: NotificationEndpoint, spoken: Spoken
) -> None:
    assert say(sender, spoken) == 202

    delivery = Delivery.objects.get()
    assert (delivery.kind, delivery.state) == (spoken.kind, DeliveryState.RECEIVED)
    assert delivery.events == ToldEvent.objects.count() > 0
    assert sender.sent == [endpoint.pk]
    tasks.sync_told(endpoint.pk)
    assert [item.path for item in SyncItem.objects.all()] == [spoken.path]
    endpoint.refresh_from_db()
    assert endpoint.kind == spoken.kind


def test_with_a_wrong_secret_it_is_not_let_in(
    sender: Sender, endpoint: NotificationEndpoint, spoken: Spoken
) -> None:
    assert say(sender, spoken, secret="rbn_wrong") == 401

    assert not Delivery.objects.exists()
    assert sender.sent == []
    endpoint.refresh_from_db()
    assert (endpoint.refused_count, endpoint.kind) == (1, "")


def test_a_replay_counts_once_where_its_time_tells_it_from_news(
    sender: Sender, spoken: Spoken
) -> None:
    say(sender, spoken)
    told = ToldEvent.objects.count()

    assert [say(sender, spoken) for _ in range(2)] == [202, 202]

    if spoken.is_dated:
        assert Delivery.objects.get().repeats == 2
        assert ToldEvent.objects.count() == told
    else:
        assert ToldEvent.objects.count() == 3 * told


def test_a_huge_body_is_refused_and_one_that_is_cut_off_is_kept_as_unreadable(
    sender: Sender, spoken: Spoken
) -> None:
    assert say(sender, spoken, raw=b" " * (MAX_BODY + 1)) == 413
    assert not Delivery.objects.exists()

    assert say(sender, spoken, raw=json.dumps(spoken.body).encode()[:-5]) == 400
    assert Delivery.objects.get().state == DeliveryState.UNREADABLE
    assert sender.sent == []


def test_all_values_of_another_type_tell_nothing_and_break_nothing(
    sender: Sender, spoken: Spoken
) -> None:
    """Each text of the document in turn is a number, a list, and an object."""
    others: tuple[object, ...] = (7, [], {"a": None})
    for number in range(_texts(spoken.body)):
        for wrong in others:
            broken = _with_text(spoken.body, number, wrong)
            status = say(sender, spoken, raw=json.dumps(broken).encode())
            assert status in (202, 400), (number, wrong)


@pytest.mark.parametrize(
    "body",
    [
        distribution(pulled("a/b")),
        {**ACR_PUSH, "action": "pull"},
        {**HARBOR, "type": "PULL_ARTIFACT"},
        {**HARBOR_CLOUD, "type": "harbor.artifact.pulled"},
    ],
    ids=["distribution", "Azure webhook", "Harbor", "Harbor, CloudEvents"],
)
def test_pulls_such_as_our_own_syncs_are_not_kept(
    sender: Sender, endpoint: NotificationEndpoint, body: object
) -> None:
    assert sender.post(body).status_code == 202

    assert not Delivery.objects.exists()
    assert sender.sent == []
    endpoint.refresh_from_db()
    assert endpoint.ignored_count == 1


# -- Google's signature instead of the secret


@pytest.fixture
def trusted(
    registry: Registry, endpoint: NotificationEndpoint, monkeypatch: pytest.MonkeyPatch
) -> NotificationEndpoint:
    """An endpoint that lets in what Google signs for an account; its keys are the tests'."""
    monkeypatch.setattr("registry_browser.web.views.notify.published_key", published)
    registry.url = "https://gcr.io"
    registry.save()
    endpoint.google_account, endpoint.google_audience = ACCOUNT, AUDIENCE
    endpoint.save()
    return endpoint


def _bearer(**claims: Any) -> dict[str, str]:
    now = datetime.now(UTC)
    times = {"iat": now.timestamp(), "exp": (now + timedelta(hours=1)).timestamp()}
    return {"Authorization": f"Bearer {token(**{**times, **claims})}"}


def test_google_is_let_in_by_its_signature_for_the_account_and_the_audience(
    sender: Sender, trusted: NotificationEndpoint
) -> None:
    said = SPOKEN["Google"].body

    assert sender.post(said, headers=_bearer()).status_code == 202
    assert ToldEvent.objects.get().path == "p/img"
    for other in ({"aud": "https://elsewhere.test"}, {"email": "x@y.test"}, {"exp": 1}):
        assert sender.post(said, headers=_bearer(**other)).status_code == 401


def test_google_is_not_let_in_where_no_account_is_named(
    sender: Sender, trusted: NotificationEndpoint
) -> None:
    trusted.google_account = ""
    trusted.save()

    assert sender.post(SPOKEN["Google"].body, headers=_bearer()).status_code == 401


def test_while_googles_keys_cannot_be_had_google_is_asked_to_send_again(
    sender: Sender, trusted: NotificationEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_kid: str) -> Jwk | None:
        raise OSError("no route")

    monkeypatch.setattr("registry_browser.web.views.notify.published_key", unreachable)

    assert sender.post(SPOKEN["Google"].body, headers=_bearer()).status_code == 503
    assert not Delivery.objects.exists()


def _texts(document: object) -> int:
    """How many texts are in it, at any depth."""
    if isinstance(document, dict):
        return sum(_texts(each) for each in document.values())
    if isinstance(document, list):
        return sum(_texts(each) for each in document)
    return int(isinstance(document, str))


def _with_text(document: object, number: int, instead: object) -> object:
    """The document with one of its texts replaced."""
    left = [number]

    def copy(part: object) -> object:
        if isinstance(part, dict):
            return {name: copy(each) for name, each in part.items()}
        if isinstance(part, list):
            return [copy(each) for each in part]
        if isinstance(part, str):
            left[0] -= 1
            return instead if left[0] == -1 else part
        return part

    return copy(document)
