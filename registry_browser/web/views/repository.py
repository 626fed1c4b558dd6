"""A repository: its tags, what is untagged in it, its referrers, and their exports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.views.decorators.http import require_safe

from registry_browser.models import Tag
from registry_browser.queries import manifests
from registry_browser.queries import tags as tag_queries
from registry_browser.queries.likely_base import base_of_repository
from registry_browser.queries.platforms import platforms_in
from registry_browser.queries.pull import pull_commands
from registry_browser.queries.tree import has_repositories_below
from registry_browser.web.asked import asked_order, asked_page, asked_since, asked_text
from registry_browser.web.csv import stream_csv
from registry_browser.web.htmx import asks_for_region, page_or_region
from registry_browser.web.places import (
    explain_absence,
    find_repository,
    place_crumbs,
    repository_stamp,
)
from registry_browser.web.pull_rows import pull_rows

if TYPE_CHECKING:
    from django.http import HttpResponse, StreamingHttpResponse

    from registry_browser.models import Repository
    from registry_browser.queries.manifests import ManifestRow
    from registry_browser.queries.tags import TagRow
    from registry_browser.queries.tree import Place
    from registry_browser.web.htmx import HtmxRequest

SPAN_WORDS = [("", "any time"), ("1d", "in 24 hours"), ("7d", "in 7 days"), ("30d", "in 30 days")]

TAG_COLUMNS = (
    "tag",
    "digest",
    "media_type",
    "platforms",
    "metadata",
    "size_bytes",
    "exclusive_bytes",
    "size_platform",
    "image_created_at",
    "first_seen_at",
    "changed_at",
    "change",
    "source",
    "actor",
)
UNTAGGED_COLUMNS = (
    "digest",
    "state",
    "what",
    "media_type",
    "artifact_type",
    "parents",
    "subject",
    "size_bytes",
    "exclusive_bytes",
    "first_seen_at",
    "untagged_since",
)


def tags(request: HtmxRequest, place: Place) -> HttpResponse:
    """The tags of the repository at `place`; its address is the repository's own."""
    repository = place.repository
    assert repository is not None
    repository.registry = place.registry
    order = asked_order(request, tag_queries.ORDERINGS, "-name")
    listing = tag_queries.tags(
        repository,
        ordering=order,
        page=asked_page(request),
        opened=request.GET.get("open", ""),
        **_tag_filter(request),
    )
    return page_or_region(
        request,
        page="browse/repository.html",
        region="browse/_tags.html",
        context={
            **_frame(request, repository),
            "listing": listing,
            "sort": order,
            "is_filtered": any(_tag_filter(request).values()),
            **_tag_choices(request, repository),
        },
    )


@require_safe
@explain_absence
def untagged(request: HtmxRequest, registry: str, path: str) -> HttpResponse:
    """What is present without a tag, and why each is."""
    found = find_repository(request, registry, path)
    order = asked_order(request, manifests.ORDERINGS, "-seen")
    state = asked_state(request)
    listing = manifests.untagged(found, state=state, ordering=order, page=asked_page(request))
    context = {
        "listing": listing,
        "sort": order,
        "state": state,
        "counts": listing.counts,
        "states": [
            (name, name.title(), amount)
            for name in manifests.UNTAGGED
            if (amount := getattr(listing.counts, name)) or name in (state, *manifests.USUAL)
        ],
    }
    return page_or_region(
        request,
        page="browse/untagged.html",
        region="browse/_untagged.html",
        context={**_frame(request, found), **context},
    )


@require_safe
@explain_absence
def referrers(request: HtmxRequest, registry: str, path: str) -> HttpResponse:
    """What refers to a subject: signatures, SBOMs, attestations."""
    found = find_repository(request, registry, path)
    order = asked_order(request, manifests.ORDERINGS, "-seen")
    listing = manifests.referrers(found, ordering=order, page=asked_page(request))
    return page_or_region(
        request,
        page="browse/referrers.html",
        region="browse/_referrers.html",
        context={**_frame(request, found), "listing": listing, "sort": order},
    )


