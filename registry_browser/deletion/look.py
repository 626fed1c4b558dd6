"""What the registry says about a repository right before something in it is deleted.

The tags are the truth that matters, and no registry tells which tags point to a digest. So all tags
are listed, completely, before *every* deletion, and a name that is new is asked for its digest at
once. Asking every tag again each time would cost 20,000 requests for one deletion in a repository
with as many tags, so the digests of names that were there before are trusted for a while: not at
all up to `ALWAYS_ASKED` tags, then longer the more there are, a minute at most. A tag that moves
onto a planned manifest within that time falls with it; the ledger then names our deletion, and an
undo brings manifest and tag back.

What a tag points to and the record does not know is fetched and read: a new index may name what is
planned. What a sync has meanwhile seen tagged, untagged again or pushed is young by the plan's own
grace period. Whatever cannot be asked or read leaves everything where it is.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection

from registry_browser.deletion.gather import locks_of
from registry_browser.deletion.graph import Graph, Node, attached_to, digests_in
from registry_browser.deletion.known import Lock, settled_at
from registry_browser.deletion.plan import hours, moment
from registry_browser.models import (
    DeletionItem,
    DeletionPlan,
    ManifestChild,
    ManifestKind,
    Outcome,
    Presence,
    Repository,
    Tag,
)
from registry_browser.models.presence import UNREACHED
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.errors import NotFound, RegistryError
from registry_browser.oci.manifest import parse_manifest

ALWAYS_ASKED = 32
"""Up to so many tags, each is asked for its digest before every single deletion."""
TRUSTED_PER_TAG = timedelta(milliseconds=20)
TRUSTED_AT_MOST = timedelta(seconds=60)
MAX_DEPTH = 16

_GOING = (Outcome.WAITING, Outcome.DELETING, Outcome.DELETED, Outcome.ALREADY_GONE)

_VERSION = """
SELECT (SELECT coalesce(max(id), 0) FROM registry_browser_presence
         WHERE repository_id = %(repository)s),
       (SELECT count(*) FROM registry_browser_presence
         WHERE repository_id = %(repository)s AND gone_at IS NULL),
       (SELECT coalesce(max(id), 0) FROM registry_browser_tagevent
         WHERE repository_id = %(repository)s),
       (SELECT coalesce(max(id), 0) FROM registry_browser_protection
         WHERE registry_id = %(registry)s)
