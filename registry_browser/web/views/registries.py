"""Registries: their list, and what an admin does to one."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from registry_browser.models import Registry, Repository
from registry_browser.oci.reference import is_valid_path
from registry_browser.queries.registries import registry_rows
from registry_browser.sync.check import check_registry
from registry_browser.sync.registries import (
    RegistryRefused,
    add_registry,
    change_registry,
)
from registry_browser.sync.removal import remove_registry
from registry_browser.web.access import admin_required
from registry_browser.web.checking import details_to_check
from registry_browser.web.forms import RegistryForm
from registry_browser.web.htmx import HtmxRequest, page_or_region
from registry_browser.web.starting import start

Crumb = tuple[str, str | None]


@require_safe
def registries(request: HtmxRequest) -> HttpResponse:
    now = datetime.now(UTC)
    rows = registry_rows(request.user, now)
    return page_or_region(
        request,
        page="registries/registries.html",
        region="registries/_registries.html",
        context={"rows": rows, "now": now, "runs": any(row.run for row in rows)},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def add(request: HtmxRequest) -> HttpResponse:
    """Checks the registry first; `anyway` connects it although the check failed."""
    form = RegistryForm(request.POST or None)
    check = None
    if form.is_valid():
        details = form.details()
        check = None if "anyway" in request.POST else check_registry(details)
        if check is None or check.ok:
            try:
                registry = add_registry(details, actor=request.user.username, now=datetime.now(UTC))
                return start(request, registry)
            except RegistryRefused as refusal:
                form.refuse(refusal.field, refusal.message)
    offer_anyway = check is not None and not check.realm
    context = {"form": form, "check": check, "offer_anyway": offer_anyway, "crumbs": _crumbs()}
    return render(request, "registries/add.html", context, status=422 if form.is_bound else 200)


@require_POST
@admin_required
def check(request: HtmxRequest) -> HttpResponse:
    """Ask the registry that the form describes who it is; nothing is stored."""
    registry = Registry.objects.filter(
        name=request.POST.get("stored", "").replace("\x00", "")
    ).first()
    form = RegistryForm(request.POST, registry=registry)
    details = details_to_check(request.POST, registry)
    found = check_registry(details) if details else None
    return page_or_region(
        request,
        page="registries/edit.html" if registry else "registries/add.html",
        region="registries/_check.html",
        context={
            "form": form,
            "registry": registry,
            "check": found,
            "checked": True,
            "crumbs": _crumbs(registry),
            "now": datetime.now(UTC),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def edit(request: HtmxRequest, name: str) -> HttpResponse:
    now = datetime.now(UTC)
    registry = get_object_or_404(Registry.objects.visible_to(request.user), name=name)
    form = RegistryForm(request.POST or None, registry=registry)
    if form.is_valid():
        try:
            change_registry(registry, form.details(), actor=request.user.username, now=now)
        except RegistryRefused as refusal:
            form.refuse(refusal.field, refusal.message)
        else:
            messages.success(request, f"The settings of {name} are saved.")
            return redirect("registry-edit", name)
    context = {"form": form, "registry": registry, "crumbs": _crumbs(registry), "now": now}
    return render(request, "registries/edit.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def remove(request: HtmxRequest, name: str) -> HttpResponse:
    registry = get_object_or_404(Registry.objects.visible_to(request.user), name=name)
    if request.method == "POST" and request.POST.get("words", "").strip() == name:
        remove_registry(registry, actor=request.user.username, now=datetime.now(UTC))
        messages.success(request, f"{name} is removed from the dashboard. Its history stays.")
        return redirect("registries")
    wrong = request.method == "POST"
    context = {"registry": registry, "wrong": wrong, "crumbs": _crumbs(registry, "Remove")}
    return render(request, "registries/remove.html", context, status=422 if wrong else 200)


@require_POST
@admin_required
def sync(request: HtmxRequest, name: str) -> HttpResponse:
    """Sync a registry, or its repository `path`; `full` asks for every manifest."""
    registry = get_object_or_404(Registry.objects.visible_to(request.user), name=name)
    path = request.POST.get("path") or request.GET.get("path") or ""
    if path and not is_valid_path(path):
        raise Http404
    if path:
        get_object_or_404(Repository, registry=registry, path=path)
    return start(request, registry, paths=[path] if path else [], full_check="full" in request.POST)


def _crumbs(
    registry: Registry | None = None, last: str = "Settings"
) -> list[tuple[str, str | None]]:
    above: list[tuple[str, str | None]] = [("Registries", reverse("registries"))]
    if registry is None:
        return [*above, ("Connect a registry", None)]
    return [*above, (registry.name, reverse("place", args=[registry.name])), (last, None)]
