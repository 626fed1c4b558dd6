"""Absences that are believed into the record: what is gone leaves it, and the ledger keeps it."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from registry_browser.history.causes import deleted_by_us
from registry_browser.history.ledger import record_tag_events
from registry_browser.history.told import later
from registry_browser.models import EventSource, Presence, Registry, Repository, Tag, TagEventKind
from registry_browser.sync.explain import explain_absences
from registry_browser.sync.figures import liveness
from registry_browser.sync.figures.counts import refresh_repositories
from registry_browser.sync.reading.observed import TagChange
from registry_browser.sync.storing.changes import tag_event


def store_absences(
    registry: Registry,
    repository: Repository,
    names: Sequence[str],
    *,
    seen_at: datetime,
    whole: bool,
    settled: bool,
) -> int:
    """Believe that tags are gone: they leave the record, the ledger keeps them. `whole`: the
    repository itself is gone. `settled`: nothing else keeps the repository from being complete.

    Returns how many tags were removed. What they pointed to stays present, untagged since
    `seen_at`.
    """
    with transaction.atomic():
        Registry.objects.hold(registry.pk)
        rows = list(
            Tag.objects.select_for_update(of=("self",))
            .filter(repository=repository, name__in=list(names))
            .values_list("pk", "name", "manifest__digest", "changed_at")
        )
        since = repository.tags_complete_at
        digests = {digest for _, _, digest, _ in rows}
        ours = deleted_by_us(registry.pk, repository.path, digests, since=since)
        events = [
            tag_event(
                registry,
                repository.pk,
                repository.path,
                TagChange(name, digest, "", later(since, changed_at)),
                TagEventKind.DELETED,
                seen_at,
                EventSource.DELETION if digest in ours else EventSource.SYNC,
                ours.get(digest, ""),
            )
            for _, name, digest, changed_at in rows
        ]
        record_tag_events(
            explain_absences(
                registry, repository.pk, repository.path, events, began_at=repository.synced_at
            )
        )
        Tag.objects.filter(pk__in=[pk for pk, *_ in rows]).delete()
        went: list[int] = []
        if whole:
            present = Presence.objects.filter(repository=repository, gone_at=None)
            went = list(present.values_list("manifest_id", flat=True))
            present.update(gone_at=seen_at)
            repository.gone_at = seen_at
        if settled:
            repository.complete, repository.incomplete_reason = True, ""
            # The listing that named them no more began then.
            repository.tags_complete_at = repository.synced_at
        repository.changed_at = seen_at if rows else repository.changed_at
        repository.save(
            update_fields=[
                "gone_at", "complete", "incomplete_reason", "tags_complete_at", "changed_at",
            ]
        )  # fmt: skip
        refresh_repositories(liveness.refresh_states(registry.pk, {repository.pk: seen_at}, went))
    return len(rows)