"""


class CannotLook(Exception):
    """The registry did not say what must be known; `error` is what it said instead."""

    def __init__(self, message: str, error: RegistryError) -> None:
        super().__init__(message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Look:
    """Whether a manifest may go now. `reason` says why not; `evidence` what was seen, when."""

    safe: bool
    reason: str
    evidence: dict[str, Any]


@dataclass(slots=True)
class _Recorded:
    """What the record knows of the repository now."""

    graph: Graph
    live: frozenset[str]
    tags: dict[str, str]
    locks: tuple[Lock, ...]


class Watch:
    """One repository while planned manifests in it are deleted."""

    def __init__(
        self,
        client: RegistryClient,
        plan: DeletionPlan,
        repository: Repository,
        *,
        clock: Callable[[], datetime],
        asks_referrers: bool,
        concurrency: int,
    ) -> None:
        self._client = client
        self._plan = plan
        self._repository = repository
        self._clock = clock
        self._asks_referrers = asks_referrers
        self._concurrency = concurrency
        self._tags: dict[str, str] = {}
        self._asked_at: datetime | None = None
        self._foreign: dict[str, Node] = {}
        self._version: tuple[int, ...] = ()
        self._recorded = _Recorded(Graph({}), frozenset(), {}, ())

    async def look(self, digest: str) -> Look:
        """Ask now. Raises CannotLook where an answer is missing."""
        await sync_to_async(self._read_record)()
        await self._read_tags()
        evidence = {"tags": len(self._tags), "checked_at": self._clock().isoformat()}
        reason = await sync_to_async(self._why_not)(digest)
        if not reason and self._asks_referrers:
            reason = await self._new_referrer(digest)
        return Look(not reason, reason, evidence)

    # What the record knows

    def _read_record(self) -> None:
        """Read again what has changed since the last look: a sync may run at the same time."""
        with connection.cursor() as cursor:
            cursor.execute(
                _VERSION,
                {"repository": self._repository.pk, "registry": self._repository.registry_id},
            )
            version = cursor.fetchone()
        if version == self._version:
            return
        present = Presence.objects.filter(repository=self._repository, gone_at=None)
        rows = list(
            present.values_list("manifest_id", "manifest__digest", "manifest__subject", "state")
        )
        children: dict[int, list[str]] = {}
        links = ManifestChild.objects.filter(manifest__in=present.values("manifest_id"))
        for manifest, child in links.values_list("manifest_id", "digest"):
            children.setdefault(manifest, []).append(child)
        unparsed = present.filter(manifest__kind=ManifestKind.UNPARSED).values_list(
            "manifest_id", "manifest__digest", "manifest__stored_body__body"
        )
        for manifest, digest, body in unparsed:
            children[manifest] = list(digests_in(bytes(body), digest))
        nodes = {
            digest: Node(tuple(children.get(pk, ())), subject) for pk, digest, subject, _ in rows
        }
        self._recorded = _Recorded(
            Graph({**self._foreign, **nodes}),
            frozenset(digest for _, digest, _, state in rows if state not in UNREACHED),
            dict(
                Tag.objects.filter(repository=self._repository).values_list(
                    "name", "manifest__digest"
                )
            ),
            tuple(
                lock
                for lock in locks_of(self._repository.registry_id)
                if lock.covers(self._repository.path)
            ),
        )
        self._version = version

    # What the registry says

    async def _read_tags(self) -> None:
        """List the tags, and ask those that are not trusted for their digests."""
        path = self._repository.path
        try:
            names = set((await self._client.tags(path)).tags)
        except NotFound as error:
            if self._recorded.tags:
                raise CannotLook(
                    f"The registry does not know {path} now, and the record holds "
                    f"{len(self._recorded.tags):,} tags of it.",
                    error,
                ) from error
            # A repository into which everything was pushed by digest (distribution 2.8.2).
            names = set()
        except RegistryError as error:
            raise CannotLook(f"Its tags cannot be listed now: {error}", error) from error
        now = self._clock()
        if self._asked_at is None or now - self._asked_at >= _trusted_for(len(names)):
            self._tags, self._asked_at = {}, now
        self._tags = {name: self._tags[name] for name in names if name in self._tags}
        await self._ask_for(names - self._tags.keys())
        await self._read_unknown(set(self._tags.values()), 0)

    async def _ask_for(self, names: Iterable[str]) -> None:
        waiting = iter(sorted(names))

        async def take_turns() -> None:
            for name in waiting:
                try:
                    head = await self._client.head_manifest(self._repository.path, name)
                    digest = head.digest or await self._digest_of(name)
                except NotFound:
                    continue  # It was deleted between the list and this request.
                except RegistryError as error:
                    raise CannotLook(
                        f"Where the tag {name} points cannot be read now: {error}", error
                    ) from error
                self._tags[name] = digest

        results = await asyncio.gather(
            *(take_turns() for _ in range(self._concurrency)), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _digest_of(self, name: str) -> str:
        return (await self._client.manifest(self._repository.path, name)).digest

    async def _read_unknown(self, digests: set[str], depth: int) -> None:
        """Fetch what the record does not know: it may need what is planned."""
        for digest in sorted(digests):
            if digest in self._recorded.graph.nodes:
                continue
            try:
                fetched = await self._client.manifest(self._repository.path, digest)
            except NotFound:
                continue
            except RegistryError as error:
                raise CannotLook(
                    f"A manifest that is new here, {digest[:19]}…, cannot be read: {error}", error
                ) from error
            manifest = parse_manifest(fetched.body, fetched.media_type)
            children = tuple(child.digest for child in manifest.children if not child.is_blob)
            if manifest.problem:
                children = digests_in(fetched.body, digest)
            subject = manifest.subject.digest if manifest.subject else ""
            self._foreign[digest] = Node(children, subject)
            self._recorded.graph = Graph({**self._recorded.graph.nodes, **self._foreign})
            if depth < MAX_DEPTH and not manifest.problem:
                await self._read_unknown(set(children), depth + 1)

    async def _new_referrer(self, digest: str) -> str:
        try:
            listed = await self._client.referrers(self._repository.path, digest)
        except RegistryError as error:
            raise CannotLook(f"Its referrers cannot be listed now: {error}", error) from error
        for referrer in listed or ():
            if referrer.digest not in self._recorded.graph.nodes:
                return f"{referrer.digest[:19]}… refers to it, and the record does not know it yet."
        return ""

    # What follows

    def _why_not(self, digest: str) -> str:
        """Why a manifest must stay, from all that was seen; empty if it may go."""
        recorded = self._recorded
        names = {target: name for name, target in self._tags.items()}
        if digest in names:
            return f"The tag {names[digest]} points to it now."
        for lock in recorded.locks:
            if lock.digest in ("", digest):
                return f"It was locked by {lock.actor}: “{lock.reason}”"
        for name in self._tags:
            if attached_to(name, {digest: None}):
                return f"The tag {name} is attached to it now."
        if digest not in recorded.graph.nodes:
            return ""  # The record has seen that it is gone; the registry will say so.
        if digest in recorded.live:
            return "The record has seen since that it is needed."
        if young := self._why_young(digest):
            return young
        holder = self._staying_holder(digest)
        if not holder:
            return ""
        named = f"{holder[:19]}…" + (f", tagged {names[holder]}," if holder in names else "")
        if digest in recorded.graph.nodes[holder].children:
            return f"The index {named} names it and stays."
        if recorded.graph.nodes[digest].subject == holder:
            return f"Its subject {named} stays."
        return f"The manifest {named} stays and needs it."

    def _why_young(self, digest: str) -> str:
        """Asked of the record anew each time: what was pushed again has no new row."""
        moments = (
            Presence.objects.filter(
                repository=self._repository, manifest__digest=digest, gone_at=None
            )
            .values_list("first_seen_at", "pushed_at", "untagged_since")
            .first()
        )
        if moments is None or self._clock() - settled_at(*moments) >= self._plan.grace:
            return ""
        return (
            f"Younger than the grace period of {hours(self._plan.grace)}: something happened to it "
            f"on {moment(settled_at(*moments))}."
        )

    def _staying_holder(self, digest: str) -> str:
        """The nearest manifest that stays and thereby keeps `digest`; empty if none does.

        It stays if it is tagged, locked, has something attached, or does not go by this plan: also
        an item that was skipped or refused.
        """
        holders = list(self._recorded.graph.holders(digest))[1:]
        if not holders:
            return ""
        going = set(
            DeletionItem.objects.filter(
                plan=self._plan,
                path=self._repository.path,
                digest__in=holders,
                outcome__in=_GOING,
            ).values_list("digest", flat=True)
        )
        stays = {lock.digest for lock in self._recorded.locks} | set(self._tags.values())
        known = dict.fromkeys(holders)
        stays |= {each for name in self._tags if (each := attached_to(name, known))}
        return next((each for each in holders if each not in going or each in stays), "")


def _trusted_for(tags: int) -> timedelta:
    if tags <= ALWAYS_ASKED:
        return timedelta(0)
    return min(tags * TRUSTED_PER_TAG, TRUSTED_AT_MOST)
