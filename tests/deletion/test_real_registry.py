"""The real distribution registry is the judge: what a plan promises is what its own garbage
collection frees, to the byte; what stays still pulls; what is undone pulls again.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from registry_browser.models import DeletionItem, ItemUndo, Outcome, PlanState, Tag, UndoState
from tests.builders import (
    HttpTarget,
    make_image,
    make_index,
    push,
    push_cosign,
    push_referrers,
    sbom,
    signature,
)
from tests.deletion.stage import Clock, Stage, goes, outcomes
from tests.real_registry import RealRegistry
from tests.tools import require_tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_browser.models import DeletionPlan

pytestmark = pytest.mark.registry


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealRegistry]:
    directory = tmp_path / "registry"
    directory.mkdir()
    with RealRegistry(directory) as real:
        yield real


@pytest.fixture
def target(real: RealRegistry) -> Iterator[HttpTarget]:
    target = HttpTarget(real.url)
    yield target
    target.close()


@pytest.fixture
def stage(db: None, real: RealRegistry) -> Stage:
    return Stage(real.url, Clock())


def pulls(real: RealRegistry, reference: str, directory: Path) -> bool:
    """Whether skopeo copies an image out of the registry, all of an index included."""
    shutil.rmtree(directory, ignore_errors=True)
    done = subprocess.run(
        [
            require_tool("skopeo"),
            "copy",
            "--all",
            "--quiet",
            "--src-tls-verify=false",
            f"docker://{real.host}/{reference}",
            f"dir:{directory}",
        ],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def assert_frees_what_it_says(real: RealRegistry, stage: Stage, directory: Path) -> DeletionPlan:
    """Plan, run, collect: the promised bytes are gone from the disk, and every tag still pulls."""
    plan = stage.approved()
    assert plan.item_count > 0
    promised = plan.reclaimable_bytes
    before = real.stored_bytes()
    stage.run(plan)
    assert plan.state == PlanState.DONE
    assert set(outcomes(plan).values()) == {Outcome.DELETED}
    assert plan.walk["problems"] == []
    real.garbage_collect()
    assert before - real.stored_bytes() == promised == plan.freed_bytes
    tags = list(Tag.objects.values_list("repository__path", "name"))
    assert tags
    for path, name in tags:
        assert pulls(real, f"{path}:{name}", directory), f"{path}:{name}"
    return plan


def test_shared_layers_free_only_what_nobody_else_holds(
    real: RealRegistry, target: HttpTarget, stage: Stage, tmp_path: Path
) -> None:
    push(target, "team/web:1", layers=("base", "runtime", "one"))
    push(target, "team/web:2", layers=("base", "runtime", "two"))
    push(target, "team/api:1", layers=("base", "other"))
    stage.settle()
    push(target, "team/web:1", layers=("base", "new"))
    push(target, "team/web:2", layers=("base", "newer"))
    stage.settle()

    plan = assert_frees_what_it_says(real, stage, tmp_path / "copy")
    # Both hold the runtime: it comes back with both, and with neither alone.
    assert plan.item_count == 2
    assert plan.reclaimable_bytes > plan.alone_bytes


def test_an_index_goes_with_the_children_that_nothing_else_names(
    real: RealRegistry, target: HttpTarget, stage: Stage, tmp_path: Path
) -> None:
    amd64 = make_image(("base", "amd64 app"), platform="linux/amd64")
    old_arm64 = make_image(("base", "old arm64 app"), platform="linux/arm64")
    new_arm64 = make_image(("base", "new arm64 app"), platform="linux/arm64")
    old = make_index([amd64, old_arm64], attestations=True)
    push(target, "team/web:1", old)
    stage.settle()
    push(target, "team/web:1", make_index([amd64, new_arm64], attestations=True))
    stage.settle()

    plan = assert_frees_what_it_says(real, stage, tmp_path / "copy")
    assert goes(plan)[0] == old.digest
    assert old_arm64.digest in goes(plan)
    assert amd64.digest not in goes(plan)


def test_nested_indexes_go_from_the_top(
    real: RealRegistry, target: HttpTarget, stage: Stage, tmp_path: Path
) -> None:
    leaf = make_image(("base", "leaf"))
    inner = make_index([leaf])
    outer = make_index([inner])
    push(target, "team/web:1", outer)
    stage.settle()
    push(target, "team/web:1", layers=("base", "flat"))
    stage.settle()

    plan = assert_frees_what_it_says(real, stage, tmp_path / "copy")
    assert goes(plan) == [outer.digest, inner.digest, leaf.digest]


def test_referrers_go_with_their_subject(
    real: RealRegistry, target: HttpTarget, stage: Stage, tmp_path: Path
) -> None:
    image = push(target, "team/web:1", layers=("base", "old"))
    attached = [sbom(image.built), signature(image.built)]
    push_referrers(target, image, attached, fallback_tag=False)
    # Distribution lists no manifests: a tag that passes by is how the record learns of these.
    for each in attached:
        push(target, "team/web:passing", each)
        stage.sync()
    push(target, "team/web:passing", layers=("base", "passing"))
    push(target, "team/web:1", layers=("base", "new"))
    stage.settle()

    plan = assert_frees_what_it_says(real, stage, tmp_path / "copy")
    assert goes(plan)[0] == image.digest
    assert set(goes(plan)[1:]) == {each.digest for each in attached}


def test_the_same_manifest_in_two_repositories_frees_nothing_while_one_stays(
    real: RealRegistry, target: HttpTarget, stage: Stage, tmp_path: Path
) -> None:
    shared = make_image(("base", "shared"))
    push(target, "team/web:1", shared)
    push(target, "team/copy:1", shared)
    stage.settle()
    push(target, "team/web:1", layers=("base", "new"))
    stage.settle()

    first = assert_frees_what_it_says(real, stage, tmp_path / "copy")
    assert first.reclaimable_bytes == 0
    push(target, "team/copy:1", layers=("base", "newer"))
    stage.settle()
    second = assert_frees_what_it_says(real, stage, tmp_path / "copy")
    assert second.reclaimable_bytes > len(shared.body)


def test_everything_at_once(
    real: RealRegistry, target: HttpTarget, stage: Stage, tmp_path: Path
) -> None:
    old = push(target, "team/web:1", make_index(attestations=True))
    push(target, "other/web:1", old.built)
    push(target, "team/api:1", layers=("base", "api", "one"))
    kept = push(target, "team/signed:1", layers=("base", "signed"))
    push_cosign(target, kept)
    stage.settle()
    push(target, "team/web:1", layers=("base", "flat"))
    push(target, "other/web:1", layers=("base", "flat", "more"))
    push(target, "team/api:1", layers=("base", "api", "two"))
    push(target, "team/signed:1", layers=("base", "not signed"))
    stage.settle()

    plan = assert_frees_what_it_says(real, stage, tmp_path / "copy")
    assert kept.digest not in goes(plan)


def test_an_undo_brings_everything_back_until_garbage_is_collected(
    real: RealRegistry, target: HttpTarget, stage: Stage, tmp_path: Path
) -> None:
    old = push(target, "team/web:1", make_index(attestations=True))
    stage.settle()
    push(target, "team/web:1", layers=("base", "flat"))
    stage.settle()
    plan = stage.run(stage.approved())
    digests = goes(plan)
    assert old.digest in digests
    assert not pulls(real, f"team/web@{old.digest}", tmp_path / "copy")

    plan = stage.undo(plan)
    assert plan.undo_state == UndoState.DONE
    for digest in digests:
        if digest in {each.digest for each in old.children if each.platform == "unknown/unknown"}:
            continue  # An attestation is no image that skopeo could copy by itself.
        assert pulls(real, f"team/web@{digest}", tmp_path / "copy"), digest
    # And the record knows: the same plan can be made again.
    assert sorted(goes(stage.plan(grace=plan.grace * 0))) == sorted(digests)


def test_an_undo_after_garbage_collection_says_which_blobs_are_gone(
    real: RealRegistry, target: HttpTarget, stage: Stage
) -> None:
    push(target, "team/web:1", layers=("base", "old"))
    stage.settle()
    push(target, "team/web:1", layers=("base", "new"))
    stage.settle()
    plan = stage.run(stage.approved())
    real.garbage_collect()

    plan = stage.undo(plan)
    assert plan.undo_state == UndoState.INCOMPLETE
    item = DeletionItem.objects.get(plan=plan)
    assert item.undo == ItemUndo.BLOB_GONE
    assert "collected its garbage" in item.undo_detail
