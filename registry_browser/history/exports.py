"""Exports of the ledgers: what a line holds, and the record that ends a file.

A file holds one line a row, then one line, the manifest: filters, number of rows, the SHA-256 of
all bytes before it, and the seal that the export ends in. Every row carries its id and its hash,
which is the one that seals are made of; `export_check` compares each with the ledger.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from registry_browser.history.seals import AUDIT, TAGS, row_hash
from registry_browser.models import Seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CSV_MARK = "#manifest"
CHUNK = 2000
_HASH = re.compile("[0-9a-f]{64}")
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
TAG_COLUMNS = (
    "id",
    "registry",
    "repository",
    "tag",
    "event",
    "old_digest",
    "new_digest",
    "not_before",
    "seen_at",
    "source",
    "actor",
    "row_sha256",
)
AUDIT_COLUMNS = ("id", "at", "actor", "action", "about", "detail", "address", "row_sha256")
COLUMNS = {"tags": TAG_COLUMNS, "audit": AUDIT_COLUMNS}
LEDGERS = {"tags": TAGS, "audit": AUDIT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a file says about itself besides its rows."""

    ledger: str
    filters: dict[str, Any]
    exported_at: datetime
    exported_by: str
    up_to: int


def record_of(ledger: str, row: Sequence[Any]) -> dict[str, Any]:
    """A row of the ledger (its `fields`, in order) as an export has it."""
    by_name = dict(zip(LEDGERS[ledger].fields, row, strict=True))
    if ledger == "tags":
        by_name |= {
            "registry": by_name["registry_name"],
            "repository": by_name["path"],
            "event": by_name["kind"],
        }
    by_name["row_sha256"] = row_hash(ledger, tuple(row)).hex()
    return {name: _plain(by_name[name]) for name in COLUMNS[ledger]}


def csv_lines(rows: Iterable[Sequence[Any]], ending: Ending) -> Iterator[bytes]:
    """The file as CSV, safe to open in a spreadsheet; in pieces of some thousand rows."""
    return _file(rows, ending, head=_csv([*COLUMNS[ending.ledger]]), line=_csv_line, end=_csv_end)


def json_lines(rows: Iterable[Sequence[Any]], ending: Ending) -> Iterator[bytes]:
    """The file as JSON lines; the last one is `{"manifest": …}`."""
    return _file(rows, ending, head=b"", line=_json_line, end=_json_end)


def manifest_of(form: str, rows: Iterable[Sequence[Any]], ending: Ending) -> dict[str, Any]:
    """The manifest alone, as the file of this form (csv, jsonl) would end with."""
    pieces = csv_lines(rows, ending) if form == "csv" else json_lines(rows, ending)
    last = b""
    for last in pieces:  # noqa: B007 - only the last piece is wanted
        pass
    return manifest_in(last)


def manifest_in(line: bytes) -> dict[str, Any]:
    """The manifest that the last line of a file holds. Raises ValueError with a sentence."""
    try:
        if line.startswith(b"{"):
            found = json.loads(line)["manifest"]
        else:
            found = json.loads(next(csv.reader([line.decode()]))[1])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise ValueError("The manifest at the end of the file cannot be read.") from None
    if isinstance(found, dict) and _is_complete(found):
        return found
    raise ValueError("The manifest at the end of the file is not complete.")


def _is_complete(manifest: dict[str, Any]) -> bool:
    """Whether all that a check reads is there, and of its kind: anybody may have written it."""
    seal = manifest.get("seal", "")
    return (
        _is_number(manifest.get("rows"))
        and _is_number(manifest.get("up_to_id"))
        and _is_hash(manifest.get("body_sha256"))
        and isinstance(manifest.get("ledger"), str)
        and (
            seal is None
            or (
                isinstance(seal, dict)
                and _is_number(seal.get("number"))
                and _is_hash(seal.get("digest"))
            )
        )
    )


def _is_number(value: object) -> bool:
    """Whether it is a number that a column of ours can hold."""
    return type(value) is int and 0 <= value < 2**63


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _file(
    rows: Iterable[Sequence[Any]], ending: Ending, *, head: bytes, line: Any, end: Any
) -> Iterator[bytes]:
    hashed, count = sha256(head), 0
    if head:
        yield head
    piece: list[bytes] = []
    for row in rows:
        piece.append(line(record_of(ending.ledger, row)))
        count += 1
        if len(piece) == CHUNK:
            yield _hashed(hashed, piece)
            piece = []
    if piece:
        yield _hashed(hashed, piece)
    yield end(_manifest(ending, count, hashed.hexdigest()))


def _hashed(hashed: Any, piece: list[bytes]) -> bytes:
    joined = b"".join(piece)
    hashed.update(joined)
    return joined


def _manifest(ending: Ending, rows: int, body: str) -> dict[str, Any]:
    last = "tags_last" if ending.ledger == "tags" else "audit_last"
    covering = Seal.objects.filter(**{f"{last}__gte": ending.up_to}).order_by("number").first()
    seal = covering or Seal.objects.order_by("-number").first()
    return {
        "ledger": ending.ledger,
        "filters": ending.filters,
        "rows": rows,
        "up_to_id": ending.up_to,
        "body_sha256": body,
        "exported_at": _plain(ending.exported_at),
        "exported_by": ending.exported_by,
        "seal": None
        if seal is None
        else {
            "number": seal.number,
            "digest": seal.digest,
            "sealed_at": _plain(seal.sealed_at),
            "covers_up_to_id": getattr(seal, last),
        },
    }


def _plain(value: object) -> Any:
    if value is None or isinstance(value, int | dict):
        return value
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    return str(value)


def _csv(cells: Sequence[object]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue().encode()


def _csv_line(record: dict[str, Any]) -> bytes:
    return _csv([safe_cell(value) for value in record.values()])


def safe_cell(value: object) -> object:
    """A spreadsheet would run text that starts like a formula; an apostrophe before it makes it
    text (OWASP, "CSV Injection"). `export_check` takes it off again.
    """
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, str) and value.startswith((*_STARTS_A_FORMULA, "'")):
        return f"'{value}"
    return "" if value is None else value


def _csv_end(manifest: dict[str, Any]) -> bytes:
    return _csv([CSV_MARK, json.dumps(manifest, ensure_ascii=False, sort_keys=True)])


def _json_line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _json_end(manifest: dict[str, Any]) -> bytes:
    return json.dumps({"manifest": manifest}, ensure_ascii=False, sort_keys=True).encode() + b"\n"
