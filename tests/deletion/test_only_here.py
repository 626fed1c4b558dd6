"""Nothing else in the program deletes anything in a registry."""

from __future__ import annotations

import ast
from pathlib import Path

import registry_browser

ROOT = Path(registry_browser.__file__).parent
MAY_DELETE = {"deletion/run.py"}
MAY_DEFINE = "oci/push.py"


def names_in(tree: ast.AST) -> set[str]:
    """Every name that a module calls, imports or hands on."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                found.add(name)
    return found


def words_sent_in(tree: ast.AST) -> set[str]:
    """Every text that a module hands to a call by itself."""
    return {
        argument.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def test_only_the_run_of_a_deletion_deletes_manifests() -> None:
    callers = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if "delete_manifest" in names_in(ast.parse(path.read_text()))
    }
    assert callers == MAY_DELETE


def test_the_word_delete_is_sent_from_nowhere_else() -> None:
    senders = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if "DELETE" in words_sent_in(ast.parse(path.read_text()))
    }
    assert senders == {MAY_DEFINE}
