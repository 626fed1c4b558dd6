"""`manage.py undo_deletion PLAN_ID`: push back what a plan deleted, here and now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from registry_browser.deletion.requests import DeletionRefused, request_undo
from registry_browser.management.outcomes import OutcomeLines, find_plan
from registry_browser.management.terminal import RecordCommand, actor, quiet_log
from registry_browser.models import UndoState
from registry_browser.tasks import delete_in_foreground


class Command(RecordCommand):
    """Works until the registry has collected its garbage; says for each manifest whether it is
    back. Status 1 unless all are.
    """

    help = "Push back what a deletion plan deleted, children before their index, and verify it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("plan", metavar="PLAN_ID", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        plan = find_plan(options["plan"])
        try:
            plan = request_undo(plan, actor=actor(), now=timezone.now())
        except DeletionRefused as refused:
            raise CommandError(str(refused)) from refused
        with OutcomeLines(self.stdout, plan, undo=True) as lines, quiet_log(options["verbosity"]):
            plan = delete_in_foreground(plan, actor=actor(), on_progress=lines.show)
        self.stdout.write(f"{UndoState(plan.undo_state).label}.")
        if plan.undo_state != UndoState.DONE:
            raise CommandError(f"Plan {plan.pk} could not be undone as a whole. {plan.undo_error}")
