"""People who are signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

from registry_browser.models import Role, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Hashing a password is slow on purpose; here it is only in the way."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def sign_in(db: None) -> Callable[[str], Client]:
    """A browser in which somebody with this role is signed in; "anonymous" is nobody."""

    def client_of(role: str) -> Client:
        client = Client()
        if role != "anonymous":
            name = f"some-{role}"
            person = User.objects.filter(username=name).first() or User.objects.create_user(
                name, role=Role(role)
            )
            client.force_login(person)
        return client

    return client_of


@pytest.fixture
def admin(sign_in: Callable[[str], Client]) -> Client:
    return sign_in("admin")


@pytest.fixture
def viewer(sign_in: Callable[[str], Client]) -> Client:
    return sign_in("viewer")


@pytest.fixture
def auditor(sign_in: Callable[[str], Client]) -> Client:
    return sign_in("auditor")
