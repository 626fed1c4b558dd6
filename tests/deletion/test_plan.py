"""What goes, what stays and why: a table of small repositories, values in and a plan out.

Numbers in comments are the traps of deleting untagged manifests that others fell into.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from registry_browser.deletion.graph import Node
from registry_browser.deletion.known import (
    Known,
    KnownManifest,
    KnownPresence,
    KnownRepository,
    Lock,
    Stored,
)
from registry_browser.deletion.plan import Plan, make_plan
from registry_browser.models import BlobRole, KeptBecause
from tests.deletion.stage import START

GRACE = timedelta(hours=24)
LONG_AGO = START - timedelta(days=30)


def digest(name: str) -> str:
    """A digest that can be read: the name in hex, filled up."""
    return f"sha256:{name.encode().hex():0<64}"


def present(
    name: str,
    *,
    children: tuple[str, ...] = (),
    subject: str = "",
    dangling: bool = True,
    since: datetime = LONG_AGO,
    problem: str = "",
    **moments: Any,
) -> KnownPresence:
    node = Node(tuple(map(digest, children)), digest(subject) if subject else "")
    manifest = KnownManifest(digest(name), "linux/amd64", "application/x", node, problem)
    return KnownPresence(manifest, dangling, since, **moments)


def repository(
    *presences: KnownPresence,
    tags: dict[str, str] | None = None,
    path: str = "team/web",
    **options: Any,
) -> KnownRepository:
    options.setdefault("tags_complete_at", START)
    return KnownRepository(
        path,
        {tag: digest(name) for tag, name in (tags or {}).items()},
        {presence.manifest.digest: presence for presence in presences},
        **options,
    )


def plan(*repositories: KnownRepository, known: Known | None = None, **options: Any) -> Plan:
    known = known or Known(())
    options.setdefault("grace", GRACE)
    return make_plan(replace(known, repositories=repositories), now=START, **options)


def goes(made: Plan) -> list[str]:
    return [bytes.fromhex(item.manifest.digest[7:].rstrip("0")).decode() for item in made.items]


def why(made: Plan, name: str) -> KeptBecause:
    return next(kept.because for kept in made.kept if kept.digest == digest(name))


def reason(made: Plan, name: str) -> str:
    return next(kept.reason for kept in made.kept if kept.digest == digest(name))


def test_what_nothing_needs_goes_with_its_chain_of_reasons() -> None:
    made = plan(repository(present("old", untagged_since=LONG_AGO)))
    assert goes(made) == ["old"]
    assert made.items[0].reasons == (
        "untagged since 21 Oct 2026 12:00 UTC",
        "child of no index",
        "refers to no live subject",
        "older than 24 h",
    )


def test_a_tagged_manifest_is_neither_planned_nor_listed_as_kept() -> None:
    made = plan(repository(present("new", dangling=False), tags={"1": "new"}))
    assert (made.items, made.kept) == ((), ())


def test_children_of_a_live_index_stay_though_no_tag_names_them() -> None:
    # 1: untagged by design.
    made = plan(
        repository(
            present("index", children=("amd64", "arm64"), dangling=False),
            present("amd64", dangling=False),
            present("arm64", dangling=False),
            tags={"1": "index"},
        )
    )
    assert goes(made) == []
    assert why(made, "amd64") == KeptBecause.CHILD
    assert reason(made, "amd64") == "Child of a live index tagged 1."


def test_liveness_is_found_again_and_not_taken_from_the_record() -> None:
    made = plan(
        repository(present("index", children=("amd64",)), present("amd64"), tags={"1": "index"})
    )
    assert goes(made) == []
    assert why(made, "amd64") == KeptBecause.CHILD


def test_children_of_nested_indexes_stay() -> None:
    # 3: recurse.
    made = plan(
        repository(
            present("outer", children=("inner",), dangling=False),
            present("inner", children=("leaf",), dangling=False),
            present("leaf", dangling=False),
            tags={"1": "outer"},
        )
    )
    assert goes(made) == []


def test_an_attestation_beside_a_live_image_stays() -> None:
    # 4: an index entry for unknown/unknown is provenance.
    made = plan(
        repository(
            present("index", children=("image", "provenance"), dangling=False),
            present("image", dangling=False),
            present("provenance", dangling=False),
            tags={"1": "index"},
        )
    )
    assert why(made, "provenance") == KeptBecause.CHILD


def test_index_entries_that_are_no_manifests_hinder_nothing() -> None:
    # 5: cache exports name blobs.
    made = plan(repository(present("cache", children=("a blob",))))
    assert goes(made) == ["cache"]


def test_referrers_of_a_live_subject_stay() -> None:
    # 6 and 7: found by the subject that each manifest names, whatever the registry offers.
    made = plan(
        repository(
            present("image", dangling=False),
            present("signature", subject="image", dangling=False),
            present("signature of it", subject="signature", dangling=False),
            tags={"1": "image"},
        )
    )
    assert goes(made) == []
    assert why(made, "signature") == KeptBecause.REFERRER
    assert why(made, "signature of it") == KeptBecause.REFERRER


def test_a_subject_stays_as_long_as_a_tagged_referrer_does() -> None:
    # 6: some registries delete the referrers of what is deleted, tagged or not.
    made = plan(
        repository(
            present("image"),
            present("sbom", subject="image", dangling=False),
            tags={"sbom": "sbom"},
        )
    )
    assert goes(made) == []
    assert why(made, "image") == KeptBecause.SUBJECT


def test_a_cosign_tag_keeps_what_it_was_made_for() -> None:
    # 8: the signature is tagged and never goes by itself.
    name = f"sha256-{digest('image')[7:]}.sig"
    made = plan(
        repository(present("image"), present("signature", dangling=False), tags={name: "signature"})
    )
    assert goes(made) == []
    assert why(made, "image") == KeptBecause.ATTACHED
    assert name in reason(made, "image")


def test_a_fallback_tag_of_referrers_keeps_its_subject() -> None:
    # 7: the referrers of a registry without the API.
    name = f"sha256-{digest('image')[7:]}"
    made = plan(
        repository(
            present("image"),
            present("list", children=("sbom",), dangling=False),
            present("sbom", subject="image", dangling=False),
            tags={name: "list"},
        )
    )
    assert goes(made) == []


def test_an_index_goes_before_the_children_that_it_frees() -> None:
    # 12.
    made = plan(
        repository(
            present("amd64"),
            present("index", children=("amd64", "arm64")),
            present("arm64"),
        )
    )
    assert goes(made) == ["index", "amd64", "arm64"]
    assert [item.depth for item in made.items] == [0, 1, 1]
    assert "its only index is in this plan" in made.items[1].reasons


def test_a_child_of_two_planned_indexes_waits_for_both() -> None:
    made = plan(
        repository(
            present("shared"),
            present("one", children=("shared",)),
            present("two", children=("shared",)),
        )
    )
    assert goes(made)[-1] == "shared"
    assert "all 2 indexes that name it are in this plan" in made.items[-1].reasons


def test_referrers_go_behind_their_subject() -> None:
    made = plan(repository(present("signature", subject="image"), present("image")))
    assert goes(made) == ["image", "signature"]
    assert made.items[1].because_of == digest("image")
    assert "its subject is in this plan" in made.items[1].reasons


def test_an_orphan_of_a_past_deletion_goes() -> None:
    # 29: its index went long ago, and nothing in this plan names it.
    made = plan(repository(present("orphan"), present("sbom", subject="gone")))
    assert set(goes(made)) == {"orphan", "sbom"}


def test_what_may_be_half_of_a_push_stays() -> None:
    # 13: children come before their index.
    made = plan(repository(present("child", since=START - timedelta(minutes=5))))
    assert why(made, "child") == KeptBecause.YOUNG
    assert "24 h" in reason(made, "child")


def test_age_is_the_latest_of_seen_pushed_and_untagged() -> None:
    # 16: a build date says nothing.
    recent = START - timedelta(hours=23)
    for young in (present("image", pushed_at=recent), present("image", untagged_since=recent)):
        assert why(plan(repository(young)), "image") == KeptBecause.YOUNG
    made = plan(repository(present("image", untagged_since=START - timedelta(hours=24))))
    assert goes(made) == ["image"]


def test_children_of_an_index_that_is_too_young_stay_with_it() -> None:
    made = plan(
        repository(
            present("old child"),
            present("young index", children=("old child",), since=START - timedelta(minutes=5)),
        )
    )
    assert goes(made) == []
    assert why(made, "old child") == KeptBecause.CHILD


def test_a_locked_manifest_stays_with_its_children_and_referrers() -> None:
    # 17: a lock on an index is worth nothing if its children may go.
    lock = Lock("team/web", digest("index"), "kept for the audit", "a.haddad")
    made = plan(
        repository(
            present("index", children=("child",)),
            present("child"),
            present("signature", subject="index"),
            present("other"),
        ),
        known=Known((), locks=(lock,)),
    )
    assert goes(made) == ["other"]
    assert why(made, "index") == KeptBecause.LOCKED
    assert reason(made, "index") == "Locked by a.haddad: “kept for the audit”"
    assert why(made, "child") == KeptBecause.CHILD
    assert why(made, "signature") == KeptBecause.REFERRER


def test_a_lock_on_a_namespace_covers_all_below_it_and_nothing_beside_it() -> None:
    lock = Lock("team", "", "frozen", "a.haddad")
    made = plan(
        repository(present("one"), path="team/web"),
        repository(present("two"), path="teams"),
        known=Known((), locks=(lock,)),
    )
    assert goes(made) == ["two"]


def test_what_nobody_can_read_stays() -> None:
    made = plan(repository(present("strange", problem="its format is not known")))
    assert why(made, "strange") == KeptBecause.UNPARSED


def test_an_incomplete_repository_contributes_nothing() -> None:
    # 27: a page that failed hides parents.
    made = plan(repository(present("image"), incomplete="403 on page 3"))
    assert goes(made) == []
    assert why(made, "image") == KeptBecause.INCOMPLETE
    assert "403 on page 3" in dict(made.unusable)["team/web"]


def test_a_repository_whose_tags_were_listed_long_ago_contributes_nothing() -> None:
    for listed in (None, START - timedelta(days=2)):
        made = plan(repository(present("image"), tags_complete_at=listed))
        assert why(made, "image") == KeptBecause.INCOMPLETE


def test_a_child_that_an_index_elsewhere_names_and_does_not_hold_stays() -> None:
    # 28.
    needed = {("team/web", digest("image")): "team/all"}
    made = plan(repository(present("image")), known=Known((), needed_by=needed))
    assert why(made, "image") == KeptBecause.ELSEWHERE


def test_the_same_digest_tagged_in_another_repository_does_not_keep_it_here() -> None:
    made = plan(
        repository(present("image"), path="team/copy"),
        repository(present("image", dangling=False), path="team/web", tags={"1": "image"}),
    )
    assert [item.path for item in made.items] == ["team/copy"]


def test_a_selection_takes_along_what_it_frees_and_nothing_else() -> None:
    # 31: what was not chosen is not touched.
    made = plan(
        repository(
            present("index", children=("child",)),
            present("child"),
            present("signature", subject="child"),
            present("other"),
        ),
        digests=[digest("index")],
    )
    assert goes(made) == ["index", "child", "signature"]
    assert made.kept == ()


def test_a_chosen_child_stays_while_its_index_was_not_chosen() -> None:
    made = plan(
        repository(present("index", children=("child",)), present("child")),
        digests=[digest("child")],
    )
    assert goes(made) == []
    assert why(made, "child") == KeptBecause.CHILD


def test_a_live_manifest_cannot_be_chosen() -> None:
    made = plan(
        repository(present("image", dangling=False), tags={"1": "image"}),
        digests=[digest("image")],
    )
    assert goes(made) == []


def test_bytes_are_those_of_the_set_and_not_the_sum() -> None:
    # 22: "runtime" comes back only when both go; "base" is held elsewhere.
    held = {
        digest("one"): frozenset({"one body", "runtime", "base"}),
        digest("two"): frozenset({"two body", "runtime"}),
    }
    stored = {
        "one body": Stored(5, BlobRole.BODY),
        "two body": Stored(7, BlobRole.BODY),
        "runtime": Stored(100, BlobRole.LAYER),
        "base": Stored(1000, BlobRole.LAYER),
    }
    counts = {"one body": 1, "two body": 1, "runtime": 2, "base": 2}
    known = Known((), holdings=held, stored=stored, references=counts)
    made = plan(repository(present("one"), present("two")), known=known)
    assert made.frees.total == 112
    assert made.frees.blobs == {BlobRole.BODY: 2, BlobRole.LAYER: 1}
    assert sum(item.bytes_alone for item in made.items) == 12
    alone = plan(repository(present("one"), present("two")), known=known, digests=[digest("one")])
    assert alone.frees.total == 5
