from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from registry_browser.oci.auth import Credentials
from registry_browser.oci.endpoint import Endpoint
from registry_browser.oci.errors import (
    AccessDenied,
    NotARegistry,
    NotFound,
    RateLimited,
    ServerFault,
    TooLarge,
    UnexpectedAnswer,
    Unreachable,
)
from registry_browser.oci.pace import Pace
from registry_browser.oci.transport import Retries, Timeouts, Transport, retry_after
from tests.oci.serving import Naps, client_of, error_answer, json_answer, serving, serving_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

ANN = Credentials("ann", "hush")
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TAGS = {"name": "a", "tags": ["v1"]}
DIGEST = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def first_then(*first: web.Response) -> Callable[[web.BaseRequest], web.Response]:
    """Give these answers, then tags."""
    waiting = list(first)
    return lambda request: waiting.pop(0) if waiting else json_answer(TAGS)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("17", 17),
        (" 17 ", 17),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0663", None),
        ("Mon, 01 Jan 2024 00:00:00 +9999999999999999999", None),
        ("Feb 12345678901234567890 99:99:99 31", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
async def test_a_passing_fault_is_tried_again(status: int) -> None:
    handler = first_then(web.Response(status=status))
    async with serving(handler) as served, client_of(served) as client:
        listing = await client.tags("a")

    assert listing.tags == ("v1",)
    assert (client.stats.requests, client.stats.retries) == (2, 1)


async def test_retry_after_is_waited_for_by_everyone() -> None:
    naps = Naps()
    handler = first_then(web.Response(status=429, headers={"Retry-After": "17"}))
    async with serving(handler) as served, client_of(served, naps=naps) as client:
        await client.tags("a")

    assert naps.time >= 17


async def test_a_wait_that_is_too_long_is_left_to_the_caller() -> None:
    naps = Naps()
    handler = first_then(web.Response(status=429, headers={"Retry-After": "7200"}))
    async with serving(handler) as served, client_of(served, naps=naps) as client:
        with pytest.raises(RateLimited) as caught:
            await client.tags("a")

        with pytest.raises(RateLimited, match="asked us to wait") as refused:
            await client.tags("a")
        assert len(served.asked) == 1
        assert client.closed_for == client.paused_for == 7200
        naps.time += 7200
        assert (await client.tags("a")).tags == ("v1",)

    assert caught.value.retry_after == refused.value.retry_after == 7200
    assert naps.taken == []


async def test_those_who_wait_already_are_not_sent_when_the_wait_becomes_too_long() -> None:
    naps = Naps()
    async with (
        serving(lambda request: json_answer(TAGS)) as served,
        client_of(served, naps=naps) as client,
    ):
        client._transport.pace.pause(30)
        waiting = asyncio.create_task(client.tags("a"))
        client._transport.pace.close(7200)
        with pytest.raises(RateLimited):
            await waiting

    assert served.asked == []


async def test_nobody_is_asked_to_wait_longer_than_a_day() -> None:
    naps = Naps()
    handler = first_then(web.Response(status=429, headers={"Retry-After": "999999999"}))
    async with serving(handler) as served, client_of(served, naps=naps) as client:
        with pytest.raises(RateLimited):
            await client.tags("a")
        assert client.closed_for == 86400


async def test_faults_that_stay_end_the_trying() -> None:
    async with (
        serving(lambda request: web.Response(status=503)) as served,
        client_of(served, attempts=3) as client,
    ):
        with pytest.raises(ServerFault) as caught:
            await client.tags("a")

    assert len(served.asked) == 3
    assert caught.value.status == 503


async def test_waits_grow_and_differ() -> None:
    naps = Naps()
    random.seed(7)
    async with (
        serving(lambda request: web.Response(status=500)) as served,
        client_of(served, naps=naps) as client,
    ):
        with pytest.raises(ServerFault):
            await client.tags("a")

    first, second, third = naps.taken
    assert 0.25 <= first <= 0.5 <= second <= 1 <= third <= 2


async def test_501_is_not_tried_again() -> None:
    async with (
        serving(lambda request: web.Response(status=501)) as served,
        client_of(served) as client,
    ):
        with pytest.raises(ServerFault):
            await client.tags("a")

    assert len(served.asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "cut off"),
    ],
)
async def test_half_an_answer_is_no_answer(answer: bytes, kind: str) -> None:
    async with serving_bytes(answer) as served, client_of(served, attempts=2) as client:
        with pytest.raises(Unreachable) as caught:
            await client.tags("a")

    assert caught.value.kind == kind
    assert caught.value.temporary


async def test_an_answer_that_was_cut_off_is_fetched_again() -> None:
    whole = b'{"name":"a","tags":["v1"]}'
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(whole)
    async with (
        serving_bytes(head + whole[:9], head + whole) as served,
        client_of(served) as client,
    ):
        assert (await client.tags("a")).tags == ("v1",)


