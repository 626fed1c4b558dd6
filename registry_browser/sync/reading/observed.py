"""What a sync hands from stage to stage: what is known, what was observed, what will change."""

from dataclasses import dataclass, field
from datetime import datetime

from registry_browser.oci.config import ImageConfig
from registry_browser.oci.manifest import Manifest

MAX_PROBLEMS = 50
"""How many problems of one repository are kept."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One tag or manifest that could not be read, and why, in a sentence."""

    reason: str
    tag: str = ""
    digest: str = ""

    def as_json(self) -> dict[str, str]:
        return {key: value for key in ("tag", "digest", "reason") if (value := getattr(self, key))}


@dataclass(frozen=True, slots=True)
class KnownRepository:
    """What the record holds of a repository before it is asked about.

    `listed` says whether the registry's own, complete listing named it in this run; `expected`
    whether such a listing was made at all. `problems` are those of the last observation;
    `full_check` says that these are asked for again, and so are manifests that are `untagged`, and
    those that are `lacking` although an index names them. `ever_held` says that a manifest was seen
    in it.
    """

    path: str
    repository_id: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    tags_complete_at: datetime | None = None
    ever_held: bool = False
    untagged: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    told: tuple[str, ...] = ()
    listed: bool = True
    expected: bool = False
    full_check: bool = False


@dataclass(frozen=True, slots=True)
class ObservedContent:
    """A manifest's bytes, verified against `digest`, with what they say, and its config where it
    has one.
    """

    digest: str
    media_type: str
    body: bytes
    manifest: Manifest
    config: ImageConfig | None = None
    config_body: bytes | None = None


@dataclass(frozen=True, slots=True)
class ObservedRepository:
    """What a registry answered about one repository, between `seen_at` and `read_at`.

    `tags` maps every tag whose digest was learned; `listed` is every tag that the listing named, or
    None where the listing was not complete, and `failure` then says why. `absent` is set where the
    registry says that it knows no such repository,
    `unreachable` where it gave no answer at all, `unread` where a tag could not be read.
    """

    path: str
    seen_at: datetime
    listed: frozenset[str] | None
    read_at: datetime
    tags: dict[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    referrers: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    checked: bool = False
    failure: str = ""
    absent: bool = False
    unreachable: bool = False
    unread: bool = False


@dataclass(frozen=True, slots=True)
class TagChange:
    """A tag that was created (no `old`), moved, or is missing (no `new`) since `not_before`."""

    name: str
    old: str
    new: str
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class RepositoryChanges:
    """What to store for one repository. `missing` waits for the end of the run, which may doubt it.

    What is changed happened by `read_at`, when the last answer was there; what is unchanged was so
    at `seen_at`, before the first question. `complete` says that all tags were listed and read;
    `reason` is the sentence for when not. What is not `is_ours` leaves no row: a name that somebody
    asked for and that neither the registry nor the record knows.
    """

    path: str
    seen_at: datetime
    read_at: datetime
    since: datetime | None = None
    created: tuple[TagChange, ...] = ()
    moved: tuple[TagChange, ...] = ()
    missing: tuple[str, ...] = ()
    referrers: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    tags_checked: int = 0
    listing_complete: bool = False
    complete: bool = False
    checked: bool = False
    reason: str = ""
    absent: bool = False
    is_ours: bool = True

    @property
    def pointed_to(self) -> set[str]:
        """Digests that a tag was newly seen to point to."""
        return {change.new for change in (*self.created, *self.moved)}
