"""Afterwards: is every remaining tag whole? Asks the registry for what each tag reaches, one HEAD
each, and changes nothing.

Manifests are all asked for. No DELETE of a manifest touches blobs, so of those only the ones are
all asked for that something deleted held too; of the others as many as `OTHER_BLOBS`. The report
says how many were not.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection

from registry_browser.deletion.requests import undoable
from registry_browser.deletion.undo import blob_exists
from registry_browser.models import (
    BlobRole,
    DeletionItem,
    DeletionPlan,
    Outcome,
    Registry,
    Repository,
    Tag,
)
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.errors import RegistryError

OTHER_BLOBS = 5_000
PROBLEMS_KEPT = 50

_REACHED = """
WITH RECURSIVE reached (manifest_id) AS (
    SELECT manifest_id FROM registry_browser_tag WHERE repository_id = %(repository)s
  UNION
    SELECT target.id FROM reached
      JOIN registry_browser_manifestchild child ON child.manifest_id = reached.manifest_id
      JOIN registry_browser_manifest target
        ON target.registry_id = %(registry)s AND target.digest = child.digest
      JOIN registry_browser_presence presence
        ON presence.manifest_id = target.id AND presence.repository_id = %(repository)s
       AND presence.gone_at IS NULL
)
"""

_MANIFESTS = (
    _REACHED
    + """
SELECT manifest.digest FROM reached JOIN registry_browser_manifest manifest
    ON manifest.id = reached.manifest_id ORDER BY manifest.digest
"""
)

_BLOBS = (
    _REACHED
    + """
SELECT blob.digest, bool_or(EXISTS (
         SELECT FROM registry_browser_manifestblob other
           JOIN registry_browser_manifest gone ON gone.id = other.manifest_id
          WHERE other.blob_id = blob.id AND gone.digest = ANY(%(deleted)s)))
  FROM reached
  JOIN registry_browser_manifestblob link
    ON link.manifest_id = reached.manifest_id AND link.role <> %(body)s
  JOIN registry_browser_blob blob ON blob.id = link.blob_id AND blob.stored_bytes > 0
 GROUP BY blob.digest ORDER BY 2 DESC, blob.digest
"""
)


@dataclass(slots=True)
class WalkResult:
    """What was asked for, and what was not as it should be."""

    tags: int = 0
    manifests: int = 0
    blobs: int = 0
    unasked: int = 0
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "tags": self.tags,
            "manifests": self.manifests,
            "blobs": self.blobs,
            "unasked": self.unasked,
            "problems": self.problems[:PROBLEMS_KEPT],
            "problem_count": len(self.problems),
        }


async def walk(
    plan: DeletionPlan,
    registry: Registry,
    client: RegistryClient,
    on_progress: Callable[[], Awaitable[None]],
) -> WalkResult:
    """Walk the graph of every tag in the repositories that the plan touched."""
    result = WalkResult()
    budget = OTHER_BLOBS
    for repository in await sync_to_async(_touched)(plan, registry):
        digests, blobs = await sync_to_async(_reached)(plan, registry, repository)
        result.tags += await Tag.objects.filter(repository=repository).acount()
        due = [digest for digest, is_due in blobs if is_due]
        others = [digest for digest, is_due in blobs if not is_due][:budget]
        budget -= len(others)
        asked = due + others
        result.manifests += len(digests)
        result.blobs += len(asked)
        result.unasked += len(blobs) - len(asked)
        await _each(
            digests,
            registry.concurrency,
            _asking(result, repository.path, "manifest", client.manifest_exists),
        )
        await _each(
            asked,
            registry.concurrency,
            _asking(
                result,
                repository.path,
                "blob",
                lambda path, digest: blob_exists(client, path, digest),
            ),
        )
        await on_progress()
    return result


def _asking(
    result: WalkResult, path: str, what: str, exists: Callable[[str, str], Awaitable[bool]]
) -> Callable[[str], Awaitable[None]]:
    async def ask(digest: str) -> None:
        try:
            if not await exists(path, digest):
                result.problems.append(f"{path}: the {what} {digest} is missing.")
        except RegistryError as error:
            result.problems.append(f"{path}: the {what} {digest} could not be checked. {error}")

    return ask


def _touched(plan: DeletionPlan, registry: Registry) -> list[Repository]:
    paths = touched_paths(plan)
    return list(Repository.objects.filter(registry=registry, path__in=paths).order_by("path"))


def touched_paths(plan: DeletionPlan) -> list[str]:
    """The repositories in which the plan did anything, or tried to."""
    tried = DeletionItem.objects.filter(plan=plan).exclude(
        outcome__in=(Outcome.WAITING, Outcome.CANCELLED)
    )
    return sorted(set(tried.values_list("path", flat=True)))


def _reached(
    plan: DeletionPlan, registry: Registry, repository: Repository
) -> tuple[list[str], list[tuple[str, bool]]]:
    deleted = undoable(plan)
    parameters: dict[str, Any] = {
        "registry": registry.pk,
        "repository": repository.pk,
        "deleted": list(deleted.values_list("digest", flat=True)),
        "body": BlobRole.BODY.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MANIFESTS, parameters)
        manifests = [digest for (digest,) in cursor.fetchall()]
        cursor.execute(_BLOBS, parameters)
        blobs: list[tuple[str, bool]] = cursor.fetchall()
    return manifests, blobs


async def _each(items: Iterable[str], workers: int, work: Callable[[str], Awaitable[None]]) -> None:
    waiting = iter(items)

    async def take_turns() -> None:
        for item in waiting:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(take_turns())
