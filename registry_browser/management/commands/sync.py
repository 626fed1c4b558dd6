"""`manage.py sync NAME`: bring the record up to date, here and now."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from registry_browser.management.progress import Bar, Lines
from registry_browser.management.terminal import (
    RecordCommand,
    actor,
    find_registry,
    quiet_log,
)
from registry_browser.models import ACTIVE, Registry, RunState, SyncRun, SyncTrigger
from registry_browser.oci.reference import is_valid_path
from registry_browser.queries.run_errors import run_errors
from registry_browser.sync.requests import cancel_sync
from registry_browser.sync.run import work_on
from registry_browser.tasks import sync_in_foreground

ERRORS_SHOWN = 100


class Command(RecordCommand):
    """Runs the sync in this process, or watches the worker that is at it already; status 1 unless
    it saw everything.
    """

    help = "Sync a registry, or one repository of it, in the foreground."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--repository", metavar="PATH", help="only this repository")
        parser.add_argument(
            "--full-check", action="store_true", help="ask for each untagged manifest as well"
        )
        parser.add_argument(
            "--json", action="store_true", help="print the finished run as one JSON object"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        registry = find_registry(options["name"])
        path: str | None = options["repository"]
        if path is not None and not is_valid_path(path):
            raise CommandError(
                f"--repository: “{path}” is no repository path; write it as team/app."
            )
        # With --json the output is for a program; progress goes where errors go.
        stream = self.stderr if options["json"] else self.stdout
        progress = Bar(stream) if stream.isatty() else Lines(stream)
        now = timezone.now()
        try:
            with quiet_log(options["verbosity"]):
                run = sync_in_foreground(
                    registry,
                    now=now,
                    actor=actor(),
                    paths=[path] if path else [],
                    full_check=options["full_check"],
                    on_progress=progress.show,
                )
        except KeyboardInterrupt:
            progress.end()
            raise CommandError(_stopped(registry, options["verbosity"]), returncode=130) from None
        progress.end()
        unread = run_errors([run.pk], each=ERRORS_SHOWN).get(run.pk, [])
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(run, unread)))
        else:
            self._tell(run, unread)
        if run.state != RunState.DONE:
            why = run.question or run.error or _why(run)
            raise CommandError(f"The sync of {registry.name} is {run.state}: {why}")

    def _tell(self, run: SyncRun, unread: list[str]) -> None:
        for line in unread:
            self.stderr.write(line)
        self.stdout.write(
            f"{RunState(run.state).label}: {run.done:,} of {run.total or 0:,} repositories, "
            f"{run.tags_checked:,} tags, {run.new_manifests:,} new manifests, "
            f"{run.requests:,} requests, {run.bytes_received:,} bytes."
        )


def _why(run: SyncRun) -> str:
    if run.incomplete_repositories:
        noun = "repository" if run.incomplete_repositories == 1 else "repositories"
        unread = f"{run.incomplete_repositories:,} {noun} could not be read whole"
        return f"{unread}; the last good data stays."
    return "somebody stopped it."


def _stopped(registry: Registry, verbosity: int) -> str:
    """End the run of this command after Ctrl-C; a run that somebody else asked for goes on. What
    became of it.
    """
    run = SyncRun.objects.filter(registry=registry, state__in=ACTIVE).first()
    if run is not None and run.trigger != SyncTrigger.COMMAND:
        return f"Stopped watching. Run {run.pk} of {registry.name} goes on in a worker."
    if run is not None:
        cancel_sync(run, actor=actor(), now=timezone.now())
        with quiet_log(verbosity):
            work_on(run.pk, clock=timezone.now)
    return f"Cancelled the sync of {registry.name}. What was read so far is stored."


def _as_json(run: SyncRun, unread: list[str]) -> dict[str, Any]:
    """What a script needs of the run, under the names that the API has for it."""
    return {
        "id": run.pk,
        "kind": "sync",
        "registry": run.registry.name,
        "state": run.state,
        "done": run.done,
        "total": run.total,
        "errors": [*([run.error] if run.error else []), *unread],
        "question": run.question,
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "tags_checked": run.tags_checked,
        "new_manifests": run.new_manifests,
        "changed_repositories": run.changed_repositories,
        "incomplete_repositories": run.incomplete_repositories,
        "requests": run.requests,
        "bytes_received": run.bytes_received,
    }
