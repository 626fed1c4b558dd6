"""Downloads of the ledgers: streamed, sealed first, and noted in the audit trail."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse

from registry_browser.history import audit, seals
from registry_browser.history.exports import Ending, csv_lines, json_lines, manifest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry_browser.web.htmx import HtmxRequest

FORMS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_MANIFEST = ".manifest.json"


def export(
    request: HtmxRequest,
    form: str,
    *,
    ledger: str,
    filters: dict[str, Any],
    newest: Callable[[], int],
    rows: Callable[[int], Iterable[tuple[Any, ...]]],
) -> StreamingHttpResponse | HttpResponse:
    """A file of this form (csv, jsonl), or with `.manifest.json` behind it its manifest alone.

    `rows` gives those up to an id: that of `?up_to=`, else the newest one, so that a file and its
    manifest can be fetched one after the other. What is open is sealed first; where writers keep
    the ledgers busy, the manifest says how far its seal goes.
    """
    form, _, _ = form.partition(_MANIFEST)
    is_manifest = request.path.endswith(_MANIFEST)
    now = datetime.now(UTC)
    seals.seal_all(now)
    up_to = _up_to(request) or newest()
    ending = Ending(
        ledger=ledger,
        filters=filters,
        exported_at=now,
        exported_by=request.user.username,
        up_to=up_to,
    )
    with transaction.atomic():
        audit.record(
            "history:exported" if ledger == "tags" else "audit:exported",
            actor=request.user.username,
            about=f"{form}{' manifest' if is_manifest else ''}, up to {up_to}",
            detail=filters,
            address=request.META.get("REMOTE_ADDR") or None,
            now=now,
        )
    name = f"{'history' if ledger == 'tags' else 'audit'}-{now:%Y%m%d-%H%M%S}.{form}"
    if is_manifest:
        response: HttpResponse = JsonResponse(manifest_of(form, rows(up_to), ending))
        response["Content-Disposition"] = f'attachment; filename="{name}{_MANIFEST}"'
        return response
    lines = csv_lines if form == "csv" else json_lines
    streamed = StreamingHttpResponse(lines(rows(up_to), ending), content_type=FORMS[form])
    streamed["Content-Disposition"] = f'attachment; filename="{name}"'
    return streamed


def is_form(form: str) -> bool:
    return form.removesuffix(_MANIFEST) in FORMS


def _up_to(request: HtmxRequest) -> int | None:
    text = request.GET.get("up_to", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def bounded(wanted: Any, up_to: int) -> Any:
    """The filter, for rows up to this id only."""
    return replace(wanted, up_to=up_to)
