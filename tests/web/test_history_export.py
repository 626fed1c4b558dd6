"""Exports and seals, as an auditor finds them on the pages."""

from __future__ import annotations

import csv
import io
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from registry_browser.history.export_check import check_export
from registry_browser.history.verify import verify
from registry_browser.models import AuditEvent, Seal, TagEvent
from tests.history.trail import Trail, minute
from tests.record import Record

if TYPE_CHECKING:
    from django.test import Client

ROOT = "/r/prod/team/web/-/history/export."


@pytest.fixture
def trail(db: None) -> Trail:
    record = Record()
    trail = Trail(record, record.repository("team/web"))
    trail.look(minute(0), {"stable": "one", "1.0": "one"})
    trail.look(minute(10), {"stable": "two", "1.0": "one"}, actor="=cmd|' /C calc'!A0")
    return trail


def download(client: Client, address: str) -> bytes:
    response = client.get(address)
    assert response.status_code == 200
    return b"".join(response) if response.streaming else response.content


def test_an_export_holds_exactly_the_filtered_view(trail: Trail, auditor: Client) -> None:
    *rows, last = download(auditor, f"{ROOT}jsonl?tag=stable").splitlines()

    assert [json.loads(row)["event"] for row in rows] == ["moved", "created"]
    manifest = json.loads(last)["manifest"]
    assert manifest["rows"] == 2
    assert manifest["filters"] == {"tag": "stable", "registry": "prod", "repository": "team/web"}


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("/r/prod/-/history/export.jsonl?registry=other", "prod"),
        ("/r/prod/team/web/-/history/export.jsonl?registry=other", "prod"),
        ("/history/export.jsonl?registry=prod", "prod"),
        ("/history/export.jsonl?registry=%00", None),
    ],
)
def test_the_manifest_names_the_registry_whose_rows_it_has(
    trail: Trail, auditor: Client, address: str, named: str | None
) -> None:
    *rows, last = download(auditor, address).splitlines()

    assert len(rows) == 3
    assert json.loads(last)["manifest"]["filters"].get("registry") == named
    assert AuditEvent.objects.get(action="history:exported").detail.get("registry") == named


def test_a_file_does_not_prove_that_no_row_was_left_out_and_says_how_to_see_it(
    trail: Trail, auditor: Client
) -> None:
    body = download(auditor, f"{ROOT}jsonl")
    whole = json.loads(body.splitlines()[-1])["manifest"]
    *rows, _ = body.splitlines(keepends=True)
    less = b"".join(rows[1:])
    forged = {**whole, "rows": len(rows) - 1, "body_sha256": sha256(less).hexdigest()}
    file = SimpleUploadedFile("a", less + json.dumps({"manifest": forged}).encode() + b"\n")

    page = auditor.post("/history/seals/check", {"file": file}).content.decode()

    assert "Whether rows were left out, a file cannot prove" in page
    again = download(auditor, f"{ROOT}jsonl?up_to={whole['up_to_id']}")
    assert json.loads(again.splitlines()[-1])["manifest"]["body_sha256"] == whole["body_sha256"]


def test_csv_is_safe_in_a_spreadsheet_and_ends_in_its_manifest(
    trail: Trail, auditor: Client
) -> None:
    body = download(auditor, f"{ROOT}csv")
    table = list(csv.reader(io.StringIO(body.decode())))

    assert table[1][table[0].index("actor")] == "'=cmd|' /C calc'!A0"
    assert table[-1][0] == "#manifest"
    manifest: dict[str, Any] = json.loads(table[-1][1])
    assert manifest["rows"] == 3
    content = b"".join(body.splitlines(keepends=True)[:-1])
    assert manifest["body_sha256"] == sha256(content).hexdigest()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_actor_of_several_lines_stays_one_row(trail: Trail, auditor: Client, form: str) -> None:
    strange = 'eve "the\r\n{"manifest": "one"}\n#manifest,\n"'
    trail.look(minute(60), {**trail.tags, "stable": "one"}, actor=strange)
    body = download(auditor, f"{ROOT}{form}")

    file = {"file": SimpleUploadedFile("a", body)}
    assert "The export holds" in auditor.post("/history/seals/check", file).content.decode()


def test_an_export_ends_in_a_seal_that_covers_it(trail: Trail, auditor: Client) -> None:
    manifest = json.loads(download(auditor, f"{ROOT}jsonl").splitlines()[-1])["manifest"]

    seal = Seal.objects.get(digest=manifest["seal"]["digest"])
    assert seal.tags_last >= TagEvent.objects.order_by("-id")[0].pk
    assert verify().holds


