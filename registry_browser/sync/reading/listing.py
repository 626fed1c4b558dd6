"""Which repositories a run goes through: what the registry lists, what an admin follows, what the
record knows.

A listing is complete only if the registry answered every page of its catalog. Only then may a
repository that it does not name be taken for gone, and only if not too many are missing at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.db.models import Q

from registry_browser.models import ItemState, Registry, Repository, SyncItem, SyncRun
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.errors import (
    AccessDenied,
    NotFound,
    RegistryError,
    Unreachable,
    Unsupported,
)
from registry_browser.sync.reading.decide import is_believable
from registry_browser.sync.requests import read_again

CATALOG_REFUSED = (AccessDenied, NotFound, Unsupported)
"""Answers of registries that serve no catalog, or not to us (Docker Hub, GHCR, GitLab, Harbor for
non-admins).
"""

_FEW = 2
_NAMES_SAID = 3


@dataclass(frozen=True, slots=True)
class Listing:
    """How the repositories of a run were found. `problem` and `question` are sentences for a
    person, or empty.

    `failed` is set where the registry gave no answer at all, so that reading on makes no sense.
    """

    complete: bool = False
    problem: str = ""
    question: str = ""
    failed: bool = False


async def list_repositories(run: SyncRun, client: RegistryClient) -> Listing:
    """Queue every repository of the run as an item, page by page as they are listed."""
    registry = run.registry
    listed = 0
    await sync_to_async(_begin_anew)(run)
    try:
        async for names in client.repositories():
            followed = [name for name in names if is_followed(name, registry.follow)]
            listed += len(followed)
            await sync_to_async(queue_items)(run, followed)
    except Unreachable as error:
        return Listing(problem=str(error), failed=True)
    except CATALOG_REFUSED as error:
        return await sync_to_async(_without_catalog)(run, error)
    except RegistryError as error:
        return await sync_to_async(_cut_short)(run, error)
    odd = [name for name in client.dropped_names if is_followed(name, registry.follow)]
    return await sync_to_async(_compare)(run, listed, odd)


def _begin_anew(run: SyncRun) -> None:
    """Forget what an earlier listing of this run named (it was cut off, or somebody joined), and
    have what was doubtful by it read again.
    """
    items = SyncItem.objects.filter(run=run)
    read_again(run, items.filter(Q(missing_since__isnull=False) | Q(state=ItemState.INCOMPLETE)))
    items.update(listed=False)


def _without_catalog(run: SyncRun, error: RegistryError) -> Listing:
    """Go through what an admin named and what is known; nothing can be concluded from what is not
    listed.
    """
    follow: list[str] = run.registry.follow
    named = [path for path in follow if not path.endswith("/")]
    namespaces = [path for path in follow if path.endswith("/")]
    queue_items(run, [*named, *_known(run.registry)])
    if namespaces:
        return Listing(
            problem=f"The registry does not list its repositories, so {namespaces[0]} cannot be "
            f"expanded: name the repositories themselves. {error}"
        )
    if not named:
        return Listing(
            problem=f"The registry does not list its repositories: {error} "
            "Name the repositories to follow."
        )
    return Listing()


def _cut_short(run: SyncRun, error: RegistryError) -> Listing:
    """The catalog broke off: what it named and what is known is read, nothing is concluded from the
    rest.
    """
    queue_items(run, _known(run.registry))
    return Listing(problem=f"The list of repositories is not complete: {error}")


def _compare(run: SyncRun, listed: int, odd: Sequence[str]) -> Listing:
    """The catalog ended by itself. Queue what is known and not listed, to be asked for by name. It
    lists something under `odd` names, too, which nobody can ask for: that is said.
    """
    registry = run.registry
    known = set(_known(registry))
    named = set(SyncItem.objects.filter(run=run, listed=True).values_list("path", flat=True))
    missing = sorted(known - named)
    wanted = {path for path in registry.follow if not path.endswith("/")}
    queue_items(run, sorted((known | wanted) - named), listed=False)
    if known and not listed and not run.believe_absences:
        return Listing(
            question=f"The registry listed no repositories where {len(known):,} were known. "
            "Nothing was marked as deleted. Are they really gone?"
        )
    if not run.believe_absences and not is_believable(
        len(missing), len(known), registry.vanish_share, few=_FEW
    ):
        return Listing(
            question=f"{len(missing):,} of {len(known):,} known repositories "
            "are not listed any more. Nothing was marked as deleted. Are they really gone?"
        )
    if odd:
        names = "a name" if len(odd) == 1 else f"{len(odd):,} names"
        shown = ", ".join(name[:60] for name in odd[:_NAMES_SAID]) + (
            " …" if len(odd) > _NAMES_SAID else "."
        )
        return Listing(
            complete=True,
            problem=f"The registry lists {names} that no repository can have, "
            f"so that what is there cannot be read: {shown}",
        )
    return Listing(complete=True)


def _known(registry: Registry) -> list[str]:
    """What is in the record and still followed."""
    rows = Repository.objects.filter(registry=registry, gone_at=None)
    paths = rows.values_list("path", flat=True)
    return [path for path in paths if is_followed(path, registry.follow)]


def queue_items(run: SyncRun, paths: Iterable[str], *, listed: bool = True) -> None:
    """Add repositories to the run. Of those that it has already only `listed` is changed."""
    items = [SyncItem(run=run, path=path, listed=listed) for path in dict.fromkeys(paths)]
    if listed:
        SyncItem.objects.bulk_create(
            items,
            update_conflicts=True,
            unique_fields=["run", "path"],
            update_fields=["listed"],
            batch_size=5000,
        )
    else:
        SyncItem.objects.bulk_create(items, ignore_conflicts=True, batch_size=5000)
    SyncRun.objects.filter(pk=run.pk).update(total=SyncItem.objects.filter(run=run).count())


def is_followed(path: str, follow: Sequence[str]) -> bool:
    """Whether an admin wants this repository: all of them where nothing is named."""
    return not follow or any(
        path.startswith(wanted) if wanted.endswith("/") else path == wanted for wanted in follow
    )
