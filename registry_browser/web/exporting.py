"""Downloads of the ledgers from a page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse

from registry_browser.history.downloads import FORMS, start_download
from registry_browser.history.exports import manifest_of
from registry_browser.web.asked import asked_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry_browser.web.htmx import HtmxRequest

_MANIFEST = ".manifest.json"


def export(
    request: HtmxRequest,
    form: str,
    *,
    ledger: str,
    filters: dict[str, Any],
    rows: Callable[[int], Iterable[tuple[Any, ...]]],
) -> StreamingHttpResponse | HttpResponse:
    """A file of this form (csv, jsonl), or with `.manifest.json` behind it its manifest alone.

    `rows` gives those up to an id: that of `?up_to=`, else the newest one, so that a file and its
    manifest can be fetched one after the other.
    """
    form, _, _ = form.partition(_MANIFEST)
    is_manifest = request.path.endswith(_MANIFEST)
    file = start_download(
        ledger,
        form,
        filters=filters,
        actor=request.user.username,
        now=datetime.now(UTC),
        up_to=asked_number(request, "up_to"),
        what=" manifest" if is_manifest else "",
    )
    found = rows(file.ending.up_to)
    if is_manifest:
        response: HttpResponse = JsonResponse(manifest_of(form, found, file.ending))
        response["Content-Disposition"] = f'attachment; filename="{file.name}{_MANIFEST}"'
        return response
    return StreamingHttpResponse(file.lines(found), headers=file.headers)


def is_form(form: str) -> bool:
    return form.removesuffix(_MANIFEST) in FORMS


def bounded(wanted: Any, up_to: int) -> Any:
    """The filter, for rows up to this id only."""
    return replace(wanted, up_to=up_to)
