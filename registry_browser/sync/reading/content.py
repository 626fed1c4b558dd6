"""Fetching immutable content, each digest once a crawl: manifests with their configs, children and
referrers.

Many tags and repositories share content, and several of them ask at the same time. `Content`
remembers what is under way and what is done, and asks the record, many digests at once, what it has
already. Fetched content goes to `sink` in the order in which it must be stored: what is contained
before what contains it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from registry_browser.oci import config as oci_config
from registry_browser.oci import mediatypes
from registry_browser.oci.client import FetchedManifest, RegistryClient
from registry_browser.oci.config import ImageConfig
from registry_browser.oci.errors import NotFound, RegistryError, UnexpectedAnswer
from registry_browser.oci.manifest import Child, Manifest, parse_manifest
from registry_browser.sync.reading.observed import ObservedContent, Problem

MAX_DEPTH = 16

Sink = Callable[[ObservedContent], Awaitable[None]]
WhichAreKnown = Callable[[list[str]], Awaitable[set[str]]]


class Content:
    """The content of one registry during one crawl.

    `which_are_known` says which of some digests the record holds; `sink` takes what was fetched and
    may make the caller wait. Raises what the client raises where a manifest cannot be read now and
    may be later; what will not get better by itself (a child that is not there, a config whose
    bytes do not match) is a Problem of the repository instead.

    Whoever fetches a manifest waits for its children alone, and those cannot lead back to it, since
    digests are hashes. Referrers are looked for afterwards: a registry can list anything as one.
    """

    def __init__(
        self,
        client: RegistryClient,
        *,
        sink: Sink,
        which_are_known: WhichAreKnown,
        asks_referrers: bool = False,
    ) -> None:
        self._client = client
        self._sink = sink
        self._which_are_known = which_are_known
        self._asks_referrers = asks_referrers
        self._stored: set[bytes] = set()
        self._under_way: dict[str, asyncio.Future[None]] = {}
        self._asked: set[tuple[str, bytes]] = set()

    async def take(self, path: str, fetched: FetchedManifest, problems: list[Problem]) -> set[str]:
        """Complete and store a manifest that was fetched by tag, unless the record has it. Returns
        the digests of its referrers.
        """
        new: list[str] = []
        if not await self._has(fetched.digest):
            await self._once(
                fetched.digest, lambda: self._complete(path, fetched, problems, new, 0)
            )
        return await self._referrers_of(path, [fetched.digest, *new], problems)

    async def need(self, path: str, digest: str, problems: list[Problem]) -> set[str]:
        """Have the manifest `digest` stored: fetch it unless the record or this crawl has it.
        Returns the digests of its referrers.
        """
        new: list[str] = []
        if not await self._has(digest):
            await self._once(digest, lambda: self._fetch(path, digest, problems, new, 0))
        return await self._referrers_of(path, [digest, *new], problems)

    async def mend(self, path: str, digest: str, problems: list[Problem]) -> None:
        """Fetch a manifest that has a problem once more, with all that it needs, stored or not."""
        await self._fetch(path, digest, problems, [], 0)
        self._stored.add(_key(digest))

    async def referrers(self, path: str, digest: str, problems: list[Problem]) -> set[str]:
        """The digests of all manifests that refer to `digest`, and to those, stored, as the
        referrers API lists them. A list that cannot be had is a Problem.
        """
        found: set[str] = set()
        asked: set[str] = set()
        waiting = [(digest, 0)]
        while waiting:
            subject, depth = waiting.pop()
            if subject in asked:
                continue
            asked.add(subject)
            for referrer in await self._list_referrers(path, subject, problems):
                new: list[str] = []
                try:
                    if not await self._has(referrer.digest):
                        await self._once(
                            referrer.digest,
                            lambda wanted=referrer.digest, new=new: self._fetch(  # type: ignore[misc]
                                path, wanted, problems, new, 0
                            ),
                        )
                except (NotFound, UnexpectedAnswer) as error:
                    problems.append(
                        Problem(f"It is listed as a referrer, but: {error}", digest=referrer.digest)
                    )
                    continue
                found.add(referrer.digest)
                if depth < MAX_DEPTH:
                    waiting += [(each, depth + 1) for each in (referrer.digest, *new)]
        return found

    async def _list_referrers(
        self, path: str, digest: str, problems: list[Problem]
    ) -> Sequence[Child]:
        try:
            listed = await self._client.referrers(path, digest)
        except RegistryError as error:
            problems.append(Problem(f"Its referrers cannot be listed: {error}", digest=digest))
            return ()
        self._asked.add((path, _key(digest)))
        return listed or ()

    async def _referrers_of(
        self, path: str, digests: Iterable[str], problems: list[Problem]
    ) -> set[str]:
        found: set[str] = set()
        if self._asks_referrers:
            for digest in digests:
                if (path, _key(digest)) not in self._asked:
                    found |= await self.referrers(path, digest, problems)
        return found

    async def _has(self, digest: str) -> bool:
        if _key(digest) in self._stored:
            return True
        known = await self._which_are_known([digest])
        self._stored.update(map(_key, known))
        return digest in known

    async def _once(self, digest: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` unless it is done. Wait where somebody else does it; if they fail, try: they
        may have asked in a repository that does not have it.
        """
        while _key(digest) not in self._stored:
            if (other := self._under_way.get(digest)) is None:
                return await self._do(digest, work)
            with suppress(RegistryError):
                await asyncio.shield(other)
        return None

    async def _do(self, digest: str, work: Callable[[], Awaitable[None]]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way[digest] = done
        try:
            await work()
        except BaseException as error:
            done.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
            # Nobody else may be waiting, and asyncio logs an exception that no one reads.
            done.exception()
            raise
        else:
            self._stored.add(_key(digest))
            done.set_result(None)
        finally:
            del self._under_way[digest]

    async def _fetch(
        self, path: str, digest: str, problems: list[Problem], new: list[str], depth: int
    ) -> None:
        fetched = await self._client.manifest(path, digest)
        await self._complete(path, fetched, problems, new, depth)

    async def _complete(
        self,
        path: str,
        fetched: FetchedManifest,
        problems: list[Problem],
        new: list[str],
        depth: int,
    ) -> None:
        """Fetch what the manifest needs to be understood, then hand it on. Adds its digest, and
        those that it brought along, to `new`.
        """
        manifest = parse_manifest(fetched.body, fetched.media_type)
        config, config_body = await self._config(path, fetched.digest, manifest, problems)
        if manifest.children and depth < MAX_DEPTH:
            await self._children(path, manifest, problems, new, depth)
        await self._sink(
            ObservedContent(
                fetched.digest, manifest.media_type, fetched.body, manifest, config, config_body
            )
        )
        new.append(fetched.digest)

    async def _config(
        self, path: str, digest: str, manifest: Manifest, problems: list[Problem]
    ) -> tuple[ImageConfig | None, bytes | None]:
        """The config blob, parsed where it is an image's. Artifacts' own config types are left
        alone.
        """
        config = manifest.config
        if config is None or not _is_readable_config(config.media_type):
            return None, None
        try:
            body = await self._client.blob(path, config.digest, limit=oci_config.MAX_BODY)
            if mediatypes.is_image_config(config.media_type):
                return oci_config.parse_config(body), body
        except (NotFound, UnexpectedAnswer) as error:
            problems.append(Problem(f"Its config cannot be read: {error}", digest=digest))
            return None, None
        return None, body

    async def _children(
        self, path: str, manifest: Manifest, problems: list[Problem], new: list[str], depth: int
    ) -> None:
        wanted = list(
            dict.fromkeys(child.digest for child in manifest.children if not child.is_blob)
        )
        unknown = [digest for digest in wanted if _key(digest) not in self._stored]
        known = await self._which_are_known(unknown) if unknown else set()
        self._stored.update(map(_key, known))

        async def fetch(digest: str) -> None:
            try:
                await self._once(
                    digest, lambda: self._fetch(path, digest, problems, new, depth + 1)
                )
            except (NotFound, UnexpectedAnswer) as error:
                problems.append(Problem(f"An index names it, but: {error}", digest=digest))

        await all_of(fetch(digest) for digest in unknown if digest not in known)


def _is_readable_config(media_type: str) -> bool:
    return mediatypes.is_image_config(media_type) or media_type == mediatypes.HELM_CONFIG


def _key(digest: str) -> bytes:
    """A digest in a third of the memory: a crawl remembers every manifest that it stored."""
    algorithm, _, encoded = digest.partition(":")
    return bytes.fromhex(encoded) if algorithm == "sha256" else digest.encode()


async def all_of(work: Iterable[Awaitable[None]]) -> None:
    """Wait for all, then raise the first registry error; anything else cancels the rest and goes up
    at once.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        if not isinstance(failure, RegistryError):
            raise failure
    if failures:
        raise failures[0]
