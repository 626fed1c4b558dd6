"""Pushing back what a plan deleted: the kept bodies, by digest, children before their index.

The registry has the layers as long as it has not collected its garbage. What it has not any more is
named. Besides `run`, this is the only file of the package that changes anything in a registry.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from asgiref.sync import sync_to_async
from django.db import transaction

from registry_browser.deletion.graph import Graph, Node, undo_order
from registry_browser.deletion.progress import freed_bytes
from registry_browser.models import (
    BlobRole,
    DeletionItem,
    DeletionPlan,
    EventSource,
    ItemUndo,
    KnownBy,
    Manifest,
    ManifestBlob,
    Presence,
    Registry,
    TagEvent,
    TagEventKind,
    UndoState,
)
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.descriptor import Child
from registry_browser.oci.digest import Digest
from registry_browser.oci.errors import NotFound, RegistryError, Unreachable
from registry_browser.oci.push import put_manifest

UNFINISHED = (ItemUndo.WAITING, ItemUndo.PUSHING)
SILENT_IN_A_ROW = 3


class Undo:
    """Pushes what is open in an undo until nothing is, time is up, or the registry wants a longer
    time without us; what it did not take then stays open.
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
        self._deadline = time.monotonic() + seconds
        self._on_progress = on_progress
        self._silent = 0

    async def go(self) -> bool:
        """Work. Returns whether the undo is over: nothing is open any more.

        Pushing the same bytes twice changes nothing, so an item that a dead worker was at is simply
        pushed again.
        """
        for item in await sync_to_async(self._in_order)():
            if self._silent >= SILENT_IN_A_ROW:
                await self._store(item, ItemUndo.FAILED, "Not tried: the registry is out of reach.")
                continue
            await self._push(item)
            await sync_to_async(self._report)()
            # At the end, so that every slice does something.
            if self._client.closed_for or time.monotonic() > self._deadline:
                return False
        return True

    def _in_order(self) -> list[DeletionItem]:
        items = list(DeletionItem.objects.filter(plan=self._plan, undo__in=UNFINISHED))
        ordered: list[DeletionItem] = []
        for path in dict.fromkeys(item.path for item in items):
            here = {item.digest: item for item in items if item.path == path}
            graph = Graph(_nodes(self._registry, list(here)))
            ordered += [here[digest] for digest in undo_order(graph, graph.nodes)]
        found = {item.pk for item in ordered}
        for item in items:
            if item.pk not in found:
                item.undo, item.undo_detail = ItemUndo.FAILED, "The record has lost its body."
                item.save(update_fields=["undo", "undo_detail"])
        return ordered

    async def _push(self, item: DeletionItem) -> None:
        manifest = await sync_to_async(self._manifest)(item.digest)
        item.undo = ItemUndo.PUSHING
        await item.asave(update_fields=["undo"])
        body = bytes(manifest.stored_body.body)
        # A digest that is not of the bytes themselves (signed schema 1) can be pushed by tag only.
        by_digest = Digest.parse(item.digest).verifies(body)
        tags = await sync_to_async(self._tags_taken)(item)
        if not by_digest and not tags:
            detail = "Its digest leaves out its signature, so it cannot be pushed by digest."
            await self._store(item, ItemUndo.FAILED, detail)
            return
        try:
            if by_digest:
                await put_manifest(self._client, item.path, item.digest, body, manifest.media_type)
            put_back = [tag for tag in tags if await self._put_tag(item, tag, body, manifest)]
            there = await self._client.manifest_exists(item.path, item.digest)
        except RegistryError as error:
            if not self._client.closed_for:
                await self._failed(item, manifest, error)
            return
        self._silent = 0
        if not there:
            detail = "The registry took it, and a look afterwards does not find it."
            await self._store(item, ItemUndo.FAILED, detail)
            return
        await sync_to_async(self._note_pushed)(item, manifest, tags, put_back)

    async def _put_tag(self, item: DeletionItem, tag: str, body: bytes, manifest: Manifest) -> bool:
        """Put a tag back that fell with the manifest, unless somebody has used its name since."""
        try:
            head = await self._client.head_manifest(item.path, tag)
        except NotFound:
            await put_manifest(self._client, item.path, tag, body, manifest.media_type)
            return True
        return head.digest == item.digest

    async def _failed(self, item: DeletionItem, manifest: Manifest, error: RegistryError) -> None:
        """Say why, and name what is not there any more, if that is why."""
        if isinstance(error, Unreachable):
            self._silent += 1
            await self._store(item, ItemUndo.FAILED, str(error))
            return
        try:
            missing, children = await self._missing(item.path, manifest)
        except RegistryError as second:
            if not self._client.closed_for:
                await self._store(item, ItemUndo.FAILED, f"{error} {second}")
            return
        said = f" The registry said: {error.detail}" if error.detail else ""
        if missing:
            detail = (
                f"It cannot come back: the registry does not have {_few(missing)} any more. "
                "It has collected its garbage since."
            )
            await self._store(item, ItemUndo.BLOB_GONE, detail)
        elif children:
            detail = f"It names {_few(children)}, which could not be put back either.{said}"
            await self._store(item, ItemUndo.FAILED, detail)
        else:
            await self._store(item, ItemUndo.FAILED, f"{error}{said}")

    async def _missing(self, path: str, manifest: Manifest) -> tuple[list[str], list[str]]:
        """What the manifest needs and the repository does not have: blobs, and children."""
        blobs, children = await sync_to_async(_needs)(manifest)
        return (
            [each for each in blobs if not await blob_exists(self._client, path, each)],
            [each for each in children if not await self._client.manifest_exists(path, each)],
        )

    def _manifest(self, digest: str) -> Manifest:
        return Manifest.objects.select_related("stored_body").get(
            registry=self._registry, digest=digest
        )

    def _tags_taken(self, item: DeletionItem) -> list[str]:
        """The tags that fell with it, as the ledger has them."""
        events = TagEvent.objects.filter(
            registry_id=self._registry.pk,
            path=item.path,
            kind=TagEventKind.DELETED,
            source=EventSource.DELETION,
            old_digest=item.digest,
        )
        if item.started_at is not None:
            events = events.filter(seen_at__gte=item.started_at)
        return sorted(set(events.values_list("tag", flat=True)))

    def _note_pushed(
        self, item: DeletionItem, manifest: Manifest, tags: Sequence[str], put_back: Sequence[str]
    ) -> None:
        """It is back. The record knows at once, the sync that follows confirms it."""
        now = self._clock()
        lost = [tag for tag in tags if tag not in put_back]
        with transaction.atomic():
            Presence.objects.filter(
                repository__registry=self._registry,
                repository__path=item.path,
                manifest=manifest,
            ).update(gone_at=None, pushed_at=now, last_seen_at=now, known_by=KnownBy.PUSH)
            item.undo, item.undone_at, item.tags_taken = ItemUndo.PUSHED, now, list(tags)
            item.undo_detail = (
                f"The tag {', '.join(lost)} points elsewhere by now and was left alone."
                if lost
                else ""
            )
            item.save(update_fields=["undo", "undone_at", "tags_taken", "undo_detail"])

    async def _store(self, item: DeletionItem, undo: ItemUndo, detail: str) -> None:
        item.undo, item.undo_detail = undo, detail
        await item.asave(update_fields=["undo", "undo_detail"])

    def _report(self) -> None:
        DeletionPlan.objects.filter(pk=self._plan.pk).update(heartbeat_at=self._clock())
        self._on_progress()


