"""Starting a sync from a page."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from registry_browser.models import Registry, SyncTrigger
from registry_browser.tasks import start_sync
from registry_browser.web.htmx import HtmxRequest


def start(
    request: HtmxRequest,
    registry: Registry,
    *,
    paths: Sequence[str] = (),
    full_check: bool = False,
    believe_absences: bool = False,
) -> HttpResponse:
    """Ask for a sync and lead to its page.

    A broker that does not answer is no reason to fail: the run is a row by then, and the schedule
    sends it again once the broker is back.
    """
    run = start_sync(
        registry,
        trigger=SyncTrigger.PERSON,
        now=datetime.now(UTC),
        actor=request.user.username,
        paths=paths,
        full_check=full_check,
        believe_absences=believe_absences,
        on_unsent=lambda: messages.warning(
            request, "The message broker does not answer. The run starts when it is back."
        ),
    )
    return redirect("run", run.pk)
