"""The audit trail of the dashboard itself."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from registry_browser.history.seals import AUDIT
from registry_browser.queries.audit import (
    AuditFilter,
    audit_choices,
    audit_page,
    every_audit_row,
)
from registry_browser.web.access import auditor_required, auditors_only
from registry_browser.web.asked import asked_text
from registry_browser.web.exporting import bounded, export, is_form
from registry_browser.web.history_asked import asked_moment
from registry_browser.web.htmx import asks_for_region, page_or_region

if TYPE_CHECKING:
    from django.http import HttpResponseBase

    from registry_browser.web.htmx import HtmxRequest

FILTERS = ("actor", "action", "about", "address", "since", "until")


@require_safe
@auditor_required
def audit(request: HtmxRequest) -> HttpResponse:
    """Who did what, newest first."""
    wanted, problems = _asked(request)
    page = audit_page(wanted, after=asked_text(request, "after"))
    kept = urlencode({name: text for name in FILTERS if (text := asked_text(request, name))})
    context = {
        "trail": page,
        "problems": problems,
        "kept": kept,
        "is_filtered": bool(wanted.as_dict()),
        "exports": [("csv", "CSV"), ("jsonl", "JSON lines")],
    }
    if not asks_for_region(request):
        actors, actions = audit_choices()
        context["actor_options"] = [("", "anyone"), *((name, name) for name in actors)]
        context["action_options"] = [("", "any"), *((name, name) for name in actions)]
    return page_or_region(
        request, page="audit/audit.html", region="audit/_trail.html", context=context
    )


@require_safe
def audit_export(request: HtmxRequest, form: str) -> HttpResponseBase:
    """Exactly what the filter of the page finds."""
    if not request.user.is_auditor:
        return auditors_only(request)
    if not is_form(form):
        raise Http404
    wanted, problems = _asked(request)
    if problems:
        return HttpResponse("\n".join(problems), status=400, content_type="text/plain")
    return export(
        request,
        form,
        ledger="audit",
        filters=wanted.as_dict(),
        rows=lambda up_to: every_audit_row(bounded(wanted, up_to), AUDIT.fields),
    )


def _asked(request: HtmxRequest) -> tuple[AuditFilter, list[str]]:
    problems: list[str] = []
    address = asked_text(request, "address")
    try:
        address = str(ipaddress.ip_address(address)) if address else ""
    except ValueError:
        problems.append(f"“{address[:40]}” is no IP address.")
        address = ""
    wanted = AuditFilter(
        actor=asked_text(request, "actor"),
        action=asked_text(request, "action"),
        about=asked_text(request, "about"),
        address=address,
        since=asked_moment(request, "since", problems),
        until=asked_moment(request, "until", problems, end_of_day=True),
    )
    return wanted, problems