async def test_what_speaks_no_http_is_no_registry() -> None:
    async with serving_bytes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n") as served, client_of(served) as client:
        with pytest.raises(NotARegistry):
            await client.tags("a")


async def test_nobody_listening_is_refused() -> None:
    async with serving(lambda request: json_answer({})) as served:
        pass
    async with client_of(served, attempts=1) as client:
        with pytest.raises(Unreachable, match="nothing listens") as caught:
            await client.tags("a")

    assert caught.value.kind == "refused"


async def test_tls_towards_a_plain_server_says_so() -> None:
    async with serving(lambda request: json_answer({})) as served:
        url = served.url.replace("http:", "https:")
        async with client_of(served, url=url) as client:
            with pytest.raises(Unreachable, match="plain http") as caught:
                await client.tags("a")

    assert caught.value.kind == "tls"
    assert not caught.value.temporary


async def test_silence_ends_in_a_timeout() -> None:
    async def silent(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(silent) as served:
        transport = Transport(
            Endpoint(served.url), timeouts=Timeouts(silence=0.05), retries=Retries(attempts=1)
        )
        async with transport:
            with pytest.raises(Unreachable) as caught:
                await transport.send("GET", served.url + "/v2/", limit=10)

    assert caught.value.kind == "timeout"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_its_bound_is_refused(chunked: bool) -> None:
    async def big(request: web.BaseRequest) -> web.StreamResponse:
        if not chunked:
            return web.Response(body=b"x" * 11)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x" * 11)
        return response

    async with serving(big) as served, client_of(served) as client:
        with pytest.raises(TooLarge):
            await client.blob("a", DIGEST, limit=10)


async def test_a_body_at_its_bound_is_read() -> None:
    async with (
        serving(lambda request: web.Response(body=b"hello")) as served,
        client_of(served) as client,
    ):
        assert await client.blob("a", DIGEST, limit=5) == b"hello"


async def test_a_compressed_bomb_is_stopped_at_the_bound() -> None:
    import gzip

    bomb = gzip.compress(b"\0" * 10_000_000)

    async with (
        serving(
            lambda request: web.Response(body=bomb, headers={"Content-Encoding": "gzip"})
        ) as served,
        client_of(served) as client,
    ):
        with pytest.raises(TooLarge):
            await client.blob("a", DIGEST, limit=100_000)


async def test_an_error_with_a_lying_length_is_still_an_error() -> None:
    answer = (
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 800\r\n\r\n"
        b'{"errors":[{"code":"NAME_UNKNOWN"}]}'
    )
    async with serving_bytes(answer) as served, client_of(served) as client:
        with pytest.raises(NotFound):
            await client.manifest("a", "v1")


def redirecting(location: str, status: int = 307) -> Callable[[web.BaseRequest], web.Response]:
    def handler(request: web.BaseRequest) -> web.Response:
        if "/blobs/" not in request.path:
            return web.Response(body=b"hello")
        if request.headers.get("Authorization") is None:
            basic = {"WWW-Authenticate": 'Basic realm="r"'}
            return web.Response(status=401, headers=basic)
        return web.Response(status=status, headers={"Location": location})

    return handler


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_blob_is_fetched_from_storage_without_our_credentials(status: int) -> None:
    async with serving(lambda request: web.Response(body=b"hello")) as storage:
        handler = redirecting(f"{storage.url}/object?signature=x%2Fy", status)
        async with serving(handler) as served, client_of(served, credentials=ANN) as client:
            assert await client.blob("a", DIGEST, limit=5) == b"hello"

    assert storage.asked == ["GET /object?signature=x%2Fy"]
    assert storage.authorizations == [None]


async def test_a_redirect_on_the_same_host_keeps_credentials() -> None:
    async with (
        serving(redirecting("/elsewhere")) as served,
        client_of(served, credentials=ANN) as client,
    ):
        assert await client.blob("a", DIGEST, limit=5) == b"hello"

    assert served.authorizations[-1] == ANN.basic


async def test_storage_that_asks_for_a_sign_in_gets_none() -> None:
    def greedy(request: web.BaseRequest) -> web.Response:
        return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})

    async with serving(greedy) as storage:
        handler = redirecting(f"{storage.url}/object")
        async with serving(handler) as served, client_of(served, credentials=ANN) as client:
            with pytest.raises(AccessDenied, match="storage that refuses us"):
                await client.blob("a", DIGEST, limit=5)

    assert storage.authorizations == [None]


