"""`manage.py plan_deletion NAME`: what may go, why, and what comes back; deletes nothing."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from registry_browser.deletion.plan import read_grace
from registry_browser.deletion.store import plan_deletion
from registry_browser.management.terminal import RecordCommand, actor, find_registry
from registry_browser.oci.reference import is_valid_path
from registry_browser.queries.tree import place

if TYPE_CHECKING:
    from registry_browser.models import DeletionPlan

KEPT_SHOWN = 20


class Command(RecordCommand):
    """Makes a plan from the record and prints it; `run_deletion` carries it out."""

    help = "Plan the deletion of what nothing needs. Nothing is deleted by this."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument(
            "--prefix", default="", metavar="P", help="only this repository or namespace"
        )
        parser.add_argument(
            "--grace",
            default="24h",
            metavar="TIME",
            help="keep what is younger: 30m, 24h, 7d (default: 24h)",
        )
        parser.add_argument("--json", action="store_true", help="print the plan as a JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        registry = find_registry(options["name"])
        prefix = options["prefix"].strip("/")
        if prefix and not is_valid_path(prefix):
            raise CommandError(
                f"--prefix: “{prefix}” is no repository or namespace; write it as team/app."
            )
        if place(registry, prefix) is None:
            raise CommandError(
                f"--prefix: no repository at or below {prefix} was seen in {registry.name}."
            )
        try:
            grace = read_grace(options["grace"])
        except ValueError as error:
            raise CommandError(f"--grace: {error}") from error
        plan = plan_deletion(
            registry, actor=actor(), now=timezone.now(), prefix=prefix, grace=grace
        )
        if options["json"]:
            self.stdout.write(json.dumps(as_json(plan)))
        else:
            self._tell(plan)

    def _tell(self, plan: DeletionPlan) -> None:
        for item in plan.items.all():
            indent = "  " * item.depth
            self.stdout.write(f"{indent}{item.path}@{item.digest}  {'; '.join(item.reasons)}")
        kept = plan.kept.all()[:KEPT_SHOWN]
        for each in kept:
            self.stdout.write(f"kept {each.path}@{each.digest}  {each.reason}")
        if plan.kept_count > len(kept):
            self.stdout.write(f"… and {plan.kept_count - len(kept):,} more are kept.")
        for note in plan.notes:
            self.stderr.write(note["text"])
        goes = "manifest goes" if plan.item_count == 1 else "manifests go"
        kept_are = "is" if plan.kept_count == 1 else "are"
        self.stdout.write(
            f"Plan {plan.pk}: {plan.item_count:,} {goes}, {plan.kept_count:,} {kept_are} kept; "
            f"{plan.reclaimable_bytes:,} bytes come back when garbage is collected. "
            "Nothing was deleted."
        )
        if plan.item_count:
            self.stdout.write(_next_step(plan))


def _next_step(plan: DeletionPlan) -> str:
    """Who or what approves the plan. The dashboard starts what is approved there."""
    if plan.needs_second_person:
        return "Another admin approves it in the dashboard, which has it carried out."
    confirm = f" --confirm {shlex.quote(plan.words)}" if plan.words else ""
    return f"`manage.py run_deletion {plan.pk}{confirm}` approves it and carries it out."


def as_json(plan: DeletionPlan) -> dict[str, Any]:
    """What a script needs of the plan, under the names that the API has for it."""
    return {
        "id": plan.pk,
        "registry": plan.registry_name,
        "prefix": plan.prefix,
        "state": plan.state,
        "reclaimable_bytes": plan.reclaimable_bytes,
        "freed_bytes": plan.freed_bytes,
        "items": [
            {
                "repository": item.path,
                "digest": item.digest,
                "reason": item.reasons,
                "bytes": item.bytes_alone,
                "outcome": item.outcome,
                "detail": item.detail,
            }
            for item in plan.items.all()
        ],
        "kept": [
            {"repository": kept.path, "digest": kept.digest, "reason": [kept.reason]}
            for kept in plan.kept.all()
        ],
    }
