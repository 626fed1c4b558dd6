"""What monitoring asks: does the process live, can it work, and what are the figures.

These pages need no sign-in. The first two name nothing of the record; the figures name registries,
and so are for whoever may know them.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count
from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dashboard import broker
from dashboard.celery import app
from registry_browser.models import Registry, SyncRun, WorkerHeartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from django.http import HttpRequest
    from prometheus_client.core import Metric

# A worker says every 10 seconds that it lives.
HEARTBEAT_IS_OLD_AFTER = timedelta(seconds=60)
BROKER_SECONDS = 2
# What proxies add to a request.
_PASSED_ON = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


@login_not_required
@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers. Nothing else is asked, so a database fault does not restart it."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Everything that a sync needs is there; 503 and the missing part where not."""
    problems: dict[str, str | None] = {}
    for name, check in CHECKS.items():
        try:
            problems[name] = check()
        except DatabaseError:
            problems[name] = "the database does not answer"
    ready = not any(problems.values())
    return JsonResponse(
        {"ready": ready, **{name: problem or "ok" for name, problem in problems.items()}},
        status=200 if ready else 503,
    )


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures of each registry, its runs and the workers, in Prometheus' text format.

    Where a token is set, for who sends it; otherwise for this machine, and for who is signed in.
    """
    token = settings.REGISTRY_BROWSER_METRICS_TOKEN
    if token is None:
        if not (_is_from_this_machine(request) or request.user.is_authenticated):
            return HttpResponse(
                "Set METRICS_TOKEN, and send it as a bearer token, to read the figures from"
                " another machine.\n",
                status=403,
                content_type="text/plain",
            )
    elif not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry()
    registry.register(RecordCollector(timezone.now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_from_this_machine(request: HttpRequest) -> bool:
    """Whether somebody here asks; not for somebody else, as a proxy on this machine does."""
    try:
        peer = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return peer.is_loopback and not any(name in request.headers for name in _PASSED_ON)


def _database() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return None


def _migrations() -> str | None:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} migrations are not applied" if missing else None


def _broker() -> str | None:
    return None if broker.reachable(app, timeout=BROKER_SECONDS) else "the broker does not answer"


def _worker() -> str | None:
    recent = timezone.now() - HEARTBEAT_IS_OLD_AFTER
    seen = WorkerHeartbeat.objects.filter(seen_at__gte=recent).exists()
    return None if seen else "no worker has been seen for a minute"


CHECKS: dict[str, Callable[[], str | None]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "worker": _worker,
}


class RecordCollector(Collector):
    """Reads the stored figures when Prometheus asks, in three statements however many there are."""

    FIGURES = (
        ("repositories", "Repositories in the record.", "repository_count"),
        ("tags", "Tags in the record.", "tag_count"),
        ("manifests", "Manifests present in the record.", "manifest_count"),
        ("dangling_manifests", "Manifests that no tag reaches.", "dangling_count"),
        ("apparent_bytes", "Bytes as if nothing were shared.", "apparent_bytes"),
        ("stored_bytes", "Bytes with each blob counted once.", "stored_bytes"),
        ("reclaimable_bytes", "Bytes that only dangling manifests hold.", "reclaimable_bytes"),
    )

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        registries = list(Registry.objects.all())
        for name, text, field in self.FIGURES:
            gauge = GaugeMetricFamily(f"registry_browser_{name}", text, labels=["registry"])
            for registry in registries:
                gauge.add_metric([registry.name], getattr(registry, field))
            yield gauge
        age = GaugeMetricFamily(
            "registry_browser_sync_age_seconds",
            "Seconds since the last sync ended; absent before the first.",
            labels=["registry"],
        )
        complete = GaugeMetricFamily(
            "registry_browser_complete", "1 when the last sync saw everything.", labels=["registry"]
        )
        for registry in registries:
            complete.add_metric([registry.name], float(registry.complete))
            if registry.synced_at is not None:
                age.add_metric([registry.name], (self.now - registry.synced_at).total_seconds())
        yield age
        yield complete
        yield self._runs()
        yield self._workers()

    def _runs(self) -> Metric:
        gauge = GaugeMetricFamily(
            "registry_browser_sync_runs", "Sync runs by state.", labels=["registry", "state"]
        )
        counted = SyncRun.objects.order_by().values_list("registry__name", "state")
        for registry, state, count in counted.annotate(count=Count("pk")):
            gauge.add_metric([registry, state], count)
        return gauge

    def _workers(self) -> Metric:
        recent = self.now - HEARTBEAT_IS_OLD_AFTER
        return GaugeMetricFamily(
            "registry_browser_workers",
            "Workers seen within the last minute.",
            value=WorkerHeartbeat.objects.filter(seen_at__gte=recent).count(),
        )
