"""How fast pages and API lists answer over a large record, and how fast figures follow a change.

`python -m benchmarks.pages SCALE` runs in the environment that names its home. Times are those of
the server: from the request to the last byte of the answer, templates and middleware included.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import django
import psutil

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from benchmarks.record import BIG, NOW, Size, generate  # noqa: E402
from dashboard.prepare import prepare_database  # noqa: E402
from registry_browser.models import (  # noqa: E402
    Blob,
    Registry,
    Repository,
    Role,
    SyncRun,
    Tag,
    User,
)
from registry_browser.sync import figures, liveness  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLES = 25
CHANGES = 15


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


class Samples:
    """Addresses of things in the record, drawn at random but the same in every run."""

    def __init__(self, registry: Registry) -> None:
        self.draw = random.Random(20261120)
        repositories = Repository.objects.filter(registry=registry, path__startswith="team-")
        self.paths = list(repositories.values_list("path", flat=True))
        tags = Tag.objects.filter(repository__in=repositories).order_by("pk")[:20_000]
        self.tags = list(tags.values_list("repository__path", "name", "manifest__digest"))
        blobs = Blob.objects.filter(registry=registry, layer_manifests__gt=0)
        self.layers = list(blobs.order_by("digest").values_list("digest", flat=True)[:2_000])
        self.base = blobs.order_by("-layer_manifests").values_list("digest", flat=True)[0]
        big = Tag.objects.filter(repository__registry=registry, repository__path=BIG)
        self.big_tags = list(big.order_by("name").values_list("name", "manifest__digest")[:2_000])
        self.run = SyncRun.objects.order_by("-pk").values_list("pk", flat=True)[0]

    def path(self) -> str:
        return self.draw.choice(self.paths)

    def namespace(self) -> str:
        return self.path().rpartition("/")[0].partition("/")[0]

    def tag(self) -> tuple[str, str, str]:
        return self.draw.choice(self.tags)

    def big_tag(self) -> tuple[str, str]:
        return self.draw.choice(self.big_tags)


def pages(at: Samples) -> Iterator[tuple[str, Callable[[], str]]]:
    """Every kind of page, with what makes one of its addresses."""
    big = f"/r/bench/{BIG}/"
    yield "overview", lambda: "/"
    yield "registries", lambda: "/registries/"
    yield "runs", lambda: "/runs/"
    yield "run", lambda: f"/runs/{at.run}/"
    yield "registry", lambda: "/r/bench/"
    yield "registry, filtered", lambda: f"/r/bench/?q=app-{at.draw.randrange(9999)}"
    yield "namespace", lambda: f"/r/bench/{at.namespace()}/"
    yield "repository", lambda: f"/r/bench/{at.path()}/"
    yield "repository of 20,000 tags", lambda: big
    yield "the same, a page far behind", lambda: f"{big}?page={at.draw.randrange(100, 400)}"
    yield "the same, filtered", lambda: f"{big}?q=2026.{at.draw.randrange(200)}.*"
    yield "the same, by size", lambda: f"{big}?sort=-size"
    yield "its untagged", lambda: f"{big}-/untagged"
    yield "untagged", lambda: f"/r/bench/{at.path()}/-/untagged"
    yield "referrers", lambda: f"/r/bench/{at.path()}/-/referrers"
    yield "tag", lambda: "/r/bench/{}/-/tags/{}".format(*at.tag()[:2])
    yield "tag of 20,000", lambda: f"{big}-/tags/{at.big_tag()[0]}"
    yield "manifest", lambda: "/r/bench/{0}/-/manifests/{2}".format(*at.tag())
    yield "layers", lambda: "/r/bench/-/layers"
    for order in ("-size", "-manifests", "-repositories"):
        yield f"layers by {order[1:]}", partial(str, f"/r/bench/-/layers?sort={order}")
    yield "layer", lambda: f"/r/bench/-/layers/{at.draw.choice(at.layers)}"
    yield "layer of 20,000 images", lambda: f"/r/bench/-/layers/{at.base}"
    yield "search by name", lambda: f"/search?q=app-{at.draw.randrange(9999)}"
    yield "search by digest", lambda: f"/search?q={at.tag()[2][7:19]}"
    yield "space everywhere", lambda: "/space/"
    yield "space of a registry", lambda: "/r/bench/-/space"
    yield "the same, as table", lambda: "/r/bench/-/space?view=table"
    yield "space of a namespace", lambda: f"/r/bench/{at.namespace()}/-/space"
    yield "space of a repository", lambda: f"/r/bench/{at.path()}/-/space"
    yield "space of 20,000 tags", lambda: f"{big}-/space"
    yield (
        "space of a selection",
        lambda: f"/r/bench/-/space?view=table&select={at.namespace()}&select={at.path()}",
    )
    yield "untagged of a registry", lambda: "/r/bench/-/dangling"
    yield "the same, all", lambda: "/r/bench/-/dangling?state=all"
    yield "the same, by size", lambda: "/r/bench/-/dangling?sort=-size"
    yield "untagged of a namespace", lambda: f"/r/bench/{at.namespace()}/-/dangling"
    yield "sharing in a registry", lambda: "/r/bench/-/sharing"
    yield "sharing in a namespace", lambda: f"/r/bench/{at.namespace()}/-/sharing"
    yield "deletions", lambda: "/deletions/"


def lists(at: Samples) -> Iterator[tuple[str, Callable[[], str]]]:
    """Every list of the API, and what it tells of one thing."""
    api = "/api/v1/registries/bench/"
    big = f"{api}repositories/{BIG}/-/"
    yield "API registries", lambda: "/api/v1/registries/"
    yield "API registry", lambda: api
    yield "API runs", lambda: "/api/v1/runs/"
    for order in ("path", "-reclaimable_bytes", "-tags"):
        yield (
            f"API repositories by {order}",
            partial(str, f"{api}repositories/?ordering={order}"),
        )
    yield "API repositories below", lambda: f"{api}repositories/?prefix={at.namespace()}"
    yield "API tags of 20,000", lambda: f"{big}tags/"
    yield "API tag", lambda: "{}repositories/{}/-/tags/{}/".format(api, *at.tag()[:2])
    yield "API manifests of 20,000", lambda: f"{big}manifests/"
    yield "API manifests, dangling", lambda: f"{big}manifests/?state=dangling"
    yield (
        "API manifest",
        lambda: "{0}repositories/{1}/-/manifests/{3}/".format(api, *at.tag()),
    )
    for order in ("digest", "-size", "-repositories"):
        yield f"API layers by {order}", partial(str, f"{api}layers/?ordering={order}")
    yield "API layer", lambda: f"{api}layers/{at.base}/"
    yield "API space", lambda: f"{api}space/"
    yield "API space below", lambda: f"{api}space/?prefix={quote(at.namespace())}"
    yield "API search", lambda: f"/api/v1/search/?q=app-{at.draw.randrange(9999)}"


def measure(client: Client, name: str, address: Callable[[], str]) -> Measured:
    """Answer times of SAMPLES addresses, after two that warm up; statements are the most seen.

    Processor time tells what the clock cannot on a machine that others use too.
    """
    statements = max(_statements(client, address()) for _ in range(2))
    times, began_with = [], _processor_seconds()
    for _ in range(SAMPLES):
        where = address()
        began = time.perf_counter()
        _get(client, where)
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
        _get(client, address)
    # The log is emptied when the next request begins.
    return len(captured)


def _processor_seconds() -> float:
    """Of this process and of its connection's server process; parallel workers are left out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    spent = psutil.Process(backend).cpu_times()
    return time.process_time() + float(spent.user + spent.system)


