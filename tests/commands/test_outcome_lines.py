"""The lines that tell of a deletion while it runs."""

from __future__ import annotations

import io
from datetime import timedelta

from django.core.management.base import OutputWrapper

from registry_browser.management.outcomes import OutcomeLines
from registry_browser.models import DeletionItem, DeletionPlan, Outcome
from tests.record import NOW, Record


def plan_of(items: int) -> DeletionPlan:
    plan = DeletionPlan.objects.create(
        registry=Record().registry,
        registry_name="prod",
        grace=timedelta(0),
        creator="a.haddad",
        created_at=NOW,
        as_of=NOW,
        expires_at=NOW,
    )
    for position in range(items):
        DeletionItem.objects.create(
            plan=plan,
            position=position,
            path="team/web",
            digest=f"sha256:{position:064x}",
            bytes_alone=0,
        )
    return plan


class SlowClock:
    """A look for settled items takes a second, and what lies between two takes none."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_looks_for_what_is_settled_take_little_of_the_time_and_nothing_is_left_out(
    db: None,
) -> None:
    plan = plan_of(60)
    stream = io.StringIO()
    looks = 0
    with OutcomeLines(OutputWrapper(stream), plan, clock=SlowClock()) as lines:
        for item in plan.items.all():
            DeletionItem.objects.filter(pk=item.pk).update(outcome=Outcome.DELETED)
            before = stream.tell()
            lines.show(plan)
            looks += stream.tell() > before
    written = stream.getvalue().splitlines()
    assert looks == 6
    assert written == [
        f"Deleted: team/web@{digest}" for digest in plan.items.values_list("digest", flat=True)
    ]
