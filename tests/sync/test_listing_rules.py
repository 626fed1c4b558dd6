"""Which repositories belong to a registry's sync."""

from __future__ import annotations

import pytest

from registry_browser.sync.reading.listing import is_followed

FOLLOWED = {
    "everything, where nothing is named": ("team/web", [], True),
    "a repository by its name": ("team/web", ["team/web"], True),
    "not one below it": ("team/web/beta", ["team/web"], False),
    "not one that begins like it": ("team/website", ["team/web"], False),
    "all below a namespace": ("team/web", ["team/"], True),
    "deep below a namespace": ("team/a/b/c", ["team/"], True),
    "not a repository of the namespace's name": ("team", ["team/"], False),
    "not a namespace that begins like it": ("teams/web", ["team/"], False),
    "any of several": ("b/web", ["a/", "b/web"], True),
    "none of several": ("c/web", ["a/", "b/web"], False),
}


@pytest.mark.parametrize(("path", "follow", "is_ours"), FOLLOWED.values(), ids=list(FOLLOWED))
def test_what_an_admin_follows(path: str, follow: list[str], is_ours: bool) -> None:
    assert is_followed(path, follow) is is_ours
