"""A registry that worked and fails: nothing is lost, it says so in a sentence, and it heals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
from django.db import DataError, OperationalError

from registry_browser.models import ItemState, Registry, RegistryState, RunState
from registry_browser.oci import manifest as parsing
from registry_browser.oci.transport import Retries, Timeouts
from registry_browser.sync import crawl
from registry_browser.sync.connect import connect
from registry_browser.sync.reading import content
from registry_browser.sync.run import work_on
from tests.builders import make_image, make_index, push
from tests.fake_registry import Auth, Catalog, FakeRegistry, Paging
from tests.fake_registry.faults import (
    Body,
    CutOff,
    Disconnect,
    Effect,
    Hang,
    Headers,
    RedirectInACircle,
    WrongLength,
    answer,
    empty_catalog,
    gzip_junk,
    html_page,
    redirect_to,
    redirect_to_link_local,
    too_many_requests,
    wrong_digest_header,
)
from tests.sync import recorded
from tests.sync.conftest import Sync, impatient

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from registry_browser.models import Manifest
    from registry_browser.oci.client import RegistryClient

DENIED = '{"errors":[{"code":"DENIED","message":"requested access is denied"}]}'
UNKNOWN = '{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]}'
ERROR_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and a word of the sentence that people are told."""

    effect: Callable[[], Effect]
    word: str
    out_of_reach: bool = False


FAULTS = {
    "401": Fault(lambda: answer(401), "wants a sign-in"),
    "401 with a challenge": Fault(
        lambda: answer(401, DENIED, {"WWW-Authenticate": 'Basic realm="x"', **ERROR_TYPE}),
        "wants a user name and a password",
    ),
    "403": Fault(lambda: answer(403, DENIED, ERROR_TYPE), "does not allow this"),
    "404 of the registry": Fault(lambda: answer(404, UNKNOWN, ERROR_TYPE), "does not know this"),
    "404 of a proxy": Fault(lambda: html_page(404), ""),
    "429": Fault(lambda: too_many_requests(None), "ask too often"),
    "429 with nonsense": Fault(lambda: too_many_requests("soon"), "ask too often"),
    "500": Fault(lambda: answer(500), "an error of its own (500)"),
    "503": Fault(lambda: answer(503, b"", {"Retry-After": "3600"}), "an error of its own (503)"),
    "a page of a proxy": Fault(lambda: html_page(502), "an error of its own (502)"),
    "a page of a proxy as success": Fault(lambda: html_page(200), ""),
    "a redirect in a circle": Fault(RedirectInACircle, "redirects in a circle"),
    "a redirect to cloud metadata": Fault(redirect_to_link_local, "link-local or metadata"),
    "a redirect to nowhere": Fault(lambda: redirect_to("gopher://example"), "no web address"),
    "junk for gzip": Fault(gzip_junk, "", out_of_reach=True),
    "a body that is cut off": Fault(lambda: CutOff(10), "was cut off", out_of_reach=True),
    "a length that is too long": Fault(lambda: WrongLength(5), "", out_of_reach=True),
    "a length that is too short": Fault(lambda: WrongLength(-5), ""),
    "a closed connection": Fault(Disconnect, "closed the connection", out_of_reach=True),
    "no JSON": Fault(lambda: Body(b"{"), ""),
    "other JSON": Fault(lambda: Body(b"[]"), ""),
    "silence": Fault(Hang, "did not answer in time", out_of_reach=True),
}
NOT_OF_LISTINGS = {"404 of the registry"}


@pytest.fixture
def company(fake: FakeRegistry, registry: Registry, sync: Sync) -> Registry:
    """A registry of three repositories after a good sync."""
    push(fake, "team/web:1.0")
    push(fake, "team/web:latest", make_index(attestations=True))
    push(fake, "team/api:1.0")
    push(fake, "tools/cli:1.0")
    push(fake, "team/web:latest", make_index(attestations=True, annotations={"next": "one"}))
    assert sync(registry).state == RunState.DONE
    return registry


