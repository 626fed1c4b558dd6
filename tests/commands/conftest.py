"""The stage of the commands' tests: a command is run as `manage.py` runs it, and what it says is
kept.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from django.core.management import ManagementUtility
from django.db import connections

from tests.fake_registry import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: its status, and what it wrote to its two streams."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line that a refused command says."""
        assert self.status == 1, self
        assert self.out == ""
        [line] = self.err.splitlines()
        return line.removeprefix("CommandError: ")


@pytest.fixture
def manage(
    db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Runs `manage.py` with these words; `stdin` is what is piped in."""

    def run(*words: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        # A command closes its connection at the end; here the test's own transaction is in it.
        monkeypatch.setattr(connections, "close_all", lambda: None)
        capsys.readouterr()
        status = 0
        try:
            ManagementUtility(["manage.py", *words]).execute()
        except SystemExit as ended:
            status = int(ended.code or 0)
        said = capsys.readouterr()
        return Outcome(status, said.out, said.err)

    return run


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake
