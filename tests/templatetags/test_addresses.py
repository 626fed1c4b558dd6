"""Addresses that are filled in are those that Django would find."""

import pytest
from django.urls import reverse

from registry_browser.templatetags.addresses import address
from tests.templatetags.drawing import WEB

PATH = "team-1/web_app/x.y"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("compare", []),
        ("place", ["prod.eu-1"]),
        ("place", ["prod", PATH]),
        ("history", ["prod", PATH]),
        ("history", ["prod", PATH, "v1.0_rc-2"]),
        ("tag", ["prod", "stand-in-2/stand-in-1", "stand-in-0"]),
        ("manifest", ["prod", PATH, WEB]),
        ("manifest", ["prod", PATH, "sha512:" + "0f" * 64]),
        ("layer", ["prod", WEB]),
        # What an address cannot hold as it is.
        ("place", ["prod", "team/a b%c?d#e"]),
    ],
)
def test_an_address_is_the_one_that_reverse_gives(name: str, args: list[str]) -> None:
    for _ in range(2):
        assert address(name, *args) == reverse(name, args=args)
