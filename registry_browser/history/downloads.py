"""What a download of a ledger begins with, whoever asks: a seal, and a line in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from registry_browser.history import audit, seals
from registry_browser.history.exports import LEDGERS, Ending, csv_lines, json_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

FORMS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_WORDS = {"tags": "history", "audit": "audit"}


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be: its form (csv, jsonl), its name, and what it says about itself at its end."""

    form: str
    name: str
    ending: Ending

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": FORMS[self.form],
            "Content-Disposition": f'attachment; filename="{self.name}"',
        }

    def lines(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
        """The file, in pieces; `rows` are those of the ledger up to `ending.up_to`."""
        return (csv_lines if self.form == "csv" else json_lines)(rows, self.ending)


def start_download(
    ledger: str,
    form: str,
    *,
    filters: dict[str, Any],
    actor: str,
    now: datetime,
    up_to: int | None = None,
    what: str = "",
) -> Download:
    """Seal what is open and note who takes what away. Where writers keep the ledgers busy, the
    manifest says how far its seal goes.

    `up_to` is the newest id that belongs to the view, that of now without it. `what` says more of
    the file than its form.
    """
    seals.seal_all(now)
    rows = LEDGERS[ledger].model.objects
    last = up_to or rows.order_by("-id").values_list("id", flat=True).first() or 0
    with transaction.atomic():
        audit.record(
            "history:exported" if ledger == "tags" else "audit:exported",
            actor=actor,
            about=f"{form}{what}, up to {last}",
            detail=filters,
            now=now,
        )
    return Download(
        form=form,
        name=f"{_WORDS[ledger]}-{now:%Y%m%d-%H%M%S}.{form}",
        ending=Ending(
            ledger=ledger, filters=filters, exported_at=now, exported_by=actor, up_to=last
        ),
    )
