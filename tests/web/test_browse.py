"""Registry, namespace and repository pages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry_browser.models import (
    EventSource,
    PresenceState,
    RegistryState,
    RunState,
    SyncRun,
    SyncTrigger,
)
from tests.record import NOW, Record, digest_of

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
HOSTILE = "<script>alert(1)</script>"


def text_of(client: Client, address: str, status: int = 200, *, htmx: bool = False) -> str:
    response = client.get(address, headers=HTMX if htmx else {})
    assert response.status_code == status, response.content[:2000]
    return response.content.decode()


def filled() -> Record:
    record = Record()
    web = record.repository("team/web/front")
    record.tag(web, "1.0", record.image("app", [record.layer("code", 2048)]), actor="ci-release")
    record.repository("team/api")
    record.repository("tools")
    record.refresh()
    return record


# -- Registry and namespaces


def test_a_registry_shows_its_figures_and_its_first_path_segments(viewer: Client) -> None:
    filled()

    page = text_of(viewer, "/r/prod/")

    assert 'href="/r/prod/team/">team/</a>' in page
    assert 'href="/r/prod/tools/">tools</a>' in page
    assert "2.0 <span" in page
    assert "Tags complete" in page


def test_a_namespace_opens_in_place_and_closes_again(viewer: Client) -> None:
    filled()

    shut = text_of(viewer, "/r/prod/")
    opened = text_of(viewer, "/r/prod/?open=team&open=team/web")

    assert "/r/prod/team/api/" not in shut
    assert 'href="?open=team"' in shut
    assert 'href="/r/prod/team/api/">api</a>' in opened
    assert 'href="/r/prod/team/web/front/">front</a>' in opened
    assert opened.count('aria-expanded="true"') == 2
    # Closing a namespace closes what is open below it.
    assert 'href="?">' in opened or 'href="?"' in opened


def test_htmx_gets_the_tree_alone(viewer: Client) -> None:
    filled()

    region = text_of(viewer, "/r/prod/?open=team", htmx=True)

    assert region.lstrip().startswith('<div class="sheet" id="children">')
    assert "<html" not in region


def test_a_filter_lists_repositories_at_any_depth(viewer: Client) -> None:
    filled()

    page = text_of(viewer, "/r/prod/?q=fro")
    nothing = text_of(viewer, f"/r/prod/?q={HOSTILE}")

    assert ">team/web/front</a>" in page
    assert ">tools</a>" not in page
    assert "No repository has" in nothing
    assert HOSTILE not in nothing


def test_a_path_that_is_repository_and_namespace_shows_both(viewer: Client) -> None:
    record = Record()
    record.repository("team/web")
    record.repository("team/web/cache")
    record.refresh()

    repository = text_of(viewer, "/r/prod/team/web/")
    below = text_of(viewer, "/r/prod/team/web/?below=1")

    assert "?below=1" in repository
    assert 'href="/r/prod/team/web/cache/"' in below
    assert 'href="/r/prod/team/web/"' in below


def test_an_unreachable_registry_says_so_and_shows_the_last_good_data(
    viewer: Client, admin: Client
) -> None:
    record = filled()
    registry = record.registry
    registry.state = RegistryState.UNREACHABLE
    registry.state_since = NOW
    registry.state_reason = "TLS: certificate expired"
    registry.save()
    SyncRun.objects.create(
        registry=registry,
        trigger=SyncTrigger.SCHEDULE,
        state=RunState.FAILED,
        error="The certificate expired",
        created_at=NOW,
    )

    page = text_of(viewer, "/r/prod/")

    assert "prod cannot be reached" in page
    assert "Nothing was marked as deleted." in page
    assert "TLS: certificate expired" in page
    assert "What was tried" in page and "The certificate expired" in page
    assert 'href="/r/prod/team/">team/</a>' in page
    assert "Try now" not in page
    assert "Try now" in text_of(admin, "/r/prod/")


def test_only_admins_get_a_sync_button(viewer: Client, admin: Client) -> None:
    filled()

    for address, posted in (
        ("/r/prod/", 'action="/registries/prod/sync/"'),
        ("/r/prod/tools/", 'action="/registries/prod/sync/?path=tools"'),
    ):
        assert posted in text_of(admin, address)
        assert posted not in text_of(viewer, address)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/r/nowhere/", "No registry is called nowhere"),
        ("/r/prod/team/nothing/", "team/nothing is not in the record"),
        ("/r/prod/team/nothing/-/untagged", "team/nothing is not in the record"),
        ("/r/prod/tools/-/tags/9.9", "The tag 9.9 is not in tools"),
        (f"/r/prod/tools/-/manifests/{digest_of('app')}", "This digest is not in tools"),
        (f"/r/prod/tools/-/manifests/{digest_of('app')}/raw", "This digest is not in tools"),
        (f"/r/prod/-/layers/{digest_of('never seen')}", "No layer"),
    ],
)
def test_what_is_not_in_the_record_is_explained(viewer: Client, address: str, said: str) -> None:
    filled()

    page = text_of(viewer, address, status=404)

    assert said in page
    assert "last sync" in page or "add one" in page or "Search" in page


# -- Tags


def test_tags_show_digest_platforms_size_and_last_change(viewer: Client) -> None:
    record = Record()
    web = record.repository("team/web")
    amd = record.image("amd", [record.layer("amd", 2048)], created_at=NOW - timedelta(days=400))
    arm = record.image("arm", [record.layer("arm", 1024)], platform="linux/arm/v7")
    proof = record.attestation("proof", 5, "https://slsa.dev/provenance/v1")
    index = record.index("i", {"linux/amd64": amd, "linux/arm/v7": arm}, attestations=[proof])
    record.tag(web, "latest", index, actor="ci", source=EventSource.NOTIFICATION, moved_from=amd)
    record.tag(web, "1.0", index)
    record.refresh()

    page = text_of(viewer, "/r/prod/team/web/")

    assert "2 tags on 1 digest" in page
    assert digest_of("i")[7:19] in page
    assert '<span class="chip">amd64</span><span class="chip">arm/v7</span>' in page
    assert "+1 metadata" in page
    assert "pushed by ci" in page and "seen by sync" in page
    assert "pinned" in page
    assert "16 Oct 2025" in page
    assert 'class="track hue-' in page


def test_a_row_opens_to_its_platforms_without_scripts(viewer: Client) -> None:
    record = Record()
    web = record.repository("team/web")
    amd = record.image("amd", [record.layer("amd", 2048)])
    proof = record.attestation("proof", 5, "https://slsa.dev/provenance/v1", "https://spdx.dev/D")
    missing = {"linux/s390x": digest_of("never seen")}
    index = record.index("i", {"linux/amd64": amd}, attestations=[proof], missing=missing)
    record.tag(web, "1.0", index)

    shut = text_of(viewer, "/r/prod/team/web/")
    opened = text_of(viewer, "/r/prod/team/web/?open=1.0")

    assert 'href="?open=1.0"' in shut
    assert amd.digest not in shut
    assert amd.digest in opened
    assert "?platform=linux/amd64" in opened
    assert "provenance" in opened and "SBOM" in opened
    assert "not seen in the registry" in opened


def test_the_filter_and_its_count_come_without_the_page(viewer: Client) -> None:
    record = Record()
    web, image = record.repository("team/web"), record.image("app")
    for name in ("10.18.5", "10.18.4", "11.0"):
        record.tag(web, name, image)

    region = text_of(viewer, "/r/prod/team/web/?q=10.18.*", htmx=True)

    assert region.lstrip().startswith('<div class="sheet" id="tags">')
    assert 'hx-swap-oob="true">2 tags on 1 digest' in region
    assert "11.0" not in region


def test_a_filter_without_matches_offers_to_clear_it(viewer: Client) -> None:
    record = Record()
    record.tag(record.repository("team/web"), "1.0", record.image("app"))

    page = text_of(viewer, "/r/prod/team/web/?q=9.*")

    assert "No tag matches this filter" in page
    assert 'href="/r/prod/team/web/"' in page


def test_a_repository_emptied_of_tags_points_to_what_is_untagged(viewer: Client) -> None:
    record = Record()
    record.present(record.repository("team/web"), record.image("app"))
    record.refresh()

    page = text_of(viewer, "/r/prod/team/web/")

    assert "No tag is in this repository" in page
    assert 'href="/r/prod/team/web/-/untagged"' in page


def test_pages_of_tags_follow_one_another(viewer: Client) -> None:
    record = Record()
    web, image = record.repository("team/web"), record.image("app")
    for number in range(60):
        record.tag(web, f"1.{number}", image)

    first = text_of(viewer, "/r/prod/team/web/")
    second = text_of(viewer, "/r/prod/team/web/?page=2")
    behind = text_of(viewer, "/r/prod/team/web/?page=99")

    assert "1\N{EN DASH}50 of 60" in first and 'href="?page=2"' in first
    assert "51\N{EN DASH}60 of 60" in second
    assert "behind the last tag" in behind
    assert text_of(viewer, "/r/prod/team/web/?page=x") and text_of(
        viewer, "/r/prod/team/web/?page=0"
    )


def test_an_incomplete_repository_keeps_its_data_and_says_what_is_missing(viewer: Client) -> None:
    record = Record()
    web = record.repository(
        "team/web",
        complete=False,
        incomplete_reason="The registry answered 403 to the list of tags.",
        problems=[{"tag": "odd", "reason": "Its bytes do not match its digest."}],
    )
    record.tag(web, "1.0", record.image("app"))

    page = text_of(viewer, "/r/prod/team/web/")

    assert "The registry answered 403" in page
    assert "Its bytes do not match its digest." in page
    assert "Nothing was marked as deleted." in page
    assert ">1.0</a>" in page


def test_the_longest_names_have_their_pages(viewer: Client) -> None:
    record = Record()
    path, tag = "/".join(["a" * 63] * 4)[:255], "v" * 128
    record.tag(record.repository(path), tag, record.image("app"))

    assert tag in text_of(viewer, f"/r/prod/{path}/")
    assert tag in text_of(viewer, f"/r/prod/{path}/-/tags/{tag}")
    assert text_of(viewer, f"/r/prod/{path}/-/untagged")


def test_csv_holds_all_that_the_filter_finds_and_runs_no_formula(viewer: Client) -> None:
    record = Record()
    web = record.repository("team/web")
    image = record.image("app", [record.layer("code", 10)], body_bytes=3)
    record.tag(web, "1.0", image, actor="=HYPERLINK(1)")
    record.tag(web, "-2.0", image)

    response = viewer.get("/r/prod/team/web/-/tags.csv?q=.0")
    body = response.getvalue().decode()

    assert response["Content-Type"].startswith("text/csv")
    head, *lines = body.splitlines()
    assert head.startswith("tag,digest,media_type,platforms,metadata,size_bytes,exclusive_bytes")
    assert len(lines) == 2
    assert any(line.startswith(f"1.0,{image.digest},") for line in lines)
    assert any(line.startswith("'-2.0,") for line in lines)
    assert ",10,13,linux/amd64," in body
    assert "'=HYPERLINK(1)" in body


# -- Untagged and referrers


def untagged() -> Record:
    record = Record()
    web = record.repository("team/web", untagged_known_since=NOW - timedelta(days=300))
    child = record.image("child", [record.layer("code", 10)])
    index = record.index("index", {"linux/amd64": child})
    record.tag(web, "1.0", index)
    record.present(
        web,
        record.artifact("sbom", 5, "application/spdx+json", subject=index),
        PresenceState.REFERRER,
    )
    record.present(web, record.image("old"), untagged_since=NOW - timedelta(days=20))
    record.present(web, record.unparsed("odd", "application/vnd.acme", HOSTILE))
    record.refresh()
    return record


def test_untagged_says_what_each_is_and_why_it_is_here(viewer: Client) -> None:
    untagged()

    page = text_of(viewer, "/r/prod/team/web/-/untagged")

    assert "Untagged is not unused: 2 of these 4" in page
    assert "Child of" in page and digest_of("index")[7:19] in page
    assert "SPDX SBOM" in page and "Refers to" in page
    assert "Untagged since" in page and "child of no index" in page
    assert "could not be parsed" in page and HOSTILE not in page
    assert "cannot list untagged manifests" in page


def test_untagged_narrows_to_a_state(viewer: Client) -> None:
    untagged()

    page = text_of(viewer, "/r/prod/team/web/-/untagged?state=dangling")
    nonsense = text_of(viewer, "/r/prod/team/web/-/untagged?state=tagged")

    assert "1\N{EN DASH}1 of 1" in page
    assert "1\N{EN DASH}4 of 4" in nonsense


def test_untagged_csv_holds_one_state(viewer: Client) -> None:
    untagged()

    response = viewer.get("/r/prod/team/web/-/untagged.csv?state=child")
    body = response.getvalue().decode()

    assert len(body.splitlines()) == 2
    assert f"{digest_of('child')},child,linux/amd64" in body


def test_referrers_name_their_subject(viewer: Client) -> None:
    untagged()

    page = text_of(viewer, "/r/prod/team/web/-/referrers")

    assert "SPDX SBOM" in page
    assert f"/r/prod/team/web/-/manifests/{digest_of('index')}" in page


# -- Speed and safety of all of them


@pytest.mark.parametrize(
    "address",
    [
        "/r/prod/",
        "/r/prod/team/",
        "/r/prod/team/web/",
        "/r/prod/team/web/-/untagged",
        "/r/prod/team/web/-/referrers",
        "/r/prod/-/layers",
        "/search?q=1",
    ],
)
def test_the_number_of_statements_does_not_grow_with_the_record(
    viewer: Client, address: str
) -> None:
    record = Record()
    web = record.repository("team/web")

    def add(number: int) -> None:
        image = record.image(f"image {number}", [record.layer(f"layer {number}", 5)])
        index = record.index(f"index {number}", {"linux/amd64": image})
        record.tag(web, f"1.{number}", index)
        record.present(web, record.image(f"old {number}"))
        sbom = record.artifact(f"sbom {number}", 5, "application/spdx+json", subject=index)
        record.present(web, sbom, PresenceState.REFERRER)
        record.repository(f"team/other{number}")

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            text_of(viewer, address)
        return len(captured)

    add(0)
    statements()  # The first request of a session may do more.
    few = statements()
    for number in range(1, 15):
        add(number)

    assert statements() == few
