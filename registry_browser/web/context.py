"""What the frame of every page needs, as `page` and `now`."""

import tomllib
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from registry_browser.queries.deletions import plans_at_work
from registry_browser.queries.runs import running_runs

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"
TIMES_COOKIE = "times"

_PLACES = {
    "Overview": "overview",
    "Registries": "registries",
    "Space": "space-everywhere",
    "History": "history",
    "Deletions": "deletions",
    "Runs": "runs",
}
_PLACE_OF_PATH = {
    "r": "Registries",
    "i": "Registries",
    "registries": "Registries",
    "deletions": "Deletions",
    "runs": "Runs",
    "space": "Space",
    "history": "History",
    "": "Overview",
}
# Views of a place that belong to Space, whatever registry or path they are of.
_SPACE_VIEWS = ("space", "dangling", "sharing", "layers")


@cache
def version() -> str:
    """The version of this checkout."""
    pyproject = Path(__file__).resolve().parents[2] / "pyproject.toml"
    return str(tomllib.loads(pyproject.read_text())["project"]["version"])


class Page:
    """Read only by templates; what costs a statement is read when a template asks for it."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.version = version()
        theme = request.COOKIES.get(THEME_COOKIE, "")
        self.theme = theme if theme in THEMES else "auto"
        self.absolute_times = request.COOKIES.get(TIMES_COOKIE) == "absolute"

    @property
    def place(self) -> str:
        """Which of `places` is this page's, "" for none."""
        about = self._request.path.rpartition("/-/")[2].partition("/")[0]
        if about in _SPACE_VIEWS:
            return "Space"
        return _PLACE_OF_PATH.get(self._request.path.split("/")[1], "")

    @property
    def places(self) -> list[tuple[str, str]]:
        # The history of everything is for auditors; viewers find it with each repository.
        hidden = () if getattr(self._request.user, "is_auditor", False) else ("History",)
        return [(word, reverse(name)) for word, name in _PLACES.items() if word not in hidden]

    @cached_property
    def _running(self) -> list[str]:
        """The pages of all jobs under way."""
        user = self._request.user
        plans = [reverse("deletion", args=[pk]) for pk in plans_at_work(user)]
        return [*plans, *(reverse("run", args=[pk]) for pk in running_runs(user))]

    @property
    def running(self) -> int:
        """How many jobs run or wait to."""
        return len(self._running)

    @property
    def running_url(self) -> str:
        """The page of the one that runs, or the list of several."""
        return self._running[0] if self.running == 1 else reverse("runs")


def page(request: HttpRequest) -> dict[str, Any]:
    """The context processor."""
    return {"page": Page(request), "now": datetime.now(UTC)}
