"""Exports of the ledgers: what a line holds, the record that ends a file, and how it is checked.

A file holds one line a row, then one line, the manifest: filters, number of rows, the SHA-256 of
all bytes before it, and the seal that the export ends in. Every row carries its id and its hash,
which is the one that seals are made of; `check_export` compares each with the ledger.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from registry_browser.history.seals import AUDIT, TAGS, Ledger, row_hash
from registry_browser.models import Seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CSV_MARK = "#manifest"
_CHUNK = 2000
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
_LEDGERS = {"tags": TAGS, "audit": AUDIT}


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
    by_name = dict(zip(_LEDGERS[ledger].fields, row, strict=True))
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
    manifest: dict[str, Any] = _manifest_in(last.splitlines()[-1])
    return manifest


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
        if len(piece) == _CHUNK:
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
    return _csv([_safe(value) for value in record.values()])


def _safe(value: object) -> object:
    """A spreadsheet would run text that starts like a formula; an apostrophe before it makes it
    text (OWASP, "CSV Injection"). `check_export` takes it off again.
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


@dataclass(frozen=True, slots=True)
class ExportCheck:
    """What became of an export's check; `sentence` says it, and what does not fit."""

    holds: bool
    rows: int
    sentence: str


class _Unfit(Exception):
    """The first thing in a file that does not fit."""


def check_export(file: Iterable[bytes]) -> ExportCheck:
    """Compare a file with its manifest and each of its rows with the ledger; constant memory.

    Rows that no seal covers yet are compared all the same; the seals are up to `verify`.
    """
    rows = 0
    try:
        hashed, manifest, ledger = sha256(), None, None
        columns: Sequence[str] = ()
        waiting: list[tuple[int, dict[str, Any]]] = []
        for number, line in enumerate(file, start=1):
            if manifest is not None:
                raise _Unfit(f"Line {number} comes after the manifest, which ends the file.")
            if (manifest := _read_manifest(line)) is not None:
                continue
            hashed.update(line)
            if number == 1 and not line.startswith(b"{"):
                columns = next(csv.reader([line.decode()]), [])
                continue
            record = _read(line, columns, number)
            ledger = ledger or _ledger_of(record)
            waiting.append((number, record))
            rows += 1
            if len(waiting) == _CHUNK:
                _compare(ledger, waiting)
                waiting = []
        if manifest is None:
            raise _Unfit("The file does not end with its manifest: it was cut off.")
        if waiting and ledger:
            _compare(ledger, waiting)
        _compare_manifest(manifest, rows, hashed.hexdigest())
    except (UnicodeDecodeError, csv.Error):
        return ExportCheck(False, rows, "This is no export of the history: it cannot be read.")
    except _Unfit as unfit:
        return ExportCheck(False, rows, str(unfit))
    seal = manifest["seal"]
    end = f"It ends in seal {seal['number']}, {seal['digest']}." if seal else "No seal existed yet."
    return ExportCheck(
        True, rows, f"The export holds: its {rows:,} rows are those of the ledger. {end}"
    )


def _read_manifest(line: bytes) -> dict[str, Any] | None:
    return _manifest_in(line) if line.startswith((b'{"manifest"', CSV_MARK.encode())) else None


def _manifest_in(line: bytes) -> dict[str, Any]:
    try:
        if line.startswith(b"{"):
            found = json.loads(line)["manifest"]
        else:
            found = json.loads(next(csv.reader([line.decode()]))[1])
        if isinstance(found, dict) and {"rows", "body_sha256", "seal", "ledger"} <= found.keys():
            return found
    except (ValueError, KeyError, IndexError, TypeError):
        raise _Unfit("The manifest at the end of the file cannot be read.") from None
    raise _Unfit("The manifest at the end of the file is not complete.")


def _read(line: bytes, columns: Sequence[str], number: int) -> dict[str, Any]:
    if not columns:
        try:
            found = json.loads(line)
        except ValueError:
            raise _Unfit(f"Line {number} cannot be read.") from None
        if isinstance(found, dict):
            return found
        raise _Unfit(f"Line {number} is no row.")
    cells = next(csv.reader([line.decode()]), [])
    if len(cells) != len(columns):
        raise _Unfit(f"Line {number} has {len(cells)} cells, where {len(columns)} belong.")
    return {
        name: cell[1:] if cell.startswith("'") else cell
        for name, cell in zip(columns, cells, strict=True)
    }


def _ledger_of(record: dict[str, Any]) -> Ledger:
    for name, columns in COLUMNS.items():
        if tuple(record) == columns:
            return _LEDGERS[name]
    raise _Unfit("This is no export of the history: its columns are others.")


def _compare(ledger: Ledger, waiting: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Every cell, and the hash, with what the ledger says now."""
    ids = [_id_of(number, record) for number, record in waiting]
    rows = ledger.model.objects.filter(id__in=ids).values_list(*ledger.fields)
    known = {row[0]: record_of(ledger.name, row) for row in rows}
    for (number, record), pk in zip(waiting, ids, strict=True):
        if pk not in known:
            raise _Unfit(f"Line {number}: the ledger has no row {pk}.")
        for name, value in known[pk].items():
            if _as_text(record.get(name)) != _as_text(value):
                raise _Unfit(f"Line {number}: {name} of row {pk} is not what the ledger says.")


def _id_of(number: int, record: dict[str, Any]) -> int:
    text = str(record.get("id", ""))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _Unfit(f"Line {number} has no id.")
    return int(text)


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return "" if value is None else str(value)


def _compare_manifest(manifest: dict[str, Any], rows: int, body: str) -> None:
    if manifest["rows"] != rows:
        raise _Unfit(f"The manifest speaks of {manifest['rows']} rows; the file has {rows}.")
    if manifest["body_sha256"] != body:
        raise _Unfit(
            "The rows are not those that the manifest was made for: order or bytes differ."
        )
    seal = manifest["seal"]
    if (
        seal is not None
        and not Seal.objects.filter(number=seal.get("number"), digest=seal.get("digest")).exists()
    ):
        raise _Unfit(f"The chain of seals does not hold seal {seal.get('number')} of the manifest.")
