"""Who we are: reading challenges, Basic, and Bearer tokens (fact sheet section 2).

Two rules stand above convenience. Credentials go to the registry's own host and to a token service
that an admin has confirmed, nowhere else. And a 401 is answered once: a new token that is refused
again is an error, never a loop.
"""

import asyncio
import base64
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin

import msgspec
from yarl import URL

from registry_browser.oci.addresses import is_forbidden, is_public
from registry_browser.oci.errors import AccessDenied, UnconfirmedRealm, UnexpectedAnswer
from registry_browser.oci.transport import Answer, Transport

MAX_TOKEN_BODY = 256 * 1024
SHORTEST_LIFE = 60.0
"""Seconds. What the token specification says of an answer without `expires_in`, and the floor for
all others: below it a token could expire before its first use."""
_LONGEST_LIFE = 24 * 3600.0
_MAX_TOKENS = 2048

_CHALLENGE_PART = re.compile(
    r"""\s*,?\s*
    (?:
      (?P<key>[A-Za-z0-9_-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]+))
      | (?P<scheme>[A-Za-z][A-Za-z0-9_-]*)(?=[\s,]|$)
    )""",
    re.X,
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and its secret; the secret is never shown."""

    username: str
    secret: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        pair = f"{self.username}:{self.secret}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for. `scheme` is in lower case; absent parameters are ""."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    expires_at: float


def parse_challenges(headers: Sequence[str]) -> tuple[Challenge, ...]:
    """Read WWW-Authenticate headers: several in one header, commas inside of quotes."""
    found: list[tuple[str, dict[str, str]]] = []
    for header in headers:
        position = 0
        while match := _CHALLENGE_PART.match(header, position):
            position = match.end()
            if match["scheme"]:
                found.append((match["scheme"].lower(), {}))
            elif found:
                quoted = match["quoted"]
                value = match["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                found[-1][1].setdefault(match["key"].lower(), value)
    return tuple(
        Challenge(scheme, *(given.get(key, "") for key in ("realm", "service", "scope", "error")))
        for scheme, given in found
    )


def choose(challenges: Sequence[Challenge]) -> Challenge | None:
    """Pick the challenge to answer: Bearer with a realm before Basic, others never."""
    bearers = (c for c in challenges if c.scheme == "bearer" and c.realm)
    basics = (c for c in challenges if c.scheme == "basic")
    return next(bearers, None) or next(basics, None)


class Authenticator:
    """Finds the Authorization header for an operation, given the scopes that it needs.

    Before the first challenge it knows of none and sends nothing. Afterwards tokens are fetched
    ahead of the request, one per set of scopes, and kept until shortly before they expire.
    """

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._clock = clock
        # By type of resource: Harbor asks for Basic on its catalog and for Bearer elsewhere.
        self._challenges: dict[str, Challenge] = {}
        self._tokens: OrderedDict[tuple[str, str, tuple[str, ...]], _Token] = OrderedDict()
        self._locks: dict[tuple[str, str, tuple[str, ...]], asyncio.Lock] = {}

    @property
    def challenge(self) -> Challenge | None:
        """The challenge that the registry met us with, if it did."""
        return self._challenges.get("") or next(iter(self._challenges.values()), None)

    async def authorization(self, scopes: tuple[str, ...]) -> str | None:
        """Return the header to send along with a request, None when nothing is known to help."""
        challenge = self._challenges.get(_resource(scopes)) or self.challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            return self._credentials.basic if self._credentials else None
        return await self._bearer(challenge, scopes)

    async def answer(
        self, refusal: Answer, scopes: tuple[str, ...], sent: str | None
    ) -> str | None:
        """Return the header to try once more with after a 401; AccessDenied if there is none.

        `sent` is the header that was refused. gcr.io refuses some requests without a challenge of
        their own (seen by containers/image); the one it gave before is used then.
        """
        headers = refusal.headers.getall("WWW-Authenticate", [])
        challenge = choose(parse_challenges(headers)) or self.challenge
        if challenge is None:
            raise self._denied("wants a sign-in of a kind that is not supported", refusal)
        self._challenges[_resource(scopes)] = challenge
        if challenge.scheme == "basic":
            if self._credentials is None:
                raise self._denied("wants a user name and a password", refusal)
            if sent == self._credentials.basic:
                raise self._denied("does not accept this user name and password", refusal)
            return self._credentials.basic
        return await self._bearer(challenge, scopes, refused=sent)

    async def _bearer(
        self, challenge: Challenge, scopes: tuple[str, ...], refused: str | None = None
    ) -> str:
        realm = self._realm(challenge.realm)
        key = (realm, challenge.service, scopes)
        if refused is None and (token := self._fresh(key)):
            return f"Bearer {token.value}"
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                # Whoever waited here finds the token that the first one fetched.
                token = self._fresh(key)
                if token is None or f"Bearer {token.value}" == refused:
                    token = await self._fetch(realm, challenge.service, scopes)
                    self._tokens[key] = token
                    self._tokens.move_to_end(key)
                    while len(self._tokens) > _MAX_TOKENS:
                        self._tokens.popitem(last=False)
        finally:
            if not lock.locked():
                self._locks.pop(key, None)
        return f"Bearer {token.value}"

    def _fresh(self, key: tuple[str, str, tuple[str, ...]]) -> _Token | None:
        token = self._tokens.get(key)
        return token if token and self._clock() < token.expires_at else None

    def _realm(self, realm: str) -> str:
        """Return the token service's URL if we may speak to it; UnconfirmedRealm if not."""
        endpoint = self._transport.endpoint
        try:
            url = URL(urljoin(endpoint.url + "/v2/", realm), encoded=True)
            hostname = url.host
        except ValueError:
            url, hostname = URL(), None
        if not hostname or url.scheme not in ("http", "https") or url.user:
            raise UnexpectedAnswer(
                f"{endpoint.host} names a token service that is no web address.",
                host=endpoint.host,
            )
        absolute = str(url.with_fragment(None))
        shown = f"{url.scheme}://{url.raw_authority}{url.raw_path}"
        if is_forbidden(hostname):
            raise UnconfirmedRealm(
                f"{endpoint.host} names a token service on a link-local or metadata address "
                f"({shown}); that is refused.",
                realm=shown,
                host=endpoint.host,
            )
        if endpoint.token_realm and _same_place(URL(endpoint.token_realm), url):
            return absolute
        downgraded = endpoint.scheme == "https" and url.scheme == "http"
        if hostname == endpoint.hostname and not downgraded:
            return absolute
        if self._credentials is None and url.scheme == "https" and is_public(hostname):
            self._transport.require_public(hostname)
            return absolute
        raise UnconfirmedRealm(
            f"{endpoint.host} sends us to the token service {shown}. Confirm this address before "
            "anything is sent there.",
            realm=shown,
            host=endpoint.host,
        )

    async def _fetch(self, realm: str, service: str, scopes: tuple[str, ...]) -> _Token:
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        headers = {"Accept": "application/json"}
        if self._credentials:
            query.append(("account", self._credentials.username))
            headers["Authorization"] = self._credentials.basic
        mark = "&" if "?" in realm else "?"
        asked_at = self._clock()
        answer = await self._transport.send(
            "GET",
            f"{realm}{mark}{urlencode(query)}" if query else realm,
            headers,
            limit=MAX_TOKEN_BODY,
        )
        if answer.status in (400, 401, 403):
            what = (
                "does not accept this user name and password"
                if self._credentials and answer.status == 401
                else "gives no token for this"
            )
            raise self._denied(what, answer, who=f"The token service of {self._host}")
        if answer.status != 200:
            raise self._odd_token(answer)
        return self._read_token(answer, asked_at)

    def _read_token(self, answer: Answer, asked_at: float) -> _Token:
        try:
            document: Any = msgspec.json.decode(answer.body)
        except (ValueError, RecursionError):
            raise self._odd_token(answer) from None
        if not isinstance(document, dict):
            raise self._odd_token(answer)
        value = document.get("token") or document.get("access_token")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise self._odd_token(answer)
        said = document.get("expires_in")
        life = SHORTEST_LIFE
        if isinstance(said, int | float):
            life = min(max(float(said), SHORTEST_LIFE), _LONGEST_LIFE)
        # Counted from before the question, by our own clock: the issuer's may be wrong. The last
        # tenth is not used, so that a token does not expire on its way.
        return _Token(value, asked_at + life * 0.9)

    @property
    def _host(self) -> str:
        return self._transport.endpoint.host

    def _odd_token(self, answer: Answer) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"The token service of {self._host} answered with something that is no token.",
            host=self._host,
            method=answer.method,
            path=URL(answer.url, encoded=True).raw_path,
            status=answer.status,
        )

    def _denied(self, what: str, answer: Answer, who: str | None = None) -> AccessDenied:
        return AccessDenied(
            f"{who or self._host} {what}.",
            host=self._host,
            method=answer.method,
            path=URL(answer.url, encoded=True).raw_path,
            status=answer.status,
            detail=answer.body[:1000].decode("utf-8", "replace"),
        )


def _resource(scopes: tuple[str, ...]) -> str:
    """The type of what is asked for: "repository", "registry", or "" for the ping."""
    return scopes[0].partition(":")[0] if scopes else ""


def _same_place(confirmed: URL, asked: URL) -> bool:
    def place(url: URL) -> tuple[str, str | None, int | None, str]:
        return url.scheme, url.host, url.port, url.raw_path.rstrip("/")

    return place(confirmed) == place(asked)
