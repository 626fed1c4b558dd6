"""What a registry tells us: setting its endpoint up, and the log of what it delivered."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from registry_browser.models import Delivery, NotificationEndpoint, Registry
from registry_browser.notifications.endpoints import close_endpoint, open_endpoint, trust_google
from registry_browser.queries.deliveries import STATE_FILTERS, deliveries_page, delivery_page
from registry_browser.queries.runs import Segment
from registry_browser.web.access import admin_required
from registry_browser.web.asked import asked_number
from registry_browser.web.htmx import HtmxRequest, asks_for_region
from registry_browser.web.notification_setup import setups

_PLACEHOLDER = "SECRET"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def notifications(request: HtmxRequest, name: str) -> HttpResponse:
    """The endpoint of one registry. A new secret is shown in the answer that made it, and never
    again.
    """
    registry = get_object_or_404(Registry.objects.visible_to(request.user), name=name)
    endpoint = NotificationEndpoint.objects.filter(registry=registry).first()
    match request.POST.get("do"):
        case "open":
            return _open(request, registry)
        case "close" if endpoint is not None:
            return _close(request, endpoint)
        case "google" if endpoint is not None:
            return _trust_google(request, endpoint)
        case _:
            return _show(request, registry, endpoint)


@require_safe
@admin_required
def delivery(request: HtmxRequest, name: str, pk: int) -> HttpResponse:
    """One delivery, raw."""
    registry = get_object_or_404(Registry.objects.visible_to(request.user), name=name)
    if (found := delivery_page(registry, pk)) is None:
        raise Http404
    here = [("Notifications", reverse("notifications", args=[name])), (f"Delivery {pk}", None)]
    crumbs = [*_crumbs(registry), *here]
    context = {"registry": registry, "page_of": found, "crumbs": crumbs, "now": _now()}
    return render(request, "notifications/delivery.html", context)


@require_safe
@admin_required
def delivery_raw(request: HtmxRequest, name: str, pk: int) -> HttpResponse:
    """The bytes that came, to keep or to send again; never shown as a page of ours."""
    registry = get_object_or_404(Registry.objects.visible_to(request.user), name=name)
    row = get_object_or_404(Delivery, registry=registry, pk=pk)
    disposition = f'attachment; filename="delivery-{pk}.json"'
    return HttpResponse(
        bytes(row.body),
        content_type="application/octet-stream",
        headers={"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"},
    )


def _open(request: HtmxRequest, registry: Registry) -> HttpResponse:
    endpoint = open_endpoint(registry, actor=request.user.username, now=_now())
    return _show(request, registry, endpoint, secret=endpoint.secret)


def _close(request: HtmxRequest, endpoint: NotificationEndpoint) -> HttpResponse:
    name = endpoint.registry.name
    close_endpoint(endpoint, actor=request.user.username, now=_now())
    messages.success(request, f"{name} tells nothing any more. The schedule goes on.")
    return redirect("notifications", name)


def _trust_google(request: HtmxRequest, endpoint: NotificationEndpoint) -> HttpResponse:
    name = endpoint.registry.name
    account = request.POST.get("account", "").strip().replace("\x00", "")[:255]
    audience = request.POST.get("audience", "").strip().replace("\x00", "")[:500]
    address = request.build_absolute_uri(reverse("notify", args=[name]))
    trust_google(
        endpoint,
        account=account,
        audience=audience or (address if account else ""),
        actor=request.user.username,
        now=_now(),
    )
    messages.success(
        request,
        f"Pushes that Google signs for {account} are let in."
        if account
        else "Google's signature is no longer enough.",
    )
    return redirect("notifications", name)


def _show(
    request: HtmxRequest,
    registry: Registry,
    endpoint: NotificationEndpoint | None,
    *,
    secret: str = "",
) -> HttpResponse:
    address = request.build_absolute_uri(reverse("notify", args=[registry.name]))
    found = setups(registry, address, secret or _PLACEHOLDER)
    wanted = request.GET.get("for", "")
    setup = next((each for each in found if each.name == wanted), found[0])
    state = request.GET.get("state", "")
    state = state if state in STATE_FILTERS else "all"
    context = {
        "registry": registry,
        "endpoint": endpoint,
        "secret": secret,
        "placeholder": _PLACEHOLDER,
        "setups": found,
        "setup": setup,
        "senders": [Segment(each.name, each.label, each is setup) for each in found],
        "states": [Segment(name, label, name == state) for name, label in STATE_FILTERS.items()],
        "state": state,
        "deliveries": deliveries_page(
            registry,
            state=state,
            before=asked_number(request, "before"),
        ),
        "crumbs": [*_crumbs(registry), ("Notifications", None)],
        "region": "#deliveries",
        "only_region": asks_for_region(request),
        "now": _now(),
    }
    return render(request, "notifications/notifications.html", context)


def _crumbs(registry: Registry) -> list[tuple[str, str | None]]:
    return [
        ("Registries", reverse("registries")),
        (registry.name, reverse("place", args=[registry.name])),
    ]


def _now() -> datetime:
    return datetime.now(UTC)
