"""What a plan has really brought so far."""

from collections import Counter

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery

from registry_browser.deletion.gather import holdings_of, references
from registry_browser.models import DeletionItem, DeletionPlan, ItemUndo, Outcome, Presence


def freed_bytes(plan: DeletionPlan) -> int:
    """The bytes that nothing holds any more now that these are deleted, counted as a set.

    Right before the sync has seen that they are gone, and after; what it finds there again holds
    its bytes again.
    """
    if plan.registry is None:
        return plan.freed_bytes
    back = {item.pk for item in _there_again(plan)}
    gone = DeletionItem.objects.filter(plan=plan).exclude(undo=ItemUndo.PUSHED)
    places = [
        (path, digest)
        for pk, path, digest in (
            gone.filter(outcome=Outcome.DELETED) | gone.filter(went_along=True)
        ).values_list("pk", "path", "digest")
        if pk not in back
    ]
    if not places:
        return 0
    digests = {digest for _, digest in places}
    holdings, stored = holdings_of(plan.registry, digests)
    held = references(plan.registry.pk, stored)
    recorded = set(
        Presence.objects.filter(
            repository__registry=plan.registry, gone_at=None, manifest__digest__in=digests
        ).values_list("repository__path", "manifest__digest")
    )
    released = Counter(
        blob
        for path, digest in places
        if (path, digest) in recorded
        for blob in holdings.get(digest, ())
    )
    return sum(
        each.size for blob, each in stored.items() if held[blob] - released.get(blob, 0) == 0
    )


def note_what_took_effect_late(plan: DeletionPlan) -> None:
    """Count as deleted what got no answer, and what the sync has found gone."""
    detail = "No answer came; the sync afterwards finds it gone."
    unanswered = DeletionItem.objects.filter(plan=plan, outcome=Outcome.NO_ANSWER)
    seen = _presence_of_item().filter(gone_at__gt=OuterRef("started_at"))
    # After a 404 somebody else may have done it.
    unanswered.exclude(status=404, attempts=1).filter(Exists(seen)).update(
        outcome=Outcome.DELETED, detail=detail
    )


def note_what_is_there_again(plan: DeletionPlan) -> None:
    """Say of deleted items that the sync has found them there again."""
    detail = (
        "It was deleted, and a look afterwards finds it there again: somebody pushed it, or a "
        "registry that caches another one fetched it."
    )
    for item in _there_again(plan):
        DeletionItem.objects.filter(pk=item.pk).update(detail=detail)


def _there_again(plan: DeletionPlan) -> QuerySet[DeletionItem]:
    seen = _presence_of_item().filter(gone_at=None)
    return (
        DeletionItem.objects.filter(plan=plan, outcome=Outcome.DELETED)
        .exclude(undo=ItemUndo.PUSHED)
        .annotate(seen_at=Subquery(seen.values("last_seen_at")[:1]))
        .filter(seen_at__gt=F("finished_at"))
    )


def _presence_of_item() -> QuerySet[Presence]:
    """For a subquery of items."""
    return Presence.objects.filter(
        repository__registry=OuterRef("plan__registry"),
        repository__path=OuterRef("path"),
        manifest__digest=OuterRef("digest"),
    )
