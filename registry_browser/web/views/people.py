"""Who may come in, and with which role: for admins."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from registry_browser.models import Role, User
from registry_browser.models.accounts import SIGN_IN_LINK_LIFETIME
from registry_browser.web.access import admin_required
from registry_browser.web.forms import PersonForm
from registry_browser.web.htmx import HtmxRequest
from registry_browser.web.people import (
    PersonRefused,
    activate,
    add_person,
    change_role,
    deactivate,
    issue_link,
)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def people(request: HtmxRequest) -> HttpResponse:
    do = request.POST.get("do")
    if request.method != "POST" or do not in ("add", "role", "link", "deactivate", "activate"):
        return _show(request)
    if do == "add":
        return _add(request)
    person = get_object_or_404(User, username=request.POST.get("person", "").replace("\x00", ""))
    if do == "link":
        return _show_link(request, person)
    try:
        messages.success(request, _change(request, person, do))
    except PersonRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("people")


def _show(request: HtmxRequest, status: int = 200, **context: object) -> HttpResponse:
    shown = {
        "form": PersonForm(),
        "people": User.objects.order_by("-is_active", "username"),
        "roles": Role.choices,
        "now": datetime.now(UTC),
        **context,
    }
    return render(request, "account/people.html", shown, status=status)


def _add(request: HtmxRequest) -> HttpResponse:
    form = PersonForm(request.POST)
    if form.is_valid():
        role = Role(form.cleaned_data["role"])
        try:
            person = add_person(
                form.cleaned_data["username"],
                role,
                actor=request.user.username,
                now=datetime.now(UTC),
            )
            return _show_link(request, person)
        except PersonRefused as refusal:
            form.add_error("username", str(refusal))
    return _show(request, 422, form=form)


def _show_link(request: HtmxRequest, person: User) -> HttpResponse:
    """The answer to this POST is the only place where the link is ever shown."""
    if not person.is_active:
        messages.error(request, f"{person.username} is not active; let them in again first.")
        return redirect("people")
    token = issue_link(person, actor=request.user.username, now=datetime.now(UTC))
    link = request.build_absolute_uri(reverse("sign-in-link", args=[token]))
    hours = int(SIGN_IN_LINK_LIFETIME.total_seconds() // 3600)
    return _show(request, link=link, link_of=person, link_hours=hours)


def _change(request: HtmxRequest, person: User, do: str) -> str:
    """Do what was asked; the sentence that says so. Raises PersonRefused."""
    actor, now = request.user.username, datetime.now(UTC)
    if do == "deactivate":
        deactivate(person, actor=actor, now=now)
        return f"{person.username} is signed out and cannot come in any more."
    if do == "activate":
        activate(person, actor=actor, now=now)
        return f"{person.username} may come in again."
    role = request.POST.get("role", "")
    if role not in Role.values:
        raise PersonRefused(f"“{role}” is no role; choose viewer, auditor or admin.")
    change_role(person, Role(role), actor=actor, now=now)
    return f"{person.username} is {role} now."
