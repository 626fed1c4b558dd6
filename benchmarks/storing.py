"""How fast content and tags go into the record, without a registry.

`python -m benchmarks.storing MANIFESTS` runs in the environment that names its home.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import django

django.setup()

from django.utils import timezone  # noqa: E402

from benchmarks.layout import image  # noqa: E402
from dashboard.prepare import prepare_database  # noqa: E402
from registry_browser.oci.config import parse_config  # noqa: E402
from registry_browser.oci.manifest import parse_manifest  # noqa: E402
from registry_browser.sync.crawl import BATCH_MANIFESTS  # noqa: E402
from registry_browser.sync.reading.decide import decide  # noqa: E402
from registry_browser.sync.reading.observed import (  # noqa: E402
    KnownRepository,
    ObservedContent,
    ObservedRepository,
)
from registry_browser.sync.registries import RegistryDetails, add_registry  # noqa: E402
from registry_browser.sync.storing.changes import store_changes  # noqa: E402
from registry_browser.sync.storing.content import store_content  # noqa: E402
from registry_browser.sync.storing.statistics import Statistics  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry_browser.sync.reading.observed import RepositoryChanges

TAGS = 50


def batches(
    manifests: int,
) -> Iterator[tuple[list[ObservedContent], list[RepositoryChanges]]]:
    """What observers hand to the storekeeper: 500 manifests at a time, 50 in a repository."""
    for start in range(0, manifests, BATCH_MANIFESTS):
        contents: list[ObservedContent] = []
        changes: list[RepositoryChanges] = []
        for number in range(start // TAGS, (start + BATCH_MANIFESTS) // TAGS):
            content, change = _repository(number)
            contents += content
            changes.append(change)
        yield contents, changes


def _repository(number: int) -> tuple[list[ObservedContent], RepositoryChanges]:
    path = f"team-{number // 20}/app-{number}"
    contents = []
    for tag in range(TAGS):
        built = image(path, number, tag)
        body, config_body = built.body, built.blobs[0].data or b""
        manifest, config = parse_manifest(body, built.media_type), parse_config(config_body)
        contents.append(
            ObservedContent(built.digest, built.media_type, body, manifest, config, config_body)
        )
    tags = {f"1.{tag}.0": content.digest for tag, content in enumerate(contents)}
    now = timezone.now()
    observed = ObservedRepository(path, now, listed=frozenset(tags), tags=tags, read_at=now)
    return contents, decide(KnownRepository(path), observed)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that some work took by the clock, and of our own processor time."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - worked


def main(manifests: int) -> dict[str, float]:
    """Store as `Crawl` does. Return how many manifests, and for content alone and for everything
    (tags, ledger, states and figures too) the seconds, `processor` of them our own.
    """
    prepare_database()
    details = RegistryDetails(name="bench", url="http://127.0.0.1:1", sync_interval=None)
    registry = add_registry(details, actor="bench", now=timezone.now())
    statistics, stored = Statistics(), 0
    content_seconds = content_processor = seconds = processor = 0.0
    for contents, changes in batches(manifests):
        clock, own = timed(partial(store_content, registry.pk, contents, now=timezone.now()))
        content_seconds, content_processor = content_seconds + clock, content_processor + own
        for work in (
            partial(store_changes, registry, changes),
            partial(statistics.note, len(contents)),
        ):
            clock, own = timed(work)
            seconds, processor = seconds + clock, processor + own
        stored += len(contents)
    return {
        "manifests": stored,
        "content_seconds": content_seconds,
        "content_processor": content_processor,
        "seconds": content_seconds + seconds,
        "processor": content_processor + processor,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]))))
