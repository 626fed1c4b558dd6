"""The programs of one dashboard: what `manage.py up` supervises, in the order of stopping."""

from __future__ import annotations

import signal
import sys

from django.conf import settings

from dashboard.supervisor import Program


def dashboard_programs() -> list[Program]:
    """Return web, scheduler and worker.

    Pages go first, so that nobody starts new work; the worker goes last and finishes what it can.
    When we are killed, the worker is killed too: whatever it had in hand is delivered again.
    """
    celery = (sys.executable, "-m", "celery", "--quiet", "--app", "dashboard")
    quiet = ("--without-mingle", "--without-gossip", "--without-heartbeat")
    return [
        Program("web", (sys.executable, "-m", "gunicorn", "-c", "python:dashboard.gunicorn")),
        Program(
            "scheduler",
            (*celery, "beat", "--pidfile", "", "--schedule", str(settings.HOME / "schedule")),
        ),
        Program(
            "worker",
            (*celery, "worker", "--pool", "prefork", *quiet),
            dies_with_us=signal.SIGKILL,
        ),
    ]
