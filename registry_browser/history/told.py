"""What notifications told of a tag, woven into what syncs saw of it. Pure; `sync.explain` reads and
writes.

The sync is the truth about where a tag ends. What was told adds who did it, and the steps in
between, which no sync saw: a tag that was moved twice between two looks has two events.

Two clocks are at work. `received_at` is ours, and the only one that bounds an event from above: a
change has happened by the time it is told of. `at` is the registry's, which may be wrong; it only
decides whether a step that nobody saw is believed to lie behind what the ledger holds already, and
in doubt it is not told again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

PATIENCE = timedelta(seconds=15)
"""For so long what is told and what is seen may differ. Distribution tells of a push a moment
before the tag points there; registries with caches or replicas answer with what was; and what
happened before a look may be told after it.
"""


@dataclass(frozen=True, slots=True)
class Told:
    """One change, as it was told. Without `tag` it is the deletion of a manifest, which takes every
    tag on it along. A push without `digest` does not say what the tag points to now. `in_order`:
    its sender tells everything, and nothing before it has told what came before.
    """

    pk: int
    tag: str
    digest: str
    deletes: bool
    at: datetime
    received_at: datetime
    actor: str = ""
    in_order: bool = True

    def leads(self, state: str | None) -> str | None:
        """What the tag points to afterwards: a digest, "" for nothing, None for unknown."""
        if not self.deletes:
            return self.digest or None
        return "" if self.tag or state == self.digest else state


@dataclass(frozen=True, slots=True)
class Sighting:
    """A look found the tag at `new` where the one before had found it at `old`: it changed after
    `not_before` and by `seen_at`. Where both are the same, nothing was seen to change.
    """

    old: str
    new: str
    not_before: datetime | None
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """The last event that the ledger holds of the tag: its bounds, and whether it was `told`."""

    not_before: datetime | None
    seen_at: datetime
    told: bool


@dataclass(frozen=True, slots=True)
class Step:
    """The tag pointed to `old` and then to `new`, changed after `not_before` and by `seen_at`:
    `told` says so, or None where only the sync saw it, in the sighting with this number.
    """

    old: str
    new: str
    told: Told | None
    sighting: int
    not_before: datetime | None
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Woven:
    """The steps of the first sightings; the last `held` ones wait for what is still to be told.

    `written` are the told rows that became steps, `known` those that say nothing new. All others
    may still explain what the next sync sees.
    """

    steps: tuple[Step, ...] = ()
    written: tuple[int, ...] = ()
    known: tuple[int, ...] = ()
    held: int = 0


def weave(
    sightings: Sequence[Sighting],
    told: Sequence[Told],
    *,
    looked_at: datetime,
    last: Standing | None = None,
    hold_since: datetime | None = None,
    confirmed: bool = True,
) -> Woven:
    """How the tag came through all sightings, each beginning where the one before ended, by what
    was told, in the order of receipt.

    `looked_at` is when the last look began, `last` what the ledger ends with. A sighting later than
    `hold_since` that nothing told explains is held, with all after it: it may still be told.
    `confirmed`: the tag was seen just now where the last sighting ends, so that it may have gone
    and come back meanwhile.
    """
    since = sightings[0].not_before
    in_order = all(each.in_order for each in told)
    heard = [
        each for each in told if in_order or since is None or each.received_at > since - PATIENCE
    ]
    seen_by_sync = last.seen_at if last is not None and not last.told else None
    behind = seen_by_sync if in_order else since
    stale = _already_seen(
        sightings[0].old, heard, seen_by_sync if in_order else later(since, seen_by_sync)
    )
    loom = _Loom(last, [each.pk for each in heard[:stale]])
    heard = heard[stale:]
    for number, sighting in enumerate(sightings):
        is_last = confirmed and number == len(sightings) - 1
        # A clock that is wrong may be why something lies behind: better that than nothing.
        fresh = [n for n, each in enumerate(heard) if not _lies_behind(each, behind)]
        reached = _reached(sighting, heard, fresh) or _reached(sighting, heard, range(len(heard)))
        if reached:
            end = reached[-1] if is_last else reached[0]
            first_there = 0 if sighting.old == sighting.new else reached[0] + 1
            loom.explain(number, sighting, heard[: end + 1], first_there, behind)
            heard = heard[end + 1 :]
        elif sighting.old == sighting.new:
            break
        elif hold_since is not None and sighting.seen_at > hold_since:
            loom.held = len(sightings) - number
            break
        else:
            # The last step is not told yet, or never; those before it are.
            by = sighting.seen_at if in_order else looked_at
            before = [each for each in heard if each.received_at <= by]
            loom.follow(number, sighting, before, behind)
            heard = heard[len(before) :]
    return loom.woven()


@dataclass(slots=True)
class _Loom:
    """Collects steps and keeps their bounds in order: each of a tag's events lies after the lower
    bound of the one before, and a later upper bound is still a bound.
    """

    last: Standing | None
    known: list[int]
    steps: list[Step] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    held: int = 0

    def woven(self) -> Woven:
        return Woven(tuple(self.steps), tuple(self.written), tuple(self.known), self.held)

    def explain(
        self,
        number: int,
        sighting: Sighting,
        told: Sequence[Told],
        first_there: int,
        behind: datetime | None,
    ) -> None:
        """A sighting by what was told, whose last leads to where it ends. After `first_there` of
        them the tag was there for the first time: a look may have seen it then already.
        """
        states = _states(sighting.old, told[:-1], behind)
        states.append(sighting.new)
        # Up to there the look before may have come after any of them.
        open_until = max(n for n, state in enumerate(states) if state == sighting.old)
        state = sighting.old
        for n, (each, new) in enumerate(zip(told, states[1:], strict=True), start=1):
            is_behind = n < len(told) and _lies_behind(each, behind)
            if is_behind or new is None or new == state:
                self.known.append(each.pk)
                continue
            since = self._since(each, sighting, is_open=n <= open_until)
            seen_at = min(each.received_at, sighting.seen_at)
            if n > first_there:
                seen_at = each.received_at
            self._add(Step(state, new, each, number, since, seen_at), sighting)
            state = new
        self._add_own(number, sighting, state)

    def follow(
        self, number: int, sighting: Sighting, told: Sequence[Told], behind: datetime | None
    ) -> None:
        """A sighting whose last step nobody told of, by what was told before it."""
        state = sighting.old
        for each, new in zip(told, _states(state, told, behind)[1:], strict=True):
            if _lies_behind(each, behind) or new is None or new == state:
                self.known.append(each.pk)
                continue
            seen_at = min(each.received_at, sighting.seen_at)
            since = self._since(each, sighting, is_open=False)
            self._add(Step(state, new, each, number, since, seen_at), sighting)
            state = new
        self._add_own(number, sighting, state)

    def _add_own(self, number: int, sighting: Sighting, state: str) -> None:
        """The rest of the way, which nobody told of, if there is any."""
        if state == sighting.new:
            return
        bounds = sighting.not_before, sighting.seen_at
        self._add(Step(state, sighting.new, None, number, *bounds), sighting)

    def _since(self, told: Told, sighting: Sighting, *, is_open: bool) -> datetime | None:
        """A lower bound: the look before, unless that may have come after what was told (`is_open`,
        or both clocks agree and say so). Then it happened after the event before it, and where it
        was told promptly, a little before we heard.
        """
        since = sighting.not_before
        is_prompt = told.received_at - told.at <= PATIENCE
        if since is None or not (is_open or (is_prompt and told.at < since)):
            return since
        before = self._before()
        floor = before.not_before if before is not None else None
        if is_prompt:
            floor = later(floor, told.received_at - PATIENCE)
        return min(since, floor) if floor else None

    def _before(self) -> Step | Standing | None:
        return self.steps[-1] if self.steps else self.last

    def _add(self, step: Step, sighting: Sighting) -> None:
        before = self._before()
        since, seen_at = step.not_before, step.seen_at
        if before is not None:
            since, seen_at = later(before.not_before, since), max(before.seen_at, seen_at)
        if since is not None and seen_at <= since:
            # Told a moment before it could be seen, and looked for in between.
            seen_at = max(seen_at, sighting.seen_at)
        self.steps.append(Step(step.old, step.new, step.told, step.sighting, since, seen_at))
        if step.told is not None:
            self.written.append(step.told.pk)


def _lies_behind(told: Told, behind: datetime | None) -> bool:
    """Whether the ledger is believed to hold already what came of it."""
    return behind is not None and told.at <= behind


def _states(before: str, told: Sequence[Told], behind: datetime | None) -> list[str | None]:
    """Where the tag was at first, and after each that was told; what lies behind leads nowhere."""
    states: list[str | None] = [before]
    for each in told:
        states.append(states[-1] if _lies_behind(each, behind) else each.leads(states[-1]))
    return states


def _already_seen(before: str, heard: Sequence[Told], until: datetime | None) -> int:
    """How many of `heard` led to what the record holds already: those up to the last one that ends
    there, if it happened before a sync looked.
    """
    if until is None:
        return 0
    last = -1
    for number, each in enumerate(heard):
        ends_there = each.leads(before) in (before, None if before else "")
        if each.tag and each.at <= until and ends_there:
            last = number
    return last + 1


def _reached(sighting: Sighting, heard: Sequence[Told], among: Iterable[int]) -> list[int]:
    """Those of `heard`, by their numbers `among` it, after which the tag is where it was seen."""
    reached = []
    state: str | None = sighting.old
    for number in among:
        was, state = state, heard[number].leads(state)
        is_there = state == sighting.new or (state is None and sighting.new)
        if is_there and (heard[number].tag or state != was):
            reached.append(number)
    return reached


def later(first: datetime | None, second: datetime | None) -> datetime | None:
    """The later of two moments, either of which may be unknown."""
    return max((moment for moment in (first, second) if moment), default=None)
