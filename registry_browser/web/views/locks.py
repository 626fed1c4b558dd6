"""Locks: what must stay, whatever nothing needs it."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from registry_browser.deletion.requests import DeletionRefused
from registry_browser.models import Protection, Registry
from registry_browser.queries import deletions
from registry_browser.tasks import remove_lock, set_lock
from registry_browser.web.access import admin_required
from registry_browser.web.deletion_forms import LockForm
from registry_browser.web.htmx import HtmxRequest


@require_http_methods(["GET", "HEAD", "POST"])
def locks(request: HtmxRequest) -> HttpResponse:
    """What is locked; for admins with a form, filled from `registry`, `path` and `digest`."""
    if request.method == "POST":
        return _add(request)
    return _show(request, LockForm(user=request.user, initial=request.GET.dict()))


@admin_required
def _add(request: HtmxRequest) -> HttpResponse:
    form = LockForm(request.POST, user=request.user)
    if form.is_valid():
        said = form.cleaned_data
        try:
            set_lock(
                said["registry"],
                path=said["path"],
                digest=said["digest"],
                reason=said["reason"],
                actor=request.user.username,
                now=datetime.now(UTC),
            )
        except DeletionRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, "Locked. No plan made from now on takes it.")
            return redirect("locks")
    return _show(request, form, status=422)


@require_POST
@admin_required
def remove(request: HtmxRequest, pk: int) -> HttpResponse:
    visible = Registry.objects.visible_to(request.user)
    lock = get_object_or_404(Protection, pk=pk, registry__in=visible)
    remove_lock(lock, actor=request.user.username, now=datetime.now(UTC))
    messages.success(request, "The lock is taken away.")
    return redirect("locks")


def _show(request: HtmxRequest, form: LockForm, status: int = 200) -> HttpResponse:
    context = {
        "locks": deletions.locks(request.user),
        "form": form,
        "crumbs": [("Deletions", reverse("deletions")), ("Locks", None)],
    }
    return render(request, "deletions/locks.html", context, status=status)
