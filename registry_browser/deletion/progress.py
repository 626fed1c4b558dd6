"""What a plan has really brought so far."""

from collections import Counter

from registry_browser.deletion.gather import holdings_of, references
from registry_browser.models import DeletionItem, DeletionPlan, ItemUndo, Outcome, Presence


def freed_bytes(plan: DeletionPlan) -> int:
    """The bytes that nothing holds any more now that these are deleted, counted as a set.

    Right before the sync has seen that they are gone, and after.
    """
    if plan.registry is None:
        return plan.freed_bytes
    gone = DeletionItem.objects.filter(plan=plan).exclude(undo=ItemUndo.PUSHED)
    places = list(
        (gone.filter(outcome=Outcome.DELETED) | gone.filter(went_along=True)).values_list(
            "path", "digest"
        )
    )
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
