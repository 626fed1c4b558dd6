"""Scope and filter as SQL, for statements that the ORM cannot write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry_browser.queries.history_events import is_glob, like_pattern

if TYPE_CHECKING:
    from registry_browser.queries.history_events import HistoryFilter, Scope


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a statement has what scopes and filters speak about."""

    registry: str
    repository: str
    path: str
    tag: str


STOOD_COLUMNS = Columns("repository.registry_id", "repository.id", "repository.path", "span.tag")
EVENT_COLUMNS = Columns("event.registry_id", "event.repository_id", "event.path", "event.tag")


def conditions_of(
    scope: Scope, wanted: HistoryFilter, columns: Columns
) -> tuple[list[str], dict[str, Any]]:
    """Conditions to be joined by AND, and their parameters: those for scope, path and tag."""
    conditions = ["true"]
    parameters: dict[str, Any] = {}
    if scope.repository is not None:
        conditions.append(f"{columns.repository} = %(repository)s")
        parameters["repository"] = scope.repository
    elif scope.registries is not None:
        conditions.append(f"{columns.registry} = ANY(%(registries)s)")
        parameters["registries"] = list(scope.registries)
    # A repository's scope says it all; any other is narrowed by its own path and by the filter's.
    scope_path = scope.path if scope.repository is None else ""
    for name, path in (("scope_path", scope_path), ("path", wanted.path)):
        if is_glob(path):
            conditions.append(f"{columns.path} LIKE %({name})s")
            parameters[name] = like_pattern(path)
        elif path:
            # "0" follows "/": what is below `team` is between "team/" and "team0".
            conditions.append(
                f"({columns.path} = %({name})s OR {columns.path} >= %({name}_from)s"
                f" AND {columns.path} < %({name}_to)s)"
            )
            bare = path.rstrip("/")
            parameters |= {name: bare, f"{name}_from": f"{bare}/", f"{name}_to": f"{bare}0"}
    if wanted.tag:
        is_pattern = is_glob(wanted.tag)
        conditions.append(f"{columns.tag} {'LIKE' if is_pattern else '='} %(tag)s")
        parameters["tag"] = like_pattern(wanted.tag) if is_pattern else wanted.tag
    return conditions, parameters
