"""Digest chips, their marks, and platform chips."""

import re

import pytest

from registry_browser.oci.digest import Digest
from registry_browser.templatetags.digests import hue_of
from tests.templatetags.drawing import WEB, draw


@pytest.mark.parametrize(
    ("encoded", "hue"), [("0b7318a6", 10), ("993d8835", 1), ("00000000", 0), ("ffffffff", 3)]
)
def test_the_hue_is_the_first_eight_hex_digits_modulo_twelve(encoded: str, hue: int) -> None:
    assert hue_of(encoded + "0" * 56) == hue


def test_the_mark_has_six_bars_from_two_to_twelve_pixels() -> None:
    html = draw("{% mark value %}", value="sha256:0f" + "0f" * 31)
    heights = [int(height) for height in re.findall(r"v-(\d+)", html)]
    assert heights == [2, 12, 2, 12, 2, 12]


def test_a_chip_shows_twelve_digits_and_holds_the_whole_value() -> None:
    html = draw('{% digest value url="/there" %}', value=WEB)
    assert '<a class="quiet" href="/there"' in html
    assert f'title="{WEB}"' in html
    assert f'<code data-whole="{WEB}">0b7318a6c82d</code>' in html
    assert 'aria-label="Copy digest 0b7318a6c82d"' in html


def test_a_digest_value_draws_like_its_text() -> None:
    assert draw("{% digest v %}", v=Digest.parse(WEB)) == draw("{% digest v %}", v=WEB)


def test_sha256_is_named_only_where_the_chip_is_the_subject() -> None:
    assert "sha256:</span>" not in draw("{% digest v %}", v=WEB)
    assert "sha256:</span>" in draw("{% digest v subject=True %}", v=WEB)


def test_other_algorithms_are_always_named() -> None:
    assert "sha512:</span>" in draw("{% digest v %}", v="sha512:" + "ab" * 64)


def test_a_gone_chip_is_struck_through_and_may_lack_the_copy_button() -> None:
    html = draw("{% digest v gone=True copy=False size=8 %}", v=WEB)
    assert 'class="digest gone"' in html
    assert "<button" not in html
    assert ">0b7318a6</code>" in html


def test_on_its_own_page_a_digest_shows_all_digits_and_a_mark_twice_as_large() -> None:
    html = draw("{% whole_digest v %}", v=WEB)
    assert f"{WEB.removeprefix('sha256:')}</code>" in html
    assert 'width="34" height="24"' in html


def test_linux_goes_without_saying() -> None:
    html = draw("{% platforms p %}", p=["linux/amd64", "linux/arm/v7", "windows/amd64"])
    assert re.findall(r'class="chip">([^<]*)', html) == ["amd64", "arm/v7", "windows/amd64"]


def test_attestations_are_metadata_and_never_an_unknown_platform() -> None:
    html = draw("{% platforms p metadata=2 %}", p=["unknown/unknown", "linux/amd64"])
    assert "unknown" not in html
    assert html.endswith('<span class="chip metadata">+3 metadata</span></span>')


def test_hostile_platforms_and_addresses_stay_text() -> None:
    html = draw("{% platforms p %}{% digest v url=u %}", p=["<b>"], v=WEB, u='"><script>')
    assert "<b>" not in html
    assert "<script>" not in html
