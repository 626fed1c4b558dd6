"""What changed: known and observed in, changes out. Pure; nothing here asks or writes.

A failure is never read as an absence. A tag is missing only if a complete listing does not name it,
and a repository only if the registry's complete catalog does not name it *and* the registry, asked
for it, says that it knows no such name.
"""

from registry_browser.sync.reading.observed import (
    MAX_PROBLEMS,
    KnownRepository,
    ObservedRepository,
    Problem,
    RepositoryChanges,
    TagChange,
)

# Absences below this number are believed at once, unless they are all that there was.
_FEW = 10


def decide(known: KnownRepository, observed: ObservedRepository) -> RepositoryChanges:
    """The changes that one observation asks for."""
    if observed.absent:
        return _decide_absent(known, observed)
    if observed.listed is None:
        return _nothing_learned(known, observed)
    since = known.tags_complete_at
    problems = _still_problems(known, observed)
    return RepositoryChanges(
        path=observed.path,
        seen_at=observed.seen_at,
        read_at=observed.read_at,
        since=since,
        created=tuple(
            TagChange(name, "", digest, since)
            for name, digest in observed.tags.items()
            if name not in known.tags
        ),
        moved=tuple(
            TagChange(name, known.tags[name], digest, since)
            for name, digest in observed.tags.items()
            if name in known.tags and known.tags[name] != digest
        ),
        missing=tuple(name for name in known.tags if name not in observed.listed),
        referrers=observed.referrers,
        confirmed=observed.confirmed,
        told=observed.told,
        gone=observed.gone,
        problems=problems,
        tags_checked=len(observed.tags),
        listing_complete=True,
        complete=not observed.unread,
        checked=observed.checked,
        reason=_unread_reason(problems) if observed.unread else "",
    )


def _decide_absent(known: KnownRepository, observed: ObservedRepository) -> RepositoryChanges:
    """The registry knows no such repository: believable if it was listed and never held anything,
    or if the catalog agrees.
    """
    if known.listed and not known.ever_held:
        return RepositoryChanges(
            path=observed.path,
            seen_at=observed.seen_at,
            read_at=observed.read_at,
            listing_complete=True,
            complete=True,
        )
    if _is_known(known) and known.expected and not known.listed:
        return RepositoryChanges(
            path=observed.path,
            seen_at=observed.seen_at,
            read_at=observed.read_at,
            missing=tuple(known.tags),
            listing_complete=True,
            complete=True,
            absent=True,
        )
    return _nothing_learned(known, observed)


def _nothing_learned(known: KnownRepository, observed: ObservedRepository) -> RepositoryChanges:
    return RepositoryChanges(
        path=observed.path,
        seen_at=observed.seen_at,
        read_at=observed.read_at,
        reason=observed.failure,
        problems=known.problems,
        is_ours=_is_known(known) or known.listed,
    )


def _is_known(known: KnownRepository) -> bool:
    return known.repository_id is not None


def _still_problems(known: KnownRepository, observed: ObservedRepository) -> tuple[Problem, ...]:
    """What was found now, and what a manifest that is not asked for again was found to lack."""
    if observed.checked:
        return observed.problems
    now = {problem.digest for problem in observed.problems}
    kept = (problem for problem in known.problems if problem.digest and problem.digest not in now)
    return (*observed.problems, *kept)[:MAX_PROBLEMS]


def _unread_reason(problems: tuple[Problem, ...]) -> str:
    first = problems[0] if problems else Problem("something could not be read")
    what = f"{len(problems)} tags or manifests" if len(problems) > 1 else "One tag or manifest"
    return f"{what} could not be read. {first.tag or first.digest[:19]}: {first.reason}"


def is_believable(missing: int, known: int, share: float, *, few: int = _FEW) -> bool:
    """Whether so many absences may be believed without a person: a share of what is known, or a
    handful of more.
    """
    if missing == 0:
        return True
    return missing <= known * share or (missing <= few and missing < known)
