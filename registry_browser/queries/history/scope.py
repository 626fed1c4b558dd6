"""Where to look in the ledger (a scope) and what for (a filter): for the ORM, and as SQL for
statements that it cannot write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db.models import CharField, Lookup, Q

from registry_browser.models import Manifest, Repository, TagEvent, TagEventKind
from registry_browser.queries.history.registries import removed_registries

if TYPE_CHECKING:
    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup

MANIFESTS_MEANT = 50
"""A short digest means at most this many manifests."""
TAGS_MEANT = 1_000
REPOSITORIES_MEANT = 1_000
"""A pattern that means more tags, or more repositories, is compared with every event."""
_SHORT_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")


@CharField.register_lookup
class Like(_Lookup):
    """SQL's LIKE with a pattern of the caller's; the database finds a literal start by index."""

    lookup_name = "like"
    operator = "LIKE"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_parameters = self.process_lhs(compiler, connection)
        return f"{left} {self.operator} %s", (*left_parameters, self.rhs)


@CharField.register_lookup
class ILike(Like):
    """The same in any case of letters; no index helps."""

    lookup_name = "ilike"
    operator = "ILIKE"


def like_pattern(glob: str) -> str:
    """`10.*` as LIKE has it: `*` any text, `?` any letter, everything else itself."""
    escaped = re.sub(r"([\\%_])", r"\\\1", glob)
    return escaped.replace("*", "%").replace("?", "_")


def is_glob(text: str) -> bool:
    return "*" in text or "?" in text


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look: everywhere, in some registries, below a path, or in one repository.

    Registries and repositories are meant by their ids, also those that were removed since.
    """

    registries: tuple[int, ...] | None = None
    path: str = ""
    repository: int | None = None

    def matching(self) -> Q:
        """As a condition on ledger rows."""
        if self.repository is not None:
            return Q(repository_id=self.repository)
        found = Q() if self.registries is None else Q(registry_id__in=self.registries)
        return found & self._places if self.path else found

    @cached_property
    def _places(self) -> Q:
        return places_meant(below(self.path))


def below(path: str) -> Q:
    """The repository at `path` and those below, as a condition on paths.

    "0" follows "/", so all paths below `team` are between "team/" and "team0". It is one span of
    paths without a few, such as `team-2`, for `tag_event_path` alone to tell how many they are.
    """
    path = path.rstrip("/")
    return Q(path__gte=path, path__lt=f"{path}0") & ~Q(path__gt=path, path__lt=f"{path}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFilter:
    """What every filter of a ledger has. Both ends of the time are inclusive; `up_to` is the newest
    id that counts, so that a view can be had again as it was.
    """

    since: datetime | None = None
    until: datetime | None = None
    up_to: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Those that are set, as text."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
            if value not in ("", None)
        }


@dataclass(frozen=True, kw_only=True)
class HistoryFilter(LedgerFilter):
    """What to look for. `tag` and `path` may be globs; `digest` is whole or six digits or more of
    its start, and means what came and what went.
    """

    tag: str = ""
    path: str = ""
    digest: str = ""
    actor: str = ""
    source: str = ""
    kind: str = ""

    @cached_property
    def tags(self) -> list[str] | None:
        """The tags that `tag` means; None where a pattern means too many to name. Asked for once,
        however many statements look for them.
        """
        return tags_meant(self.tag) if is_glob(self.tag) else [self.tag]

    @cached_property
    def _places(self) -> Q:
        if not self.path:
            return Q()
        is_pattern = is_glob(self.path)
        return places_meant(
            Q(path__like=like_pattern(self.path)) if is_pattern else below(self.path)
        )

    def matching(self) -> Q:
        """As a condition on ledger rows."""
        found = self._places
        if self.tag and self.tags is None:
            found &= Q(tag__like=like_pattern(self.tag))
        elif self.tag:
            found &= Q(tag__in=self.tags)
        for name in ("actor", "source", "kind"):
            if getattr(self, name):
                found &= Q(**{name: getattr(self, name)})
        if self.digest:
            digests = digests_meant(self.digest)
            found &= Q(new_digest__in=digests) | Q(old_digest__in=digests)
        if self.since is not None:
            found &= Q(seen_at__gte=self.since)
        if self.until is not None:
            found &= Q(seen_at__lte=self.until)
        if self.up_to is not None:
            found &= Q(id__lte=self.up_to)
        return found


