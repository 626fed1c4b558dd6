"""Signing in, by password or by a link that works once, and out."""

from datetime import UTC, datetime

from django.contrib import auth, messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from registry_browser.history import audit
from registry_browser.models import SignInToken, User
from registry_browser.web import attempts
from registry_browser.web.forms import SignInForm
from registry_browser.web.htmx import HtmxRequest, asks_for_region, leave_page


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_not_required
def sign_in(request: HtmxRequest) -> HttpResponse:
    if asks_for_region(request):
        # The session ended while a page was open: its next request for a region leads here.
        return leave_page(request, request.get_full_path())
    form = SignInForm(request.POST or None)
    if form.is_valid():
        person = _person_of(request, form)
        if person is not None:
            return _welcome(request, person, "password")
    context = {"form": form, "next": request.POST.get("next") or request.GET.get("next", "")}
    return render(request, "account/sign_in.html", context, status=422 if form.is_bound else 200)


@never_cache
@require_GET
@login_not_required
def link(request: HttpRequest, token: str) -> HttpResponse:
    """A GET signs in, since a browser that follows the printed link must arrive.

    What looks ahead must not use the link up: HEAD is refused, and so is a prefetch.
    """
    if "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
        return HttpResponse(status=503)
    person = SignInToken.objects.redeem(token, datetime.now(UTC))
    if person is not None:
        return _welcome(request, person, "link")
    if request.user.is_authenticated:
        return redirect("overview")
    _record("sign-in:refused", "", "link")
    context = {"form": SignInForm(), "link_is_used": True}
    return render(request, "account/sign_in.html", context, status=410)


@require_POST
def sign_out(request: HtmxRequest) -> HttpResponse:
    name = request.user.username
    with transaction.atomic():
        auth.logout(request)
        _record("sign-in:ended", name)
    messages.success(request, "You are signed out.")
    return redirect("sign-in")


def safe_next(request: HttpRequest) -> str:
    """Where to go afterwards: `next` of the form where it is an address of this site, else home."""
    wanted = request.POST.get("next", "") or request.GET.get("next", "")
    secure = request.is_secure()
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=secure)
    return wanted if is_ours else "/"


def _person_of(request: HtmxRequest, form: SignInForm) -> User | None:
    """The person whose password this is; otherwise the form says why not."""
    name, password = form.cleaned_data["username"], form.cleaned_data["password"]
    address, now = request.META.get("REMOTE_ADDR", ""), datetime.now(UTC)
    if not attempts.may_try(name, address, now):
        form.add_error(
            None,
            "Too many wrong passwords. Try again in 15 minutes, or ask an admin for a link.",
        )
        return None
    person = auth.authenticate(request, username=name, password=password)
    if isinstance(person, User):
        attempts.forget_failures(name)
        return person
    attempts.count_failure(name, address, now)
    known = User.objects.filter(username=name).exists()
    _record("sign-in:refused", name if known else "", "password")
    form.add_error(None, "Name and password do not belong together, or the account is not active.")
    return None


def _welcome(request: HttpRequest, person: User, how: str) -> HttpResponse:
    with transaction.atomic():
        auth.login(request, person, "django.contrib.auth.backends.ModelBackend")
        _record("sign-in:done", person.username, how)
    if how == "link" and not person.has_usable_password():
        messages.info(request, "You are signed in. Set a password in your account to come back.")
    return redirect(safe_next(request))


def _record(action: str, name: str, how: str = "") -> None:
    """Names that nobody has are left out: people type passwords into the wrong field."""
    detail = {"by": how} if how else {}
    audit.record(action, actor=name, detail=detail, now=datetime.now(UTC))
