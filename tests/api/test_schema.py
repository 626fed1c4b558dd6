"""The schema and the docs page: complete, valid, and the same as what is served."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from registry_browser.api import urls
from registry_browser.api.errors import PROBLEMS
from tests.api.conftest import ROOT, Caller
from tests.api.test_fields import PROMISED
from tests.record import Record

if TYPE_CHECKING:
    from django.http import HttpResponse

# What the schema does not describe: itself, its page, and what is not there.
NOT_DESCRIBED = {"schema", "docs", "unknown"}


@pytest.fixture
def schema(viewer: Caller) -> Any:
    return viewer.read("schema/")


def test_the_schema_is_valid_and_made_without_a_warning(db: None) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_the_schema_is_json_or_yaml(viewer: Caller, schema: Any) -> None:
    by_parameter = viewer.get("schema/?format=yaml")
    by_header = viewer.get("schema/", Accept="application/vnd.oai.openapi")

    assert schema["openapi"].startswith("3.")
    assert yaml.safe_load(by_parameter.content) == schema
    assert yaml.safe_load(by_header.content) == schema


def test_every_address_is_in_the_schema(schema: Any) -> None:
    patterns = [pattern for pattern in urls.urlpatterns if pattern.name not in NOT_DESCRIBED]
    routes = {re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern)) for pattern in patterns}

    assert {path.removeprefix(ROOT) for path in schema["paths"]} == routes


def test_every_operation_says_how_it_fails_and_has_a_name_of_its_own(schema: Any) -> None:
    operations = [each for methods in schema["paths"].values() for each in methods.values()]

    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        assert operation["summary"]
        assert operation["description"]
        problem = operation["responses"]["401"]["content"]["application/problem+json"]["schema"]
        assert problem == {"$ref": "#/components/schemas/Problem"}
        assert {"token": []} in operation["security"]


def test_every_parameter_of_an_address_is_explained(schema: Any) -> None:
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            described = {
                parameter["name"]
                for parameter in operation.get("parameters", [])
                if parameter["in"] == "path" and parameter["description"]
            }
            assert described == set(re.findall(r"{(\w+)}", path))


@pytest.mark.parametrize("address", ["registries/", "registries/prod/repositories/"])
def test_answers_have_the_fields_that_the_schema_names(
    viewer: Caller, schema: Any, address: str
) -> None:
    Record().repository("app")
    operation = schema["paths"][ROOT + address.replace("prod", "{name}")]["get"]
    page = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    row = resolved(schema, page)["properties"]["results"]["items"]["$ref"]

    [shown] = viewer.read(address)["results"]

    assert set(shown) == set(resolved(schema, row)["properties"])


def test_a_plan_says_in_the_schema_what_its_rows_hold(schema: Any) -> None:
    answers = schema["paths"][f"{ROOT}deletions/{{id}}/"]["get"]["responses"]
    plan = resolved(schema, answers["200"]["content"]["application/json"]["schema"]["$ref"])

    for rows in ("items", "kept"):
        row = resolved(schema, plan["properties"][rows]["items"]["$ref"])
        assert {"repository", "digest", "reason"} <= set(row["properties"])


def resolved(schema: Any, reference: str) -> Any:
    return schema["components"]["schemas"][reference.rpartition("/")[2]]


# -- The page


class Seen(HTMLParser):
    """What a strict Content-Security-Policy would refuse, and the ids of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []
        self.ids: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._script = tag == "script" and "src" not in dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag == "style" or self._script:
            self.refused.append(tag)
        self.refused += [name for name, _ in attrs if name == "style" or name.startswith("on")]


def docs_for(caller: Caller) -> HttpResponse:
    client = Client()
    client.force_login(caller.user)
    return client.get("/api/v1/docs/")  # type: ignore[return-value]


def test_the_docs_need_a_sign_in(db: None) -> None:
    response = Client().get("/api/v1/docs/")

    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")


def test_the_docs_describe_every_operation(viewer: Caller, schema: Any) -> None:
    page = docs_for(viewer).content.decode()

    for path, methods in schema["paths"].items():
        assert path in page
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page


def test_the_docs_name_every_promised_field(viewer: Caller) -> None:
    page = docs_for(viewer).content.decode()

    for fields in PROMISED.values():
        for field in fields.split():
            assert f"<code>results[].{field}</code>" in page or f"<code>{field}</code>" in page


def test_the_type_of_every_problem_leads_to_its_paragraph(viewer: Caller) -> None:
    seen = Seen()
    seen.feed(docs_for(viewer).content.decode())

    assert {f"problem-{problem.slug}" for problem in PROBLEMS} <= set(seen.ids)
    assert len(seen.ids) == len(set(seen.ids))


def test_the_docs_hold_nothing_that_a_strict_policy_refuses(viewer: Caller) -> None:
    response = docs_for(viewer)
    seen = Seen()
    seen.feed(response.content.decode())

    assert "unsafe-inline" not in response["Content-Security-Policy"]
    assert seen.refused == []