def impatience(fault: Fault, sync: Sync) -> None:
    """Wait for what never comes long enough for a busy machine to send everything else."""
    if fault.effect is Hang:
        sync.connect = partial(connect, retries=Retries(attempts=1), timeouts=Timeouts(silence=3.0))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_repository_that_cannot_be_listed_stays_as_it_was(
    company: Registry, fake: FakeRegistry, sync: Sync, fault: Fault
) -> None:
    before, good = recorded.everything(company), recorded.repository(company, "team/web")
    impatience(fault, sync)
    fake.faults.on("GET", "/team/web/tags/list", fault.effect())

    run = sync(company)

    assert recorded.everything(company) == before
    web, item = recorded.repository(company, "team/web"), recorded.item(run, "team/web")
    assert run.state == RunState.INCOMPLETE
    assert (run.done, run.total, run.incomplete_repositories) == (3, 3, 1)
    assert (company.state, company.state_reason, company.complete) == (
        RegistryState.INCOMPLETE,
        "1 repository is incomplete.",
        False,
    )
    assert fault.word in web.incomplete_reason
    assert is_a_sentence(web.incomplete_reason)
    assert not web.complete
    assert (web.synced_at, web.tags_complete_at) == (good.synced_at, good.tags_complete_at)
    assert (item.state, item.detail) == (ItemState.INCOMPLETE, web.incomplete_reason)
    assert recorded.repository(company, "team/api").complete
    heals(company, fake, sync)


@pytest.mark.parametrize(
    "fault",
    [fault for name, fault in FAULTS.items() if name not in NOT_OF_LISTINGS],
    ids=[name for name in FAULTS if name not in NOT_OF_LISTINGS],
)
def test_a_catalog_that_cannot_be_listed_takes_nothing_away(
    company: Registry, fake: FakeRegistry, sync: Sync, fault: Fault
) -> None:
    before, synced_at = recorded.everything(company), company.synced_at
    impatience(fault, sync)
    fake.faults.on("GET", "/v2/_catalog", fault.effect())

    run = sync(company)

    assert recorded.everything(company) == before
    assert run.state == (RunState.FAILED if fault.out_of_reach else RunState.INCOMPLETE)
    assert company.state == (
        RegistryState.UNREACHABLE if fault.out_of_reach else RegistryState.INCOMPLETE
    )
    assert company.state_reason == run.error
    assert fault.word in run.error
    assert is_a_sentence(run.error)
    assert not company.complete
    if fault.out_of_reach:
        assert company.synced_at == synced_at
    else:
        assert recorded.item(run, "team/web").state == ItemState.DONE
    heals(company, fake, sync)


@pytest.mark.parametrize(
    "fault",
    [fault for name, fault in FAULTS.items() if name != "404 of the registry"],
    ids=[name for name in FAULTS if name != "404 of the registry"],
)
def test_a_moved_tag_whose_manifest_cannot_be_read_stays_as_it_was(
    company: Registry, fake: FakeRegistry, sync: Sync, fault: Fault
) -> None:
    before = recorded.everything(company)
    moved = push(fake, "team/web:1.0", make_image(("moved",)))
    impatience(fault, sync)
    fake.faults.on("GET", f"/team/web/manifests/(1.0|{moved.digest})", fault.effect())

    run = sync(company)

    assert recorded.everything(company) == before
    assert run.state == RunState.INCOMPLETE
    web = recorded.repository(company, "team/web")
    assert web.problems[0]["tag"] == "1.0"
    assert fault.word in web.incomplete_reason
    assert is_a_sentence(web.incomplete_reason)
    heals(company, fake, sync)


def test_a_run_says_while_it_waits_that_the_registry_asked_for_it(
    company: Registry, fake: FakeRegistry, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawl, "WRITE_EVERY", 0.01)
    fake.faults.on("GET", "/team/web/tags/list", too_many_requests(None), times=1)
    patient = Retries(attempts=2, first_wait=0.5, longest_wait=0.5)
    run = sync.request(company)
    waited: list[datetime | None] = []

    def look() -> None:
        run.refresh_from_db()
        waited.append(run.rate_limited_until)

    work_on(run.pk, clock=sync.clock, on_progress=look, connect=partial(connect, retries=patient))

    assert any(waited)
    run.refresh_from_db()
    assert (run.state, run.rate_limited_until) == (RunState.DONE, None)


