"""The only file that deletes: one plan, item by item, by digest.

    look ▶ store "deleting" ▶ DELETE ▶ store the outcome ▶ next

State is stored before and after each call, so a run that dies at any instant is taken up where it
was: an item found in "deleting" is looked for in the registry, and what is gone counts as deleted,
what is there is looked at and tried again. Whatever cannot be made sure of is left alone. What a
run learns about the registry is in the outcomes, too, and so holds in the slices that follow.
"""

import time
from collections.abc import Callable
from datetime import datetime

from asgiref.sync import sync_to_async
from django.db.models import Q, QuerySet

from registry_browser.deletion.look import CannotLook, Watch
from registry_browser.deletion.progress import freed_bytes
from registry_browser.models import (
    DeletionItem,
    DeletionPlan,
    Manifest,
    Outcome,
    PlanPhase,
    PlanState,
    Registry,
    Repository,
)
from registry_browser.models.deletion import OPEN
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.errors import RegistryError, Unreachable
from registry_browser.oci.push import DeletionAnswer, DeletionOutcome, delete_manifest

ATTEMPTS = 2
"""How often a DELETE is sent that gets no answer and, as a look shows, had no effect."""
GIVEN_UP_AFTER = 3
"""After so many items in a row for which it could not be reached, or for which it asked to slow
down, the registry is given up.
"""
LEFT_ALONE_AFTER = 3
"""After so many refusals with no deletion in between, a repository is left alone."""
FIGURE_EVERY = 5.0
"""Seconds between two counts of the bytes that come back so far."""


