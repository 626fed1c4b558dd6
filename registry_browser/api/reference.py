"""The schema, read for people: what the docs page shows of each operation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

READING = ("get",)
_DEPTH = 4
CURL = 'curl -H "Authorization: Bearer $TOKEN"'


@dataclass(frozen=True, slots=True)
class Item:
    """A parameter or field: `name` is `children[].digest` within another; `kind` is its type in
    words.
    """

    name: str
    kind: str
    text: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one address. `status` is that of success, `example` a command for a shell."""

    id: str
    method: str
    path: str
    summary: str
    text: str
    for_admins: bool
    parameters: list[Item]
    body: list[Item]
    status: str
    answer: list[Item]
    example: str


@dataclass(frozen=True, slots=True)
class Group:
    """The operations on one subject."""

    name: str
    operations: list[Operation]


def groups(schema: Mapping[str, Any], origin: str) -> list[Group]:
    """The operations of a schema by their tag, in the order of the schema. `origin` begins the
    examples: `https://host`.
    """
    found: dict[str, list[Operation]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            [tag] = operation["tags"]
            found.setdefault(tag, []).append(_operation(schema, origin, path, method, operation))
    return [Group(tag, operations) for tag, operations in found.items()]


def _operation(
    schema: Mapping[str, Any], origin: str, path: str, method: str, operation: Mapping[str, Any]
) -> Operation:
    body = _json_schema(operation.get("requestBody", {}))
    status = next(status for status in operation["responses"] if status.startswith("2"))
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        text=operation.get("description", ""),
        for_admins=method not in READING,
        parameters=[_parameter(schema, each) for each in operation.get("parameters", [])],
        body=list(_fields(schema, body)),
        status=status,
        answer=list(_fields(schema, _json_schema(operation["responses"][status]))),
        example=_example(schema, origin + path, method, body),
    )


def _parameter(schema: Mapping[str, Any], parameter: Mapping[str, Any]) -> Item:
    described = parameter["schema"]
    kind = "in the address" if parameter["in"] == "path" else _kind(schema, described)
    return Item(
        parameter["name"], kind, parameter.get("description", ""), parameter.get("required", False)
    )


def _json_schema(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    content = holder.get("content", {})
    described: Mapping[str, Any] = content.get("application/json", {}).get("schema", {})
    return described


def _resolved(schema: Mapping[str, Any], described: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow `$ref`, alone or as the one part of `allOf`."""
    while True:
        parts = described.get("allOf") or [
            one for one in described.get("oneOf", []) if "$ref" in one
        ]
        reference = described.get("$ref") or (parts[0].get("$ref") if parts else None)
        if reference is None:
            return described
        name = reference.rpartition("/")[2]
        described = schema["components"]["schemas"][name]


def _fields(
    schema: Mapping[str, Any], described: Mapping[str, Any], lead: str = "", depth: int = 0
) -> Iterator[Item]:
    found = _resolved(schema, described)
    required = found.get("required", [])
    for name, inner in found.get("properties", {}).items():
        text = inner.get("description", "") or (
            "" if "$ref" in inner else _resolved(schema, inner).get("description", "")
        )
        yield Item(lead + name, _kind(schema, inner), text, name in required)
        if depth < _DEPTH:
            of_list = _resolved(schema, inner).get("items")
            more = f"{lead}{name}[]." if of_list else f"{lead}{name}."
            yield from _fields(schema, of_list or inner, more, depth + 1)


def _kind(schema: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    found = _resolved(schema, described)
    if choices := [choice for choice in found.get("enum", []) if choice not in ("", None)]:
        words = " | ".join(map(str, choices))
    elif found.get("type") == "array":
        words = f"list of {_kind(schema, found['items'])}"
    else:
        words = {"date-time": "time", "uri": "address"}.get(
            found.get("format", ""), found.get("type", "any")
        )
    nullable = found.get("nullable") or described.get("nullable")
    bounds = [
        f"{word} {found[key]:,}"
        for key, word in (("minimum", "from"), ("maximum", "to"))
        if _is_telling(found.get(key))
    ]
    default = [f"default {found['default']}"] if "default" in found else []
    return ", ".join([f"{words} or null" if nullable else words, *bounds, *default])


def _is_telling(bound: object) -> bool:
    """Not the bounds that the column's type sets."""
    return isinstance(bound, (int, float)) and abs(bound) < 2**31 - 1


def _example(schema: Mapping[str, Any], url: str, method: str, body: Mapping[str, Any]) -> str:
    words = [CURL]
    if method != "get":
        words.append(f"-X {method.upper()}")
    if body:
        found = _resolved(schema, body)
        example = {name: f"<{name}>" for name in found.get("required", [])}
        words += ['-H "Content-Type: application/json"', f"-d '{json.dumps(example)}'"]
    # Braces mean something to curl.
    return " ".join([*words, f"'{url.replace('{', '<').replace('}', '>')}'"])
