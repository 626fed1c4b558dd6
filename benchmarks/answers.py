"""How long the server takes to answer: from the request to the last byte, templates and middleware
included.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry_browser.models import Role, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLES = 25


@dataclass(frozen=True, slots=True)
class Measured:
    """One page: milliseconds of its answers, by the clock and of processors (ours and Postgres'),
    and its statements.
    """

    name: str
    p95: float
    median: float
    processor: float
    statements: int


def signed_in_client() -> Client:
    """An admin's, of a server without collected static files, which this home has none of."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    client = Client()
    client.force_login(User.objects.create_user("bench", role=Role.ADMIN))
    return client


def measure(client: Client, name: str, address: Callable[[], str]) -> Measured:
    """Answer times of SAMPLES addresses, after two that warm up; statements are the most seen.

    Processor time tells what the clock cannot on a machine that others use too.
    """
    statements = max(_statements(client, address()) for _ in range(2))
    times, began_with = [], _processor_seconds()
    for _ in range(SAMPLES):
        where = address()
        began = time.perf_counter()
        for _piece in read(client, where):
            pass
        times.append((time.perf_counter() - began) * 1000)
    return Measured(
        name,
        statistics.quantiles(times, n=20)[-1],
        statistics.median(times),
        (_processor_seconds() - began_with) * 1000 / SAMPLES,
        statements,
    )


def _statements(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        for _piece in read(client, address):
            pass
    # The log is emptied when the next request begins.
    return len(captured)


def _processor_seconds() -> float:
    """Of this process and of its connection's server process; parallel workers are left out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    spent = psutil.Process(backend).cpu_times()
    return time.process_time() + float(spent.user + spent.system)


def read(client: Client, address: str) -> Iterator[bytes]:
    """The pieces of an answer."""
    response = client.get(address)
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}")
    yield from response if response.streaming else [response.content]
