"""Deletions: their list, making a plan, reviewing it, watching it run, undoing it."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from registry_browser.deletion.requests import (
    DeletionRefused,
    approve,
    cancel,
    discard,
    seems_expired,
)
from registry_browser.deletion.store import plan_deletion
from registry_browser.models import DeletionPlan, Registry
from registry_browser.queries.deletions import PLAN_SEGMENTS, plan_items, plan_page, plans_page
from registry_browser.tasks import start_deletion, start_undo
from registry_browser.web.access import admin_required
from registry_browser.web.asked import asked_number, asked_page, asked_text
from registry_browser.web.csv import stream_csv
from registry_browser.web.deletion_forms import PlanForm
from registry_browser.web.htmx import HtmxRequest, page_or_region

_CSV_HEADS = (
    "repository", "digest", "what", "why", "exclusive_bytes", "outcome", "status", "detail",
)  # fmt: skip


@require_safe
def deletions(request: HtmxRequest) -> HttpResponse:
    now = datetime.now(UTC)
    segment = request.GET.get("show", "")
    segment = segment if segment in PLAN_SEGMENTS else "all"
    registry = asked_text(request, "registry")
    before = asked_number(request, "before")
    names = Registry.objects.visible_to(request.user).values_list("name", flat=True)
    return page_or_region(
        request,
        page="deletions/deletions.html",
        region="deletions/_deletions.html",
        context={
            "plans": plans_page(
                request.user, now, registry=registry, segment=segment, before=before
            ),
            "segment": segment,
            "registry": registry,
            "registries": [("", "any"), *((name, name) for name in names)],
            "now": now,
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def plan(request: HtmxRequest) -> HttpResponse:
    """The form for a plan, filled from `registry`, `prefix` and `digest` (repeated); POST makes
    it.
    """
    asked = request.GET.dict() | {"digest": "\n".join(request.GET.getlist("digest"))}
    form = PlanForm(request.POST or None, user=request.user, initial=asked)
    if form.is_valid():
        made = plan_deletion(
            form.cleaned_data["registry"],
            actor=request.user.username,
            now=datetime.now(UTC),
            prefix=form.cleaned_data["prefix"],
            digests=form.cleaned_data["digest"],
            grace=form.grace_period(),
        )
        return redirect("deletion", made.pk)
    crumbs = [("Deletions", reverse("deletions")), ("Plan a deletion", None)]
    status = 422 if form.is_bound else 200
    return render(
        request, "deletions/plan_form.html", {"form": form, "crumbs": crumbs}, status=status
    )


@require_safe
def deletion(request: HtmxRequest, pk: int) -> HttpResponse:
    """Polled while a worker is at it: the same address, of which htmx gets the region."""
    now = datetime.now(UTC)
    number = asked_page(request)
    found = plan_page(
        request.user,
        pk,
        now,
        segment=request.GET.get("show", ""),
        number=number,
        all_kept="kept" in request.GET,
    )
    if found is None:
        raise Http404
    stale = seems_expired(_find(request, pk), now) if found.plan.is_undecided else ""
    return page_or_region(
        request,
        page="deletions/plan.html",
        region="deletions/_plan.html",
        context={
            "page_of": found,
            "plan": found.plan,
            "registry": Registry.objects.visible_to(request.user)
            .filter(name=found.plan.registry_name)
            .first(),
            "stale": stale,
            "crumbs": [("Deletions", reverse("deletions")), (f"Plan {pk}", None)],
            "now": now,
        },
    )


@require_safe
def items_csv(request: HtmxRequest, pk: int) -> HttpResponseBase:
    """All items of a plan, with what became of them."""
    rows = (
        (
            item.path, item.digest, item.what, "; ".join(item.reasons), item.bytes_alone,
            item.outcome, item.status, item.detail,
        )
        for item in plan_items(_find(request, pk))
    )  # fmt: skip
    return stream_csv(f"deletion-{pk}.csv", _CSV_HEADS, rows)


@require_POST
@admin_required
def approve_plan(request: HtmxRequest, pk: int) -> HttpResponse:
    """Approve, and have a worker begin."""
    now, actor = datetime.now(UTC), request.user.username
    plan = _find(request, pk)
    try:
        if not plan.approver:
            plan = approve(plan, actor=actor, now=now, words=request.POST.get("words", ""))
        start_deletion(plan, actor=actor, now=now)
    except DeletionRefused as refused:
        messages.error(request, str(refused))
    return redirect("deletion", pk)


@require_POST
@admin_required
def discard_plan(request: HtmxRequest, pk: int) -> HttpResponse:
    try:
        discard(_find(request, pk), actor=request.user.username, now=datetime.now(UTC))
    except DeletionRefused as refused:
        messages.error(request, str(refused))
        return redirect("deletion", pk)
    messages.success(request, f"Plan {pk} is discarded. Nothing was deleted.")
    return redirect("deletions")


@require_POST
@admin_required
def cancel_run(request: HtmxRequest, pk: int) -> HttpResponse:
    try:
        cancel(_find(request, pk), actor=request.user.username, now=datetime.now(UTC))
    except DeletionRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "The run stops after the call that is under way.")
    return redirect("deletion", pk)


@require_POST
@admin_required
def undo(request: HtmxRequest, pk: int) -> HttpResponse:
    try:
        start_undo(_find(request, pk), actor=request.user.username, now=datetime.now(UTC))
    except DeletionRefused as refused:
        messages.error(request, str(refused))
    return redirect("deletion", pk)


def _find(request: HtmxRequest, pk: int) -> DeletionPlan:
    plans = DeletionPlan.objects.visible_to(request.user).select_related("registry")
    return get_object_or_404(plans, pk=pk)
