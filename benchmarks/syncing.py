"""One dashboard of its own: a first sync of a registry, a second one, and what they took.

`python -m benchmarks.syncing URL [--record DIRECTORY]` runs in the environment that names its
home, and writes a JSON object. With `--record`, each sync's requests go to a file `first.json` and
`again.json` there, for the bare client; recording costs time, so nothing is measured then.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import django

django.setup()

from django.utils import timezone  # noqa: E402

from dashboard.prepare import prepare_database  # noqa: E402
from registry_browser.models import Registry  # noqa: E402
from registry_browser.oci.transport import Transport  # noqa: E402
from registry_browser.sync.registries import RegistryDetails, add_registry  # noqa: E402
from registry_browser.tasks import sync_in_foreground  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.bare import Request
    from registry_browser.oci.transport import Answer


def record_requests() -> list[Request]:
    """Note every exchange from now on, in the order of their start."""
    seen: list[Request] = []
    exchange = Transport._exchange

    async def recording(
        transport: Transport,
        method: str,
        url: str,
        headers: Mapping[str, str],
        limit: int,
        body: bytes | None,
    ) -> Answer:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        seen.append((method, target, {"Accept-Encoding": "identity", **headers}))
        return await exchange(transport, method, url, headers, limit, body)

    Transport._exchange = recording  # type: ignore[method-assign, assignment]
    return seen


def sync(registry: Registry) -> dict[str, Any]:
    """Sync once; return what it took."""
    began, worked = time.perf_counter(), time.process_time()
    run = sync_in_foreground(registry, now=timezone.now())
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - worked,
        "requests": run.requests,
        "tags": run.tags_checked,
        "repositories": run.done,
        "state": run.state,
    }


def main(url: str, record_to: Path | None) -> dict[str, Any]:
    """Sync twice into an empty record."""
    prepare_database()
    details = RegistryDetails(name="bench", url=url, sync_interval=None)
    registry = add_registry(details, actor="bench", now=timezone.now())
    requests = record_requests() if record_to else []
    result: dict[str, Any] = {}
    for name in ("first", "again"):
        requests.clear()
        result[name] = sync(Registry.objects.get(pk=registry.pk))
        if record_to is not None:
            (record_to / f"{name}.json").write_text(json.dumps(requests))
    # Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result["peak_bytes"] = peak * (1 if sys.platform == "darwin" else 1024)
    return result


if __name__ == "__main__":
    place = Path(sys.argv[3]) if "--record" in sys.argv else None
    sys.stdout.write(json.dumps(main(sys.argv[1], place)))
