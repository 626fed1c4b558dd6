"""From what a person types to where it is."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from pytest_django import DjangoAssertNumQueries

from registry_browser.models import User
from registry_browser.queries.references import Destination, Explanation, resolve
from registry_browser.queries.search import search
from tests.record import Record, digest_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> User:
    return User.objects.create(username="reader")


def filled() -> Record:
    record = Record()
    web = record.repository("team/web")
    record.tag(web, "1.0", record.image("app", [record.layer("code", 10)]))
    record.repository("team/api")
    return record


def destination(kind: str, **where: Any) -> Destination:
    return Destination(kind=kind, registry=where.pop("registry", "prod"), **where)


APP = digest_of("app")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("registry.example/team/web", destination("place", path="team/web")),
        ("registry.example/team/web:1.0", destination("tag", path="team/web", tag="1.0")),
        (
            "docker pull registry.example/team/web:1.0",
            destination("tag", path="team/web", tag="1.0"),
        ),
        ("REGISTRY.example:443/team/web", destination("place", path="team/web")),
        ("team/web", destination("place", path="team/web")),
        ("team/web:1.0", destination("tag", path="team/web", tag="1.0")),
        (f"team/web@{APP}", destination("manifest", path="team/web", digest=APP)),
        (f"team/web:9@{APP}", destination("manifest", path="team/web", digest=APP)),
        (APP, destination("manifest", path="team/web", digest=APP)),
        (APP.removeprefix("sha256:")[:12], destination("manifest", path="team/web", digest=APP)),
        (digest_of("code"), destination("layer", digest=digest_of("code"))),
        (digest_of("config of app"), destination("layer", digest=digest_of("config of app"))),
        ("registry.example/team", destination("place", path="team")),
        (
            "https://registry.example/v2/team/web/manifests/1.0",
            destination("tag", path="team/web", tag="1.0"),
        ),
    ],
)
def test_a_reference_leads_to_its_page(reader: User, text: str, expected: Destination) -> None:
    filled()

    assert resolve(reader, text) == expected


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("gcr.io/proj/img:1", "gcr.io is not connected"),
        ("registry.example/team/nothing", "team/nothing is not in the record"),
        ("team/web:2.0", "The tag 2.0 is not in team/web"),
        (f"team/web@sha256:{'0' * 64}", f"The digest sha256:{'0' * 64} is not in team/web"),
        (
            "sha256:" + "0" * 64,
            "No manifest, layer or config in the record begins with this digest",
        ),
        ("what is this", "Nothing here has this name"),
    ],
)
def test_what_leads_nowhere_is_explained(reader: User, text: str, heading: str) -> None:
    filled()

    found = resolve(reader, text)

    assert isinstance(found, Explanation)
    assert found.heading == heading
    assert found.next_step


def test_a_missing_repository_names_those_that_are_called_alike(reader: User) -> None:
    filled()

    found = resolve(reader, "registry.example/old-team/web")

    assert isinstance(found, Explanation)
    assert found.nearby == [destination("place", path="team/web")]


def test_a_reference_without_a_registry_that_several_hold_asks_which(reader: User) -> None:
    filled()
    other = Record("other", "https://other.example")
    other.repository("team/web")

    found = resolve(reader, "team/web")

    assert isinstance(found, Explanation)
    assert {each.registry for each in found.choices} == {"prod", "other"}


def test_a_digest_in_several_repositories_asks_which(reader: User) -> None:
    record = filled()
    record.tag(record.repository("team/copy"), "1", record.image("copied"))
    record.tag(record.repository("team/copy2"), "1", record.registry.manifests.get(digest=APP))

    found = resolve(reader, APP)

    assert isinstance(found, Explanation)
    assert [each.path for each in found.choices] == ["team/copy2", "team/web"]


@pytest.mark.parametrize("text", ["nginx", "docker pull nginx", "docker.io/library/nginx"])
def test_docker_hub_has_its_library(reader: User, text: str) -> None:
    hub = Record("hub", "https://registry-1.docker.io")
    hub.repository("library/nginx")

    assert resolve(reader, text) == destination("place", registry="hub", path="library/nginx")


def test_who_is_not_signed_in_finds_nothing() -> None:
    filled()
    nobody = AnonymousUser()

    assert search(nobody, "web") == []
    assert isinstance(resolve(nobody, "team/web"), Explanation)


def test_search_groups_what_it_finds(reader: User) -> None:
    record = filled()
    record.tag(record.repository("mobile/webview"), "web-1", record.image("view"))

    groups = {
        group.title: [match.name for match in group.matches] for group in search(reader, "web")
    }

    assert groups == {"Repositories": ["team/web", "mobile/webview"], "Tags": ["web-1"]}


def test_search_looks_for_a_tag_in_a_named_repository(reader: User) -> None:
    record = filled()
    record.tag(record.repository("team/cli"), "1.0", record.image("cli"))

    groups = {group.title: group.matches for group in search(reader, "web:1")}

    assert [match.destination.path for match in groups["Tags"]] == ["team/web"]


def test_search_finds_digests_by_their_beginning(reader: User) -> None:
    filled()
    code = digest_of("code")

    by_manifest = {group.title: group.matches for group in search(reader, APP[7:19])}
    by_layer = {group.title: group.matches for group in search(reader, code[:20])}

    assert [match.name for match in by_manifest["Manifests"]] == [APP]
    assert [match.name for match in by_layer["Layers and configs"]] == [code]
    assert "Manifests" not in by_layer


def test_text_with_wildcards_is_only_text(reader: User) -> None:
    filled()

    assert search(reader, "t%b") == []
    assert search(reader, "_eam") == []


@pytest.mark.parametrize("count", [1, 20])
def test_a_search_costs_the_same_however_much_it_finds(
    reader: User, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    record = Record()
    for number in range(count):
        record.tag(
            record.repository(f"team/web{number}"), f"web{number}", record.image(f"{number}")
        )

    with django_assert_num_queries(6):
        groups = search(reader, "web")

    assert [len(group.matches) for group in groups] == [min(count, 8)] * 2
    assert all(group.more == (count > 8) for group in groups)
