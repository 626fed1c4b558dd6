"""Traps that others fell into and that only show against a registry, by the numbers of the survey
of peers; the others stand in `test_plan` and `test_run` beside what they are about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from registry_browser.deletion.protections import protect
from registry_browser.models import (
    ItemUndo,
    KeptBecause,
    KnownBy,
    Outcome,
    Presence,
    UndoState,
)
from registry_browser.reports.untagged import state_counts, untagged
from registry_browser.sync.figures.counts import refresh_repositories
from registry_browser.sync.figures.liveness import Seen, add_presences
from tests.builders import make_image, make_index, push
from tests.deletion.stage import goes, outcomes, stays
from tests.deletion.test_run import PATH, dangling, item_of
from tests.fake_registry.faults import Answer, Effect

if TYPE_CHECKING:
    from aiohttp import web

    from tests.builders import PushedImage
    from tests.deletion.stage import Stage
    from tests.fake_registry import FakeRegistry

WRITING = ("PUT", "POST", "PATCH", "DELETE")


def written(fake: FakeRegistry) -> list[tuple[str, str]]:
    """What was asked of the registry that changes it: method and reference."""
    return [
        (request.method, request.path.rpartition("/")[2])
        for method in WRITING
        for request in fake.seen(method)
    ]


def test_no_manifest_is_pushed_in_order_to_delete_one(fake: FakeRegistry, stage: Stage) -> None:
    # 10: where a tag cannot be deleted, others push a dummy over it and delete that.
    fake.habits.delete_by_tag = 405
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.forget_requests()
    stage.run(plan)
    assert written(fake) == [("DELETE", old.digest)]


def test_no_tag_is_ever_named_in_a_deletion_though_the_registry_refuses_digests(
    fake: FakeRegistry, stage: Stage
) -> None:
    # 10.
    fake.habits.deletion = False
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.forget_requests()
    stage.run(plan)
    assert written(fake) == [("DELETE", old.digest)]
    assert outcomes(plan) == {old.digest: Outcome.REFUSED}


def test_what_is_pulled_by_digest_alone_stays_once_it_is_locked(
    fake: FakeRegistry, stage: Stage
) -> None:
    # 15: no registry tells who pulls by digest; a lock by digest does, for index and children.
    index = push(fake, f"{PATH}:1", make_index())
    stage.sync()
    push(fake, f"{PATH}:1", layers=("base", "flat"))
    stage.settle()
    assert index.digest in goes(stage.plan())
    protect(
        stage.registry,
        path="",
        digest=index.digest,
        reason="pinned by the chart of prod",
        actor="a.haddad",
        now=stage.clock(),
    )
    plan = stage.plan()
    assert goes(plan) == []
    assert stays(plan)[index.digest] == KeptBecause.LOCKED
    assert set(stays(plan).values()) == {KeptBecause.LOCKED, KeptBecause.CHILD}


def test_what_the_registry_has_locked_is_left_locked(fake: FakeRegistry, stage: Stage) -> None:
    # 18: others unlock first, and where the deletion fails it stays unlocked.
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.habits.locked = {(PATH, old.digest)}
    fake.forget_requests()
    stage.run(plan)
    assert written(fake) == [("DELETE", old.digest)]
    assert outcomes(plan) == {old.digest: Outcome.REFUSED}
    assert "locked" in item_of(plan, old).detail
    assert fake.habits.locked == {(PATH, old.digest)}


def test_a_soft_deleted_digest_that_cannot_be_pushed_says_so_and_is_tried_again(
    fake: FakeRegistry, stage: Stage
) -> None:
    # 23: in the recycle bin the bytes are kept, and the same digest cannot be pushed.
    index = push(fake, f"{PATH}:1", make_index())
    stage.sync()
    push(fake, f"{PATH}:1", layers=("base", "flat"))
    stage.settle()
    plan = stage.run(stage.approved())
    body = '{"errors": [{"code": "DENIED", "message": "the manifest is soft deleted; restore it"}]}'
    binned = fake.faults.on(
        "PUT", "/manifests/", Answer(409, body, {"Content-Type": "application/json"})
    )
    plan = stage.undo(plan)
    assert plan.undo_state == UndoState.INCOMPLETE
    assert {item.undo for item in plan.items.all()} == {ItemUndo.FAILED}
    assert all("soft deleted" in item.undo_detail for item in plan.items.all())
    assert "could not be put back either" in item_of(plan, index).undo_detail
    fake.faults.remove(binned)
    plan = stage.undo(plan)
    assert plan.undo_state == UndoState.DONE
    assert index.digest in fake.store.manifests(PATH)


def test_an_undo_pushes_every_child_itself(fake: FakeRegistry, stage: Stage) -> None:
    # 23: restoring an index restores no children; here each is an item that is pushed by itself.
    index = push(fake, f"{PATH}:1", make_index())
    stage.sync()
    push(fake, f"{PATH}:1", layers=("base", "flat"))
    stage.settle()
    plan = stage.run(stage.approved())
    stage.undo(plan)
    assert {each.digest for each in index.built.walk()} <= set(fake.store.manifests(PATH))


def test_a_cache_refuses_to_delete(fake: FakeRegistry, stage: Stage) -> None:
    # 25: distribution as a cache of another registry answers 405 UNSUPPORTED.
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.habits.deletion = False
    stage.run(plan)
    assert item_of(plan, old).status == 405
    assert plan.freed_bytes == 0


class FetchAgain(Effect):
    """A cache: what was deleted is fetched again from its upstream, right away."""

    def __init__(self, fake: FakeRegistry, image: PushedImage) -> None:
        self._fake = fake
        self._image = image

    async def after(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        built = self._image.built
        self._fake.store.put_manifest(PATH, None, built.media_type, built.body)
        return response


def test_what_a_cache_fetches_again_is_not_counted_as_freed(
    fake: FakeRegistry, stage: Stage
) -> None:
    # 25: deleted content comes back with the next pull.
    kept, back = dangling(fake, stage, "kept", "back")
    plan = stage.approved()
    fake.faults.on("DELETE", back.digest, FetchAgain(fake, back))
    plan = stage.run(plan)
    assert outcomes(plan) == {kept.digest: Outcome.DELETED, back.digest: Outcome.DELETED}
    assert "there again" in item_of(plan, back).detail
    assert item_of(plan, kept).detail == ""
    assert plan.freed_bytes == item_of(plan, kept).bytes_alone
    assert Presence.objects.get(manifest__digest=back.digest).gone_at is None


def test_what_the_registry_would_convert_is_known_by_its_true_digest(
    fake: FakeRegistry, stage: Stage
) -> None:
    # 26: whoever accepts no schema 2 is given schema 1 by tag, with another digest.
    assert fake.habits.rewrites_schema1
    old, other = (
        push(fake, f"{PATH}:{name}", make_image(("base", name), docker=True))
        for name in ("old", "other")
    )
    stage.sync()
    for name in ("old", "other"):
        push(fake, f"{PATH}:{name}", make_image(("base", "new"), docker=True))
    stage.settle()
    plan = stage.approved()
    # A tag that comes back to it is recognized by that digest, too.
    fake.store.tag(PATH, "rescued", other.digest)
    fake.forget_requests()
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.DELETED, other.digest: Outcome.SKIPPED}
    assert written(fake) == [("DELETE", old.digest)]


def test_what_only_an_index_in_another_repository_names_is_kept_and_no_page_promises_its_bytes(
    fake: FakeRegistry, stage: Stage
) -> None:
    # 28.
    child, other = make_image(("base", "child")), make_image(("base", "other"))
    push(fake, "team/all:1", make_index([child, other]))
    push(fake, f"{PATH}:1", child)
    stage.sync()
    fake.store.untag(PATH, "1")
    fake.store.delete_manifest("team/all", child.digest)
    stage.settle()
    plan = stage.plan(PATH)
    assert (goes(plan), stays(plan)) == ([], {child.digest: KeptBecause.ELSEWHERE})
    assert (stage.registry.dangling_count, stage.registry.reclaimable_bytes) == (0, 0)
    [row] = untagged(stage.registry, PATH, counts=state_counts(stage.registry, PATH)).rows
    assert (row.state, row.elsewhere) == ("kept", "team/all")


def test_what_another_repository_needed_dangles_once_that_holds_it_again_or_lost_its_index(
    fake: FakeRegistry, stage: Stage
) -> None:
    # 28: the repository of the child itself does not change meanwhile.
    child, other = make_image(("base", "child")), make_image(("base", "other"))
    index = make_index([child, other])
    for path in ("team/all", "team/more"):
        push(fake, f"{path}:1", index)
    push(fake, f"{PATH}:1", child)
    stage.sync()
    fake.store.untag(PATH, "1")
    for path in ("team/all", "team/more"):
        fake.store.delete_manifest(path, child.digest)
    stage.settle()
    assert stays(stage.plan(PATH)) == {child.digest: KeptBecause.ELSEWHERE}
    push(fake, "team/all:again", child)
    fake.store.untag("team/more", "1")
    fake.store.delete_manifest("team/more", index.digest)
    stage.settle()
    assert goes(stage.plan(PATH)) == [child.digest]
    assert stage.registry.dangling_count >= 1


def test_what_was_gone_and_is_pushed_again_is_as_young_as_what_is_new(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    stage.run(stage.approved())
    repository = stage.registry.repositories.get(path=PATH)
    told = Seen(repository.pk, old.digest, KnownBy.NOTIFICATION, stage.clock())
    with transaction.atomic():
        add_presences(stage.registry.pk, [told])
        refresh_repositories([repository.pk])
    again = stage.plan()
    assert goes(again) == []
    assert stays(again) == {old.digest: KeptBecause.YOUNG}