async def blob_exists(client: RegistryClient, path: str, digest: str) -> bool:
    """Whether a repository has a blob. Raises RegistryError where the registry does not say."""
    scopes = client.dialect.pull_scopes(path)
    answer = await client.call("HEAD", f"{path}/blobs/{digest}", scopes, limit=0)
    if answer.status == 200:
        return True
    if answer.status == 404:
        return False
    raise RegistryError(
        f"{client.endpoint.host} answered {answer.status} when asked for a blob.",
        host=client.endpoint.host,
        method="HEAD",
        path=f"/v2/{path}/blobs/{digest}",
        status=answer.status,
    )


def end_undo(plan: DeletionPlan, now: datetime) -> None:
    """Say how an undo ended; items that are back count no more as freed."""
    items = DeletionItem.objects.filter(plan=plan)
    failed = items.filter(undo__in=(ItemUndo.FAILED, ItemUndo.BLOB_GONE, *UNFINISHED)).exists()
    plan.undo_state = UndoState.INCOMPLETE if failed else UndoState.DONE
    plan.undo_finished_at, plan.freed_bytes = now, freed_bytes(plan)
    plan.save(update_fields=["undo_state", "undo_finished_at", "freed_bytes"])


def _nodes(registry: Registry, digests: list[str]) -> dict[str, Node]:
    rows = Manifest.objects.filter(registry=registry, digest__in=digests).prefetch_related(
        "children"
    )
    return {
        row.digest: Node(tuple(child.digest for child in row.children.all()), row.subject)
        for row in rows
    }


def _few(digests: Sequence[str]) -> str:
    first = ", ".join(f"{digest[:19]}…" for digest in digests[:3])
    return first + (f" and {len(digests) - 3:,} more" if len(digests) > 3 else "")


def _needs(manifest: Manifest) -> tuple[list[str], list[str]]:
    links = ManifestBlob.objects.filter(manifest=manifest, blob__stored_bytes__gt=0).exclude(
        role=BlobRole.BODY
    )
    blobs = set(links.values_list("blob__digest", flat=True))
    children = set[str]()
    for digest, size, media_type in manifest.children.values_list("digest", "size", "media_type"):
        # A cache export is an index of blobs.
        (blobs if Child(digest, size, media_type).is_blob else children).add(digest)
    return sorted(blobs), sorted(children)
