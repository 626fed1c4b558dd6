from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from registry_browser.oci.auth import Challenge, Credentials, choose, parse_challenges
from registry_browser.oci.errors import AccessDenied, UnconfirmedRealm, UnexpectedAnswer
from tests.oci.serving import (
    Naps,
    Served,
    basic,
    client_of,
    error_answer,
    json_answer,
    serving,
    serving_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

ANN = Credentials("ann", "hush")


@pytest.mark.parametrize(
    ("headers", "challenges"),
    [
        ([], ()),
        (['Basic realm="r"'], (Challenge("basic", "r"),)),
        (["bAsIc realm=r"], (Challenge("basic", "r"),)),
        (
            [
                'Bearer realm="https://a.example/token",service="s",'
                'scope="repository:x/y:pull,push repository:a/b:pull",error="insufficient_scope"'
            ],
            (
                Challenge(
                    "bearer",
                    "https://a.example/token",
                    "s",
                    "repository:x/y:pull,push repository:a/b:pull",
                    "insufficient_scope",
                ),
            ),
        ),
        (
            ['Basic realm="a, b", Bearer realm="c" , service = "d"'],
            (Challenge("basic", "a, b"), Challenge("bearer", "c", "d")),
        ),
        (
            ['Bearer realm="c"', 'Basic realm="d"'],
            (Challenge("bearer", "c"), Challenge("basic", "d")),
        ),
        (["Negotiate, Basic"], (Challenge("negotiate"), Challenge("basic"))),
        (['Basic realm="with \\"quotes\\""'], (Challenge("basic", 'with "quotes"'),)),
        (['realm="nothing before it"'], ()),
        (["@@@"], ()),
    ],
)
def test_challenges_are_read(headers: list[str], challenges: tuple[Challenge, ...]) -> None:
    assert parse_challenges(headers) == challenges


def test_bearer_is_answered_before_basic_and_others_never() -> None:
    bearer, plain = Challenge("bearer", "r"), Challenge("basic", "r")

    assert choose([plain, bearer]) == bearer
    assert choose([Challenge("bearer"), plain]) == plain
    assert choose([Challenge("negotiate")]) is None


def test_credentials_do_not_show_their_secret() -> None:
    assert "hush" not in repr(ANN)


def behind_basic(request: web.BaseRequest) -> web.Response:
    if request.headers.get("Authorization") == ANN.basic:
        return json_answer({"name": "a", "tags": ["v1"]})
    refused = error_answer("UNAUTHORIZED", 401)
    refused.headers["WWW-Authenticate"] = 'Basic realm="r"'
    return refused


class TokenService:
    """A registry and its token service on one host; tokens are "t1", "t2" … in turn."""

    def __init__(
        self,
        *,
        realm: str = "/token",
        answer: Callable[[str], object] = lambda token: {"token": token, "expires_in": 300},
        accepts: Callable[[str], bool] = lambda token: True,
        challenge_on_refusal: bool = True,
    ) -> None:
        self.realm = realm
        self.answer = answer
        self.accepts = accepts
        self.challenge_on_refusal = challenge_on_refusal
        self.given = 0

    def __call__(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/token":
            self.given += 1
            return json_answer(self.answer(f"t{self.given}"))
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if sent and sent.startswith("t") and self.accepts(sent):
            return json_answer({"name": "a", "tags": ["v1"]})
        refused = error_answer("UNAUTHORIZED", 401)
        if self.challenge_on_refusal or request.path == "/v2/":
            challenge = f'Bearer realm="{self.realm}",service="s"'
            refused.headers["WWW-Authenticate"] = challenge
        return refused


def token_requests(served: Served) -> list[str]:
    return [unquote(line) for line in served.asked if "/token" in line]


async def test_basic_is_sent_after_the_first_challenge_and_ahead_from_then_on() -> None:
    async with serving(behind_basic) as served, client_of(served, credentials=ANN) as client:
        await client.tags("a")
        await client.tags("a")

    assert served.authorizations == [None, basic("ann", "hush"), basic("ann", "hush")]


async def test_a_wrong_password_is_tried_once_and_named() -> None:
    wrong = Credentials("ann", "wrong-secret")
    async with serving(behind_basic) as served, client_of(served, credentials=wrong) as client:
        with pytest.raises(AccessDenied, match="user name and password") as caught:
            await client.tags("a")
        with pytest.raises(AccessDenied, match="user name and password"):
            await client.tags("a")

    assert len(served.asked) == 3
    assert "wrong-secret" not in f"{caught.value} {caught.value.detail}"


async def test_without_credentials_basic_is_an_answer_in_words() -> None:
    async with serving(behind_basic) as served, client_of(served) as client:
        with pytest.raises(AccessDenied, match="wants a user name and a password"):
            await client.tags("a")


async def test_a_token_is_fetched_per_scope_and_kept() -> None:
    async with serving(TokenService()) as served, client_of(served, credentials=ANN) as client:
        await client.tags("a")
        await client.tags("a")
        await client.tags("b/c")

    assert token_requests(served) == [
        "GET /token?service=s&scope=repository:a:pull&account=ann",
        "GET /token?service=s&scope=repository:b/c:pull&account=ann",
    ]
    # One 401 in all: once the challenge is known, tokens are fetched ahead.
    assert served.authorizations == [
        None,
        ANN.basic,
        "Bearer t1",
        "Bearer t1",
        ANN.basic,
        "Bearer t2",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        lambda token: {"token": token},
        lambda token: {"access_token": token, "expires_in": 300},
        lambda token: {"token": token, "access_token": "other", "expires_in": "x"},
        lambda token: {"token": token, "expires_in": 1},
        lambda token: {"token": token, "expires_in": -5, "issued_at": "1999-01-01T00:00:00Z"},
    ],
)
async def test_a_token_lives_a_minute_at_least(answer: Callable[[str], object]) -> None:
    naps = Naps()
    service = TokenService(answer=answer)
    async with serving(service) as served, client_of(served, naps=naps) as client:
        await client.tags("a")
        naps.time += 50
        await client.tags("a")

    assert len(token_requests(served)) == 1


async def test_an_old_token_is_renewed_before_it_is_refused() -> None:
    naps = Naps()
    async with serving(TokenService()) as served, client_of(served, naps=naps) as client:
        await client.tags("a")
        naps.time += 299
        await client.tags("a")

    assert served.authorizations[-1] == "Bearer t2"
    assert [line for line in served.asked if "/v2/" in line] == ["GET /v2/a/tags/list?n=1000"] * 3


async def test_a_token_that_expires_in_the_middle_is_renewed_once() -> None:
    revoked: set[str] = set()
    service = TokenService(accepts=lambda token: token not in revoked)
    async with serving(service) as served, client_of(served) as client:
        await client.tags("a")
        revoked.add("t1")
        listing = await client.tags("a")

    assert listing.tags == ("v1",)
    assert len(token_requests(served)) == 2


async def test_a_token_that_does_not_help_ends_in_an_error_and_no_loop() -> None:
    service = TokenService(accepts=lambda token: False)
    async with serving(service) as served, client_of(served, credentials=ANN) as client:
        with pytest.raises(AccessDenied, match="not enough"):
            await client.tags("a")

    assert len(served.asked) == 3


async def test_a_401_without_a_challenge_uses_the_one_of_the_ping() -> None:
    service = TokenService(challenge_on_refusal=False)
    async with serving(service) as served, client_of(served) as client:
        await client.ping()
        listing = await client.tags("a")

    assert listing.tags == ("v1",)


async def test_a_401_without_any_challenge_is_access_denied() -> None:
    async with (
        serving(lambda request: error_answer("UNAUTHORIZED", 401)) as served,
        client_of(served, credentials=ANN) as client,
    ):
        with pytest.raises(AccessDenied, match="not supported"):
            await client.tags("a")


async def test_credentials_go_to_no_realm_that_nobody_confirmed() -> None:
    async with serving(lambda request: json_answer({"token": "t9"})) as elsewhere:
        realm = elsewhere.url.replace("127.0.0.1", "localhost") + "/token"
        async with (
            serving(TokenService(realm=realm)) as served,
            client_of(served, credentials=ANN) as client,
        ):
            with pytest.raises(UnconfirmedRealm) as caught:
                await client.tags("a")

    assert caught.value.realm == realm
    assert elsewhere.asked == []


async def test_credentials_go_to_a_realm_that_an_admin_confirmed() -> None:
    async with serving(lambda request: json_answer({"token": "t9"})) as elsewhere:
        realm = elsewhere.url.replace("127.0.0.1", "localhost") + "/token"
        async with (
            serving(TokenService(realm=realm)) as served,
            client_of(served, credentials=ANN, token_realm=realm) as client,
        ):
            listing = await client.tags("a")

    assert listing.tags == ("v1",)
    assert elsewhere.authorizations == [ANN.basic]


@pytest.mark.parametrize(
    "realm",
    [
        "https://10.0.0.1/token",
        "https://127.0.0.2/token",
        "https://169.254.169.254/token",
        "http://8.8.8.8/token",
    ],
)
async def test_an_anonymous_token_is_not_fetched_from_the_inside(realm: str) -> None:
    async with serving(TokenService(realm=realm)) as served, client_of(served) as client:
        with pytest.raises(UnconfirmedRealm):
            await client.tags("a")

    assert len(served.asked) == 1


@pytest.mark.parametrize(
    "realm", ["ftp://x/token", "https://u:p@127.0.0.1/t", "http://[::1/t", "http://h:99999999/t"]
)
async def test_a_realm_that_is_no_address_is_an_unexpected_answer(realm: str) -> None:
    async with serving(TokenService(realm=realm)) as served, client_of(served) as client:
        with pytest.raises((UnexpectedAnswer, UnconfirmedRealm)):
            await client.tags("a")


async def test_a_realm_of_odd_bytes_is_named_in_text_that_can_be_stored() -> None:
    answer = (
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n"
        b'WWW-Authenticate: Bearer realm="http://elsewhere.example/\xff"\r\n\r\n'
    )
    async with serving_bytes(answer) as served, client_of(served, credentials=ANN) as client:
        with pytest.raises(UnconfirmedRealm) as caught:
            await client.tags("a")

    assert "elsewhere.example/\ufffd" in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        lambda token: {},
        lambda token: [],
        lambda token: {"token": ""},
        lambda token: {"token": 5},
        lambda token: {"token": "t1\r\nX-Evil: 1"},
    ],
)
async def test_a_token_answer_without_a_token_is_unexpected(
    answer: Callable[[str], object],
) -> None:
    async with serving(TokenService(answer=answer)) as served, client_of(served) as client:
        with pytest.raises(UnexpectedAnswer, match="no token"):
            await client.tags("a")


async def test_a_token_service_that_refuses_the_password_is_named() -> None:
    def refuse(request: web.BaseRequest) -> web.Response:
        if request.path == "/token":
            return json_answer({"details": "incorrect username or password"}, 401)
        return TokenService()(request)

    async with serving(refuse) as served, client_of(served, credentials=ANN) as client:
        with pytest.raises(AccessDenied, match=r"token service.*does not accept"):
            await client.tags("a")


async def test_many_requests_at_once_share_one_token() -> None:
    async with serving(TokenService()) as served, client_of(served) as client:
        await client.ping()
        await asyncio.gather(*(client.tags("a") for _ in range(8)))

    assert len([line for line in token_requests(served) if "scope=" in line]) == 1
