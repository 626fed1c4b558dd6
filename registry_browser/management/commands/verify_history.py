"""`manage.py verify_history`: recompute every seal, or check an export against the ledger."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from registry_browser.history.export_check import check_export
from registry_browser.history.verify import verify
from registry_browser.management.terminal import RecordCommand

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Command(RecordCommand):
    """Status 1 and one line that names the first row that does not fit; else what was verified."""

    help = "Recompute the seals of the history and name the first row that does not fit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect",
            metavar="DIGEST",
            default="",
            help="a seal's digest that was noted earlier; the chain must still hold it",
        )
        parser.add_argument(
            "--export",
            metavar="FILE",
            type=Path,
            help="also check an exported CSV or JSON lines file, row by row, against the ledger",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        expected: str = options["expect"].strip().lower()
        if expected and not _DIGEST.fullmatch(expected):
            raise CommandError("--expect: a seal's digest is 64 hex digits.")
        found = verify(expected=expected)
        checked = None
        if options["export"] is not None and found.holds:
            try:
                with options["export"].open("rb") as lines:
                    checked = check_export(lines)
            except OSError as error:
                raise CommandError(f"--export: {error.strerror or error}.") from error
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        **dataclasses.asdict(found),
                        "holds": found.holds and (checked is None or checked.holds),
                        "export": None if checked is None else dataclasses.asdict(checked),
                    }
                )
            )
        if not found.holds:
            raise CommandError(found.sentence)
        if checked is not None and not checked.holds:
            raise CommandError(checked.sentence)
        if options["json"]:
            return
        self.stdout.write(found.sentence)
        if expected:
            self.stdout.write("It holds the seal that you expect.")
        if found.open_tags or found.open_audit:
            self.stdout.write(
                f"Not sealed yet: {found.open_tags:,} events of tags, {found.open_audit:,} of the "
                "audit trail."
            )
        if checked is not None:
            self.stdout.write(checked.sentence)
