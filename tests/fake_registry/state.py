"""What the handlers of one fake registry share, and the log of what was asked of it."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fake_registry.faults import Faults
from tests.fake_registry.habits import Habits
from tests.fake_registry.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """One request as it arrived. ``target`` is path and query as sent; header names lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    site: str = "registry"  # or "annex": the second port, with token endpoint and blob storage

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class RequestLog:
    """Every request in the order of arrival. May be read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: list[RequestSeen] = []

    def add(self, request: RequestSeen) -> None:
        with self._lock:
            self._seen.append(request)

    def clear(self) -> None:
        with self._lock:
            self._seen.clear()

    def matching(self, method: str | None = None, target: str = "") -> list[RequestSeen]:
        """Return those with this method (None: any) whose path and query hold this regex."""
        pattern = re.compile(target)
        with self._lock:
            seen = list(self._seen)
        return [r for r in seen if method in (None, r.method) and pattern.search(r.target)]


@dataclass(slots=True)
class Token:
    """A bearer token that was handed out: what it may do, and how often still."""

    user: str
    access: dict[tuple[str, str], set[str]]  # (type, name) → actions
    uses_left: int | None = None


@dataclass(slots=True)
class State:
    """One registry: content, habits, faults, tokens and log."""

    store: Store = field(default_factory=Store)
    habits: Habits = field(default_factory=Habits)
    faults: Faults = field(default_factory=Faults)
    log: RequestLog = field(default_factory=RequestLog)
    tokens: dict[str, Token] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)  # token → user
    annex_port: int = 0
