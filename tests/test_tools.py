"""A missing program is said locally and is a failure in CI."""

from __future__ import annotations

import pytest

from tests.tools import require_tool


def test_a_missing_program_skips_a_local_run_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        require_tool("no-such-program")


def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        require_tool("no-such-program")


def test_a_program_that_is_there_is_found() -> None:
    assert require_tool("python3").endswith("python3")
