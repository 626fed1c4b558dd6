"""Where a request comes from, for the audit trail."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from registry_browser.history.audit import asked_from


def client_address(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: what a page or the API records has the address of its client."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with asked_from(request.META.get("REMOTE_ADDR") or None):
            return get_response(request)

    return middleware
