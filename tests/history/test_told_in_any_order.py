"""A tag changes, looks see some of it, and each change is told a while later, in order: whatever
comes when, the ledger is what happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from registry_browser.history.told import PATIENCE, Sighting, Standing, Step, Told, later, weave

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STATES = ("", *(f"sha256:{letter * 64}" for letter in "abc"))
FEW = STATES[:3]
LATEST = PATIENCE.total_seconds() - 1
"""Seconds after which every change has been told."""


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Change:
    """The tag pointed to `new` from `moment` on, which was told at `told`, both in seconds. Some
    registries tell a moment before.
    """

    old: str
    new: str
    moment: float
    told: float

    @property
    def begun(self) -> float:
        return min(self.moment, self.told)


@dataclass
class Dashboard:
    """What a registry's dashboard knows of one tag."""

    changes: Sequence[Change]
    ledger: list[Step] = field(default_factory=list)
    _held: list[Sighting] = field(default_factory=list)
    _state: str = ""
    _changed_at: datetime | None = None
    _looked_at: float = 0.0
    _settled: set[int] = field(default_factory=set)
    _unseen: dict[int, datetime] = field(default_factory=dict)

    def look(self, moment: float, seconds: float) -> None:
        """Ask at `moment`; the tag is answered in the middle, and all stored at the end."""
        began, ended = at(moment), at(moment + seconds)
        seen = self._at(moment + seconds / 2)
        since = later(at(self._looked_at), self._changed_at)
        sightings = list(self._held)
        if seen != self._state or not sightings:
            sightings.append(Sighting(self._state, seen, since, ended))
        told = [
            Told(pk, "v1", each.new, not each.new, at(each.begun), at(each.told))
            for pk, each in enumerate(self.changes)
            if pk not in self._settled and at(each.told) <= ended
        ]
        last = self.ledger[-1] if self.ledger else None
        woven = weave(
            sightings,
            told,
            looked_at=began,
            last=Standing(last.not_before, last.seen_at, told=last.told is not None)
            if last
            else None,
            hold_since=ended - PATIENCE,
        )
        self.ledger += woven.steps
        self._settled |= {*woven.written, *woven.known}
        self._held = sightings[len(sightings) - woven.held :]
        for each in told:
            if (
                not self._held
                and each.received_at <= began
                and self._unseen.setdefault(each.pk, began) <= began - PATIENCE
            ):
                self._settled.add(each.pk)
        if seen != self._state:
            self._state, self._changed_at = seen, began
        self._looked_at = moment

    def _at(self, moment: float) -> str:
        return next((each.new for each in reversed(self.changes) if each.moment <= moment), "")


@st.composite
def scripts(draw: st.DrawFn) -> list[Change]:
    """Changes of one tag, each told a while after, and none before the one before it."""
    changes: list[Change] = []
    moment = told = 1.0
    state = ""
    for _ in range(draw(st.integers(1, 12))):
        moment += draw(st.sampled_from((0.1, 0.5, 3.0, 30.0)))
        told = max(told, moment + draw(st.sampled_from((-0.05, 0.01, 0.3, 2.0, LATEST))))
        new = draw(st.sampled_from([each for each in STATES if each != state]))
        changes.append(Change(state, new, moment, min(told, moment + LATEST)))
        state = new
    return changes


@st.composite
def looks(draw: st.DrawFn) -> list[tuple[float, float]]:
    """When somebody looks, and how long that takes."""
    found: list[tuple[float, float]] = []
    moment = 1.0
    for _ in range(draw(st.integers(0, 25))):
        moment += draw(st.sampled_from((0.1, 0.7, 2.0, 11.0)))
        seconds = draw(st.sampled_from((0.05, 0.4, 1.5)))
        found.append((moment, seconds))
        moment += seconds
    return found


@settings(max_examples=400)
@given(scripts(), looks())
def test_the_ledger_is_what_happened_in_order_and_each_change_lies_between_its_bounds(
    script: list[Change], looks: list[tuple[float, float]]
) -> None:
    dashboard = Dashboard(script)
    for moment, seconds in looks:
        dashboard.look(moment, seconds)
    end = max([script[-1].told, *(moment for moment, _ in looks)])
    for number in range(1, 4):
        dashboard.look(end + number * 2 * LATEST, 0.1)

    assert [(step.old, step.new) for step in dashboard.ledger] == [
        (each.old, each.new) for each in script
    ]
    for step, each in zip(dashboard.ledger, script, strict=True):
        assert step.told is not None
        assert step.not_before is None or step.not_before <= at(each.moment), (step, each)
        assert at(each.begun) <= step.seen_at, (step, each)


@st.composite
def anything_told(draw: st.DrawFn) -> list[Told]:
    """Whatever may be told: of the tag or of manifests, true or not, by any clock."""
    found: list[Told] = []
    received = 0.0
    for pk in range(draw(st.integers(0, 4))):
        received += draw(st.sampled_from((0.1, 3.0, 12.0)))
        deletes = draw(st.booleans())
        tag = draw(st.sampled_from(("v1", ""))) if deletes else "v1"
        digest = draw(st.sampled_from(FEW if tag else FEW[1:]))
        moment = received - draw(st.sampled_from((0.1, 60.0)))
        in_order = draw(st.booleans())
        found.append(Told(pk, tag, digest, deletes, at(moment), at(received), in_order=in_order))
    return found


@st.composite
def anything_seen(draw: st.DrawFn) -> list[Sighting]:
    """Looks ten seconds apart that each found a change, or one that found none."""
    states = [draw(st.sampled_from(FEW))]
    for _ in range(draw(st.integers(0, 2))):
        states.append(draw(st.sampled_from([each for each in FEW if each != states[-1]])))
    if len(states) == 1:
        states *= 2
    return [
        Sighting(old, new, at(10 * number), at(10 * number + 10))
        for number, (old, new) in enumerate(pairwise(states))
    ]


@settings(max_examples=1500)
@given(
    anything_seen(),
    anything_told(),
    st.sampled_from((None, Standing(None, at(-20), told=True), Standing(None, at(1), told=False))),
    st.sampled_from((None, 0, 15)),
    st.booleans(),
)
def test_no_step_leads_from_a_state_to_itself_whatever_is_told(
    sightings: list[Sighting],
    told: list[Told],
    last: Standing | None,
    held_since: int | None,
    confirmed: bool,
) -> None:
    woven = weave(
        sightings,
        told,
        looked_at=sightings[-1].seen_at,
        last=last,
        hold_since=None if held_since is None else at(held_since),
        confirmed=confirmed,
    )

    explained = sightings[: len(sightings) - woven.held]
    states = [sightings[0].old, *(step.new for step in woven.steps)]
    assert all(step.old != step.new for step in woven.steps)
    assert [step.old for step in woven.steps] == states[:-1]
    assert states[-1] == (explained[-1].new if explained else sightings[0].old)
    assert not set(woven.written) & set(woven.known)
