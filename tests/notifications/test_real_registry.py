"""A real registry tells a running dashboard what happens in it, while syncs run too."""

from __future__ import annotations

import http.client
import random
import subprocess
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.builders import HttpTarget, push
from tests.notifications.stage import REGISTRY, Stage, free_port
from tests.real_registry import Notified, RealRegistry
from tests.tools import require_tool
from tests.worker.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = [pytest.mark.registry, pytest.mark.worker]

CHANGES = 200
REPOSITORIES = ("team/api", "team/web", "tools/build")
TAGS = tuple(f"v{number}" for number in range(1, 25))


class Done(NamedTuple):
    """One thing that happened to one tag, between two moments."""

    kind: str
    old: str
    new: str
    began: datetime
    ended: datetime


@dataclass
class Script:
    """Changes a registry at random, and keeps what it did.

    A tag is not changed again before its last change stands in the ledger; meanwhile others are.
    """

    registry: RealRegistry
    stage: Stage
    skopeo: str
    choose: random.Random
    now: dict[tuple[str, str], str] = field(default_factory=dict)
    done: dict[tuple[str, str], list[Done]] = field(default_factory=lambda: defaultdict(list))
    order: list[tuple[str, str, str]] = field(default_factory=list)
    _pushed: int = 0

    def __post_init__(self) -> None:
        self._target = HttpTarget(self.registry.url)
        self.close = self._target.close

    def change(self) -> None:
        """One random change of one tag; a deletion by digest takes all tags on it along."""
        path, tag = self.choose.choice(REPOSITORIES), self.choose.choice(TAGS)
        self._wait_until_seen(path, tag)
        others = [name for where, name in self.now if where == path and name != tag]
        dice = self.choose.random()
        if dice < 0.3 and (path, tag) in self.now:
            self.delete(path, tag)
        elif dice < 0.4 and others:
            self.copy(path, self.choose.choice(sorted(others)), tag)
        else:
            self.push(path, tag)

    def push(self, path: str, tag: str) -> str:
        """Something new, over the tag if there is one."""
        self._pushed += 1
        began = datetime.now(UTC)
        image = push(self._target, f"{path}:{tag}", layers=("base", f"content {self._pushed}"))
        self._note(path, tag, image.digest, began)
        return image.digest

    def copy(self, path: str, tag: str, to: str) -> None:
        """What one tag points to, under another one too, as a person would do it."""
        place = f"docker://{self.registry.host}/{path}"
        began = datetime.now(UTC)
        insecure = ("--src-tls-verify=false", "--dest-tls-verify=false")
        subprocess.run(
            [self.skopeo, "copy", "--quiet", *insecure, f"{place}:{tag}", f"{place}:{to}"],
            check=True,
            capture_output=True,
        )
        self._note(path, to, self.now[path, tag], began)

    def delete(self, path: str, tag: str) -> None:
        """The manifest, and with it every tag that points to it."""
        digest = self.now[path, tag]
        began = datetime.now(UTC)
        parts = urlsplit(self.registry.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        connection.request("DELETE", f"/v2/{path}/manifests/{digest}")
        assert connection.getresponse().status == 202
        connection.close()
        for where, name in [place for place, held in self.now.items() if held == digest]:
            if where == path:
                self._note(path, name, "", began)

    def _wait_until_seen(self, path: str, tag: str) -> None:
        """The tag, and those that go with it, stand in the ledger as they are."""
        digest = self.now.get((path, tag))
        together = {tag} | {
            name for (where, name), held in self.now.items() if where == path and held == digest
        }

        def is_seen() -> bool:
            rows = self.stage.rows(
                "SELECT DISTINCT ON (tag) tag, new_digest FROM registry_browser_tagevent"
                " WHERE path = %s AND tag = ANY(%s) ORDER BY tag, id DESC",
                path,
                sorted(together),
            )
            last = {
                name: done[-1].new for name in together if (done := self.done.get((path, name)))
            }
            return dict(rows) == last

        until(is_seen, f"the dashboard has seen {path}:{tag}")

    def _note(self, path: str, tag: str, new: str, began: datetime) -> None:
        old = self.now.pop((path, tag), "")
        if new:
            self.now[path, tag] = new
        if old == new:
            return
        known = bool(self.done[path, tag])
        kind = "moved" if old and new else "deleted" if old else "restored" if known else "created"
        self.done[path, tag].append(Done(kind, old, new, began, datetime.now(UTC)))
        self.order.append((path, tag, new))


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


def test_the_ledger_equals_what_was_done_and_a_push_shows_without_a_sync_asked_for(
    stage: Stage, tmp_path: Path
) -> None:
    skopeo = require_tool("skopeo")
    port = free_port()
    stage.open(f"http://127.0.0.1:{port}")
    notified = Notified(f"{stage.url}/notify/{REGISTRY}", stage.secret)
    with (
        ExitStack() as ending,
        RealRegistry(tmp_path, port=port, notified=notified) as registry,
    ):
        script = Script(registry, stage, skopeo, random.Random(20261120))
        ending.callback(script.close)
        for path in REPOSITORIES:
            script.push(path, "kept")
        stage.start_worker()

        for number in range(CHANGES):
            script.change()
            if number % 25 == 0:
                assert stage.ask(f"registries/{REGISTRY}/sync/", method="POST")[0] == 202

        until(lambda: _tags(stage) == script.now and _is_quiet(stage), "the dashboard has seen all")
        _assert_ledger_equals(script, stage)

        digest = script.push("team/api", "fresh")
        until(
            lambda: stage.shown("team/api", "fresh") == digest,
            "the dashboard shows the push",
        )


def _assert_ledger_equals(script: Script, stage: Stage) -> None:
    found = defaultdict(list)
    rows = stage.rows(
        "SELECT path, tag, kind, old_digest, new_digest, not_before, seen_at, source"
        " FROM registry_browser_tagevent ORDER BY id"
    )
    for path, tag, *rest in rows:
        found[path, tag].append(rest)
    told = 0
    for place, done in script.done.items():
        ledger = found[place]
        assert [tuple(row[:3]) for row in ledger] == [each[:3] for each in done], (
            f"{place}\nledger: {_lines(ledger)}\ndone: {_lines(done)}"
        )
        for each, (*_, not_before, seen_at, source) in zip(done, ledger, strict=True):
            assert not_before is None or not_before <= each.ended, (place, each)
            assert each.began <= seen_at, (place, each)
            told += source == "notification"
    assert found.keys() == script.done.keys()
    # Where a sync was there before the notification, it saw the change itself.
    assert told > len(rows) / 2, f"{told} of {len(rows)} were told"


def _lines(rows: Sequence[Sequence[object]]) -> str:
    """What was seen, or done, one line each, short enough to compare."""
    return "".join("\n  " + " ".join(str(each)[:26] for each in row) for row in rows)


def _tags(stage: Stage) -> dict[tuple[str, str], str]:
    rows = stage.rows(
        "SELECT repository.path, tag.name, manifest.digest FROM registry_browser_tag tag"
        " JOIN registry_browser_repository repository ON repository.id = tag.repository_id"
        " JOIN registry_browser_manifest manifest ON manifest.id = tag.manifest_id"
    )
    return {(path, tag): digest for path, tag, digest in rows}


def _is_quiet(stage: Stage) -> bool:
    """Nothing told waits, and no sync is under way."""
    waiting = stage.rows(
        "SELECT (SELECT count(*) FROM registry_browser_toldevent WHERE outcome = 'waiting')"
        " + (SELECT count(*) FROM registry_browser_delivery WHERE state = 'received')"
        " + (SELECT count(*) FROM registry_browser_syncrun WHERE state IN ('queued', 'running'))"
    )
    return waiting == [(0,)]
