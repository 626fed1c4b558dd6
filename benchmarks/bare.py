"""The bare client: the same requests at the same concurrency, bodies read, nothing looked at.

`python -m benchmarks.bare BASE CONCURRENCY FILE` reads the requests from FILE, as `syncing` wrote
them, and writes the seconds that they took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Iterator

Request = tuple[str, str, dict[str, str]]


async def ask_all(base: str, concurrency: int, requests: list[Request]) -> float:
    """Send everything; return the seconds from the first request to the last body."""
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:
        waiting = iter(requests)
        began = time.perf_counter()
        await asyncio.gather(*(_ask(session, base, waiting) for _ in range(concurrency)))
        return time.perf_counter() - began


async def _ask(session: aiohttp.ClientSession, base: str, waiting: Iterator[Request]) -> None:
    for method, target, headers in waiting:
        url = URL(base + target, encoded=True)
        async with session.request(method, url, headers=headers) as response:
            await response.read()


if __name__ == "__main__":
    recorded = json.loads(Path(sys.argv[3]).read_text())
    sys.stdout.write(json.dumps(asyncio.run(ask_all(sys.argv[1], int(sys.argv[2]), recorded))))
