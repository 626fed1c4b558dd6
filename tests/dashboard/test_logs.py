"""Log lines carry no secrets and no routine."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import structlog

from dashboard.logs import drop_routine, hide_secrets

LOGGER = logging.getLogger("test")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"password": "hunter2"}, {"password": "[hidden]"}),
        ({"Authorization": "Bearer x"}, {"Authorization": "[hidden]"}),
        (
            {"detail": {"api_key": "x", "user": "me"}},
            {"detail": {"api_key": "[hidden]", "user": "me"}},
        ),
        ({"broker": "redis://:hunter2@host/0"}, {"broker": "redis://[hidden]@host/0"}),
        ({"urls": ["https://me:x@host/v2/"]}, {"urls": ["https://[hidden]@host/v2/"]}),
        ({"request": "GET /sign-in/abc-_1/"}, {"request": "GET /sign-in/[hidden]/"}),
        ({"url": "http://host:5000/v2/"}, {"url": "http://host:5000/v2/"}),
        ({"count": 3}, {"count": 3}),
    ],
)
def test_secrets_are_hidden_by_name_and_inside_texts(
    fields: dict[str, Any], shown: dict[str, Any]
) -> None:
    assert hide_secrets(LOGGER, "info", dict(fields)) == shown


@pytest.mark.parametrize(
    "event",
    [
        {"event": "request_started", "level": "info"},
        {"event": "task_succeeded", "level": "info", "task": "tick"},
        {
            "event": "task_enqueued",
            "level": "info",
            "child_task_name": "registry_browser.tasks.tick",
        },
        {"event": "request_finished", "level": "info", "code": 200, "request": "GET /healthz"},
    ],
)
def test_routine_is_left_out(event: dict[str, Any]) -> None:
    with pytest.raises(structlog.DropEvent):
        drop_routine(LOGGER, "info", event)


@pytest.mark.parametrize(
    "event",
    [
        {"event": "task_failed", "level": "error", "task": "tick"},
        {"event": "request_finished", "level": "error", "code": 503, "request": "GET /readyz"},
    ],
)
def test_routine_that_fails_is_told(event: dict[str, Any]) -> None:
    assert drop_routine(LOGGER, "error", dict(event)) == event