@require_safe
@explain_absence
def tags_csv(request: HtmxRequest, registry: str, path: str) -> StreamingHttpResponse:
    """The tags that the filter finds, in the order of the page; all of them."""
    found = find_repository(request, registry, path)
    order = asked_order(request, tag_queries.ORDERINGS, "-name")
    rows = tag_queries.every_tag(found, ordering=order, **_tag_filter(request))
    return stream_csv(f"{found.name}-tags.csv", TAG_COLUMNS, map(_tag_cells, rows))


@require_safe
@explain_absence
def untagged_csv(request: HtmxRequest, registry: str, path: str) -> StreamingHttpResponse:
    """What is untagged, of one state where the page shows one."""
    found = find_repository(request, registry, path)
    order = asked_order(request, manifests.ORDERINGS, "-seen")
    rows = manifests.every_untagged(found, state=asked_state(request), ordering=order)
    return stream_csv(f"{found.name}-untagged.csv", UNTAGGED_COLUMNS, map(_untagged_cells, rows))


def _tag_filter(request: HtmxRequest) -> dict[str, Any]:
    return {
        "filter": asked_text(request),
        "platform": asked_text(request, "platform"),
        "changed_since": asked_since(request, datetime.now(UTC)),
    }


def _tag_choices(request: HtmxRequest, repository: Repository) -> dict[str, Any]:
    """What the filter bar offers; it stands outside of the region."""
    if asks_for_region(request):
        return {}
    platforms = [(each, each) for each in platforms_in(repository)]
    return {"platform_options": [("", "any"), *platforms], "span_options": SPAN_WORDS}


def asked_state(request: HtmxRequest) -> str:
    """The state that the untagged are narrowed to, empty for all."""
    state = request.GET.get("state", "")
    return state if state in manifests.UNTAGGED else ""


def _frame(request: HtmxRequest, repository: Repository) -> dict[str, Any]:
    """What stands around each view of a repository; a region alone does without."""
    context: dict[str, Any] = {"registry": repository.registry, "repository": repository}
    if asks_for_region(request):
        return context
    return context | {
        "crumbs": place_crumbs(repository.registry, repository.path),
        "stamp": repository_stamp(request, repository),
        "untagged_count": manifests.untagged_count(repository),
        "referrer_count": manifests.referrer_count(repository),
        "has_below": has_repositories_below(repository.registry, repository.path),
        "pull": _pull(repository),
        "likely_base": base_of_repository(repository),
    }


def _pull(repository: Repository) -> list[Any]:
    """Commands for the tag that stands first in the table."""
    first = (
        Tag.objects.filter(repository=repository)
        .select_related("manifest")
        .order_by("-sort_key", "-name")
        .first()
    )
    if first is None:
        return []
    commands = pull_commands(
        repository.registry,
        repository.path,
        tag=first.name,
        digest=first.manifest.digest,
        kind=first.manifest.kind,
        artifact_type=first.manifest.artifact_type,
    )
    return pull_rows(commands)


def _tag_cells(row: TagRow) -> tuple[object, ...]:
    event = row.last_event
    platforms = [child.platform for child in row.platforms] or [row.size_platform]
    return (
        row.name,
        row.digest,
        row.media_type,
        " ".join(platform for platform in platforms if platform),
        len(row.attestations),
        row.size_bytes,
        row.exclusive_bytes,
        row.size_platform,
        row.image_created_at,
        row.first_seen_at,
        row.changed_at,
        event.kind if event else None,
        event.source if event else None,
        event.actor if event else None,
    )


def _untagged_cells(row: ManifestRow) -> tuple[object, ...]:
    return (
        row.digest,
        row.state,
        row.what,
        row.media_type,
        row.artifact_type,
        " ".join(row.parents),
        row.subject,
        row.size_bytes,
        row.exclusive_bytes,
        row.first_seen_at,
        row.untagged_since,
    )
