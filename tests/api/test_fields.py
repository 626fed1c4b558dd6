"""The fields that callers may rely on, as DESIGN's table of the REST API names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry_browser.models import PresenceState
from tests.api.test_sync import a_run
from tests.record import NOW, Record, digest_of

if TYPE_CHECKING:
    from tests.api.conftest import Caller

REGISTRY = (
    "name url dialect capabilities repositories tags manifests stored_bytes apparent_bytes "
    "reclaimable_bytes complete synced_at"
)
RUN = "id kind state done total errors started_at finished_at"
REPOSITORY = (
    "path tags manifests dangling stored_bytes exclusive_bytes reclaimable_bytes complete "
    "incomplete_reason synced_at"
)
TAG = "name digest media_type platforms size_bytes image_created_at first_seen_at changed_at"
MANIFEST = (
    "digest media_type artifact_type body_bytes state tags parents children referrers subject "
    "layers "
    "config annotations exclusive_bytes raw"
)
LAYER = "digest size references manifests repositories saved_bytes"
APP = f"registries/prod/repositories/team/app/-/manifests/{digest_of('app')}/"
PROMISED = {
    "registries/": REGISTRY,
    "registries/prod/": REGISTRY,
    "runs/": RUN,
    "registries/prod/repositories/": REPOSITORY,
    "registries/prod/repositories/team/app/": REPOSITORY,
    "registries/prod/repositories/team/app/-/tags/": TAG,
    "registries/prod/repositories/team/app/-/tags/1.0/": TAG,
    "registries/prod/repositories/team/app/-/manifests/": MANIFEST,
    APP: MANIFEST,
    "registries/prod/layers/": LAYER,
    f"registries/prod/layers/{digest_of('base')}/": LAYER,
}


@pytest.fixture
def record(db: None) -> Record:
    record = Record()
    app = record.image("app", [record.layer("base", 1000)], created_at=NOW)
    both = record.index("both", {"linux/amd64": app})
    sbom = record.artifact("sbom", 7, "application/spdx+json", subject=app)
    repository = record.repository("team/app")
    record.tag(repository, "1.0", both)
    record.present(repository, sbom, PresenceState.REFERRER)
    record.refresh()
    a_run(record.registry)
    return record


@pytest.mark.parametrize(("address", "fields"), PROMISED.items(), ids=PROMISED)
def test_an_address_gives_every_promised_field(
    record: Record, viewer: Caller, address: str, fields: str
) -> None:
    answer = viewer.read(address)
    row = answer["results"][0] if "results" in answer else answer

    assert not set(fields.split()) - set(row)


def test_parts_of_a_manifest_have_their_promised_fields(record: Record, viewer: Caller) -> None:
    both = viewer.read(APP.replace(digest_of("app"), digest_of("both")))
    app = viewer.read(APP)

    assert {"digest", "platform"} <= set(both["children"][0])
    assert {"digest", "size", "media_type", "created_by", "shared_with"} <= set(app["layers"][0])


def test_times_are_utc_and_say_so(record: Record, viewer: Caller) -> None:
    assert viewer.read("registries/prod/")["synced_at"] == "2026-11-20T14:26:00Z"
