"""What each kind of sender says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from registry_browser.models import NotificationKind as Kind
from registry_browser.notifications.formats import Unreadable, read
from registry_browser.notifications.formats.told import moment
from tests.notifications.bodies import (
    ACR_PUSH,
    CHART,
    CLOUD_EVENT,
    EVENT_GRID,
    GHCR,
    HARBOR,
    HARBOR_CLOUD,
    HUB,
    QUAY,
    A,
    B,
    deleted,
    distribution,
    pubsub,
    pulled,
    pushed,
)


def _read(document: object, **headers: str) -> Any:
    return read(json.dumps(document).encode(), {k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    ("document", "headers", "kind", "told"),
    [
        (distribution(pushed("a/b", "v1")), {}, Kind.DISTRIBUTION, [("a/b", "v1", A, False)]),
        (distribution(pushed("a/b")), {}, Kind.DISTRIBUTION, [("a/b", "", A, False)]),
        (
            distribution(deleted("a/b", digest=A), deleted("a/b", tag="v1")),
            {},
            Kind.DISTRIBUTION,
            [("a/b", "", A, True), ("a/b", "v1", "", True)],
        ),
        (distribution(deleted("a/b")), {}, Kind.DISTRIBUTION, [("a/b", "", "", True)]),
        (ACR_PUSH, {}, Kind.ACR, [("hello-world", "v1", A, False)]),
        (CHART, {}, Kind.ACR, [("repo", "", A, False)]),
        ([EVENT_GRID], {}, Kind.EVENT_GRID, [("hello-world", "v1", A, False)]),
        (CLOUD_EVENT, {}, Kind.EVENT_GRID, [("hello-world", "", A, True)]),
        (
            pubsub(action="INSERT", digest=f"gcr.io/p/img@{A}", tag="gcr.io/p/img:v1"),
            {},
            Kind.PUBSUB,
            [("p/img", "v1", A, False)],
        ),
        (
            pubsub(action="INSERT", digest=f"eu-docker.pkg.dev/p/r/img@{A}"),
            {},
            Kind.PUBSUB,
            [("p/r/img", "", A, False)],
        ),
        (
            pubsub(action="DELETE", tag="gcr.io/p/img:v1"),
            {},
            Kind.PUBSUB,
            [("p/img", "v1", "", True)],
        ),
        (HUB, {}, Kind.DOCKER_HUB, [("svendowideit/testhook", "latest", "", False)]),
        (HARBOR, {}, Kind.HARBOR, [("proj/repo", "v1", A, False)]),
        (HARBOR_CLOUD, {}, Kind.HARBOR, [("proj/repo", "", A, True)]),
        (QUAY, {}, Kind.QUAY, [("ns/name", "latest", "", False), ("ns/name", "v1", "", False)]),
        (
            GHCR,
            {"x_github_event": "package", "x_github_delivery": "d1"},
            Kind.GHCR,
            [("owner/img", "latest", A, False)],
        ),
    ],
    ids=lambda value: value.value if isinstance(value, Kind) else None,
)
def test_a_sender_is_known_by_its_shape_and_understood(
    document: object,
    headers: dict[str, str],
    kind: Kind,
    told: list[tuple[str, str, str, bool]],
) -> None:
    notice = _read(document, **headers)

    assert notice.kind is kind
    assert [(each.path, each.tag, each.digest, each.deletes) for each in notice.told] == told


def test_who_did_it_is_told_where_the_sender_says_so() -> None:
    actors = [
        _read(document, **headers).told[0].actor
        for document, headers in (
            (distribution(pushed("a/b", "v1")), {}),
            (HUB, {}),
            (HARBOR, {}),
            (GHCR, {"x_github_event": "package"}),
            (ACR_PUSH, {}),
        )
    ]

    assert actors == ["alice", "builder", "admin", "octocat", ""]


def test_pulls_and_blobs_are_counted_and_say_nothing() -> None:
    blob = pushed("a/b")
    blob["target"]["mediaType"] = "application/octet-stream"
    mount = {**pushed("a/b"), "action": "mount"}

    notice = _read(distribution(pulled("a/b"), blob, mount))

    assert (notice.told, notice.ignored) == ((), 3)


def test_event_grid_gets_its_code_back() -> None:
    event = {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "512d38b6", "validationUrl": "https://elsewhere.test/"},
    }

    notice = _read([event], aeg_event_type="SubscriptionValidation")

    assert notice.answer == {"validationResponse": "512d38b6"}
    assert notice.told == ()


@pytest.mark.parametrize(
    ("document", "headers"),
    [
        ({"id": "x", "action": "ping", "target": None, "request": {}}, {}),
        ({"zen": "Speak like a human."}, {"x_github_event": "ping"}),
        ({"zen": "…", "package": {"package_type": "npm"}}, {"x_github_event": "package"}),
        ({**HARBOR, "type": "SCANNING_COMPLETED"}, {}),
    ],
)
def test_a_test_or_what_changes_no_repository_names_nothing_and_says_why(
    document: object, headers: dict[str, str]
) -> None:
    notice = _read(document, **headers)

    assert notice.told == ()
    assert notice.remark


@pytest.mark.parametrize("document", [{}, [], None, 3, "text", {"hello": "world"}, [{"a": 1}]])
def test_a_shape_that_nobody_has_is_unknown(document: object) -> None:
    notice = _read(document)

    assert notice.kind is Kind.UNKNOWN
    assert notice.told == ()


@pytest.mark.parametrize(
    "event",
    [
        pushed("UPPER/case", "v1"),
        pushed("../etc", "v1"),
        pushed("a/b", "no tag"),
        pushed("a/b", "v1", digest="sha256:short"),
        {**pushed("a/b", "v1"), "target": None},
        {**pushed("a/b", "v1"), "action": ["push"]},
        {**pushed("a/b", "v1"), "target": {"repository": {"name": "a"}}},
        None,
    ],
)
def test_an_event_that_names_nothing_possible_is_left_out_and_the_others_count(
    event: object,
) -> None:
    notice = _read({"events": [event, pushed("a/b", "v2", B)]})

    assert [each.tag for each in notice.told] == ["v2"]
    assert notice.unusable == 1


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"{'a': 1}", b'{"message": ']
)
def test_what_is_not_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body, {})


def test_pubsub_data_that_is_not_base64_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="base64"):
        _read({"message": {"data": "%%%"}, "subscription": "s"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-20T20:32:25.862370814Z", datetime(2026, 11, 20, 20, 32, 25, 862370, UTC)),
        (1417566161, datetime(2014, 12, 3, 0, 22, 41, tzinfo=UTC)),
        ("2026-11-20T20:32:25", None),
        ("yesterday", None),
        (True, None),
        (float("inf"), None),
        (float("nan"), None),
        (10**30, None),
        (None, None),
    ],
)
def test_moments_are_read_and_nonsense_is_none(value: object, expected: datetime | None) -> None:
    assert moment(value) == expected


def test_the_same_event_has_the_same_key_and_another_has_another() -> None:
    first, again, other = (
        _read(distribution(event)).told[0].key
        for event in (pushed("a/b", "v1"), pushed("a/b", "v1"), pushed("a/b", "v2"))
    )

    assert first == again != other
