"""What a registry does not name any more: believed, asked about, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_browser.models import ItemState, PresenceState, RegistryState, Repository, RunState
from tests.builders import make_image, make_index, push
from tests.fake_registry.faults import Body, answer
from tests.sync import recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_browser.models import Registry
    from tests.fake_registry import FakeRegistry
    from tests.sync.conftest import Sync


def fill(fake: FakeRegistry, tags: int, *, path: str = "team/web") -> None:
    for number in range(tags):
        push(fake, f"{path}:1.{number}")


def test_a_deleted_tag_leaves_the_record_and_its_manifest_dangles(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "team/web:1.0", make_image(("old",)))
    push(fake, "team/web:2.0")
    sync(registry)
    fake.store.untag("team/web", "1.0")
    run = sync(registry)
    assert run.state == RunState.DONE
    assert recorded.item(run, "team/web").deleted == run.changed_repositories == 1
    assert recorded.tags(registry) == recorded.served_tags(fake)
    assert recorded.states(registry, "team/web")[image.digest] == PresenceState.DANGLING
    web = recorded.repository(registry, "team/web")
    assert (web.complete, web.incomplete_reason, web.tag_count) == (True, "", 1)
    assert web.tags_complete_at == web.synced_at
    assert web.reclaimable_bytes > 0


def test_tags_of_an_emptied_repository_are_believed_where_others_are_left(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    fill(fake, 3)
    push(fake, "team/api:1.0")
    sync(registry)
    for number in range(3):
        fake.store.untag("team/web", f"1.{number}")
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)
    assert recorded.repository(registry, "team/web").gone_at is None
    assert recorded.repository(registry, "team/web").dangling_count == 3


def test_more_tags_than_the_share_are_asked_about_and_kept(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    fill(fake, 20)
    push(fake, "team/api:1.0")
    sync(registry)
    before = recorded.everything(registry)
    for number in range(12):
        fake.store.untag("team/web", f"1.{number}")

    run = sync(registry)

    assert recorded.everything(registry) == before
    assert run.state == RunState.INCOMPLETE
    assert run.question == (
        "12 of 21 known tags are not listed any more. "
        "Nothing was marked as deleted. Are they really gone?"
    )
    assert (registry.state, registry.state_reason) == (RegistryState.INCOMPLETE, run.question)
    web = recorded.repository(registry, "team/web")
    assert not web.complete
    assert web.incomplete_reason == (
        "12 tags are not listed any more; whether they are gone is not certain."
    )
    assert recorded.repository(registry, "team/api").complete


def test_a_person_who_says_that_they_are_gone_closes_them(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    fill(fake, 20)
    sync(registry)
    for number in range(20):
        fake.store.untag("team/web", f"1.{number}")
    assert sync(registry).question
    run = sync(registry, believe_absences=True)
    assert (run.state, run.question) == (RunState.DONE, "")
    assert recorded.tags(registry) == {}
    assert [kind for *_, kind in recorded.events(registry)].count("deleted") == 20
    assert (registry.state, registry.complete) == (RegistryState.HEALTHY, True)


def test_believing_is_for_one_run(fake: FakeRegistry, registry: Registry, sync: Sync) -> None:
    push(fake, "team/web:1.0")
    sync(registry, believe_absences=True)
    fake.store.untag("team/web", "1.0")
    assert sync(registry).question


def test_tags_that_are_back_before_anybody_answers_were_never_away(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "team/web:1.0")
    sync(registry)
    fake.store.untag("team/web", "1.0")
    assert sync(registry).question
    push(fake, "team/web:1.0", image.built)
    assert sync(registry).state == RunState.DONE
    assert recorded.events(registry) == [("team/web", "1.0", "created")]


def test_a_tag_that_comes_back_is_restored(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "team/web:1.0")
    push(fake, "team/web:2.0")
    sync(registry)
    fake.store.untag("team/web", "1.0")
    sync(registry)
    push(fake, "team/web:1.0", image.built)
    run = sync(registry)
    assert recorded.item(run, "team/web").restored == 1
    assert [kind for _, tag, kind in recorded.events(registry) if tag == "1.0"] == [
        "created",
        "deleted",
        "restored",
    ]
    assert recorded.states(registry, "team/web")[image.digest] == PresenceState.TAGGED


def test_a_tag_that_was_deleted_between_listing_and_reading_waits_for_the_next_sync(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    push(fake, "team/web:2.0")
    sync(registry)
    ghost = Body(b'{"name":"team/web","tags":["1.0","2.0"]}')
    rule = fake.faults.on("GET", "/tags/list", ghost)
    fake.store.untag("team/web", "1.0")
    run = sync(registry)
    assert run.state == RunState.INCOMPLETE
    assert "it was listed, but is not there any more" in recorded.problems(registry, "team/web")
    assert ("team/web", "1.0") in recorded.tags(registry)
    fake.faults.remove(rule)
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_an_absence_is_not_believed_where_another_tag_cannot_be_read(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    for tag in ("1.0", "2.0", "3.0"):
        push(fake, f"team/web:{tag}")
    sync(registry)
    complete_at = recorded.repository(registry, "team/web").tags_complete_at
    fake.store.untag("team/web", "1.0")
    fake.faults.on(None, "/manifests/2.0", answer(500))
    run = sync(registry)
    web = recorded.repository(registry, "team/web")
    assert recorded.tags(registry) == recorded.served_tags(fake)
    assert run.state == RunState.INCOMPLETE
    assert not web.complete
    assert "2.0" in web.incomplete_reason
    assert web.tags_complete_at == complete_at


def test_a_repository_that_is_gone_from_catalog_and_by_name_is_gone(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "team/web:1.0")
    for number in range(4):
        push(fake, f"team/app-{number}:1.0")
    sync(registry)
    fake.store.remove_repository("team/web")
    run = sync(registry)
    web = recorded.repository(registry, "team/web")
    assert run.state == RunState.DONE
    assert web.gone_at is not None
    assert recorded.gone(registry, "team/web") == {image.digest}
    assert recorded.events(registry)[-1] == ("team/web", "1.0", "deleted")
    assert (web.tag_count, web.manifest_count, web.stored_bytes) == (0, 0, 0)
    assert registry.repository_count == 4


def test_an_emptied_repository_that_is_gone_is_gone(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "team/web:1.0")
    for number in range(4):
        push(fake, f"team/app-{number}:1.0")
    sync(registry)
    fake.store.untag("team/web", "1.0")
    sync(registry)
    fake.store.remove_repository("team/web")
    assert sync(registry).state == RunState.DONE
    assert recorded.repository(registry, "team/web").gone_at is not None
    assert recorded.gone(registry, "team/web") == {image.digest}
    assert registry.repository_count == 4


def test_a_repository_that_is_back_is_back_with_its_tags(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "team/web:1.0")
    for number in range(4):
        push(fake, f"team/app-{number}:1.0")
    sync(registry)
    fake.store.remove_repository("team/web")
    sync(registry)
    push(fake, "team/web:1.0", image.built)
    sync(registry)
    web = recorded.repository(registry, "team/web")
    assert (web.gone_at, web.complete, web.tag_count) == (None, True, 1)
    assert recorded.states(registry, "team/web") == {image.digest: PresenceState.TAGGED}
    assert recorded.events(registry)[-1] == ("team/web", "1.0", "restored")


def test_a_repository_that_the_catalog_forgets_and_that_answers_by_name_is_there(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    for number in range(4):
        push(fake, f"team/app-{number}:1.0")
    sync(registry)
    hidden = Body(lambda body: body.replace(b'"team/web"', b'"team/app-0"'))
    fake.faults.on("GET", "/v2/_catalog", hidden)
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_it_is_there_also_when_one_of_its_tags_went(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    push(fake, "team/web:2.0")
    for number in range(4):
        push(fake, f"team/app-{number}:1.0")
    sync(registry)
    hidden = Body(lambda body: body.replace(b'"team/web"', b'"team/app-0"'))
    fake.faults.on("GET", "/v2/_catalog", hidden)
    fake.store.untag("team/web", "1.0")
    assert sync(registry).state == RunState.DONE
    web = recorded.repository(registry, "team/web")
    assert web.gone_at is None
    assert (web.tag_count, web.manifest_count) == (1, 2)
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_a_repository_that_is_gone_by_name_and_still_in_the_catalog_is_not_gone(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    push(fake, "team/api:1.0")
    sync(registry)
    before = recorded.everything(registry)
    fake.store.remove_repository("team/web")
    fake.faults.on("GET", "/v2/_catalog", Body(b'{"repositories":["team/api","team/web"]}'))
    run = sync(registry)
    assert run.state == RunState.INCOMPLETE
    assert recorded.everything(registry) == before
    reason = recorded.repository(registry, "team/web").incomplete_reason
    assert "does not know this repository" in reason


def test_too_many_repositories_that_are_missing_are_asked_about(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    for number in range(8):
        push(fake, f"team/app-{number}:1.0")
    sync(registry)
    before = recorded.everything(registry)
    for number in range(3):
        fake.store.remove_repository(f"team/app-{number}")
    run = sync(registry)
    assert recorded.everything(registry) == before
    assert run.state == RunState.INCOMPLETE
    assert run.question.startswith("3 of 8 known repositories are not listed any more.")
    assert sync(registry, believe_absences=True).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)
    assert registry.repository_count == 5


def test_an_admin_who_follows_fewer_repositories_is_asked_nothing(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    for path in ("a/one", "a/two", "b/one", "b/two", "b/three", "b/four"):
        push(fake, f"{path}:1.0")
    sync(registry)
    registry.follow = ["a/"]
    registry.save()
    fake.forget_requests()
    run = sync(registry)
    assert (run.state, run.question, run.total) == (RunState.DONE, "", 2)
    assert fake.count(None, "/v2/b/") == 0
    assert ("b/one", "1.0") in recorded.tags(registry)


def test_a_followed_repository_is_read_though_the_catalog_does_not_name_it(
    fake: FakeRegistry, add: Callable[..., Registry], sync: Sync
) -> None:
    push(fake, "a/public:1.0")
    push(fake, "a/private:1.0")
    hidden = Body(lambda body: body.replace(b'"a/private"', b'"a/public"'))
    fake.faults.on("GET", "/v2/_catalog", hidden)
    registry = add(fake, follow=("a/private", "a/public"))
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_a_name_that_does_not_exist_leaves_no_repository(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    sync(registry)
    run = sync(registry, paths=["team/typo", "No Such Name"])
    assert run.state == RunState.INCOMPLETE
    assert (run.done, run.total) == (2, 2)
    item = recorded.item(run, "team/typo")
    assert item.state == ItemState.INCOMPLETE
    assert "does not know this repository" in item.detail
    assert "is not a repository's name" in recorded.item(run, "No Such Name").detail
    assert list(Repository.objects.values_list("path", flat=True)) == ["team/web"]


def test_a_full_check_finds_what_vanished_without_a_sign(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    old = push(fake, "app:latest", make_index())
    sync(registry)
    push(fake, "app:latest")
    sync(registry)
    child = old.children[0].digest
    fake.store.delete_manifest("app", old.digest)
    fake.store.delete_manifest("app", child)
    sync(registry)
    assert recorded.gone(registry, "app") == set()
    assert sync(registry, full_check=True).state == RunState.DONE
    assert recorded.gone(registry, "app") == {old.digest, child}
    app = recorded.repository(registry, "app")
    assert (app.manifest_count, app.dangling_count) == (2, 1)
    assert app.checked_at == app.synced_at


def test_what_is_gone_stays_gone_while_the_index_that_names_it_is_still_there(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    """A check of the inner index says nothing about its children."""
    amd, arm = (make_image((each,), platform=each) for each in ("linux/amd64", "linux/arm64"))
    inner = make_index([amd, arm])
    push(fake, "app:latest", make_index([inner]))
    sync(registry)
    fake.store.delete_manifest("app", amd.digest)
    for _ in range(3):
        sync(registry, full_check=True)
        assert recorded.gone(registry, "app") == {amd.digest}
        assert recorded.states(registry, "app")[inner.digest] == PresenceState.CHILD


def test_a_child_that_is_pushed_again_is_found_by_the_next_full_check(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    index = push(fake, "app:latest", make_index())
    child = index.children[0]
    sync(registry)
    fake.store.delete_manifest("app", child.digest)
    sync(registry, full_check=True)
    push(fake, "app", child)
    sync(registry, full_check=True)
    assert recorded.gone(registry, "app") == set()
    assert recorded.states(registry, "app")[child.digest] == PresenceState.CHILD


def test_what_is_gone_and_tagged_again_is_back(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    old = push(fake, "app:latest", make_image(("old",)))
    sync(registry)
    push(fake, "app:latest")
    sync(registry)
    fake.store.delete_manifest("app", old.digest)
    sync(registry, full_check=True)
    assert recorded.gone(registry, "app") == {old.digest}
    push(fake, "app:1.0", old.built)
    sync(registry)
    assert recorded.gone(registry, "app") == set()
    assert recorded.states(registry, "app")[old.digest] == PresenceState.TAGGED


def test_a_full_check_that_cannot_ask_concludes_nothing(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    old = push(fake, "app:latest", make_image(("old",)))
    sync(registry)
    push(fake, "app:latest")
    sync(registry)
    for effect in (answer(500), answer(404), answer(403), Body(b"<html>")):
        fake.faults.clear()
        fake.store.delete_manifest("app", old.digest)
        fake.faults.on(None, f"/manifests/{old.digest}", effect)
        if isinstance(effect, Body):
            push(fake, "app", old.built)
        sync(registry, full_check=True)
        assert recorded.gone(registry, "app") == set()
        assert recorded.states(registry, "app")[old.digest] == PresenceState.DANGLING


def test_a_full_check_changes_the_figures_of_namespaces_too(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    old = push(fake, "team/app:latest", make_image(("old",)))
    sync(registry)
    push(fake, "team/app:latest")
    sync(registry)
    assert registry.namespaces.get(path="team").dangling_count == 1
    fake.store.delete_manifest("team/app", old.digest)
    sync(registry, full_check=True)
    team = registry.namespaces.get(path="team")
    assert (team.dangling_count, team.manifest_count, team.reclaimable_bytes) == (0, 1, 0)
