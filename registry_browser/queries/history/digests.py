"""Which tags a digest ever had, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import Repository, TagSpan
from registry_browser.queries.history.scope import digests_meant
from registry_browser.queries.history.standing import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedRow:
    """A tag that pointed to the digest, from when to when. `registry` and `path` are empty where
    the registry was removed.
    """

    registry: str
    path: str
    tag: str
    span: Span

    @property
    def is_now(self) -> bool:
        return self.span.until_seen_at is None


def tags_of_digest(
    digest: str, *, repositories: Sequence[int] | None = None, at_most: int = SHOWN
) -> list[TaggedRow]:
    """The spans of a digest (or of those whose start this is), newest first: everywhere, or in some
    repositories. By the index `tag_span_digest`.
    """
    spans = TagSpan.objects.filter(digest__in=digests_meant(digest))
    if repositories is not None:
        spans = spans.filter(repository_id__in=repositories)
    listed = list(spans.order_by("-since_seen_at", "-id")[:at_most])
    places = {
        repository.pk: repository
        for repository in Repository.objects.filter(
            pk__in={span.repository_id for span in listed}
        ).select_related("registry")
    }
    return [
        TaggedRow(
            registry=place.registry.name if (place := places.get(span.repository_id)) else "",
            path=place.path if place else "",
            tag=span.tag,
            span=Span(
                digest=span.digest,
                since_not_before=span.since_not_before,
                since_seen_at=span.since_seen_at,
                until_not_before=span.until_not_before,
                until_seen_at=span.until_seen_at,
            ),
        )
        for span in listed
    ]
