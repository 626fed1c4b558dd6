"""What our own deletions explain: a tag that went because a manifest was deleted by digest."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from registry_browser.models import DeletionItem, Outcome


def deleted_by_us(
    registry_id: int, path: str, digests: Collection[str], *, since: datetime | None
) -> dict[str, str]:
    """Those of `digests` that a deletion plan has deleted in a repository since then, each with who
    ran the plan.
    """
    gone = DeletionItem.objects.filter(
        Q(outcome=Outcome.DELETED) | Q(outcome=Outcome.DELETING),
        plan__registry_id=registry_id,
        path=path,
        digest__in=list(digests),
        undone_at=None,
    )
    if since is not None:
        # The answer counts, not the call: the tag may have come while the call was under way.
        gone = gone.filter(Q(finished_at__gte=since) | Q(finished_at=None))
    return dict(gone.values_list("digest", "plan__runner"))
