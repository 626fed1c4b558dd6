"""The Celery application; `celery -A dashboard worker` finds it here."""

from __future__ import annotations

import logging.config
import os
import warnings
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging
from django.conf import settings
from django.dispatch import receiver
from django_structlog.celery import signals
from django_structlog.celery.steps import DjangoStructLogInitStep

from dashboard.acknowledge import AcknowledgeStep, PersistentTask
from dashboard.heartbeat import HeartbeatStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

app: Celery[Any] = Celery("dashboard", task_cls=PersistentTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)
app.steps["worker"].add(HeartbeatStep)
app.steps["worker"].add(AcknowledgeStep)


# Running as root is dangerous with pickled messages; ours are JSON and nothing else.
warnings.filterwarnings("ignore", category=SecurityWarning)


@receiver(signals.bind_extra_task_metadata)
def name_the_task(task: Any, **_kwargs: Any) -> None:
    """Show the task's name on every line that it logs, beside its id."""
    structlog.contextvars.bind_contextvars(task=task.name)


@setup_logging.connect
def configure_logging(**_kwargs: Any) -> None:
    """Keep Celery from setting up loggers of its own."""
    logging.config.dictConfig(settings.LOGGING)