class Run:
    """Deletes what is open in a plan until nothing is, time is up, a person cancels, or the
    registry wants a longer time without us; what it did not answer then stays open.
    """

    def __init__(
        self,
        plan: DeletionPlan,
        registry: Registry,
        client: RegistryClient,
        *,
        clock: Callable[[], datetime],
        seconds: float,
        on_progress: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._registry = registry
        self._client = client
        self._clock = clock
        self._on_progress = on_progress
        self._deadline = time.monotonic() + seconds
        self._counted_at = time.monotonic()
        self._watch: Watch | None = None
        self._path = ""

    async def go(self) -> bool:
        """Work. Returns whether the run is over: nothing is open any more."""
        while True:
            item = await sync_to_async(self._next)()
            if item is None:
                return True
            if item.outcome == Outcome.DELETING:
                await self._take_up(item)
            else:
                await self._delete(item)
            await sync_to_async(self._report)()
            if self._must_wait or time.monotonic() > self._deadline:
                return False

    @property
    def _must_wait(self) -> bool:
        """Whether to leave the registry alone, and what is open to a later slice."""
        return bool(self._client.closed_for) and not self._plan.cancel_requested

    def _next(self) -> DeletionItem | None:
        """The next open item, in order; what a dead worker was at comes first. None when over."""
        plan = self._plan
        plan.refresh_from_db(fields=["cancel_requested"])
        open_items = DeletionItem.objects.filter(plan=plan, outcome__in=OPEN)
        under_way = open_items.filter(outcome=Outcome.DELETING).first()
        if under_way is not None:
            return under_way
        self._registry.refresh_from_db(fields=["deletion_allowed"])
        if not self._registry.deletion_allowed:
            self._stop(f"Deletion was switched off for {plan.registry_name} while this ran.")
        if plan.cancel_requested:
            self._stop("")
        return open_items.order_by("position").first()

    async def _take_up(self, item: DeletionItem) -> None:
        """Find out what became of a call whose answer nobody stored."""
        try:
            there = await self._client.manifest_exists(item.path, item.digest)
        except RegistryError as error:
            if self._must_wait:
                return
            detail = f"It is not known whether it was deleted: {error}"
            await self._store_silence(item, Outcome.NO_ANSWER, None, detail, error)
            return
        if there:
            item.outcome = Outcome.WAITING
            await item.asave(update_fields=["outcome"])
        else:
            detail = "The call was cut off; a look afterwards shows that it is gone."
            await self._store(item, Outcome.DELETED, None, detail)

    async def _delete(self, item: DeletionItem) -> None:
        watch = await self._watch_of(item.path)
        if watch is None:
            await self._store(
                item, Outcome.SKIPPED, None, "The record does not hold its repository any more."
            )
            return
        try:
            look = await watch.look(item.digest)
        except CannotLook as unseen:
            if self._must_wait:
                return
            detail = f"Not checked, so left alone. {unseen}"
            await self._store_silence(item, Outcome.SKIPPED, None, detail, unseen.error)
            return
        if not look.safe:
            item.evidence = look.evidence
            await self._store(item, Outcome.SKIPPED, None, look.reason)
            return
        await self._mark_deleting(item, look.evidence)
        answer = await delete_manifest(self._client, item.path, item.digest)
        await self._settle(item, answer)

    async def _watch_of(self, path: str) -> Watch | None:
        if self._watch is None or self._path != path:
            self._watch, self._path = None, path
            rows = Repository.objects.filter(registry=self._registry, path=path, gone_at=None)
            if (repository := await rows.afirst()) is not None:
                self._watch = Watch(
                    self._client,
                    self._plan,
                    repository,
                    clock=self._clock,
                    # Not known after a change of its address: then it is asked.
                    asks_referrers=self._registry.capabilities.get("referrers_api") is not False,
                    concurrency=self._registry.concurrency,
                )
        return self._watch

    async def _mark_deleting(self, item: DeletionItem, evidence: dict[str, object]) -> None:
        item.outcome, item.evidence = Outcome.DELETING, evidence
        item.started_at, item.finished_at = self._clock(), None
        item.attempts += 1
        await item.asave()

    async def _take_back(self, item: DeletionItem) -> None:
        """As if the call, which had no effect, had not been made."""
        item.outcome, item.started_at = Outcome.WAITING, None
        item.attempts -= 1
        await item.asave(update_fields=["outcome", "started_at", "attempts"])

    async def _settle(self, item: DeletionItem, answer: DeletionAnswer) -> None:
        """Store what an answer means; look where it does not say."""
        match answer.outcome:
            case DeletionOutcome.ACCEPTED:
                await self._store(item, Outcome.DELETED, answer.status, "")
            case DeletionOutcome.ABSENT:
                await self._settle_absent(item, answer)
            case DeletionOutcome.UNKNOWN:
                await self._settle_unknown(item, answer)
            case DeletionOutcome.RATE_LIMITED if self._must_wait:
                await self._take_back(item)
            case DeletionOutcome.RATE_LIMITED:
                detail = f"The registry asks to slow down; nothing was deleted. {answer.detail}"
                await self._store(item, Outcome.SLOWED, answer.status, detail)
                await sync_to_async(self._stop_if_slowed)(item)
            case _:
                await self._settle_refused(item, answer)

    async def _settle_absent(self, item: DeletionItem, answer: DeletionAnswer) -> None:
        """404 may mean gone, or that this registry deletes nothing untagged by digest (Quay)."""
        try:
            there = await self._client.manifest_exists(item.path, item.digest)
        except RegistryError as error:
            if self._must_wait:
                await self._take_back(item)
                return
            detail = f"404, and it cannot be looked for: {error}"
            await self._store(item, Outcome.NO_ANSWER, answer.status, detail)
            return
        if there:
            detail = "404, and yet it is there: this registry does not delete it by digest."
            await self._store(item, Outcome.REFUSED, answer.status, detail)
            await sync_to_async(self._leave_if_refusing)(item)
            return
        if item.attempts > 1:
            detail = "404, and it is gone: an earlier call without an answer took effect late."
            await self._store(item, Outcome.DELETED, answer.status, detail)
            return
        with_subject = await sync_to_async(self._went_with_its_subject)(item)
        item.went_along = with_subject
        detail = (
            "The registry took it together with its subject."
            if with_subject
            else "Someone else deleted it."
        )
        await self._store(item, Outcome.ALREADY_GONE, answer.status, detail)

    def _went_with_its_subject(self, item: DeletionItem) -> bool:
        """Whether its subject went because of this plan before: ACR deletes referrers along, and
        what refers to those.
        """
        subjects = Manifest.objects.filter(registry=self._registry, digest=item.digest)
        return DeletionItem.objects.filter(
            Q(outcome=Outcome.DELETED) | Q(went_along=True),
            plan=self._plan,
            path=item.path,
            digest__in=subjects.values("subject"),
        ).exists()

    async def _settle_unknown(self, item: DeletionItem, answer: DeletionAnswer) -> None:
        said = answer.detail or "no answer came"
        try:
            there = await self._client.manifest_exists(item.path, item.digest)
        except RegistryError as error:
            if self._must_wait:
                return
            detail = f"It is not known whether it was deleted: {said} A look failed, too: {error}"
            await self._store_silence(item, Outcome.NO_ANSWER, answer.status, detail, error)
            return
        if not there:
            detail = f"{said} A look afterwards shows that it is gone."
            await self._store(item, Outcome.DELETED, answer.status, detail)
        elif item.attempts < ATTEMPTS:
            item.outcome = Outcome.WAITING
            await item.asave(update_fields=["outcome"])
        else:
            detail = f"{said} It is still there."
            await self._store(item, Outcome.NO_ANSWER, answer.status, detail)

    async def _settle_refused(self, item: DeletionItem, answer: DeletionAnswer) -> None:
        await self._store(item, Outcome.REFUSED, answer.status, _refusal(answer))
        if answer.outcome == DeletionOutcome.UNSUPPORTED:
            await sync_to_async(self._leave_alone)(item.path)
        else:
            await sync_to_async(self._leave_if_refusing)(item)

    def _leave_if_refusing(self, item: DeletionItem) -> None:
        # An index that is refused keeps its children, which are skipped.
        answered = self._until(item).filter(
            path=item.path, outcome__in=(Outcome.REFUSED, Outcome.DELETED)
        )
        last = answered.values_list("outcome", flat=True)[:LEFT_ALONE_AFTER]
        if list(last) == [Outcome.REFUSED] * LEFT_ALONE_AFTER:
            self._leave_alone(item.path)

    def _leave_alone(self, path: str) -> None:
        self._end_open(
            "Not tried: the registry refused everything else in this repository.", path=path
        )

    def _stop_if_slowed(self, item: DeletionItem) -> None:
        if self._is_last_in_a_row(item, lambda each: each.outcome == Outcome.SLOWED):
            self._stop("The registry keeps asking to slow down.")

    def _is_last_in_a_row(self, item: DeletionItem, like: Callable[[DeletionItem], bool]) -> bool:
        tried = self._until(item).exclude(outcome__in=(*OPEN, Outcome.CANCELLED))
        last = list(tried[:GIVEN_UP_AFTER])
        return len(last) == GIVEN_UP_AFTER and all(map(like, last))

    def _until(self, item: DeletionItem) -> QuerySet[DeletionItem]:
        """`item` and those before it, backwards."""
        items = DeletionItem.objects.filter(plan=self._plan, position__lte=item.position)
        return items.order_by("-position")

    async def _store(
        self, item: DeletionItem, outcome: Outcome, status: int | None, detail: str
    ) -> None:
        item.outcome, item.status, item.detail = outcome, status, detail
        item.finished_at = self._clock()
        await item.asave()

    async def _store_silence(
        self,
        item: DeletionItem,
        outcome: Outcome,
        status: int | None,
        detail: str,
        error: RegistryError,
    ) -> None:
        """Give up after some items in a row for which the registry could not be reached."""
        item.evidence = {**item.evidence, "silent": True}
        await self._store(item, outcome, status, detail)
        await sync_to_async(self._stop_if_silent)(item, error)

    def _stop_if_silent(self, item: DeletionItem, error: RegistryError) -> None:
        if self._is_last_in_a_row(item, lambda each: "silent" in each.evidence):
            why = "cannot be reached" if isinstance(error, Unreachable) else "does not answer"
            self._stop(f"{self._plan.registry_name} {why}: {error}")

    def _stop(self, error: str) -> None:
        """End the run here; an empty `error` is a person's wish."""
        if error:
            self._plan.error = error
            self._plan.save(update_fields=["error"])
        self._end_open(f"Not tried. {error}" if error else "Not tried: the run was cancelled.")

    def _end_open(self, detail: str, **where: str) -> None:
        DeletionItem.objects.filter(plan=self._plan, outcome=Outcome.WAITING, **where).update(
            outcome=Outcome.CANCELLED, detail=detail, finished_at=self._clock()
        )

    def _report(self) -> None:
        if time.monotonic() - self._counted_at > FIGURE_EVERY:
            self._counted_at = time.monotonic()
            self._plan.freed_bytes = freed_bytes(self._plan)
            DeletionPlan.objects.filter(pk=self._plan.pk).update(freed_bytes=self._plan.freed_bytes)
        DeletionPlan.objects.filter(pk=self._plan.pk).update(heartbeat_at=self._clock())
        self._on_progress()


def end_state(plan: DeletionPlan) -> PlanState:
    """How a run ended: as a person wished, for a reason of its own, or with every item settled."""
    if plan.error:
        return PlanState.FAILED
    return PlanState.CANCELLED if plan.cancel_requested else PlanState.DONE


def after_deleting(plan: DeletionPlan) -> PlanPhase:
    """What follows: a sync, if anything can have changed in the registry."""
    touched = DeletionItem.objects.filter(plan=plan).exclude(
        outcome__in=(Outcome.WAITING, Outcome.CANCELLED)
    )
    return PlanPhase.SYNCING if touched.exists() else PlanPhase.NONE


def _refusal(answer: DeletionAnswer) -> str:
    """The registry's refusal, as what it means."""
    said = f" ({answer.detail})" if answer.detail else ""
    match answer.outcome:
        case DeletionOutcome.UNSUPPORTED:
            return f"The registry has deletion turned off{said}."
        case DeletionOutcome.LOCKED:
            return f"The registry protects it: locked, immutable, or part of an index{said}."
        case DeletionOutcome.TAGGED:
            return f"The registry says that a tag points to it{said}."
    return f"The account in use may not delete it{said}."
