"""Checking an exported file: each of its rows with the ledger, then its bytes and its seal."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from registry_browser.history.exports import (
    CHUNK,
    COLUMNS,
    CSV_MARK,
    LEDGERS,
    manifest_in,
    record_of,
)
from registry_browser.models import Seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry_browser.history.seals import Ledger

_LONGEST_ROW = 1_000_000
"""Bytes. No row is nearly as long; whatever opens a quote and never closes it is none."""


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

    Rows that no seal covers yet are compared all the same; the seals are up to `verify`. A file
    whose maker left out rows, and made its manifest fit, holds: what it has is true.
    """
    rows = 0
    try:
        hashed, manifest, ledger = sha256(), None, None
        columns: Sequence[str] = ()
        waiting: list[tuple[int, dict[str, Any]]] = []
        for number, line in _whole_lines(file):
            if manifest is not None:
                raise _Unfit(f"Line {number} comes after the manifest, which ends the file.")
            if (manifest := _read_manifest(line)) is not None:
                continue
            hashed.update(line)
            if number == 1 and not line.startswith(b"{"):
                columns = _cells(line)
                continue
            record = _read(line, columns, number)
            ledger = ledger or _ledger_of(record)
            waiting.append((number, record))
            rows += 1
            if len(waiting) == CHUNK:
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
        True,
        rows,
        f"The export holds: its {rows:,} rows are those of the ledger. {end} Whether rows were left"
        " out, a file cannot prove: whoever doubts it exports again, with its filters and"
        f" ?up_to={manifest['up_to_id']}, and compares body_sha256.",
    )


def _whole_lines(file: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines by number; a CSV row in which a cell is broken into lines is one."""
    started, number = b"", 0
    for line in file:
        if not started:
            number += 1
        started += line
        # Within a cell every quote is doubled, so that an odd number means one is open still.
        if (line.startswith(b"{") and started == line) or started.count(b'"') % 2 == 0:
            yield number, started
            started = b""
        elif len(started) > _LONGEST_ROW:
            raise _Unfit(f"Line {number} cannot be read.")
    if started:
        yield number, started


def _read_manifest(line: bytes) -> dict[str, Any] | None:
    if not line.startswith((b'{"manifest"', CSV_MARK.encode())):
        return None
    try:
        return manifest_in(line)
    except ValueError as error:
        raise _Unfit(str(error)) from None


def _read(line: bytes, columns: Sequence[str], number: int) -> dict[str, Any]:
    if not columns:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise _Unfit(f"Line {number} cannot be read.") from None
        if isinstance(found, dict):
            return found
        raise _Unfit(f"Line {number} is no row.")
    cells = _cells(line)
    if len(cells) != len(columns):
        raise _Unfit(f"Line {number} has {len(cells)} cells, where {len(columns)} belong.")
    return {
        name: cell[1:] if cell.startswith("'") else cell
        for name, cell in zip(columns, cells, strict=True)
    }


def _cells(line: bytes) -> list[str]:
    return next(csv.reader(io.StringIO(line.decode(), newline="")), [])


def _ledger_of(record: dict[str, Any]) -> Ledger:
    for name, columns in COLUMNS.items():
        if tuple(record) == columns:
            return LEDGERS[name]
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
        and not Seal.objects.filter(number=seal["number"], digest=seal["digest"]).exists()
    ):
        raise _Unfit(f"The chain of seals does not hold seal {seal['number']} of the manifest.")
