"""Ask a registry about one repository, and say what it answered.

In this order: all names of tags; the digest of each (one HEAD for a tag that is known, also where
the list left it out; one GET for a new one, which brings the body with it); the content that the
record lacks; on a full check, one HEAD for each manifest without a tag. Does not decide what an
answer means and does not write; content goes to the sink of `Content` as soon as it is verified.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from registry_browser.oci.client import RegistryClient
from registry_browser.oci.errors import (
    InvalidReference,
    NotFound,
    RegistryError,
    Unreachable,
)
from registry_browser.sync.reading.content import Content
from registry_browser.sync.reading.observed import (
    MAX_PROBLEMS,
    KnownRepository,
    ObservedRepository,
    Problem,
)

_NAMES_SAID = 5
"""Few, so that they push no other problem out."""

Item = TypeVar("Item")
Clock = Callable[[], datetime]
Progress = Callable[[int, int], None]


async def observe_repository(
    client: RegistryClient,
    known: KnownRepository,
    content: Content,
    *,
    clock: Clock,
    concurrency: int,
    asks_referrers: bool = False,
    on_progress: Progress = lambda done, total: None,
) -> ObservedRepository:
    """One repository, asked now. `on_progress` is told how many of its tags were read, of how many.

    Never raises a RegistryError: a listing that failed is an observation with `listed` None and the
    reason, and a tag that could not be read is a Problem.
    """
    seen_at = clock()
    try:
        listing = await client.tags(known.path)
    except (RegistryError, InvalidReference) as error:
        return ObservedRepository(
            known.path,
            seen_at,
            None,
            read_at=clock(),
            failure=str(error),
            absent=isinstance(error, NotFound),
            unreachable=isinstance(error, Unreachable),
        )

    reader = _TagReader(client, known, content)
    total = len(listing.tags)

    async def read(name: str) -> None:
        await reader.read(name)
        on_progress(reader.done, total)

    await _each(listing.tags, read, concurrency)
    reader.problems += _no_names_of_tags(listing.dropped)
    left_out = known.tags.keys() - set(listing.tags)
    await _each(left_out, reader.look_for, concurrency)
    checker = _Checker(client, known.path, content, reader.problems)
    await _each(set(known.told) - set(reader.tags.values()), checker.look_into, concurrency)
    referrers, confirmed, gone = set(reader.referrers), set[str](), set(checker.gone)
    if known.full_check:
        await _each(known.untagged, checker.check, concurrency)
        lacking = {*known.lacking, *(problem.digest for problem in known.problems)} - {""}
        await _each(lacking - checker.gone, checker.try_again, concurrency)
        if asks_referrers:
            subjects = {*reader.tags.values(), *known.untagged} - checker.gone
            await _each(subjects, checker.look_for_referrers, concurrency)
        referrers |= checker.referrers
        confirmed, gone = checker.confirmed, checker.gone
    return ObservedRepository(
        known.path,
        seen_at,
        listed=frozenset(listing.tags) | reader.still_there,
        read_at=clock(),
        tags=reader.tags,
        problems=tuple(reader.problems[:MAX_PROBLEMS]),
        referrers=frozenset(referrers),
        confirmed=frozenset(confirmed),
        told=frozenset(checker.told),
        gone=frozenset(gone),
        checked=known.full_check,
        unread=bool(reader.unread),
    )


def _no_names_of_tags(names: Sequence[str]) -> list[Problem]:
    """What the registry lists and nobody can ask for: said, or it would look as if all was read."""
    reason = "The registry lists it, but no tag can have this name, so that it cannot be read."
    if len(names) > 1:
        reason += f" Neither can {len(names) - 1:,} more."
    return [Problem(reason, tag=name) for name in names[:_NAMES_SAID]]


class _TagReader:
    """Reads the tags of one repository, each by itself: one that fails does not keep the others
    from being read.
    """

    def __init__(self, client: RegistryClient, known: KnownRepository, content: Content) -> None:
        self._client = client
        self._known = known
        self._content = content
        self.tags: dict[str, str] = {}
        self.referrers: set[str] = set()
        self.problems: list[Problem] = []
        self.still_there: set[str] = set()
        self.unread = 0
        self.done = 0

    async def read(self, name: str) -> None:
        try:
            self.tags[name] = await self._digest(name)
        except NotFound:
            # Deleted between the listing and this request: neither here nor an absence that a
            # listing confirmed.
            self._cannot_read(
                name, "it was listed, but is not there any more; the next sync will tell"
            )
        except RegistryError as error:
            self._cannot_read(name, str(error))
        self.done += 1

    async def look_for(self, name: str) -> None:
        """A known tag that the list left out is asked for by name: a list that was cut, and does
        not say so, must not close anything (Nexus groups send one page and no Link).
        """
        try:
            self.tags[name] = await self._digest(name)
        except NotFound:
            return
        except RegistryError as error:
            self._cannot_read(name, str(error))
        else:
            self._cannot_read(name, "it is there, but the registry's list of tags left it out")
        self.still_there.add(name)

    async def _digest(self, name: str) -> str:
        path, known = self._known.path, self._known.tags.get(name)
        if known is None:
            return await self._read_body(name)
        head = await self._client.head_manifest(path, name)
        if head.digest == known:
            return known
        if head.digest is None:
            return await self._read_body(name)
        try:
            self.referrers |= await self._content.need(path, head.digest, self.problems)
        except NotFound:
            # The header lies, or the tag has moved on since: the body tells.
            return await self._read_body(name)
        return head.digest

    async def _read_body(self, name: str) -> str:
        fetched = await self._client.manifest(self._known.path, name)
        self.referrers |= await self._content.take(self._known.path, fetched, self.problems)
        return fetched.digest

    def _cannot_read(self, name: str, reason: str) -> None:
        self.unread += 1
        self.problems.insert(0, Problem(reason, tag=name))


class _Checker:
    """Asks for manifests without a tag, one HEAD each: they may vanish without a sign."""

    def __init__(
        self, client: RegistryClient, path: str, content: Content, problems: list[Problem]
    ) -> None:
        self._client = client
        self._path = path
        self._content = content
        self._problems = problems
        self.confirmed: set[str] = set()
        self.told: set[str] = set()
        self.gone: set[str] = set()
        self.referrers: set[str] = set()

    async def check(self, digest: str) -> None:
        try:
            there = await self._client.manifest_exists(self._path, digest)
        except RegistryError as error:
            self._problems.append(Problem(f"It could not be checked: {error}", digest=digest))
        else:
            (self.confirmed if there else self.gone).add(digest)

    async def look_into(self, digest: str) -> None:
        """A notification named this manifest and no tag: it was pushed by digest, or deleted."""
        try:
            if await self._client.manifest_exists(self._path, digest):
                self.referrers |= await self._content.need(self._path, digest, self._problems)
                self.told.add(digest)
            else:
                self.gone.add(digest)
        except RegistryError as error:
            self._problems.append(Problem(f"It could not be looked into: {error}", digest=digest))

    async def try_again(self, digest: str) -> None:
        """A manifest that could not be had before, or its config, may be there by now."""
        try:
            await self._content.mend(self._path, digest, self._problems)
        except RegistryError as error:
            self._problems.append(Problem(str(error), digest=digest))
        else:
            self.confirmed.add(digest)

    async def look_for_referrers(self, digest: str) -> None:
        self.referrers |= await self._content.referrers(self._path, digest, self._problems)


async def _each(
    items: Iterable[Item], work: Callable[[Item], Awaitable[None]], workers: int
) -> None:
    """Do `work` for each item, `workers` at a time, so that 20,000 tags do not become 20,000
    tasks.
    """
    waiting = iter(items)

    async def take_turns() -> None:
        for item in waiting:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(take_turns())
    except BaseExceptionGroup as failures:
        # They all met the same end: the database's, or a mistake of ours.
        raise failures.exceptions[0] from None
