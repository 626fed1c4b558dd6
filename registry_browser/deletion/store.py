"""A plan into the record, where it can be reviewed."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction

from registry_browser.deletion.evidence import Evidence, Scope, scope_of
from registry_browser.deletion.gather import gather
from registry_browser.deletion.plan import Plan, make_plan
from registry_browser.history import audit
from registry_browser.models import (
    BlobRole,
    DeletionPlan,
    ItemUndo,
    Outcome,
    PlanState,
    Registry,
    Repository,
)

GRACE = timedelta(hours=24)
"""A manifest younger than this may be half of a push: children arrive before their index."""
PLAN_LIFETIME = timedelta(hours=24)
TYPED_FROM_ITEMS = 10
TYPED_FROM_BYTES = 1 << 30
"""From so many items or bytes on, the person who approves types what the plan is about."""
NOTES_SHOWN = 50


def plan_deletion(
    registry: Registry,
    *,
    actor: str,
    now: datetime,
    prefix: str = "",
    digests: Iterable[str] = (),
    grace: timedelta = GRACE,
) -> DeletionPlan:
    """Make a plan from the record as it is now, and save it. Nothing is deleted by this."""
    scope = scope_of(registry, prefix, digests)
    gathered = gather(scope)
    plan = make_plan(gathered.known, now=now, grace=grace, digests=scope.digests)
    with transaction.atomic():
        saved = _save(scope, plan, gathered.evidence, prefix, grace, actor, now)
        audit.record(
            "deletion:planned",
            actor=actor,
            about=saved.scope,
            detail={
                "plan": saved.pk,
                "manifests": saved.item_count,
                "bytes": saved.reclaimable_bytes,
            },
            now=now,
        )
    return saved


def _save(
    scope: Scope,
    plan: Plan,
    evidence: Evidence,
    prefix: str,
    grace: timedelta,
    actor: str,
    now: datetime,
) -> DeletionPlan:
    frees, registry = plan.frees, scope.registry
    touched = {item.path for item in plan.items}
    in_plan = [repository for repository in scope.repositories if repository.path in touched]
    unusable = dict(plan.unusable)
    listed = [each.tags_complete_at for each in scope.repositories if each.tags_complete_at]
    saved = DeletionPlan.objects.create(
        registry=registry,
        registry_name=registry.name,
        prefix=prefix,
        digests=list(scope.digests),
        grace=grace,
        creator=actor,
        created_at=now,
        as_of=now,
        synced_at=min(listed, default=None),
        expires_at=now + PLAN_LIFETIME,
        evidence=evidence.hash,
        glance=evidence.glance,
        ledger_id=evidence.ledger_id,
        presence_id=evidence.presence_id,
        needs_second_person=registry.deletion_needs_second_person,
        words=_words(plan, registry, prefix),
        state=PlanState.PLANNED,
        item_count=len(plan.items),
        kept_count=len(plan.kept),
        repository_count=len(scope.repositories),
        complete_count=len(scope.repositories) - len(unusable),
        tag_count=sum(repository.tag_count for repository in in_plan),
        layers=frees.blobs.get(BlobRole.LAYER, 0),
        configs=frees.blobs.get(BlobRole.CONFIG, 0),
        bodies=frees.blobs.get(BlobRole.BODY, 0),
        layer_bytes=frees.bytes.get(BlobRole.LAYER, 0),
        config_bytes=frees.bytes.get(BlobRole.CONFIG, 0),
        body_bytes=frees.bytes.get(BlobRole.BODY, 0),
        alone_bytes=sum(item.bytes_alone for item in plan.items),
        notes=_notes(registry, plan),
    )
    _save_items(saved, plan)
    _save_kept(saved, plan)
    return saved


# Nothing has been tried yet: what `models.DeletionItem` says of itself by default.
_UNTRIED: dict[str, object] = {
    "outcome": Outcome.WAITING.value,
    "detail": "",
    "evidence": "{}",
    "attempts": 0,
    "went_along": False,
    "undo": ItemUndo.NONE.value,
    "undo_detail": "",
    "tags_taken": "{}",
}


def _save_items(saved: DeletionPlan, plan: Plan) -> None:
    """By COPY, as for content: a tenth of the time of INSERTs with their parameters."""
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY registry_browser_deletionitem (plan_id, position, path, digest, media_type, what,"
            f" reasons, because_of, depth, bytes_alone, {', '.join(_UNTRIED)}) FROM STDIN"
        ) as copy,
    ):
        untried = tuple(_UNTRIED.values())
        for position, item in enumerate(plan.items):
            manifest, reasons = item.manifest, json.dumps(item.reasons)
            copy.write_row(
                (
                    *(saved.pk, position, item.path, manifest.digest, manifest.media_type),
                    *(manifest.what, reasons, item.because_of, item.depth, item.bytes_alone),
                    *untried,
                )
            )


def _save_kept(saved: DeletionPlan, plan: Plan) -> None:
    """Children of live indexes are kept by the ten thousand."""
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY registry_browser_deletionkept (plan_id, path, digest, because, reason, holder)"
            " FROM STDIN"
        ) as copy,
    ):
        for kept in plan.kept:
            copy.write_row(
                (saved.pk, kept.path, kept.digest, kept.because.value, kept.reason, kept.holder)
            )


def _words(plan: Plan, registry: Registry, prefix: str) -> str:
    """What must be typed: the repository where there is one, the prefix, or the registry."""
    if len(plan.items) < TYPED_FROM_ITEMS and plan.frees.total < TYPED_FROM_BYTES:
        return ""
    paths = {item.path for item in plan.items}
    return paths.pop() if len(paths) == 1 else prefix or registry.name


def _notes(registry: Registry, plan: Plan) -> list[dict[str, str]]:
    """Sentences on what the plan cannot know: {"path", "text"}, at most 50 and the rest as one."""
    notes = [
        {"path": path, "text": f"{path} contributes nothing. {why}"} for path, why in plan.unusable
    ]
    if len(notes) > NOTES_SHOWN:
        more = f"{len(notes) - NOTES_SHOWN:,} more repositories contribute nothing."
        notes = [*notes[:NOTES_SHOWN], {"path": "", "text": more}]
    unseen = Repository.objects.filter(registry=registry, gone_at=None, complete=False).count()
    if plan.items and (unseen or not registry.catalog_complete_at):
        what = f"{unseen:,} of its repositories are" if unseen > 1 else "One of its repositories is"
        if not unseen:
            what = "Its list of repositories is"
        text = (
            f"{what} not seen completely: what only they hold is not counted, "
            "so fewer bytes may come back."
        )
        notes.append({"path": "", "text": text})
    return notes
