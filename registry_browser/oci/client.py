"""Reading from a registry: one method per question of the protocol.

Every method returns a complete answer or raises: a RegistryError says what came instead, and
nothing of what was seen before it may be taken for the whole. Names that no registry could serve
are refused before a request is made (InvalidReference, InvalidDigest). Writing is `push`; what an
answer means for the record is `sync`.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from registry_browser.oci import mediatypes
from registry_browser.oci.answers import error_codes, is_document
from registry_browser.oci.auth import choose, parse_challenges
from registry_browser.oci.connection import (
    BLOB_HEADERS,
    JSON_HEADERS,
    MAX_LISTING_PAGE,
    Connection,
)
from registry_browser.oci.descriptor import Child, children_of
from registry_browser.oci.dialects import Ping
from registry_browser.oci.digest import Digest, is_digest
from registry_browser.oci.errors import (
    AccessDenied,
    DigestMismatch,
    InvalidReference,
    ListingIncomplete,
    NotARegistry,
    NotFound,
    UnexpectedAnswer,
)
from registry_browser.oci.manifest import MAX_BODY, schema1_digest, verify
from registry_browser.oci.paging import PageGuard
from registry_browser.oci.reference import is_valid_path, is_valid_tag
from registry_browser.oci.text import storable
from registry_browser.oci.transport import Answer

MAX_LISTED = 1_000_000
"""Names in one listing."""
_ENOUGH_USELESS_HEADS = 3
"""From then on GET is sent at once. One would be too few: a tag may appear between HEAD and GET."""
MAX_DROPPED = 1_000
"""How many invalid names are remembered for showing."""

_MANIFEST_HEADERS = {"Accept": mediatypes.ACCEPT_MANIFESTS}
_INDEX_HEADERS = {"Accept": mediatypes.OCI_INDEX}


@dataclass(frozen=True, slots=True)
class TagListing:
    """All tags of a repository, each once, in the registry's order. `dropped` are no valid tags."""

    tags: tuple[str, ...]
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """What a registry says about a manifest without sending it; nothing of it is verified."""

    digest: str | None
    media_type: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class FetchedManifest:
    """A manifest's exact bytes. The digest was computed from them, not believed."""

    digest: str
    media_type: str | None
    body: bytes


