"""`manage.py run_deletion PLAN_ID`: approve a plan and carry it out, here and now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from registry_browser.deletion.requests import DeletionRefused, approve, cancel, request_run
from registry_browser.management.outcomes import OutcomeLines, find_plan
from registry_browser.management.terminal import RecordCommand, actor, quiet_log
from registry_browser.models import DeletionPlan, PlanState
from registry_browser.models.deletion import NEEDS_A_LOOK
from registry_browser.tasks import delete_in_foreground


class Command(RecordCommand):
    """Deletes what the plan says, after a fresh look before each call; a line for each outcome.
    Status 1 if anything needs a look.
    """

    help = "Approve a deletion plan and run it in the foreground, then sync and check every tag."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("plan", metavar="PLAN_ID", type=int)
        parser.add_argument(
            "--confirm",
            default="",
            metavar="WORDS",
            help="what a large plan asks to be typed: its repository, namespace or registry",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        plan = find_plan(options["plan"])
        try:
            if plan.state == PlanState.PLANNED:
                words = options["confirm"]
                plan = approve(plan, actor=actor(), now=timezone.now(), words=words)
            plan = request_run(plan, actor=actor(), now=timezone.now())
        except DeletionRefused as refused:
            hint = " Give it with --confirm." if str(refused).startswith("Type ") else ""
            raise CommandError(f"{refused}{hint}") from refused
        with OutcomeLines(self.stdout, plan) as lines:
            try:
                with quiet_log(options["verbosity"]):
                    plan = delete_in_foreground(plan, actor=actor(), on_progress=lines.show)
            except KeyboardInterrupt:
                raise CommandError(self._stop(plan, lines), returncode=130) from None
        self._tell(plan)

    def _tell(self, plan: DeletionPlan) -> None:
        self.stdout.write(
            f"{PlanState(plan.state).label}: {plan.freed_bytes:,} bytes come back when garbage is "
            f"collected on {plan.registry_name}. Until then, `undo_deletion {plan.pk}` undoes it."
        )
        if plan.error:
            raise CommandError(f"Plan {plan.pk} is {plan.state}: {plan.error}")
        problems = plan.walk.get("problems", [])
        for problem in problems:
            self.stderr.write(str(problem))
        looks = plan.items.filter(outcome__in=NEEDS_A_LOOK).count()
        if looks or problems:
            raise CommandError(
                f"{looks:,} manifests and {len(problems):,} remaining ones need a look."
            )

    def _stop(self, plan: DeletionPlan, lines: OutcomeLines) -> str:
        """After Ctrl-C: no further call, and what is done is recorded."""
        try:
            cancel(plan, actor=actor(), now=timezone.now())
        except DeletionRefused as refused:
            return str(refused)
        delete_in_foreground(plan, actor=actor(), on_progress=lines.show)
        return f"Cancelled plan {plan.pk}. What was deleted until then is recorded."
