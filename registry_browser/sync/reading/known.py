"""What the record holds of repositories that are about to be asked, in a few statements a batch."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q

from registry_browser.models import (
    Manifest,
    ManifestChild,
    Presence,
    PresenceState,
    Repository,
    Tag,
)
from registry_browser.oci import mediatypes
from registry_browser.sync.reading.observed import KnownRepository, Problem
from registry_browser.sync.told import told_digests

ByRepository = dict[int, list[str]]


def load_known(
    registry_id: int,
    paths: Sequence[str],
    *,
    listed: dict[str, bool],
    expected: bool,
    full_check: bool,
) -> list[KnownRepository]:
    """What the record holds of these repositories. `listed` says which the catalog named,
    `expected` if it is complete.
    """
    rows = Repository.objects.filter(registry_id=registry_id, path__in=paths)
    repositories = {repository.path: repository for repository in rows}
    ids = [repository.pk for repository in repositories.values()]
    tags = _tags(ids)
    held = _ever_held([pk for pk in ids if not tags[pk]])
    untagged = _untagged(ids) if full_check else {}
    lacking = _lacking(registry_id, ids) if full_check else {}
    told = told_digests(registry_id, paths)
    return [
        KnownRepository(
            path,
            repository_id=repository.pk,
            tags=tags[repository.pk],
            tags_complete_at=repository.tags_complete_at,
            ever_held=bool(tags[repository.pk]) or repository.pk in held,
            untagged=tuple(untagged.get(repository.pk, ())),
            lacking=tuple(lacking.get(repository.pk, ())),
            problems=tuple(Problem(**problem) for problem in repository.problems),
            told=told.get(path, ()),
            listed=listed.get(path, True),
            expected=expected,
            full_check=full_check,
        )
        if (repository := repositories.get(path))
        else KnownRepository(
            path,
            told=told.get(path, ()),
            listed=listed.get(path, True),
            expected=expected,
            full_check=full_check,
        )
        for path in paths
    ]


def _tags(repositories: Sequence[int]) -> dict[int, dict[str, str]]:
    tags: dict[int, dict[str, str]] = {pk: {} for pk in repositories}
    rows = Tag.objects.filter(repository_id__in=repositories)
    for pk, name, digest in rows.values_list("repository_id", "name", "manifest__digest"):
        tags[pk][name] = digest
    return tags


def _ever_held(repositories: Sequence[int]) -> set[int]:
    presences = Presence.objects.filter(repository=OuterRef("pk"))
    rows = Repository.objects.filter(Exists(presences), pk__in=repositories)
    return set(rows.values_list("pk", flat=True))


def _untagged(repositories: Sequence[int]) -> ByRepository:
    """What is present without a tag, and what is gone and still named by an index."""
    found: ByRepository = {}
    indexes = Presence.objects.filter(
        repository=OuterRef("repository"),
        gone_at=None,
        manifest__children__digest=OuterRef("manifest__digest"),
    )
    rows = Presence.objects.filter(repository_id__in=repositories).filter(
        (Q(gone_at=None) & ~Q(state=PresenceState.TAGGED))
        | (Q(gone_at__isnull=False) & Exists(indexes))
    )
    for pk, digest in rows.values_list("repository_id", "manifest__digest"):
        found.setdefault(pk, []).append(digest)
    return found


def _lacking(registry_id: int, repositories: Sequence[int]) -> ByRepository:
    """What an index names and the record has nowhere: perhaps it was not there where the index was
    seen first.
    """
    found: ByRepository = {}
    known = Manifest.objects.filter(registry=registry_id, digest=OuterRef("digest"))
    rows = ManifestChild.objects.filter(
        ~Exists(known),
        manifest__presences__repository__in=repositories,
        manifest__presences__gone_at=None,
    )
    for pk, digest, media_type in rows.values_list(
        "manifest__presences__repository_id", "digest", "media_type"
    ).distinct():
        if not (mediatypes.is_layer(media_type) or mediatypes.is_image_config(media_type)):
            found.setdefault(pk, []).append(digest)
    return found
