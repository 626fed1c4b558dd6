"""Structured logs, as lines for a person or as JSON, without secrets.

The request id of a page, and the task and run ids in a worker, are bound by django-structlog and
show on every line that belongs to them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_NAME = re.compile(
    r"password|passwd|secret|token|authorization|cookie|credential|api_?key", re.IGNORECASE
)
# user:password@ in a URL, the one-time token in a sign-in link, the secret in an address to which
# registries send notifications.
_SECRET_TEXT = re.compile(
    r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|(?<=/sign-in/)[^/\s\"']+|\brbn_[A-Za-z0-9_-]+"
)
_HIDDEN = "[hidden]"
_PROBES = ("GET /healthz", "GET /readyz", "GET /metrics")


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of fields with a telling name, and credentials inside texts."""
    for name, value in event.items():
        event[name] = _HIDDEN if _SECRET_NAME.search(name) else _without_secrets(value)
    return event


def drop_routine(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out what comes every ten seconds and says nothing, probes that are answered among it,
    and each request's first line: its last one says all of it again, with the outcome."""
    if event.get("request") in _PROBES and event.get("code") == 200:
        raise structlog.DropEvent
    task = event.get("child_task_name") or event.get("task") or ""
    routine = event["event"] == "request_started" or str(task).rpartition(".")[2] == "tick"
    if routine and event.get("level") == "info":
        raise structlog.DropEvent
    return event


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXT.sub(_HIDDEN, value)
    if isinstance(value, dict):
        return {
            name: _HIDDEN if _SECRET_NAME.search(str(name)) else _without_secrets(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_without_secrets(inner) for inner in value)
    return value


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.format_exc_info,
    hide_secrets,
]


def logging_config(log_format: str, level: str) -> dict[str, Any]:
    """Return the `LOGGING` setting: everything to stderr, as `console` or `json`."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    renderer,
                ],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # These come with handlers and formats of their own.
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            "gunicorn.error": {"handlers": [], "propagate": True, "qualname": "gunicorn.error"},
            # A line for each round of the schedule.
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "pgmq": {"level": "WARNING"},
            # What django-structlog tells already.
            "celery.app.trace": {"level": "WARNING"},
        },
    }


def configure_structlog() -> None:
    """Send structlog's loggers through the standard ones, so that all lines look the same."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            drop_routine,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