def test_the_manifest_alone_is_that_of_the_file(trail: Trail, auditor: Client) -> None:
    up_to = TagEvent.objects.order_by("-id")[0].pk
    file = json.loads(download(auditor, f"{ROOT}jsonl?up_to={up_to}").splitlines()[-1])["manifest"]
    trail.look(minute(20), {"stable": "three", "1.0": "one"})
    alone = json.loads(download(auditor, f"{ROOT}jsonl.manifest.json?up_to={up_to}"))

    assert {**alone, "exported_at": ""} == {**file, "exported_at": ""}


def test_many_chunks_make_one_file(
    trail: Trail, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_browser.queries.history.events.CHUNK", 2)
    for number in range(7):
        trail.look(minute(20 + number), {"stable": f"image {number}", "1.0": "one"})

    *rows, _ = download(auditor, f"{ROOT}jsonl").splitlines()

    ids = [int(json.loads(row)["id"]) for row in rows]
    assert ids == list(TagEvent.objects.order_by("-seen_at", "-id").values_list("id", flat=True))


def test_exports_are_noted_with_their_filters_and_address(trail: Trail, auditor: Client) -> None:
    download(auditor, f"{ROOT}csv?kind=moved")

    event = AuditEvent.objects.get(action="history:exported")
    assert event.actor == "some-auditor"
    assert event.detail["kind"] == "moved"
    assert event.address == "127.0.0.1"


def test_viewers_export_nothing(trail: Trail, viewer: Client) -> None:
    assert viewer.get(f"{ROOT}csv").status_code == 403
    assert viewer.get("/history/seals").status_code == 403


def test_a_filter_that_is_not_understood_exports_nothing(trail: Trail, auditor: Client) -> None:
    response = auditor.get(f"{ROOT}csv?since=yesterday")

    assert response.status_code == 400
    assert "is no moment" in response.content.decode()


def test_an_unknown_form_is_not_found(trail: Trail, auditor: Client) -> None:
    assert auditor.get(f"{ROOT}exe").status_code == 404


def test_an_auditor_checks_a_file_on_the_page(trail: Trail, auditor: Client) -> None:
    body = download(auditor, f"{ROOT}csv")

    good = auditor.post("/history/seals/check", {"file": SimpleUploadedFile("a.csv", body)})
    bad = auditor.post(
        "/history/seals/check",
        {"file": SimpleUploadedFile("b.csv", body.replace(b"stable", b"steady"))},
    )

    assert "The export holds" in good.content.decode()
    assert "The export does not hold" in bad.content.decode()
    assert AuditEvent.objects.filter(action="export:checked").count() == 2


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"a,b\n1,2\n", b"{}\n", b'{"manifest": 3}\n']
)
def test_what_is_no_export_is_refused_with_a_sentence(
    trail: Trail, auditor: Client, content: bytes
) -> None:
    file = SimpleUploadedFile("x.csv", content or b"\n")
    page = auditor.post("/history/seals/check", {"file": file}).content.decode()

    assert "The export does not hold" in page


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("field", "forged"),
    [
        ("seal", "x"),
        ("seal", [1, 2]),
        ("seal", {"number": "abc", "digest": "0" * 64}),
        ("seal", {"number": 10**30, "digest": "0" * 64}),
        ("seal", {"number": 1, "digest": "\0"}),
        ("seal", {"number": True, "digest": "0" * 64}),
        ("rows", "3"),
        ("body_sha256", None),
        ("ledger", ["tags"]),
        ("up_to_id", {}),
    ],
)
def test_a_forged_manifest_is_refused_with_a_sentence(
    trail: Trail, auditor: Client, form: str, field: str, forged: object
) -> None:
    body, manifest = split(download(auditor, f"{ROOT}{form}"), form)
    manifest[field] = forged

    found = check_export(io.BytesIO(body + ending(manifest, form)))

    assert not found.holds
    assert found.sentence == "The manifest at the end of the file is not complete."


@pytest.mark.parametrize("start", [b'{"manifest":', b'{"id":'])
def test_a_line_that_is_nested_without_end_is_refused_with_a_sentence(
    db: None, start: bytes
) -> None:
    found = check_export(io.BytesIO(start + b"[" * 100_000 + b"\n"))

    assert not found.holds
    assert "cannot be read" in found.sentence


def split(file: bytes, form: str) -> tuple[bytes, dict[str, Any]]:
    """The rows of a file, and its manifest."""
    *rows, last = file.splitlines(keepends=True)
    if form == "jsonl":
        return b"".join(rows), json.loads(last)["manifest"]
    return b"".join(rows), json.loads(next(csv.reader([last.decode()]))[1])


def ending(manifest: dict[str, Any], form: str) -> bytes:
    """The last line of a file with this manifest."""
    if form == "jsonl":
        return json.dumps({"manifest": manifest}).encode() + b"\n"
    line = io.StringIO()
    csv.writer(line).writerow(["#manifest", json.dumps(manifest)])
    return line.getvalue().encode()
