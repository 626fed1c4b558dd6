"""Runs and their repositories as pages show them, with what their counts tell."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from registry_browser.models import (
    ACTIVE,
    ItemState,
    RunState,
    SyncItem,
    SyncPhase,
    SyncRun,
    SyncTrigger,
)

if TYPE_CHECKING:
    from datetime import datetime

SECONDS_BEFORE_ESTIMATE = 3
"""An estimate made earlier than this jumps about and says nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run. `state` is done, now, stopped or later; `figure` how far it came."""

    word: str
    state: str
    figure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as lists show it. `seconds` is how long it worked, so far or in all; the registry wants
    not to be asked before `slowed_until`.
    """

    pk: int
    registry: str
    state: str
    phase: str
    whole: bool
    full_check: bool
    believe_absences: bool
    trigger: str
    actor: str
    error: str
    question: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    cancel_requested: bool
    done: int
    total: int | None
    tags_checked: int
    new_manifests: int
    changed_repositories: int
    incomplete_repositories: int
    requests: int
    bytes_received: int
    slowed_until: datetime | None

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def title(self) -> str:
        return f"{'Full check' if self.full_check else 'Sync'} of {self.registry}"

    @property
    def short_title(self) -> str:
        return f"Sync {self.registry}"

    @property
    def brief(self) -> str:
        """How far it is, in a few words: "Syncing now, 317 of 463"."""
        if self.slowed_until:
            return "Sync waits, as the registry asked"
        if self.state == RunState.QUEUED:
            return "Sync waits for a worker"
        if self.phase == SyncPhase.READING and self.total:
            return f"Syncing now, {self.done:,} of {self.total:,}"
        return f"Syncing now: {self.phase_word[:1].lower()}{self.phase_word[1:]}"

    @property
    def phase_word(self) -> str:
        if self.slowed_until:
            return "Waiting, as the registry asked"
        if self.state == RunState.QUEUED:
            return "Waiting for a worker"
        return str(SyncPhase(self.phase).label)

    @property
    def is_listing(self) -> bool:
        return self.state == RunState.RUNNING and self.phase == SyncPhase.LISTING

    @property
    def percent(self) -> int:
        """How far it is in tens, as it is spoken; 0 while nobody knows."""
        return min(100, self.done * 10 // self.total * 10) if self.total else 0

    @property
    def outcome(self) -> str:
        """How it ended, or how far it is, in one sentence."""
        reached = f"{self.done:,} of {self.total:,} repositories" if self.total else ""
        match self.state:
            case RunState.QUEUED | RunState.RUNNING:
                return f"{self.brief}."
            case RunState.DONE:
                changed = f"{self.changed_repositories:,}" if self.changed_repositories else "none"
                noun = "repository" if self.done == 1 else "repositories"
                return f"{self.done:,} {noun} read, {changed} changed."
            case RunState.INCOMPLETE if self.question:
                return self.question
            case RunState.INCOMPLETE if self.incomplete_repositories:
                of = f" of {self.total:,}" if self.total else ""
                return f"{self.incomplete_repositories:,}{of} repositories could not be read."
            case RunState.INCOMPLETE:
                return "Not everything could be read."
            case RunState.CANCELLED if self.done:
                return f"Cancelled after {reached}; what was read is stored."
            case RunState.CANCELLED:
                return "Cancelled before anything was read."
            case _ if self.done:
                return f"Stopped after {reached}; what was read is stored."
            case _:
                return "Nothing was read."

    @property
    def steps(self) -> list[Step]:
        """What a run does, in order, and where it is."""
        figures = {
            SyncPhase.LISTING: f"{self.total:,}" if self.total is not None else "",
            SyncPhase.READING: f"{self.done:,} / {self.total:,}" if self.total else "",
            SyncPhase.FIGURES: "",
        }
        words = {
            SyncPhase.LISTING: "List repositories",
            SyncPhase.READING: "Read tags and manifests",
            SyncPhase.FIGURES: "Refresh figures",
        }
        phases = [phase for phase in words if self.whole or phase != SyncPhase.LISTING]
        if self.state in (RunState.DONE, RunState.INCOMPLETE):
            return [Step(words[phase], "done", figures[phase]) for phase in phases]
        if self.state == RunState.QUEUED:
            return [Step(words[phase], "later") for phase in phases]
        at = phases.index(SyncPhase(self.phase)) if self.phase in phases else 0
        here = "now" if self.state == RunState.RUNNING else "stopped"
        return [
            Step(words[phase], "done" if index < at else here, figures[phase])
            if index <= at
            else Step(words[phase], "later")
            for index, phase in enumerate(phases)
        ]

    @property
    def started_by(self) -> str:
        """Who or what asked for it: "j.laurent", "the schedule"."""
        word = str(SyncTrigger(self.trigger).label)
        if self.actor and self.trigger == SyncTrigger.PERSON:
            return self.actor
        return f"{self.actor}, {word}" if self.actor else word

    @property
    def requests_per_second(self) -> float | None:
        """On average over the whole run; None until it means something."""
        if self.seconds is None or self.seconds < SECONDS_BEFORE_ESTIMATE:
            return None
        return self.requests / self.seconds

    @property
    def seconds_left(self) -> float | None:
        """How long the reading still takes at the pace so far; None while nobody can tell."""
        if self.state != RunState.RUNNING or self.phase != SyncPhase.READING:
            return None
        if not self.total or not self.done or self.seconds is None or self.slowed_until:
            return None
        if self.seconds < SECONDS_BEFORE_ESTIMATE:
            return None
        return max(0, self.total - self.done) * self.seconds / self.done


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """One repository of a run."""

    path: str
    exists: bool
    state: str
    created: int
    moved: int
    deleted: int
    restored: int
    missing: int
    tags_done: int
    tags_total: int | None
    reason: str

    @property
    def changes(self) -> int:
        return self.created + self.moved + self.deleted + self.restored

    @property
    def detail(self) -> str:
        """What happened, in words."""
        if self.state == ItemState.READING and self.tags_total is not None:
            return f"{self.tags_done:,} of {self.tags_total:,} tags"
        parts = [
            f"{amount:,} {word}"
            for amount, word in (
                (self.created, "created"),
                (self.moved, "moved"),
                (self.deleted, "deleted"),
                (self.restored, "seen again"),
                (self.missing, "not listed any more, kept"),
            )
            if amount
        ]
        return self.reason or ", ".join(parts)


def as_row(run: SyncRun, now: datetime) -> RunRow:
    """A run as a row; its registry must be loaded with it."""
    seconds = None
    if run.started_at is not None:
        seconds = max(0.0, ((run.finished_at or now) - run.started_at).total_seconds())
    until = run.rate_limited_until
    same = {field.name for field in fields(RunRow)} - {"registry", "seconds", "slowed_until"}
    return RunRow(
        registry=run.registry.name,
        seconds=seconds,
        slowed_until=until if until is not None and until > now and run.is_active else None,
        **{name: getattr(run, name) for name in same},
    )


def as_item_row(item: SyncItem) -> ItemRow:
    """One repository of a run as a row."""
    return ItemRow(
        path=item.path,
        exists=item.repository_id is not None,
        state=item.state,
        created=item.created,
        moved=item.moved,
        deleted=item.deleted,
        restored=item.restored,
        missing=len(item.missing),
        tags_done=item.tags_done,
        tags_total=item.tags_total,
        reason=item.detail,
    )
