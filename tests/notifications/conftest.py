"""A registry with an endpoint, somebody who tells it things, and no worker."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse

from registry_browser import tasks
from registry_browser.models import NotificationEndpoint, Registry
from registry_browser.notifications.endpoints import open_endpoint

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NAME = "reg"


class Sender:
    """Posts to an endpoint as a registry does, and knows which tasks that sent."""

    def __init__(self, secret: str, sent: list[int]) -> None:
        self.secret = secret
        self.sent = sent
        self._client = Client(enforce_csrf_checks=True)

    def post(
        self,
        body: object,
        *,
        name: str = NAME,
        secret: str = "",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Bytes as they are, anything else as JSON; with the right secret unless told otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.secret}"} if headers is None else headers
        place = reverse("notify-secret", args=[name, secret]) if secret else f"/notify/{name}"
        return self._client.post(place, data=raw, content_type="application/json", headers=sent)

    def options(self, headers: dict[str, str]) -> Answer:
        return self._client.options(f"/notify/{NAME}/{self.secret}", headers=headers)


@pytest.fixture
def registry(db: None) -> Registry:
    return Registry.objects.create(name=NAME, url="http://registry.test:5000", created_at=NOW)


@pytest.fixture
def endpoint(registry: Registry) -> NotificationEndpoint:
    return open_endpoint(registry, actor="admin", now=NOW)


@pytest.fixture
def sender(
    endpoint: NotificationEndpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> Sender:
    """What would be sent to the broker is kept in `sent` instead."""
    sent: list[int] = []
    monkeypatch.setattr(tasks, "_send_on_commit", lambda task, pk: sent.append(pk))
    return Sender(endpoint.secret, sent)
