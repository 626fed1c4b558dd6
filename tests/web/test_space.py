"""Pages of space, untagged manifests and sharing."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry_browser.models import (
    DeletionItem,
    DeletionPlan,
    PlaceFigure,
    PlanState,
    Protection,
    SyncRun,
)
from tests.record import Record, digest_of
from tests.reports.test_space_by_hand import company

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def text_of(client: Client, address: str, status: int = 200, *, htmx: bool = False) -> str:
    response = client.get(address, headers=HTMX if htmx else {})
    assert response.status_code == status, response.content[:2000]
    return response.content.decode()


def rows_of(client: Client, address: str) -> list[dict[str, str]]:
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def test_the_report_begins_with_what_could_be_won_back(viewer: Client) -> None:
    company()

    page = text_of(viewer, "/r/prod/-/space")

    assert "Deleting all 3 dangling manifests would let" in page
    assert '<dd class="figure">80 bytes</dd>' in page
    assert "No tag would change." in page
    assert "Tags complete: all 3 repositories listed" in page
    assert "this registry cannot list them, so older ones are not counted" in page


def test_a_registry_of_nothing_that_dangles_says_so(viewer: Client) -> None:
    record = Record()
    record.tag(record.repository("web"), "1", record.image("web", [record.layer("code", 10)]))
    record.refresh()

    page = text_of(viewer, "/r/prod/-/space")

    assert "Nothing dangles here" in page
    assert "Plan deletion" not in page


def test_one_walks_in_from_registry_to_namespace_to_layers(viewer: Client) -> None:
    company()

    assert 'href="/r/prod/team/-/space"' in text_of(viewer, "/r/prod/-/space")
    assert 'href="/r/prod/team/web/-/space"' in text_of(viewer, "/r/prod/team/-/space")
    leaf = text_of(viewer, "/r/prod/team/web/-/space")
    assert f'href="/r/prod/-/layers/{digest_of("code")}"' in leaf
    assert "Shared with other repositories" in leaf


def test_the_table_has_the_figures_of_the_map(viewer: Client) -> None:
    company()

    page = text_of(viewer, "/r/prod/-/space?view=table", htmx=True)

    assert '<section class="sheet" id="parts"' in page
    assert "<!doctype" not in page
    assert 'title="230 bytes"' in page
    assert 'title="1,050 bytes"' in page


def test_the_exclusive_map_leaves_out_what_is_shared(viewer: Client) -> None:
    company()

    assert "held by two or more" in text_of(viewer, "/r/prod/-/space")
    page = text_of(viewer, "/r/prod/-/space?by=exclusive")
    assert "held by two or more" not in page
    assert 'href="/r/prod/team/-/space?by=exclusive"' in page


def test_a_selection_is_added_up_as_one_set(viewer: Client) -> None:
    company()

    page = text_of(viewer, "/r/prod/-/space?view=table&select=team&select=tool")

    assert "2 places together:" in page
    assert 'title="1,284 bytes"' in page
    assert 'title="80 bytes"' in page


def test_only_admins_are_led_to_a_plan(viewer: Client, admin: Client) -> None:
    company()
    address = "/deletions/plan/?registry=prod&amp;prefix=team"

    assert f'href="{address}"' in text_of(admin, "/r/prod/team/-/space")
    assert f'href="{address}"' in text_of(admin, "/r/prod/team/-/dangling")
    assert "Plan deletion of 2 dangling" in text_of(admin, "/r/prod/team/-/dangling")
    assert "/deletions/plan/" not in text_of(viewer, "/r/prod/team/-/space")


def test_incomplete_data_stays_readable_and_says_what_is_missing(viewer: Client) -> None:
    record = company()
    record.repository("zoo", complete=False, incomplete_reason="403: the token lacks pull")

    page = text_of(viewer, "/r/prod/-/space")

    assert "Incomplete: 3 of 4 repositories listed completely" in page
    assert "403: the token lacks pull" in page


def test_a_registry_before_its_first_sync_has_a_page(viewer: Client) -> None:
    Record()

    assert "There is nothing to draw" in text_of(viewer, "/r/prod/-/space")
    assert "Nothing dangles here" in text_of(viewer, "/r/prod/-/dangling")
    assert "No two repositories have anything in common" in text_of(viewer, "/r/prod/-/sharing")


def test_deletions_are_marked_in_the_trend(viewer: Client) -> None:
    from datetime import UTC, datetime

    record, now = company(), datetime.now(UTC)
    for days in (10, 5, 1):
        SyncRun.objects.create(
            registry=record.registry,
            trigger="schedule",
            state="done",
            created_at=now - timedelta(days=days),
            finished_at=now - timedelta(days=days),
            stored_bytes=1000 * days,
        )
    plan = DeletionPlan.objects.create(
        registry=record.registry,
        registry_name="prod",
        grace=timedelta(hours=24),
        creator="someone",
        created_at=now,
        as_of=now,
        expires_at=now,
        evidence="",
        state=PlanState.DONE,
        finished_at=now - timedelta(days=5),
        freed_bytes=7,
    )

    page = text_of(viewer, "/r/prod/-/space")

    assert "Stored bytes over time" in page
    assert f"<title>deletion {plan.pk}</title>" in page


def test_namespaces_and_repositories_have_trends_with_the_deletions_in_them(
    viewer: Client,
) -> None:
    from datetime import UTC, datetime

    record, now = company(), datetime.now(UTC)
    path = record.registry.repositories.filter(path__startswith="team/")[0].path
    for place in ("team", path):
        for days in (10, 5):
            PlaceFigure.objects.create(
                registry=record.registry,
                path=place,
                day=(now - timedelta(days=days)).date(),
                stored_bytes=1000 * days,
                reclaimable_bytes=0,
            )
    plan = DeletionPlan.objects.create(
        registry=record.registry,
        registry_name="prod",
        grace=timedelta(hours=24),
        creator="someone",
        created_at=now,
        as_of=now,
        expires_at=now,
        evidence="",
        state=PlanState.DONE,
        finished_at=now - timedelta(days=5),
        freed_bytes=7,
    )
    DeletionItem.objects.create(
        plan=plan, position=0, path=path, digest=digest_of("gone"), media_type="x", what="image",
        bytes_alone=7, outcome="deleted",
    )  # fmt: skip

    for place in ("team", path):
        page = text_of(viewer, f"/r/prod/{place}/-/space")
        assert "Stored bytes over time" in page
        assert f"<title>deletion {plan.pk}</title>" in page
    other = record.registry.repositories.exclude(path__startswith="team/")[0].path
    assert "Stored bytes over time" not in text_of(viewer, f"/r/prod/{other}/-/space")


def test_several_registries_add_up_and_one_shows_its_own(viewer: Client) -> None:
    company()
    assert viewer.get("/space/").headers["Location"] == "/r/prod/-/space"
    other = Record("acr", "https://acr.example")
    other.present(other.repository("x"), other.image("x", [other.layer("base", 1000)]))
    other.refresh()

    page = text_of(viewer, "/space/")

    assert "Deleting all 4 dangling manifests" in page
    assert '<dd class="figure">1,080 bytes</dd>' in page
    assert 'href="/r/acr/-/space"' in page
    assert digest_of("base")[7:19] in page
    assert 'href="/r/acr/-/dangling"' in text_of(viewer, "/space/?view=table")


def test_the_untagged_report_answers_what_may_go_and_what_that_brings(viewer: Client) -> None:
    company()

    page = text_of(viewer, "/r/prod/-/dangling")

    assert "3 manifests dangle in 3 repositories" in page
    assert "Only what dangles may be planned for deletion." in page
    for name in ("old web", "old api", "old tool"):
        assert digest_of(name)[7:19] in page


def test_untagged_rows_are_narrowed_by_state(viewer: Client) -> None:
    record = company()
    web = record.repository("more/web")
    live = record.index("live", {"linux/amd64": record.image("child", [record.layer("c", 8)])})
    record.tag(web, "1", live)
    record.refresh()

    child = text_of(viewer, "/r/prod/-/dangling?state=child", htmx=True)

    assert "Child of" in child and digest_of("live")[7:19] in child
    assert digest_of("old web")[7:19] not in child
    every = text_of(viewer, "/r/prod/-/dangling?state=all&sort=-size")
    assert digest_of("old web")[7:19] in every and digest_of("child")[7:19] in every


def test_the_untagged_report_says_what_may_keep_what_no_tag_reaches(viewer: Client) -> None:
    record = company()
    Protection.objects.create(
        registry=record.registry, reason="wait", actor="ada", created_at=record.now
    )
    record.refresh()

    page = text_of(viewer, "/r/prod/-/dangling")

    assert "3 more are kept by a lock, by what is attached, or by what stays here or in " in page
    assert "in another repository. Only what dangles may be planned for deletion." in page


def test_sharing_shows_bases_pairs_and_copies(viewer: Client) -> None:
    company()

    page = text_of(viewer, "/r/prod/-/sharing")

    assert "Likely base images" in page
    assert 'title="team/api and team/web: 1000 B in common"' in page.replace("1,000 B", "1000 B")
    assert "All 3 repositories that share anything were compared." in page
    assert "No layer is under two registries" in page
    assert "Likely base images" not in text_of(viewer, "/r/prod/team/-/sharing")


def test_csv_holds_exact_bytes_of_what_the_tables_show(viewer: Client) -> None:
    company()

    space = rows_of(viewer, "/r/prod/-/space.csv?sort=name")
    pairs = rows_of(viewer, "/r/prod/-/pairs.csv")
    untagged = rows_of(viewer, "/r/prod/team/-/dangling.csv?state=dangling")
    bases = rows_of(viewer, "/r/prod/-/bases.csv")

    assert [(row["path"], row["kind"], row["reclaimable_bytes"]) for row in space] == [
        ("team", "namespace", "30"),
        ("tool", "repository", "0"),
    ]
    assert {(row["first"], row["second"]): row["common_bytes"] for row in pairs} == {
        ("team/api", "team/web"): "1000",
        ("team/api", "tool"): "1050",
        ("team/web", "tool"): "1000",
    }
    assert [(row["repository"], row["alone_bytes"], row["set_bytes"]) for row in untagged] == [
        ("team/web", "30", "30"),
        ("team/api", "0", "0"),
    ]
    assert [row["images"] for row in bases] == ["3"]
    assert rows_of(viewer, "/space/copies.csv") == []
    [registry] = rows_of(viewer, "/space.csv")
    assert (registry["registry"], registry["reclaimable_bytes"]) == ("prod", "80")
    layers = rows_of(viewer, "/r/prod/-/layers.csv?sort=-size")
    assert [(row["size"], row["manifests"]) for row in layers][:2] == [("1000", "4"), ("200", "1")]


@pytest.mark.parametrize("view", ["space", "dangling", "sharing", "space.csv", "pairs.csv"])
def test_unknown_places_are_explained(viewer: Client, view: str) -> None:
    company()

    assert "is not in the record" in text_of(viewer, f"/r/prod/nowhere/-/{view}", 404)
    assert "No registry is called" in text_of(viewer, f"/r/nowhere/-/{view}", 404)


@pytest.mark.parametrize("view", ["space", "dangling", "sharing", "space.csv", "dangling.csv"])
def test_nothing_is_shown_without_a_sign_in(sign_in: Callable[[str], Client], view: str) -> None:
    company()

    response = sign_in("anonymous").get(f"/r/prod/-/{view}")

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(
    "address",
    [
        *("/r/prod/-/space", "/r/prod/-/space?view=table", "/r/prod/team/-/space", "/space/"),
        *("/r/prod/-/dangling", "/r/prod/-/dangling?state=all", "/r/prod/team/-/dangling"),
        *("/r/prod/-/sharing", "/r/prod/-/layers"),
    ],
)
def test_a_page_takes_as_many_statements_however_much_it_shows(
    viewer: Client, address: str
) -> None:
    record = company()
    viewer.get(address)
    with CaptureQueriesContext(connection) as few:
        viewer.get(address)
    before = len(few)
    for number in range(12):
        repository = record.repository(f"team/app-{number}")
        record.tag(repository, "1", record.image(f"{number}", [record.layer("base", 1000)]))
        record.present(repository, record.image(f"o{number}", [record.layer(f"o{number}", 1)]))
    record.refresh()

    with CaptureQueriesContext(connection) as many:
        viewer.get(address)

    assert len(many) == before


def test_orders_and_pages_that_make_no_sense_show_the_first(viewer: Client) -> None:
    company()

    assert text_of(viewer, "/r/prod/-/space?view=table&sort=;&page=x&select=%00") != ""
    assert "behind the last one" in text_of(viewer, "/r/prod/-/dangling?page=9")