def _get(client: Client, address: str) -> None:
    response = client.get(address)
    b"".join(response) if response.streaming else response.content
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}")


def measure_changes(registry: Registry, repositories: list[Repository]) -> list[float]:
    """Milliseconds until all figures are right again, after a tag of each repository went."""
    times = []
    for repository in repositories:
        with transaction.atomic():
            Tag.objects.filter(pk=repository.tags.order_by("pk")[0].pk).delete()
            began = time.perf_counter()
            liveness.refresh_states(registry.pk, {repository.pk: NOW})
            figures.refresh_repositories([repository.pk])
            figures.refresh_registry(registry)
            times.append((time.perf_counter() - began) * 1000)
            transaction.set_rollback(True)
    return times


def main(scale: float) -> dict[str, Any]:
    """All measurements of one generated record."""
    prepare_database()
    settings.ALLOWED_HOSTS = ["testserver"]
    # Hashed names need collected files, which this home has none of.
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    began = time.perf_counter()
    size = Size()
    registry = generate(
        "bench",
        Size(
            bases=size.bases,
            plain=max(size.bases, round(size.plain * scale)),
            tags=max(2_000, round(size.tags * scale)),
        ),
    )
    generate("mirror", Size(plain=100, tags=2_000))
    seconds = time.perf_counter() - began
    registry.refresh_from_db()
    client = Client()
    client.force_login(User.objects.create_user("bench", role=Role.ADMIN))
    at = Samples(registry)
    measured = [measure(client, name, address) for name, address in [*pages(at), *lists(at)]]
    draw = random.Random(1)
    plain = Repository.objects.filter(path__in=draw.sample(at.paths, CHANGES), registry=registry)
    return {
        "pages": [
            [
                each.name,
                round(each.p95, 1),
                round(each.median, 1),
                round(each.processor, 1),
                each.statements,
            ]
            for each in measured
        ],
        "changed": measure_changes(registry, list(plain)),
        "changed_big": measure_changes(
            registry, [Repository.objects.get(registry=registry, path=BIG)] * 5
        ),
        "seconds": seconds,
        **_facts(registry),
    }


def _facts(registry: Registry) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_database_size(current_database()),"
            " (SELECT count(*) FROM registry_browser_manifestblob WHERE role = 1)"
        )
        size, references = cursor.fetchone()
    return {
        "database_bytes": size,
        "references": references,
        "manifests": registry.manifest_count,
        "repositories": registry.repository_count,
        "tags": Tag.objects.filter(repository__path=BIG, repository__registry=registry).count(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(float(sys.argv[1]))))
