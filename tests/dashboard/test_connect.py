"""The registry of `manage.py up --registry`, before anything is asked of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboard.connect import connect
from registry_browser.models import Registry
from registry_browser.sync.registries import RegistryRefused


@pytest.mark.django_db
@pytest.mark.parametrize("name", [None, "acme"])
@pytest.mark.parametrize("address", ["http://[x/", "https://a\u2100b", "nonsense", ""])
def test_what_is_no_address_is_refused_with_a_sentence(address: str, name: str | None) -> None:
    with pytest.raises(RegistryRefused, match="This is no address of a registry"):
        connect(address, name=name, now=datetime.now(UTC))
    assert not Registry.objects.exists()
