"""Pull commands in the shape that the pull box draws: a row a tool, by tag and by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_browser.queries.pull import PullCommand

Parts = dict[str, str]


def pull_rows(commands: Sequence[PullCommand]) -> list[tuple[str, Parts | None, Parts | None]]:
    """(tool, by tag, by digest) in the order of the commands."""
    by_tool: dict[str, dict[str, Parts]] = {}
    for command in commands:
        by_tool.setdefault(command.tool, {})[command.by] = {
            "before": command.before,
            "host": f"{command.host}/",
            "path": command.path,
            "reference": command.pin,
            "after": command.after,
        }
    return [(tool, each.get("tag"), each.get("digest")) for tool, each in by_tool.items()]
