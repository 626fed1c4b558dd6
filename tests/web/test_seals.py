"""The page of seals: the chain, and how a verification that somebody asks for goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from registry_browser.history import audit
from registry_browser.history.seals import seal_all
from registry_browser.models import Seal
from registry_browser.queries.history.seals import VERIFIED_WITHIN
from registry_browser.tasks import verify_history
from tests.history.trail import Trail, minute
from tests.record import Record

if TYPE_CHECKING:
    from django.test import Client

POLLS = 'hx-trigger="every 2s"'


@pytest.fixture
def trail(db: None) -> Trail:
    """A tag with one sealed event."""
    record = Record()
    trail = Trail(record, record.repository("team/web"))
    trail.look(minute(0), {"stable": "one"})
    seal_all(minute(1))
    return trail


def state(client: Client) -> str:
    """The part of the page that is polled, as htmx asks for it."""
    return client.get("/history/seals", headers={"HX-Request": "true"}).content.decode()


def test_the_chain_is_shown_and_what_is_open(trail: Trail, auditor: Client) -> None:
    trail.look(minute(30), {"stable": "two"})

    page = auditor.get("/history/seals").content.decode()

    assert Seal.objects.latest("number").digest in page
    assert "sealed, 1 open" in page
    assert "Not verified yet" in page
    assert POLLS not in page


def test_a_verification_under_way_is_polled_until_its_outcome_is_there(
    trail: Trail, auditor: Client
) -> None:
    audit.record("history:verify", actor="some-auditor", now=datetime.now(UTC))

    waiting = state(auditor)
    verify_history("some-auditor")
    over = state(auditor)

    assert "A verification is under way" in waiting
    assert POLLS in waiting
    assert "Every seal held" in over
    assert "asked for by some-auditor" in over
    assert POLLS not in over


def test_a_verification_that_no_worker_finishes_is_said_to_have_no_outcome(
    trail: Trail, auditor: Client
) -> None:
    audit.record("history:verify", actor="some-auditor", now=datetime.now(UTC) - VERIFIED_WITHIN)

    page = state(auditor)

    assert "A verification has no outcome" in page
    assert "See that a worker runs" in page
    assert POLLS not in page


def test_only_the_polled_part_is_sent_to_htmx(trail: Trail, auditor: Client) -> None:
    assert state(auditor).lstrip().startswith('<div class="stack near" id="seal-state"')
