"""A tiny HTTP server for one test, and a client of it that never really waits."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from registry_browser.oci.client import RegistryClient
from registry_browser.oci.endpoint import Endpoint
from registry_browser.oci.pace import Pace
from registry_browser.oci.transport import Retries, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from registry_browser.oci.addresses import GuardedResolver
    from registry_browser.oci.auth import Credentials
    from registry_browser.oci.dialects import Dialect


@dataclass
class Served:
    """Where the server is, and what it was asked."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)


@asynccontextmanager
async def serving(
    handler: Callable[[web.BaseRequest], web.StreamResponse | Awaitable[web.StreamResponse]],
    host: str = "127.0.0.1",
) -> AsyncIterator[Served]:
    """Serve every request with `handler`, on a free port, as `METHOD /path?query` in `asked`."""
    served = Served()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        served.asked.append(f"{request.method} {request.raw_path}")
        served.authorizations.append(request.headers.get("Authorization"))
        response = handler(request)
        return await response if not isinstance(response, web.StreamResponse) else response

    server = web.ServerRunner(web.Server(answer, handler_cancellation=True, access_log=None))
    await server.setup()
    site = web.TCPSite(server, host, 0)
    await site.start()
    served.url = f"http://{host}:{server.addresses[0][1]}"
    try:
        yield served
    finally:
        await server.cleanup()


@asynccontextmanager
async def serving_bytes(*answers: bytes) -> AsyncIterator[Served]:
    """Answer the connections, one after the other, with these bytes, and close each."""
    served = Served()
    waiting = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        served.asked.append(head.split(b"\r\n")[0].decode())
        writer.write(waiting.pop(0) if len(waiting) > 1 else waiting[0])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield served


class Naps:
    """Takes the place of sleeping: remembers for how long it was asked, and moves the clock."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.time = 0.0

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    def clock(self) -> float:
        return self.time


def client_of(
    served: Served,
    *,
    prefix: str = "",
    credentials: Credentials | None = None,
    naps: Naps | None = None,
    attempts: int = 4,
    token_realm: str | None = None,
    dialect: Dialect | None = None,
    max_pages: int = 100,
    url: str | None = None,
    resolver: GuardedResolver | None = None,
) -> RegistryClient:
    """A client of this server, whose waits are taken by `naps`."""
    naps = naps or Naps()
    endpoint = Endpoint((url or served.url) + prefix, token_realm=token_realm, allow_http=True)
    transport = Transport(
        endpoint,
        pace=Pace(4, clock=naps.clock, sleep=naps.sleep),
        retries=Retries(attempts=attempts),
        resolver=resolver,
        sleep=naps.sleep,
    )
    given: dict[str, Any] = {"dialect": dialect} if dialect else {}
    return RegistryClient(
        endpoint,
        credentials=credentials,
        transport=transport,
        clock=naps.clock,
        max_pages=max_pages,
        **given,
    )


def json_answer(
    document: object, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=json.dumps(document).encode(),
        status=status,
        headers=headers,
        content_type="application/json",
    )


def error_answer(code: str, status: int, message: str = "") -> web.Response:
    return json_answer({"errors": [{"code": code, "message": message}]}, status)


def basic(username: str, secret: str) -> str:
    return f"Basic {base64.b64encode(f'{username}:{secret}'.encode()).decode()}"
