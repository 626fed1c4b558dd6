"""The catalogue of parts: whatever it shows is fit for a page under the strict policy."""

import re
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines
from django.template.loader import get_template
from django.test import RequestFactory

from registry_browser.templatetags import registry_tags
from registry_browser.web.views.parts import SAMPLES, sample_context
from tests.templatetags.drawing import NOON

TEMPLATES = Path(settings.BASE_DIR, "templates")


def drawn(name: str) -> str:
    request = RequestFactory().get("/parts/")
    context = {**sample_context(NOON), "request": request}
    return str(get_template(f"parts/catalogue/{name}.html").render(context))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_has_no_inline_style_or_script(name: str) -> None:
    html = drawn(name)
    assert not re.search(r"\s(style|on\w+|hx-on[^=]*)=|<style|<script", html)
    assert "{{" not in html
    assert "{%" not in html


@pytest.mark.parametrize("name", SAMPLES)
def test_every_icon_of_a_sample_is_in_the_sprite(name: str, sprite: set[str]) -> None:
    assert set(re.findall(r'icons\.svg#([\w-]+)"', drawn(name))) <= sprite


def test_ids_are_unique_on_the_page() -> None:
    ids = Counter(re.findall(r'\sid="([^"]+)"', "".join(map(drawn, SAMPLES))))
    assert [name for name, times in ids.items() if times > 1] == []


def test_every_part_that_pages_can_write_is_in_the_catalogue() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (TEMPLATES / "parts").rglob("*.html")
    )
    tags = [
        name for name in registry_tags.register.tags if not re.search(rf"{{% {name}\b", sources)
    ]
    filters = [name for name in registry_tags.register.filters if f"|{name}" not in sources]
    assert sorted(tags + filters) == ["address", "kept", "mark", "plain_bytes",
                                      "platform", "query", "swap"]  # fmt: skip


def test_no_two_parts_share_a_name() -> None:
    from registry_browser.templatetags.registry_tags import PARTS

    names = [name for part in PARTS for name in (*part.register.tags, *part.register.filters)]
    assert len(names) == len(set(names))


def test_the_library_is_found_by_its_name() -> None:
    assert "registry_tags" in engines["django"].engine.libraries  # type: ignore[attr-defined]
