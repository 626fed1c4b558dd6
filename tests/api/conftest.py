"""The stage of the API's tests: a person of each role with a token, and a client that sends it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry_browser.models import ApiToken, Role, User
from tests.record import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponseBase

ROOT = "/api/v1/"


@dataclass(frozen=True, slots=True)
class Caller:
    """Asks the API as one user does, with a token; addresses are below `/api/v1/` unless they are
    absolute.
    """

    token: str
    user: User

    def ask(self, method: str, address: str, body: Any = None, **headers: str) -> Any:
        path = address if address.startswith(("/", "http")) else ROOT + address
        data = "" if body is None else json.dumps(body)
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        client = Client(raise_request_exception=False)
        return client.generic(method, path, data, content_type="application/json", headers=headers)

    def get(self, address: str, **headers: str) -> Any:
        return self.ask("GET", address, **headers)

    def read(self, address: str) -> Any:
        """The JSON of an answer that must be a success."""
        response = self.get(address)
        assert response.status_code == 200, response.content
        return response.json()

    def walk(self, address: str) -> list[Any]:
        """All rows of a list, page after page."""
        rows: list[Any] = []
        following: str | None = address
        while following:
            page = self.read(following)
            rows += page["results"]
            following = page["next"]
        return rows


def problem_of(response: HttpResponseBase, status: int, slug: str) -> Any:
    """The problem detail of an answer, which must be of this kind."""
    problem = json.loads(response.getvalue())
    assert response.status_code == status, problem
    assert response["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"/api/v1/docs/#problem-{slug}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"].startswith("/api/v1/")
    return problem


@pytest.fixture
def caller(db: None) -> Callable[[Role], Caller]:
    def of(role: Role) -> Caller:
        user = User.objects.create(username=f"the-{role}", role=role)
        return Caller(ApiToken.objects.issue(user, "tests", NOW), user)

    return of


@pytest.fixture
def viewer(caller: Callable[[Role], Caller]) -> Caller:
    return caller(Role.VIEWER)


@pytest.fixture
def auditor(caller: Callable[[Role], Caller]) -> Caller:
    return caller(Role.AUDITOR)


@pytest.fixture
def admin(caller: Callable[[Role], Caller]) -> Caller:
    return caller(Role.ADMIN)


@pytest.fixture
def stranger(db: None) -> Caller:
    return Caller("", User())


@pytest.fixture
def statements(db: None) -> Callable[[Callable[[], Any]], int]:
    """How many SQL statements something takes."""

    def count(action: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as captured:
            action()
        return len(captured)

    return count
