"""A person's own account: password and API tokens; and what the browser remembers for them."""

from datetime import UTC, datetime

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from registry_browser.history import audit
from registry_browser.models import ApiToken, User
from registry_browser.web.asked import number_in
from registry_browser.web.context import THEME_COOKIE, THEMES, TIMES_COOKIE
from registry_browser.web.forms import ChangePasswordForm, NewPasswordForm, TokenForm
from registry_browser.web.htmx import HtmxRequest
from registry_browser.web.views.sign_in import safe_next

_YEAR_SECONDS = 365 * 24 * 3600


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HtmxRequest) -> HttpResponse:
    match request.POST.get("do"):
        case "password":
            return _change_password(request)
        case "token":
            return _make_token(request)
        case "revoke":
            return _revoke_token(request)
        case _:
            return _show(request)


@require_POST
@login_not_required
def theme(request: HttpRequest) -> HttpResponse:
    wanted = request.POST.get("theme", "")
    return _remember(request, THEME_COOKIE, wanted if wanted in THEMES else "auto")


@require_POST
@login_not_required
def times(request: HttpRequest) -> HttpResponse:
    wanted = request.POST.get("times", "")
    return _remember(request, TIMES_COOKIE, "absolute" if wanted == "absolute" else "relative")


def _show(request: HtmxRequest, status: int = 200, **context: object) -> HttpResponse:
    shown = {
        "password_form": _password_form(request.user),
        "token_form": TokenForm(),
        "tokens": request.user.api_tokens.order_by("-created_at"),
        "now": datetime.now(UTC),
        **context,
    }
    return render(request, "account/account.html", shown, status=status)


def _password_form(
    user: User, data: QueryDict | None = None
) -> NewPasswordForm | ChangePasswordForm:
    """Who came by a link and has no password yet sets one; everybody else knows the old one."""
    if user.has_usable_password():
        return ChangePasswordForm(user, data)
    return NewPasswordForm(user, data)


def _change_password(request: HtmxRequest) -> HttpResponse:
    form = _password_form(request.user, request.POST)
    if not form.is_valid():
        return _show(request, 422, password_form=form)
    with transaction.atomic():
        form.save()
        _record(request, "password:changed", request.user.username)
    update_session_auth_hash(request, form.user)
    messages.success(request, "Your password is changed. Other sessions of yours are signed out.")
    return redirect("account")


def _make_token(request: HtmxRequest) -> HttpResponse:
    """The answer to this POST is the only place where the token is ever shown."""
    now = datetime.now(UTC)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _show(request, 422, token_form=form)
    name = form.cleaned_data["name"]
    with transaction.atomic():
        token = ApiToken.objects.issue(request.user, name, now, form.expires_at(now))
        _record(request, "token:made", name)
    return _show(request, new_token=token, new_token_name=name)


def _revoke_token(request: HtmxRequest) -> HttpResponse:
    token = get_object_or_404(request.user.api_tokens, pk=number_in(request.POST.get("token", "")))
    with transaction.atomic():
        token.delete()
        _record(request, "token:revoked", token.name)
    messages.success(request, f"The token {token.name} is revoked.")
    return redirect("account")


def _record(request: HtmxRequest, action: str, about: str) -> None:
    audit.record(action, actor=request.user.username, about=about, now=datetime.now(UTC))


def _remember(request: HttpRequest, cookie: str, value: str) -> HttpResponse:
    response = redirect(safe_next(request))
    response.set_cookie(
        cookie,
        value,
        max_age=_YEAR_SECONDS,
        samesite="Lax",
        httponly=True,
        secure=request.is_secure(),
    )
    return response
