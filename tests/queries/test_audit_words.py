"""Whatever the dashboard records about people has words on the audit page."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import registry_browser
from registry_browser.models import AuditEvent
from registry_browser.queries.audit import AuditRow
from tests.record import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(registry_browser.__file__).parent
MUST_BE_RECORDED = [
    *("sign-in:done", "sign-in:ended", "sign-in:refused", "role:changed"),
    *("token:made", "token:revoked"),
    *("registry:added", "registry:changed", "registry:removed", "sync:requested"),
    *("deletion:planned", "deletion:approved", "deletion:started", "deletion:ended"),
    *("deletion:undo-requested", "deletion:undone", "history:exported", "audit:exported"),
    *("history:verified", "history:broken", "notifications:opened", "notifications:closed"),
    *("notifications:secret-changed", "lock:added", "lock:removed"),
]


def recorded_actions() -> set[str]:
    """The actions that the code gives to `audit.record`, by itself or through a function that
    only puts its subject before a verb.
    """
    return {action for file in HOME.rglob("*.py") for action in _actions_in(file)}


def _actions_in(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_text())
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in _calls(function, "record"):
            subject = _subject(call.args[0])
            if subject:
                for outer in _calls(tree, function.name):
                    yield from (f"{subject}{verb}" for verb in _texts(outer.args[0]))
            yield from _texts(call.args[0])
            if isinstance(call.args[0], ast.Name):
                yield from _values_of(call.args[0].id, function, tree)


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called == name:
                yield node


def _subject(given: ast.expr) -> str:
    """What stands before the verb in `f"deletion:{verb}"`."""
    if not isinstance(given, ast.JoinedStr) or not isinstance(given.values[0], ast.Constant):
        return ""
    return str(given.values[0].value)


def _texts(given: ast.expr) -> Iterator[str]:
    """The texts that an expression may be."""
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        yield given.value
    if isinstance(given, ast.IfExp):
        yield from _texts(given.body)
        yield from _texts(given.orelse)


def _values_of(name: str, function: ast.FunctionDef, tree: ast.AST) -> Iterator[str]:
    """What the name holds: assigned in the function, or given to it."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            yield from _texts(node.value)
    names = [each.arg for each in function.args.args]
    if name in names:
        for call in _calls(tree, function.name):
            if len(call.args) > names.index(name):
                yield from _texts(call.args[names.index(name)])


def words_of(action: str) -> str:
    return AuditRow(AuditEvent(at=NOW, actor="ada", action=action)).words


@pytest.mark.parametrize("action", MUST_BE_RECORDED)
def test_an_action_that_auditors_ask_for_is_recorded(action: str) -> None:
    assert action in recorded_actions()


def test_every_recorded_action_has_words_of_its_own() -> None:
    actions = recorded_actions()

    assert sorted(each for each in actions if words_of(each) == _plain(each)) == []


def _plain(action: str) -> str:
    return action.replace("-", " ").replace(":", " ")


def test_details_leave_out_what_is_empty_and_read_as_words() -> None:
    detail = {"deletion_allowed": False, "username": "", "manifests": 0, "tags": ["a", "b"]}
    # Plan and run are shown as links, by themselves.
    detail |= {"plan": 1204, "run": 7, "bytes": 134741947}

    assert AuditRow(AuditEvent(at=NOW, action="registry:added", detail=detail)).details == [
        ("bytes", "134,741,947"),
        ("deletion allowed", "no"),
        ("manifests", "0"),
        ("tags", "a, b"),
    ]
