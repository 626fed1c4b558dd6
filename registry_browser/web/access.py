"""Who may open a page. Everything needs a sign-in (LoginRequiredMiddleware); these ask for more."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpResponse
from django.shortcuts import render

from registry_browser.models import Role, User
from registry_browser.web.htmx import HtmxRequest

P = ParamSpec("P")
View = Callable[Concatenate[HtmxRequest, P], HttpResponse]

_PEOPLE_NAMED = 5


def admin_required(view: View[P]) -> View[P]:
    """Only admins; everyone else gets 403 and reads who the admins are."""

    @wraps(view)
    def guarded(request: HtmxRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_admin:
            return view(request, *args, **kwargs)
        return _refused(request, "an admin", [Role.ADMIN])

    return guarded


def auditor_required(view: View[P]) -> View[P]:
    """Only auditors and admins; viewers get 403 and read who those are."""

    @wraps(view)
    def guarded(request: HtmxRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_auditor:
            return view(request, *args, **kwargs)
        return auditors_only(request)

    return guarded


def auditors_only(request: HtmxRequest) -> HttpResponse:
    """The 403 page of what auditors and admins may open."""
    return _refused(request, "an auditor or an admin", [Role.AUDITOR, Role.ADMIN])


def _refused(request: HtmxRequest, whom: str, roles: list[Role]) -> HttpResponse:
    people = User.objects.filter(is_active=True, role__in=roles).order_by("username")
    names = list(people.values_list("username", flat=True)[: _PEOPLE_NAMED + 1])
    context = {
        "whom": whom,
        "people": names[:_PEOPLE_NAMED],
        "more": len(names) > _PEOPLE_NAMED,
    }
    return render(request, "account/refused.html", context, status=403)
