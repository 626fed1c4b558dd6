"""What notifications told of a tag, woven into what a sync saw of it. Pure; `sync.told` reads and
writes.

The sync is the truth about where a tag ends. What was told adds who did it, and the steps in
between, which no sync saw: a tag that was moved twice between two looks has two events.

Two clocks are at work. `received_at` is ours, and the only one that bounds an event: a change has
happened by the time it is told of. `at` is the registry's, which may be wrong; it only decides
whether a step that nobody saw is believed to lie behind what the record knows already, and in doubt
it is not told again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

PATIENCE = timedelta(seconds=15)
"""For so long what is told and what is seen may differ. Distribution tells of a push a moment
before the tag points there; registries with caches or replicas answer with what was.
"""


@dataclass(frozen=True, slots=True)
class Told:
    """One change, as it was told. Without `tag` it is the deletion of a manifest, which takes every
    tag on it along. A push without `digest` does not say what the tag points to now. `in_order`:
    its sender tells nothing before it has told what came before.
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
class Step:
    """The tag pointed to `old` and then to `new`: `told` says so, or None where the sync alone saw
    it.
    """

    old: str
    new: str
    told: Told | None


@dataclass(frozen=True, slots=True)
class Woven:
    """The steps from what was known to what was seen; none where nothing told explains it.

    `written` are the rows that became steps, `known` those that say nothing new. All others may
    still explain what the next sync sees.
    """

    steps: tuple[Step, ...] = ()
    written: tuple[int, ...] = ()
    known: tuple[int, ...] = ()


def weave(
    before: str,
    seen: str,
    told: Sequence[Told],
    *,
    since: datetime | None,
    looked_at: datetime,
    ledger_at: datetime | None = None,
) -> Woven:
    """How the tag came from `before` to `seen` (digests, "" for no tag) by what was told, in the
    order of receipt.

    `since` is when the tag was last known to be at `before`, `looked_at` when the sync began to
    look; `ledger_at` is when a sync last saw it change, by itself: what was told of that change may
    come only now.
    """
    heard = [each for each in told if since is None or each.received_at > since - PATIENCE]
    stale = _already_seen(before, heard, later(since, ledger_at))
    known = [each.pk for each in heard[:stale]]
    heard = heard[stale:]
    end = _explains(before, seen, heard)
    if end >= 0:
        heard = heard[: end + 1]
    elif before != seen:
        # The last step is not told yet, or never; those before it are.
        heard = [each for each in heard if each.in_order or each.received_at <= looked_at]
    else:
        return Woven(known=tuple(known))
    steps: list[Step] = []
    state = before
    for number, each in enumerate(heard):
        new = seen if number == end else each.leads(state)
        is_behind = number != end and since is not None and each.at <= since
        if is_behind or new is None or new == state:
            known.append(each.pk)
            continue
        steps.append(Step(state, new, each))
        state = new
    written = tuple(step.told.pk for step in steps if step.told)
    if steps and state != seen:
        steps.append(Step(state, seen, None))
    return Woven(tuple(steps), written, tuple(known))


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


def _explains(before: str, seen: str, heard: Sequence[Told]) -> int:
    """The last of `heard` after which the tag is where the sync saw it; -1 if none is."""
    last = -1
    state: str | None = before
    for number, each in enumerate(heard):
        was, state = state, each.leads(state)
        concerns = bool(each.tag) or state != was
        if concerns and (state == seen or (state is None and seen)):
            last = number
    return last


def later(first: datetime | None, second: datetime | None) -> datetime | None:
    """The later of two moments, either of which may be unknown."""
    return max((moment for moment in (first, second) if moment), default=None)
