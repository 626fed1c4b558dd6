"""A real registry tells a running dashboard what happens in it, while syncs run too."""

from __future__ import annotations

import http.client
import random
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.builders import make_image
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
TAGS = tuple(f"v{number}" for number in range(1, 13))


class Done(NamedTuple):
    """One thing that happened to one tag, between two moments."""

    kind: str
    old: str
    new: str
    began: datetime
    ended: datetime


@dataclass
class Script:
    """Changes a registry at random, as fast as it can, and keeps what it did."""

    registry: RealRegistry
    skopeo: str
    scratch: Path
    choose: random.Random
    now: dict[tuple[str, str], str] = field(default_factory=dict)
    done: dict[tuple[str, str], list[Done]] = field(default_factory=lambda: defaultdict(list))
    _pushed: int = 0

    def change(self) -> None:
        """One random change of one tag; a deletion by digest takes all tags on it along."""
        path, tag = self.choose.choice(REPOSITORIES), self.choose.choice(TAGS)
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
        image = make_image(("base", f"content {self._pushed}"))
        source = self.scratch / f"{self._pushed}"
        source.mkdir(parents=True)
        (source / "version").write_text("Directory Transport Version: 1.1\n")
        (source / "manifest.json").write_bytes(image.body)
        for blob in image.blobs:
            assert blob.data is not None
            (source / blob.digest.removeprefix("sha256:")).write_bytes(blob.data)
        self._copy(f"dir:{source}", path, tag, image.digest)
        return image.digest

    def copy(self, path: str, tag: str, to: str) -> None:
        """What one tag points to, under another one too, as a person would do it."""
        place = f"docker://{self.registry.host}/{path}:{tag}"
        self._copy(place, path, to, self.now[path, tag])

    def _copy(self, source: str, path: str, tag: str, digest: str) -> None:
        began = datetime.now(UTC)
        insecure = ("--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests")
        target = f"docker://{self.registry.host}/{path}:{tag}"
        subprocess.run(
            [self.skopeo, "--insecure-policy", "copy", "--quiet", *insecure, source, target],
            check=True,
            capture_output=True,
        )
        self._note(path, tag, digest, began)

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

    def _note(self, path: str, tag: str, new: str, began: datetime) -> None:
        old = self.now.pop((path, tag), "")
        if new:
            self.now[path, tag] = new
        if old == new:
            return
        known = bool(self.done[path, tag])
        kind = "moved" if old and new else "deleted" if old else "restored" if known else "created"
        self.done[path, tag].append(Done(kind, old, new, began, datetime.now(UTC)))


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
    with RealRegistry(tmp_path, port=port, notified=notified) as registry:
        script = Script(registry, skopeo, tmp_path / "images", random.Random(20261120))
        for path in REPOSITORIES:
            script.push(path, "kept")
        stage.start_worker()
        stage.start_schedule(every=1)
        until(lambda: _tags(stage) == script.now, "a scheduled sync has seen what is kept")
        syncs = _scheduled(stage)

        for _ in range(CHANGES):
            script.change()

        assert _scheduled(stage) > syncs, "scheduled syncs ran meanwhile"
        until(lambda: _tags(stage) == script.now and _is_quiet(stage), "the dashboard has seen all")
        _assert_ledger_equals(script, stage)

        digest = script.push("team/api", "fresh")
        until(
            lambda: stage.shown("team/api", "fresh") == digest,
            "the dashboard shows the push",
        )


def _assert_ledger_equals(script: Script, stage: Stage) -> None:
    """Every change of every tag is there, in order, each between its bounds, and each was told:
    also where scheduled syncs saw the outcome first.
    """
    found = defaultdict(list)
    rows = stage.rows(
        "SELECT path, tag, kind, old_digest, new_digest, not_before, seen_at, source"
        " FROM registry_browser_tagevent WHERE tag <> 'kept' ORDER BY id"
    )
    for path, tag, *rest in rows:
        found[path, tag].append(rest)
    done_to = {place: done for place, done in script.done.items() if done and place[1] != "kept"}
    assert found.keys() == done_to.keys()
    for place, done in done_to.items():
        ledger = found[place]
        said = f"{place}\nledger: {_lines(ledger)}\ndone: {_lines(done)}"
        assert [tuple(row[:3]) for row in ledger] == [each[:3] for each in done], said
        for each, (*_, not_before, seen_at, source) in zip(done, ledger, strict=True):
            assert not_before is not None, said
            assert not_before <= each.ended, said
            assert each.began <= seen_at, said
            assert source == "notification", said


def _scheduled(stage: Stage) -> int:
    """How many syncs of everything there were; nothing but the schedule asks for those."""
    query = "SELECT count(*) FROM registry_browser_syncrun WHERE whole AND state = 'done'"
    return int(stage.rows(query)[0][0])


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
    """Nothing told waits, and nothing seen is held."""
    waiting = stage.rows(
        "SELECT (SELECT count(*) FROM registry_browser_toldevent WHERE outcome = 'waiting')"
        " + (SELECT count(*) FROM registry_browser_delivery WHERE state = 'received')"
        " + (SELECT count(*) FROM registry_browser_heldchange)"
    )
    return waiting == [(0,)]
