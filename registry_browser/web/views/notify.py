"""The door for registries: no person, no session, no page. Answers at once, since a registry that
waits for us stands still.
"""

from datetime import UTC, datetime

import structlog
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from registry_browser.models import NotificationEndpoint
from registry_browser.notifications import door
from registry_browser.notifications.google import published_key
from registry_browser.notifications.receive import MAX_BODY, refuse
from registry_browser.tasks import take_notification

log = structlog.get_logger(__name__)


@csrf_exempt
@login_not_required
@require_http_methods(["POST", "OPTIONS"])
def notify(request: HttpRequest, name: str, secret: str = "") -> HttpResponseBase:
    now = datetime.now(UTC)
    headers = {name.lower(): value for name, value in request.headers.items()}
    endpoint = door.find_endpoint(name)
    let_in = door.has_secret(endpoint, secret, headers)
    try:
        let_in = let_in or door.is_from_google(endpoint, headers, keys=published_key, now=now)
    except OSError as error:
        # Google's keys cannot be had now; Pub/Sub sends again.
        log.warning("google_keys_missing", registry=name, cause=str(error))
        return HttpResponse(status=503)
    if not let_in and "x-hub-signature-256" not in headers:
        return _refuse(endpoint, name, now)
    if request.method == "OPTIONS":
        return _agree(headers) if let_in else _refuse(endpoint, name, now)
    if (body := _read(request)) is None:
        return HttpResponse(status=413)
    if endpoint is None or not (let_in or door.is_signed(endpoint, body, headers)):
        return _refuse(endpoint, name, now)
    receipt = take_notification(endpoint, body, headers, now=now)
    if receipt.answer is not None:
        return JsonResponse(receipt.answer, status=receipt.status)
    return HttpResponse(status=receipt.status)


def _read(request: HttpRequest) -> bytes | None:
    """The body; None where it is longer than any notification, or breaks off."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
        return None
    try:
        body = request.read(MAX_BODY + 1)
    except UnreadablePostError:
        return None
    return body if len(body) <= MAX_BODY else None


def _refuse(endpoint: NotificationEndpoint | None, name: str, now: datetime) -> HttpResponse:
    """Nothing is stored of somebody who is not let in, and they cannot fill the log either."""
    if refuse(endpoint, now=now):
        log.warning("notification_refused", registry=name)
    return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})


def _agree(headers: dict[str, str]) -> HttpResponse:
    """The handshake of CloudEvents over HTTP: yes, send, as fast as you like."""
    origin = headers.get("webhook-request-origin", "*")
    return HttpResponse(
        headers={
            "Allow": "POST, OPTIONS",
            "WebHook-Allowed-Origin": origin,
            "WebHook-Allowed-Rate": "*",
        }
    )