def test_an_answer_that_nobody_foresaw_costs_its_own_repository_alone(
    company: Registry,
    fake: FakeRegistry,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = recorded.everything(company)
    odd = push(fake, "team/web:1.0", make_image(("odd",)))
    good = push(fake, "team/api:2.0", make_image(("good",)))

    def stumbles(body: bytes, media_type: str | None) -> parsing.Manifest:
        if body == odd.body:
            raise TypeError("unhashable type: 'list'")
        return parsing.parse_manifest(body, media_type)

    monkeypatch.setattr(content, "parse_manifest", stumbles)
    run = sync(company)

    assert run.state == RunState.INCOMPLETE
    web = recorded.repository(company, "team/web")
    assert is_a_sentence(web.incomplete_reason)
    assert recorded.item(run, "team/web").detail == web.incomplete_reason
    assert recorded.tags(company) == before["tags"] | {("team/api", "2.0"): good.digest}  # type: ignore[operator]
    assert "unhashable type" in caplog.text
    monkeypatch.undo()
    heals(company, fake, sync)


@pytest.mark.parametrize(
    "step", ["crawl.store_changes", "run.list_repositories", "capabilities.probe"]
)
def test_a_run_that_stumbles_over_a_mistake_of_ours_fails_and_says_so(
    company: Registry,
    fake: FakeRegistry,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    step: str,
) -> None:
    Registry.objects.filter(pk=company.pk).update(capabilities={})
    before = recorded.everything(company)

    def stumbles(*args: object, **options: object) -> None:
        raise DataError("bigint out of range")

    monkeypatch.setattr(f"registry_browser.sync.{step}", stumbles)
    run = sync(company)

    assert run.state == RunState.FAILED
    assert is_a_sentence(run.error)
    assert (company.state, company.state_reason) == (RegistryState.INCOMPLETE, run.error)
    assert set(run.items.values_list("state", flat=True)) <= {ItemState.INCOMPLETE}
    assert company.next_sync_at is not None
    assert company.next_sync_at > sync.clock.now
    assert recorded.everything(company) == before
    assert "bigint out of range" in caplog.text
    monkeypatch.undo()
    heals(company, fake, sync)


def test_a_run_whose_database_goes_away_is_gone_on_with(
    company: Registry, fake: FakeRegistry, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **options: object) -> None:
        raise OperationalError("the connection is closed")

    run = sync.request(company)
    monkeypatch.setattr(crawl, "known_manifests", away)
    push(fake, "team/web:1.0", make_image(("moved",)))
    with pytest.raises(OperationalError):
        sync.slice(run)
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    monkeypatch.undo()
    assert sync.finish(run).state == RunState.DONE


def test_a_registry_that_answers_401_to_everything_keeps_its_record(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    before = recorded.everything(company)
    fake.habits.auth = Auth.BASIC
    run = sync(company)
    assert recorded.everything(company) == before
    assert run.state == RunState.INCOMPLETE
    assert run.incomplete_repositories == 3
    assert company.state == RegistryState.INCOMPLETE
    fake.habits.auth = Auth.NONE
    heals(company, fake, sync)


def test_a_registry_that_is_down_keeps_its_record(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    before = recorded.everything(company)
    fake.faults.on(None, "", Disconnect())
    run = sync(company)
    assert recorded.everything(company) == before
    assert (run.state, company.state) == (RunState.FAILED, RegistryState.UNREACHABLE)
    assert "closed the connection" in company.state_reason
    heals(company, fake, sync)


def test_a_registry_that_goes_down_in_the_middle_is_given_up_and_says_what_was_not_asked(
    fake: FakeRegistry, add: Callable[..., Registry], sync: Sync
) -> None:
    for number in range(12):
        push(fake, f"team/app-{number:02}:1.0")
    registry = add(fake, concurrency=1)
    sync(registry)
    before = recorded.everything(registry)
    fake.faults.on(None, "/v2/team/", Disconnect())
    run = sync(registry)
    assert recorded.everything(registry) == before
    assert run.state == RunState.FAILED
    states = set(run.items.values_list("state", flat=True))
    assert states == {ItemState.INCOMPLETE}
    assert run.items.filter(detail__startswith="Not asked: ").count() == 9
    heals(registry, fake, sync)


def test_an_empty_catalog_after_a_full_one_is_not_believed(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    before = recorded.everything(company)
    fake.faults.on("GET", "/v2/_catalog", empty_catalog())
    run = sync(company)
    assert recorded.everything(company) == before
    assert run.state == RunState.INCOMPLETE
    assert run.question == (
        "The registry listed no repositories where 3 were known. "
        "Nothing was marked as deleted. Are they really gone?"
    )
    heals(company, fake, sync)


def test_half_a_catalog_without_a_link_to_the_rest_loses_nothing(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    before = recorded.everything(company)
    fake.faults.on("GET", "/v2/_catalog", Body(b'{"repositories":["team/api"]}'))
    run = sync(company)
    assert recorded.everything(company) == before
    assert recorded.item(run, "team/web").state == ItemState.DONE
    heals(company, fake, sync)


def test_half_a_list_of_tags_without_a_link_to_the_rest_closes_nothing(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    before = recorded.everything(company)
    fake.faults.on("GET", "/team/web/tags/list", Body(b'{"name":"team/web","tags":["1.0"]}'))
    run = sync(company)
    assert recorded.everything(company) == before
    assert run.state == RunState.INCOMPLETE
    assert recorded.repository(company, "team/web").incomplete_reason == (
        "One tag or manifest could not be read. "
        "latest: it is there, but the registry's list of tags left it out"
    )
    heals(company, fake, sync)


def test_a_second_page_that_fails_closes_nothing(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    before = recorded.everything(company)
    fake.habits.tags_paging, fake.habits.tags_sorted = Paging.RELATIVE, True
    fake.habits.page_limit, fake.habits.clamp_page_size = 1, True
    rule = fake.faults.on("GET", r"/team/web/tags/list\?.*last=", answer(500))
    run = sync(company)
    assert rule.hits > 0
    assert recorded.everything(company) == before
    assert run.state == RunState.INCOMPLETE
    heals(company, fake, sync)


@pytest.mark.parametrize("paging", [Paging.REPEATS, Paging.ENDLESS])
def test_pages_without_an_honest_end_close_nothing(
    company: Registry, fake: FakeRegistry, sync: Sync, paging: Paging
) -> None:
    before = recorded.everything(company)
    fake.habits.tags_paging = paging
    fake.habits.page_limit, fake.habits.clamp_page_size = 1, True
    if paging is Paging.ENDLESS:
        sync.connect = patience_for_pages(20)
    run = sync(company)
    assert recorded.everything(company) == before
    assert run.state == RunState.INCOMPLETE
    assert "The list of tags of" in recorded.repository(company, "team/web").incomplete_reason
    fake.habits.tags_paging = Paging.NONE
    heals(company, fake, sync)


@pytest.mark.parametrize("paging", [Paging.REPEATS, Paging.ENDLESS])
def test_a_catalog_without_an_honest_end_takes_nothing_away(
    company: Registry, fake: FakeRegistry, sync: Sync, paging: Paging
) -> None:
    before = recorded.tags(company)
    fake.habits.catalog_paging = paging
    fake.habits.page_limit, fake.habits.clamp_page_size = 1, True
    if paging is Paging.ENDLESS:
        sync.connect = patience_for_pages(5)
    run = sync(company)
    assert recorded.tags(company) == before
    assert run.state == RunState.INCOMPLETE
    assert run.error.startswith("The list of repositories is not complete: ")


@pytest.mark.parametrize("catalog", [Catalog.REFUSED, Catalog.MISSING])
def test_a_catalog_that_is_refused_after_it_was_served_takes_nothing_away(
    company: Registry, fake: FakeRegistry, sync: Sync, catalog: Catalog
) -> None:
    before = recorded.everything(company)
    fake.habits.catalog = catalog
    run = sync(company)
    assert recorded.everything(company) == before
    assert run.state == RunState.INCOMPLETE
    assert "Name the repositories to follow." in company.state_reason
    assert recorded.item(run, "team/web").state == ItemState.DONE


def test_a_body_that_does_not_match_its_digest_is_refused_and_the_rest_of_its_repository_syncs(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    moved = push(fake, "team/web:1.0", make_image(("moved",)))
    created = push(fake, "team/web:2.0", make_image(("created",)))
    kept = recorded.tags(company)["team/web", "1.0"]
    fake.faults.on("GET", f"/manifests/({moved.digest}|1.0)", Body(lambda body: body + b" "))
    run = sync(company)
    assert run.state == RunState.INCOMPLETE
    assert recorded.tags(company)["team/web", "2.0"] == created.digest
    assert recorded.tags(company)["team/web", "1.0"] == kept
    assert "do not hash to this digest" in recorded.problems(company, "team/web")
    heals(company, fake, sync)


def test_a_first_sight_of_a_body_that_does_not_match_its_digest_is_refused(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    good = push(fake, "app:good", make_image(("good",)))
    push(fake, "app:bad", make_image(("bad",)))
    fake.faults.on("GET", "/manifests/bad", Body(lambda body: body + b"\n"))
    run = sync(registry)
    assert run.state == RunState.INCOMPLETE
    assert recorded.tags(registry) == {("app", "good"): good.digest}
    assert "do not hash to" in recorded.problems(registry, "app")
    heals(registry, fake, sync)


def test_a_child_that_does_not_match_its_digest_is_refused_and_its_index_is_kept(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    index = push(fake, "app:1.0", make_index())
    bad = index.children[0]
    fake.faults.on("GET", f"/manifests/{bad.digest}", Body(lambda body: body[:-1] + b" }"))
    run = sync(registry)
    assert recorded.tags(registry) == {("app", "1.0"): index.digest}
    assert bad.digest not in recorded.states(registry, "app")
    assert "do not hash to this digest" in recorded.problems(registry, "app")
    assert run.state == RunState.DONE
    fake.faults.clear()
    sync(registry, full_check=True)
    assert bad.digest in recorded.states(registry, "app")
    assert recorded.repository(registry, "app").problems == []


def test_a_config_that_does_not_match_its_digest_is_read_again_by_a_full_check(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "app:1.0", make_image(platform="linux/arm64/v8"))
    rule = fake.faults.on("GET", f"/blobs/{image.config_digest}", Body(b"{}"))
    sync(registry)
    manifest = manifest_of(registry, image.digest)
    assert (manifest.architecture, manifest.image_created_at) == ("", None)
    assert "Its config cannot be read" in recorded.problems(registry, "app")
    sync(registry, full_check=True)
    assert "Its config cannot be read" in recorded.problems(registry, "app")
    fake.faults.remove(rule)
    sync(registry, full_check=True)
    manifest = manifest_of(registry, image.digest)
    assert manifest.platform == "linux/arm64/v8"
    assert manifest.image_created_at is not None
    assert recorded.repository(registry, "app").problems == []


def test_a_digest_header_that_lies_is_not_believed(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    before = recorded.everything(company)
    fake.faults.on(None, "/team/web/manifests/(1.0|latest)", wrong_digest_header())
    assert sync(company).state == RunState.DONE
    assert recorded.everything(company) == before
    moved = push(fake, "team/web:1.0", make_image(("moved",)))
    sync(company)
    assert recorded.tags(company)["team/web", "1.0"] == moved.digest
    heals(company, fake, sync)


def test_a_digest_header_that_is_missing_is_computed(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    before = recorded.everything(company)
    fake.faults.on(None, "/manifests/", Headers({"Docker-Content-Digest": None}))
    assert sync(company).state == RunState.DONE
    assert recorded.everything(company) == before


def test_a_fault_that_passes_is_tried_again_unseen(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    fake.faults.on("GET", "/team/web/tags/list", answer(503), times=1)
    fake.faults.on("GET", "/team/api/tags/list", CutOff(5), times=2)
    fake.faults.on("GET", "/tools/cli/tags/list", Disconnect(), times=3)
    fake.faults.on("HEAD", "/manifests/latest", too_many_requests("0"), times=1)
    sync.connect = partial(connect, retries=Retries(attempts=6, first_wait=0.0, longest_wait=1.0))
    run = sync(company)
    assert run.state == RunState.DONE
    assert run.requests > 8


def test_every_fifth_answer_that_fails_is_no_fault_of_the_record(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    for number in range(10):
        push(fake, f"team/app-{number}:1.0", make_index(attestations=True))
    fake.faults.on(None, "/v2/team/", answer(503), every=5)
    sync.connect = partial(connect, retries=Retries(attempts=8, first_wait=0.0))
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)


@pytest.mark.parametrize("auth", [Auth.BASIC, Auth.BEARER])
def test_credentials_open_the_registry(
    fake: FakeRegistry, add: Callable[..., Registry], sync: Sync, auth: Auth
) -> None:
    fake.habits.auth = auth
    push(fake, "team/web:1.0")
    registry = add(fake, username="admin", secret="secret")
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_wrong_credentials_are_said_to_be_wrong(
    fake: FakeRegistry, add: Callable[..., Registry], sync: Sync
) -> None:
    fake.habits.auth = Auth.BASIC
    push(fake, "team/web:1.0")
    registry = add(fake, username="admin", secret="something else")
    run = sync(registry)
    assert run.state == RunState.INCOMPLETE
    assert "does not accept this user name and password" in run.error
    assert recorded.tags(registry) == {}


def test_a_token_that_expires_in_the_middle_is_renewed(
    fake: FakeRegistry, add: Callable[..., Registry], sync: Sync
) -> None:
    fake.habits.auth, fake.habits.token_uses = Auth.BEARER, 2
    for number in range(4):
        push(fake, f"team/app-{number}:1.0", make_index())
    registry = add(fake, username="admin", secret="secret")
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_credentials_do_not_go_to_a_token_service_that_no_admin_confirmed(
    fake: FakeRegistry, add: Callable[..., Registry], sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    with FakeRegistry() as stranger:
        fake.habits.auth = Auth.BEARER
        fake.habits.token_realm = f"http://localhost:{stranger.port}/token"
        registry = add(fake, username="admin", secret="secret")
        run = sync(registry)
        assert run.state == RunState.INCOMPLETE
        assert "token" in run.error
        assert all("authorization" not in request.headers for request in stranger.requests)
        assert recorded.tags(registry) == {}


def test_a_run_of_one_repository_does_not_settle_what_the_last_whole_one_asked(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    rule = fake.faults.on("GET", "/v2/_catalog", empty_catalog())
    doubt = sync(company).question
    assert doubt
    fake.faults.remove(rule)
    assert sync(company, paths=["team/web"]).state == RunState.DONE
    assert (company.state, company.state_reason) == (RegistryState.INCOMPLETE, doubt)
    heals(company, fake, sync)


def test_the_counts_of_incomplete_repositories_are_those_of_their_namespaces(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    rule = fake.faults.on("GET", "/team/web/tags/list", answer(500))
    sync(company)
    assert company.namespaces.get(path="team").incomplete_count == 1
    fake.faults.remove(rule)
    sync(company)
    assert company.namespaces.get(path="team").incomplete_count == 0


def heals(registry: Registry, fake: FakeRegistry, sync: Sync) -> None:
    """The next good sync ends in what the registry holds."""
    fake.faults.clear()
    fake.habits.tags_paging = Paging.NONE
    sync.connect = impatient
    run = sync(registry)
    assert run.state == RunState.DONE, (run.error, run.question)
    assert recorded.tags(registry) == recorded.served_tags(fake)
    assert (registry.state, registry.state_reason) == (RegistryState.HEALTHY, "")
    assert registry.complete
    assert registry.synced_at == run.finished_at
    assert not registry.repositories.exclude(complete=True, incomplete_reason="").exists()


def is_a_sentence(text: str) -> bool:
    """Words for a person: no name of a class, no markup, no trace."""
    return len(text.split()) > 3 and not any(mark in text for mark in ("Error", "<", "Traceback"))


def manifest_of(registry: Registry, digest: str) -> Manifest:
    return registry.manifests.get(digest=digest)


def patience_for_pages(pages: int) -> Callable[[Registry], RegistryClient]:
    def limited(registry: Registry) -> RegistryClient:
        client = impatient(registry)
        client._max_pages = pages
        return client

    return limited
