"""`manage.py tag_history NAME PATH [TAG]`: what tags were seen to do, or how they stood."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from registry_browser.history.exports import safe_cell
from registry_browser.management.terminal import RecordCommand
from registry_browser.models import Repository
from registry_browser.queries.history.events import (
    event_rows,
    matching,
)
from registry_browser.queries.history.moments import StandingRow, stood_at
from registry_browser.queries.history.registries import ledger_registries, registry_ids
from registry_browser.queries.history.scope import HistoryFilter, Scope, repository_scope
from registry_browser.queries.history.times import between_in_words, in_words, read_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_browser.queries.history.standing import Standing

_CHUNK = 1000
_EVENT = (
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
)
_STOOD = (
    "registry",
    "repository",
    "tag",
    "at",
    "certainty",
    "digest",
    "or_digest",
    "not_before",
    "seen_at",
)


class Command(RecordCommand):
    """Oldest first, as a log reads; registries that were removed keep their history."""

    help = (
        "Show what the tags of a repository were seen to do, or what they pointed to at a moment."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("path", metavar="PATH")
        parser.add_argument("tag", metavar="TAG", nargs="?", default="", help="* and ? match any")
        parser.add_argument("--at", metavar="TIME", help="as of this moment, UTC: 2026-11-11T09:00")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--csv", action="store_true", help="print CSV")
        form.add_argument("--json", action="store_true", help="print one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        scope = _scope(options["name"], options["path"])
        wanted = HistoryFilter(tag=options["tag"])
        if options["at"] is None:
            self._print(_events(scope, wanted), _EVENT, options)
            return
        try:
            moment = read_moment(options["at"])
        except ValueError as error:
            raise CommandError(f"--at: {error}") from None
        self._print(_stood(scope, wanted, options["at"]), _STOOD, options)
        if not (options["csv"] or options["json"]):
            page = stood_at(scope, moment, wanted=wanted, size=1)
            if page.is_before_all:
                self.stdout.write("Nothing is known of that moment: nobody had looked yet.")

    def _print(
        self, rows: Iterator[tuple[dict[str, Any], str]], heads: tuple[str, ...], options: Any
    ) -> None:
        writer = csv.writer(self.stdout)
        if options["csv"]:
            writer.writerow(heads)
        for record, sentence in rows:
            if options["csv"]:
                writer.writerow([safe_cell(record[head]) for head in heads])
            else:
                self.stdout.write(json.dumps(record) if options["json"] else sentence)


def _scope(name: str, path: str) -> Scope:
    repository = Repository.objects.filter(registry__name=name, path=path).first()
    if repository is not None:
        return repository_scope(repository)
    ids = registry_ids(name)
    if not ids:
        known = ", ".join(sorted({each for _, each in ledger_registries()})[:10]) or "none"
        raise CommandError(f"No registry named {name} has a history. Known: {known}.")
    scope = Scope(registries=ids, path=path)
    if not matching(scope, HistoryFilter()).exists():
        raise CommandError(f"Nothing at or below {path} was ever seen in {name}.")
    return scope


def _events(scope: Scope, wanted: HistoryFilter) -> Iterator[tuple[dict[str, Any], str]]:
    found = matching(scope, wanted).order_by("seen_at", "id")
    listed = found.iterator(chunk_size=_CHUNK)
    chunk = []
    for event in listed:
        chunk.append(event)
        if len(chunk) == _CHUNK:
            yield from map(_event, event_rows(chunk))
            chunk = []
    yield from map(_event, event_rows(chunk))


def _event(row: Any) -> tuple[dict[str, Any], str]:
    record = {
        "registry": row.registry,
        "repository": row.path,
        "tag": row.tag,
        "event": row.kind,
        "old_digest": row.old_digest,
        "new_digest": row.new_digest,
        "not_before": row.not_before.isoformat() if row.not_before else None,
        "seen_at": row.seen_at.isoformat(),
        "source": row.source,
        "actor": row.actor,
    }
    what = {
        "moved": f"moved from {row.old_digest} to {row.new_digest}",
        "deleted": f"deleted, was {row.old_digest}",
        "restored": f"seen again at {row.new_digest}",
        "created": f"{'first seen' if row.is_first_sight else 'created'} at {row.new_digest}",
    }[row.kind]
    when = f"{row.seen_at:%Y-%m-%d %H:%M:%S}"
    return record, f"{when}  {row.path}:{row.tag} {what} ({row.told}; {row.bounds})"


def _stood(scope: Scope, wanted: HistoryFilter, at: str) -> Iterator[tuple[dict[str, Any], str]]:
    moment = read_moment(at)
    after = ""
    while True:
        page = stood_at(scope, moment, wanted=wanted, after=after)
        for row in page.rows:
            yield _standing(row, moment.isoformat())
        if not (after := page.after):
            return


def _standing(row: StandingRow, at: str) -> tuple[dict[str, Any], str]:
    stood = row.standing
    record = {
        "registry": row.registry,
        "repository": row.path,
        "tag": row.tag,
        "at": at,
        "certainty": stood.certainty.value,
        "digest": stood.digest,
        "or_digest": stood.following,
        "not_before": stood.not_before.isoformat() if stood.not_before else None,
        "seen_at": stood.seen_at.isoformat() if stood.seen_at else None,
    }
    answer = stood.digest or "no such tag"
    if stood.certainty == "between":
        answer += f" or {stood.following or 'gone'} (changed {_bounds(stood)})"
    return record, f"{row.path}:{row.tag} {answer}"


def _bounds(stood: Standing) -> str:
    if stood.seen_at is None:
        return "at an unknown time"
    if stood.not_before is None:
        return f"before {in_words(stood.seen_at)}"
    return f"somewhere {between_in_words(stood.not_before, stood.seen_at)}"