def tags_meant(glob: str) -> list[str] | None:
    """The tags of the ledger, of any repository, that a pattern means; None where they are more
    than TAGS_MEANT. There are far fewer names than events, and `tag_event_created` holds them.
    """
    created = TagEvent.objects.filter(kind=TagEventKind.CREATED, tag__like=like_pattern(glob))
    names = created.order_by("tag").values_list("tag", flat=True).distinct()
    found = list(names[: TAGS_MEANT + 1])
    return found if len(found) <= TAGS_MEANT else None


def repositories_with(tags: list[str]) -> list[int] | None:
    """The repositories that ever had one of these tags; None where they may be more than
    REPOSITORIES_MEANT.
    """
    created = TagEvent.objects.filter(kind=TagEventKind.CREATED, tag__in=tags)
    found = list(created.values_list("repository_id", flat=True)[: REPOSITORIES_MEANT + 1])
    return list(set(found)) if len(found) <= REPOSITORIES_MEANT else None


def places_meant(by_path: Q) -> Q:
    """Ledger rows of the repositories whose paths fit: by their ids, since there are far fewer
    repositories than events, and since the planner takes what is below a path for a hundredth of
    what it is. By their paths where a registry was removed with its repositories, or where more
    than REPOSITORIES_MEANT are meant.
    """
    known = Repository.objects.filter(by_path).values_list("pk", flat=True)
    ids = list(known[: REPOSITORIES_MEANT + 1])
    if len(ids) > REPOSITORIES_MEANT:
        return by_path
    removed = removed_registries()
    by_id = Q(repository_id__in=ids)
    return by_id | (Q(registry_id__in=removed) & by_path) if removed else by_id


def digests_meant(text: str) -> list[str]:
    """The whole digests that a digest, or the start of one, means; itself where none is known."""
    short = _SHORT_DIGEST.fullmatch(text.strip())
    if short is None or len(short[1]) == 64:
        return [f"sha256:{short[1]}" if short else text]
    start = f"sha256:{short[1]}"
    # "g" follows "f", the last hex digit.
    known = Manifest.objects.filter(digest__gte=start, digest__lt=f"{start}g")
    return list(dict.fromkeys(known.values_list("digest", flat=True)[:MANIFESTS_MEANT])) or [text]


def repository_scope(repository: Repository) -> Scope:
    return Scope(registries=(repository.registry_id,), repository=repository.pk)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a statement has what scopes and filters speak about."""

    registry: str
    repository: str
    path: str
    tag: str


STOOD_COLUMNS = Columns("repository.registry_id", "repository.id", "repository.path", "span.tag")
EVENT_COLUMNS = Columns("event.registry_id", "event.repository_id", "event.path", "event.tag")


def conditions_of(
    scope: Scope, wanted: HistoryFilter, columns: Columns
) -> tuple[list[str], dict[str, Any]]:
    """Conditions to be joined by AND, and their parameters: those for scope, path and tag."""
    conditions = ["true"]
    parameters: dict[str, Any] = {}
    if scope.repository is not None:
        conditions.append(f"{columns.repository} = %(repository)s")
        parameters["repository"] = scope.repository
    elif scope.registries is not None:
        conditions.append(f"{columns.registry} = ANY(%(registries)s)")
        parameters["registries"] = list(scope.registries)
    # A repository's scope says it all; any other is narrowed by its own path and by the filter's.
    scope_path = scope.path if scope.repository is None else ""
    for name, path in (("scope_path", scope_path), ("path", wanted.path)):
        if is_glob(path):
            conditions.append(f"{columns.path} LIKE %({name})s")
            parameters[name] = like_pattern(path)
        elif path:
            # "0" follows "/": what is below `team` is between "team/" and "team0".
            conditions.append(
                f"({columns.path} = %({name})s OR {columns.path} >= %({name}_from)s"
                f" AND {columns.path} < %({name}_to)s)"
            )
            bare = path.rstrip("/")
            parameters |= {name: bare, f"{name}_from": f"{bare}/", f"{name}_to": f"{bare}0"}
    if wanted.tag and wanted.tags is None:
        conditions.append(f"{columns.tag} LIKE %(tag)s")
        parameters["tag"] = like_pattern(wanted.tag)
    elif wanted.tag:
        conditions.append(f"{columns.tag} = ANY(%(tags)s)")
        parameters["tags"] = wanted.tags
    return conditions, parameters
