"""The stage of every test: settings of its own, and one embedded Postgres for the whole run.

The server starts with the first test that needs a database, is shared by all xdist workers (each
has its own database on it) and is gone when the run ends, however it ends: `dashboard/lease.py`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import django
import hypothesis
import pytest
from django.conf import settings
from django.db import connection

from dashboard import lease
from tests.homes import remove_home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.backends.base.operations import BaseDatabaseOperations

hypothesis.settings.register_profile(
    "ours",
    # How long an example takes says how busy the machine is.
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        # The database of a test is one for all its examples; they begin on a new record each.
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
    # CI says the same of the same commit. Whoever runs the tests by hand tries new examples.
    derandomize="CI" in os.environ,
)
hypothesis.settings.load_profile("ours")

# What a developer may have set for a dashboard of their own.
_VARIABLES = [
    "ALLOWED_HOSTS",
    "BIND",
    "CELERY_BROKER_URL",
    "CSRF_TRUSTED_ORIGINS",
    "DEBUG",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "METRICS_TOKEN",
    "PORT",
    "REGISTRY_KEYS",
    "SECRET_KEY",
    "TASK_TIMEOUT",
    "WORKER_CONCURRENCY",
]


def _prepare_home() -> Path:
    """Set the environment before the settings are read, the same for all workers of a run."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        for variable in _VARIABLES:
            os.environ.pop(variable, None)
            os.environ.pop(f"{variable}_FILE", None)
        home = Path(tempfile.mkdtemp(prefix="registry-browser-tests-"))
        (home / "static").mkdir()
        os.environ["REGISTRY_BROWSER_HOME"] = str(home)
        # Nobody mourns this data: no waiting for the disk.
        os.environ["POSTGRES_OPTIONS"] = (
            "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        )
        os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    return Path(os.environ["REGISTRY_BROWSER_HOME"])


HOME = _prepare_home()
django.setup()
# Hashed names need collected files; tests take the files from where they are written.
settings.STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}


@pytest.fixture(autouse=True, scope="session")
def _let_the_flush_pass() -> Iterator[None]:
    """After a test with real transactions Django truncates all tables, and the ledgers refuse it:
    their triggers rest during the flush, and only then.
    """
    operations = type(connection.ops)
    real = operations.execute_sql_flush

    def flush(self: BaseDatabaseOperations, sql_list: list[str]) -> None:
        real(self, ["SET LOCAL session_replication_role = replica", *sql_list])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "execute_sql_flush", flush)
        yield


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the server, once the workers are gone, and leave nothing behind."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    if settings.EMBEDDED_POSTGRES is not None:
        lease.release()
        lease.Lease(settings.EMBEDDED_POSTGRES).leave()
    remove_home(HOME)