@pytest.mark.parametrize(
    ("location", "complaint"),
    [
        ("/v2/a/blobs/" + DIGEST, "in a circle"),
        ("http://169.254.169.254/latest/meta-data/", "link-local"),
        ("http://[fe80::1]/", "link-local"),
        ("ftp://r.io/x", "no web address"),
        ("http://[::1/x", "no address"),
        ("file:///etc/passwd", "no web address"),
    ],
)
async def test_a_redirect_that_must_not_be_followed_is_an_error(
    location: str, complaint: str
) -> None:
    async with (
        serving(redirecting(location)) as served,
        client_of(served, credentials=ANN) as client,
    ):
        with pytest.raises(UnexpectedAnswer, match=complaint):
            await client.blob("a", DIGEST, limit=5)


async def test_redirects_are_counted() -> None:
    hops = iter(range(100))
    async with (
        serving(
            lambda request: web.Response(status=307, headers={"Location": f"/{next(hops)}"})
        ) as served,
        client_of(served) as client,
    ):
        with pytest.raises(UnexpectedAnswer, match="more than 5 times"):
            await client.tags("a")

    assert len(served.asked) == 6


async def test_cookies_are_not_kept() -> None:
    seen: list[str | None] = []

    def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        return json_answer(TAGS, headers={"Set-Cookie": "a=b"})

    async with serving(handler) as served, client_of(served) as client:
        await client.tags("a")
        await client.tags("a")

    assert seen == [None, None]


async def test_headers_are_text_that_can_be_stored_whatever_bytes_they_are() -> None:
    body = b'{"schemaVersion":2,"layers":[],"config":null}'
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/odd\xff\r\nX-Name: M\xc3\xbcller\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
    )
    async with serving_bytes(answer) as served, client_of(served) as client:
        fetched = await client.manifest("a", "v1")
    async with serving_bytes(answer) as served, client_of(served) as client:
        ping = await client.ping()

    assert fetched.media_type == "application/odd\ufffd"
    assert ping.headers["x-name"] == "Müller"


async def test_what_was_received_is_counted() -> None:
    async with (
        serving(lambda request: json_answer(TAGS)) as served,
        client_of(served) as client,
    ):
        await client.tags("a")

    assert client.stats.bytes_received == len(json.dumps(TAGS))


async def test_errors_name_the_request_and_no_secret() -> None:
    async with (
        serving(lambda request: error_answer("X", 418, "token=hush Bearer abcdefghij")) as served,
        client_of(served, credentials=ANN) as client,
    ):
        with pytest.raises(UnexpectedAnswer) as caught:
            await client.tags("a")

    error = caught.value
    assert (error.method, error.path, error.status) == ("GET", "/v2/a/tags/list", 418)
    assert "hush" not in f"{error} {error.detail}"
    assert "abcdefghij" not in f"{error.detail}"


async def test_no_more_requests_run_at_once_than_the_pace_allows() -> None:
    pace = Pace(2)
    running = 0
    most = 0

    async def work() -> None:
        nonlocal running, most
        async with pace:
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(work() for _ in range(9)))

    assert most == 2


async def test_requests_start_no_faster_than_the_pace_allows() -> None:
    naps = Naps()
    pace = Pace(8, per_second=10, clock=naps.clock, sleep=naps.sleep)
    for _ in range(11):
        async with pace:
            pass

    assert naps.time == pytest.approx(1.0)


async def test_who_shares_a_registry_takes_their_part_of_the_pace() -> None:
    naps = Naps()
    pace = Pace(8, per_second=10, clock=naps.clock, sleep=naps.sleep)
    pace.share(2)

    for _ in range(3):
        async with pace:
            pass

    assert naps.taken == pytest.approx([0.2, 0.2])


async def test_a_pause_holds_back_everyone_and_the_longest_counts() -> None:
    naps = Naps()
    pace = Pace(8, clock=naps.clock, sleep=naps.sleep)
    pace.pause(30)
    pace.pause(5)
    assert pace.paused_for == 30
    async with pace:
        assert naps.time == 30
    assert pace.paused_for == 0
    async with pace:
        assert naps.time == 30


async def test_a_cancelled_wait_gives_its_place_back() -> None:
    class Cancelled(Exception):
        pass

    async def interrupted(seconds: float) -> None:
        raise Cancelled

    naps = Naps()
    pace = Pace(1, clock=naps.clock, sleep=interrupted)
    pace.pause(5)
    with pytest.raises(Cancelled):
        async with pace:
            pass
    naps.time = 10

    async with pace:
        pass


@pytest.mark.parametrize(("concurrency", "rate"), [(0, None), (1, 0), (1, -1)])
def test_a_pace_that_lets_nothing_through_is_refused(concurrency: int, rate: float | None) -> None:
    with pytest.raises(ValueError, match="pace"):
        Pace(concurrency, rate)