class RegistryClient(Connection):
    """Asks one registry. Use it as an async context manager, in one event loop."""

    dropped_names: tuple[str, ...] = ()
    """Names in the catalog, as it was last read, that are outside of the grammar: neither fetchable
    nor addressable.
    """

    # How often HEAD was of no use where GET worked (quirk 20 of the fact sheet).
    _useless_heads = 0

    async def ping(self) -> Ping:
        """Ask who is there: `GET /v2/`, with credentials if they are wanted and we have any.

        Without credentials a registry that wants them is not an error here: `status` is 401 and
        the challenge says what it wants. NotARegistry if something else answers.
        """
        bare = await self._transport.send("GET", self._base, JSON_HEADERS, limit=MAX_BODY)
        challenge = choose(parse_challenges(bare.headers.getall("WWW-Authenticate", [])))
        answer = bare
        if bare.status == 401 and challenge is not None:
            try:
                answer = await self._retry_with_authorization(
                    bare, self._base, "GET", JSON_HEADERS, ()
                )
            except AccessDenied:
                # Some give anonymous users tokens for repositories only, none for the ping.
                if self.has_credentials:
                    raise
        self._check_ping(answer)
        return Ping(
            status=answer.status,
            api_version=answer.headers.get("Docker-Distribution-Api-Version"),
            scheme=challenge.scheme if challenge else None,
            realm=(challenge.realm or None) if challenge else None,
            service=(challenge.service or None) if challenge else None,
            server=answer.headers.get("Server"),
            content_type=answer.headers.get("Content-Type", ""),
            body=answer.body[:1000],
            headers={name.lower(): value for name, value in answer.headers.items()},
        )

    def _check_ping(self, answer: Answer) -> None:
        if answer.status == 401 and (
            self._auth.challenge or "Docker-Distribution-Api-Version" in answer.headers
        ):
            if self.has_credentials:
                self._raise(answer, "")
            return
        if answer.status == 200 and answer.content_type not in (
            "text/html",
            "application/xhtml+xml",
        ):
            return
        if answer.status == 403 and error_codes(answer):
            self._raise(answer, "")
        raise NotARegistry(
            f"{self.endpoint.host} answers, but not as a registry does ({answer.status} for /v2/).",
            host=self.endpoint.host,
            method="GET",
            path="/v2/",
            status=answer.status,
        )

    async def repositories(self) -> AsyncGenerator[tuple[str, ...], None]:
        """Yield the catalog, page by page, each repository once.

        Names outside of the grammar can be neither fetched nor shown as a path; they are left out
        and collected in `dropped_names`. The listing is complete when the iterator ends by itself;
        any RegistryError means that it is not.
        """
        self.dropped_names = ()
        seen: set[str] = set()
        scopes = self.dialect.catalog_scopes()
        pages = self._pages("_catalog", "repositories", self.dialect.catalog_page_size, scopes)
        async for names, advance in pages:
            before = len(seen)
            fresh: list[str] = []
            for name in names:
                if name in seen:
                    continue
                seen.add(name)
                if is_valid_path(name):
                    fresh.append(name)
                elif len(self.dropped_names) < MAX_DROPPED:
                    self.dropped_names += (storable(name[:300]),)
            self._check_length(len(seen), "repositories")
            advance(len(seen) > before)
            if fresh:
                yield tuple(fresh)

    async def tags(self, path: str) -> TagListing:
        """Return all tags of a repository. NotFound if the registry does not know it."""
        _check_path(path)
        seen: set[str] = set()
        tags: list[str] = []
        dropped: list[str] = []
        pages = self._pages(
            f"{path}/tags/list", "tags", self.dialect.tags_page_size, self.dialect.pull_scopes(path)
        )
        async for names, advance in pages:
            before = len(seen)
            for name in names:
                if name in seen:
                    continue
                seen.add(name)
                if is_valid_tag(name):
                    tags.append(name)
                elif len(dropped) < MAX_DROPPED:
                    dropped.append(storable(name[:300]))
            self._check_length(len(seen), f"tags in {path}")
            advance(len(seen) > before)
        return TagListing(tuple(tags), tuple(dropped))

    async def head_manifest(self, path: str, reference: str) -> ManifestHead:
        """Ask what a tag or digest points to, without its bytes.

        Falls back to GET where HEAD says nothing useful, or says 403, 404 or 405 where GET works
        (Nexus, Artifactory). NotFound is always GET's word.
        """
        _check_path(path)
        _check_reference(reference)
        asked = self._useless_heads < _ENOUGH_USELESS_HEADS
        if asked:
            answer = await self._call(
                "HEAD",
                f"{path}/manifests/{reference}",
                self.dialect.pull_scopes(path),
                _MANIFEST_HEADERS,
                limit=0,
            )
            if answer.status == 200:
                head = _head(answer)
                if head.digest is not None and head.media_type is not None:
                    return head
            elif answer.status not in (403, 404, 405):
                self._raise(answer, f"{path}/manifests/{reference}")
        fetched = await self.manifest(path, reference)
        if asked:
            self._useless_heads += 1
        return ManifestHead(fetched.digest, fetched.media_type, len(fetched.body))

    async def manifest(self, path: str, reference: str) -> FetchedManifest:
        """Fetch a manifest by tag or digest.

        By digest, bytes that do not hash to it are a DigestMismatch. By tag, the digest is the one
        computed from the bytes. Where `Docker-Content-Digest` says another, either may be wrong:
        many registries get that header wrong (go-containerregistry's experience), and bytes get
        damaged on the way. So the registry is asked for the computed one, and where it does not
        have it, that is a DigestMismatch.
        """
        _check_path(path)
        _check_reference(reference)
        target = f"{path}/manifests/{reference}"
        answer = await self._call(
            "GET", target, self.dialect.pull_scopes(path), _MANIFEST_HEADERS, limit=MAX_BODY
        )
        if answer.status != 200:
            self._raise(answer, target)
        media_type = answer.content_type or None
        if is_digest(reference):
            if not verify(answer.body, reference, media_type):
                raise self._mismatch(target, reference)
            return FetchedManifest(reference, media_type, answer.body)
        digest = self._computed_digest(answer, target)
        said = answer.headers.get("Docker-Content-Digest", "")
        if is_digest(said) and said != digest:
            await self._confirm(path, digest, said, target)
        return FetchedManifest(digest, media_type, answer.body)

    async def _confirm(self, path: str, digest: str, said: str, target: str) -> None:
        """Raise DigestMismatch unless the registry has a manifest of this digest."""
        try:
            await self.manifest(path, digest)
        except (NotFound, UnexpectedAnswer):
            raise self._mismatch(target, said) from None

    def _computed_digest(self, answer: Answer, target: str) -> str:
        said = answer.headers.get("Docker-Content-Digest", "")
        if is_digest(said) and verify(answer.body, said, answer.content_type):
            return said
        # Without the header's support, make sure that this is a manifest at all: a gateway's page
        # or an error served as 200 would otherwise become a tag's new content.
        if not is_document(answer):
            raise UnexpectedAnswer(
                f"{self.endpoint.host} served something as {target} that is no manifest.",
                host=self.endpoint.host,
                method="GET",
                path=f"/v2/{target}",
                status=answer.status,
            )
        if mediatypes.is_schema1(answer.content_type) and b'"signatures"' in answer.body:
            return schema1_digest(answer.body)
        return str(Digest.of(answer.body))

    async def blob(self, path: str, digest: str, *, limit: int) -> bytes:
        """Fetch a blob of at most `limit` bytes (TooLarge), verified (DigestMismatch)."""
        _check_path(path)
        named = Digest.parse(digest)
        target = f"{path}/blobs/{digest}"
        answer = await self._call(
            "GET", target, self.dialect.pull_scopes(path), BLOB_HEADERS, limit=limit
        )
        if answer.status != 200:
            self._raise(answer, target)
        if not named.verifies(answer.body):
            raise self._mismatch(target, digest)
        return answer.body

    async def referrers(self, path: str, digest: str) -> tuple[Child, ...] | None:
        """Return what refers to a manifest; None if the registry has no referrers API.

        With None, the caller looks at the fallback tag `sha256-<hex>` (distribution-spec).
        """
        _check_path(path)
        Digest.parse(digest)
        target = f"{path}/referrers/{digest}"
        guard = PageGuard(self.endpoint, "referrers", max_pages=self._max_pages)
        url: str | None = f"{self._base}{target}"
        found: dict[str, Child] = {}
        while url:
            answer = await self._call(
                "GET",
                target,
                self.dialect.pull_scopes(path),
                _INDEX_HEADERS,
                limit=MAX_LISTING_PAGE,
                url=url,
            )
            if not found and answer.status in (404, 405, 501):
                return None
            if answer.status != 200:
                self._raise(answer, target)
            document = self._document(answer, target)
            if "manifests" not in document:
                raise self._unlike_a(answer, "list of referrers", target)
            try:
                children = children_of(document["manifests"])
            except ValueError as error:
                raise self._unlike_a(answer, "list of referrers", target) from error
            before = len(found)
            found.update((child.digest, child) for child in children)
            links = answer.headers.getall("Link", [])
            url = guard.advance(links, url, brought_news=len(found) > before)
        return tuple(found.values())

    async def manifest_exists(self, path: str, digest: str) -> bool:
        """Whether a manifest is still in a repository.

        False only when the registry itself says so, to a GET as well and in its own error format:
        a proxy's 404 page is an UnexpectedAnswer, for a failure is never read as an absence.
        """
        _check_path(path)
        Digest.parse(digest)
        target = f"{path}/manifests/{digest}"
        scopes = self.dialect.pull_scopes(path)
        answer = await self._call("HEAD", target, scopes, _MANIFEST_HEADERS, limit=0)
        if answer.status == 200:
            return True
        if answer.status not in (403, 404, 405):
            self._raise(answer, target)
        answer = await self._call("GET", target, scopes, _MANIFEST_HEADERS, limit=MAX_BODY)
        if answer.status == 200:
            if not verify(answer.body, digest, answer.content_type or None):
                raise self._mismatch(target, digest)
            return True
        try:
            self._raise(answer, target)
        except NotFound:
            return False

    def _check_length(self, length: int, what: str) -> None:
        if length > MAX_LISTED:
            raise ListingIncomplete(
                f"{self.endpoint.host} lists more than {MAX_LISTED:,} {what}.",
                host=self.endpoint.host,
            )

    def _mismatch(self, target: str, digest: str) -> DigestMismatch:
        return DigestMismatch(
            f"{self.endpoint.host} sent bytes for {digest[:19]}… that do not hash to this digest.",
            host=self.endpoint.host,
            method="GET",
            path=f"/v2/{target}",
            status=200,
        )


def _head(answer: Answer) -> ManifestHead:
    digest = answer.headers.get("Docker-Content-Digest", "")
    length = answer.headers.get("Content-Length", "")
    # A length of 0 is what some proxies put into every answer to HEAD.
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 12 else 0
    return ManifestHead(
        digest=digest if is_digest(digest) else None,
        media_type=answer.content_type or None,
        size=size or None,
    )


def _check_path(path: str) -> None:
    if not is_valid_path(path):
        raise InvalidReference(f"“{path[:120]}” is not a repository's name.")


def _check_reference(reference: str) -> None:
    if ":" in reference:
        Digest.parse(reference)
    elif not is_valid_tag(reference):
        raise InvalidReference(f"“{reference[:140]}” is not a tag.")
