"""How fast pages and API lists answer over a large record, how fast figures follow a change, and
what an export of the whole ledger takes.

`python -m benchmarks.pages SCALE` runs in the environment that names its home.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import TYPE_CHECKING, Any

import django
import psutil

django.setup()

from django.db import connection, transaction  # noqa: E402

from benchmarks.addresses import Samples, histories, lists, pages  # noqa: E402
from benchmarks.answers import measure, read, signed_in_client  # noqa: E402
from benchmarks.record import BIG, NOW, Size, generate  # noqa: E402
from dashboard.prepare import prepare_database  # noqa: E402
from registry_browser.history.verify import verify  # noqa: E402
from registry_browser.models import Registry, Repository, Tag, TagEvent  # noqa: E402
from registry_browser.sync.figures import counts, liveness  # noqa: E402

if TYPE_CHECKING:
    from django.test import Client

CHANGES = 15


def measure_changes(registry: Registry, repositories: list[Repository]) -> list[float]:
    """Milliseconds until all figures are right again, after a tag of each repository went."""
    times = []
    for repository in repositories:
        with transaction.atomic():
            Tag.objects.filter(pk=repository.tags.order_by("pk")[0].pk).delete()
            began = time.perf_counter()
            liveness.refresh_states(registry.pk, {repository.pk: NOW})
            counts.refresh_repositories([repository.pk])
            counts.refresh_registry(registry)
            times.append((time.perf_counter() - began) * 1000)
            transaction.set_rollback(True)
    return times


def measure_export(client: Client) -> dict[str, float]:
    """Read an export of all events; how far the process grew meanwhile is what matters."""
    process = psutil.Process()
    before = most = process.memory_info().rss
    began, size = time.perf_counter(), 0
    for piece in read(client, "/history/export.jsonl"):
        size += len(piece)
        most = max(most, process.memory_info().rss)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "bytes": size, "grown_bytes": most - before}


def measure_verifying() -> float:
    """Seconds to recompute all seals. Raises RuntimeError where they do not hold."""
    began = time.perf_counter()
    if not (checked := verify()).holds:
        raise RuntimeError(checked.sentence)
    return time.perf_counter() - began


def main(scale: float) -> dict[str, Any]:
    """All measurements of one generated record."""
    prepare_database()
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
    client = signed_in_client()
    at = Samples(registry)
    places = [*pages(at), *lists(at), *histories(at)]
    measured = [measure(client, name, address) for name, address in places]
    draw = random.Random(1)
    plain = Repository.objects.filter(path__in=draw.sample(at.paths, CHANGES), registry=registry)
    big = Repository.objects.get(registry=registry, path=BIG)
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
        "changed_big": measure_changes(registry, [big] * 5),
        "export": measure_export(client),
        "verifying": measure_verifying(),
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
        "events": TagEvent.objects.count(),
        "tags": Tag.objects.filter(repository__path=BIG, repository__registry=registry).count(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(float(sys.argv[1]))))
