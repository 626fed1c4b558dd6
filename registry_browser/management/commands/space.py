"""`manage.py space`: what a registry stores, shares and could win back, in a terminal."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder

from registry_browser.management.terminal import RecordCommand, find_registry
from registry_browser.reports.summary import SpaceSummary, space_summary

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

SHOWN = 20


class Command(RecordCommand):
    """Figures of the whole set first, then its parts, those with most exclusive bytes first."""

    help = "Show what a registry stores, what sharing saves, and what deleting would free."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the registry")
        parser.add_argument("--prefix", default="", help="only this repository or namespace")
        parser.add_argument("--json", action="store_true", help="as the API answers")

    def handle(self, *args: Any, **options: Any) -> None:
        prefix = options["prefix"].strip("/")
        summary = space_summary(find_registry(options["name"]), prefix)
        if summary is None:
            raise CommandError(f"{options['name']} has nothing at or below {prefix} in the record.")
        if options["json"]:
            self.stdout.write(json.dumps(asdict(summary), indent=2, cls=DjangoJSONEncoder))
            return
        for line in _lines(summary):
            self.stdout.write(line)


def _lines(summary: SpaceSummary) -> list[str]:
    where = f"{summary.registry}/{summary.prefix}" if summary.prefix else summary.registry
    state = "complete" if summary.complete else "incomplete"
    lines = [
        f"{where}: {summary.repositories:,} repositories, {summary.tags:,} tags, "
        f"{summary.manifests:,} manifests; tags {state}",
        f"  apparent     {_bytes(summary.apparent_bytes)}",
        f"  stored       {_bytes(summary.stored_bytes)}",
        f"  saved        {_bytes(summary.saved_bytes)}  by sharing",
        f"  exclusive    {_bytes(summary.exclusive_bytes)}",
        f"  shared       {_bytes(summary.shared_bytes)}  between its parts, or with others",
        f"  reclaimable  {_bytes(summary.reclaimable_bytes)}  "
        f"by deleting {summary.dangling_manifests:,} dangling "
        f"{'manifest' if summary.dangling_manifests == 1 else 'manifests'}",
    ]
    if not summary.lists_untagged and summary.untagged_known_since:
        lines.append(
            f"Untagged manifests are known since {summary.untagged_known_since:%Y-%m-%d}: "
            "this registry cannot list them."
        )
    if summary.by_namespace:
        lines += ["", f"{'stored':>12} {'exclusive':>12} {'reclaimable':>12}"]
        lines += [
            f"{_bytes(row.stored_bytes)} {_bytes(row.exclusive_bytes)} "
            f"{_bytes(row.reclaimable_bytes)}  {row.path}{'/' if row.is_namespace else ''}"
            for row in summary.by_namespace[:SHOWN]
        ]
        if (more := summary.by_namespace_total - SHOWN) > 0:
            lines.append(f"and {more:,} more")
    return lines


def _bytes(value: int) -> str:
    """A figure of twelve characters; the unit is chosen after rounding."""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if round(amount, 1) < 1024 or unit == "PiB":
            break
        amount /= 1024
    return f"{amount:,.0f} B".rjust(12) if unit == "B" else f"{amount:,.1f} {unit}".rjust(12)
