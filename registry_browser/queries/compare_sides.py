"""The two sides of a comparison: from what a person writes to a manifest in the record.

    registry/path:tag                      what the tag points to now
    registry/path:tag@{2026-11-11 09:00}   what it pointed to then (UTC)
    registry/path@sha256:…                 that manifest
    … linux/arm64                          that platform of it, after a space

`registry` is the name of a connected registry, or its host as in a pull command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import Manifest, Registry, Repository, Tag
from registry_browser.queries.history.moments import tag_at
from registry_browser.queries.history.standing import Certainty
from registry_browser.queries.history.times import in_words, read_moment
from registry_browser.queries.platforms import ChildRow, children_of, default_child

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser

    from registry_browser.models import User

_REFERENCE = re.compile(
    r"(?P<path>[^\s:@{}#]+)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})))?(?:@\{(?P<at>[^{}]+)\})?"
    r"(?:[\s#]+(?P<platform>[\w./-]+(?: \d[\d.]*)?))?"
)


OFFERED = 40
"""Tags that are offered to compare something with."""


class NotComparable(ValueError):
    """A reference that leads to no manifest; the text is a sentence that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side. `manifest` is what the reference names, `image` what is compared: the same, or the
    chosen platform of an index. `note` says what is not certain.
    """

    reference: str
    repository: Repository
    tag: str
    at: datetime | None
    manifest: Manifest
    image: Manifest
    platform: str
    platforms: list[ChildRow]
    note: str = ""

    @property
    def registry(self) -> Registry:
        return self.repository.registry


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A reference that was found, before a platform is chosen."""

    reference: str
    repository: Repository
    tag: str
    at: datetime | None
    manifest: Manifest
    platform: str
    platforms: list[ChildRow]
    note: str


def sides(user: User | AnonymousUser, first: str, second: str) -> tuple[Side, Side]:
    """Both sides, of the same platform where none is asked for. Raises NotComparable."""
    a, b = _find(user, first), _find(user, second)
    wanted_a = a.platform or b.platform or _platform_of(b)
    wanted_b = b.platform or a.platform or _platform_of(a)
    if not (a.platform or b.platform) and a.platforms and b.platforms:
        wanted_a = wanted_b = _common(a, b)
    return _with_image(a, wanted_a), _with_image(b, wanted_b)


def other_tags(user: User | AnonymousUser, reference: str) -> list[tuple[str, str]]:
    """The highest versions beside what a reference names, to compare it with: as (tag, reference).
    Raises NotComparable.
    """
    named = _find(user, reference)
    repository = named.repository
    tags = Tag.objects.filter(repository=repository).exclude(name=named.tag)
    # Tags that only attach a signature to a digest are no images.
    names = tags.exclude(name__startswith="sha256-").order_by("-sort_key", "name")
    start = f"{repository.registry.name}/{repository.path}"
    return [(name, f"{start}:{name}") for name in names.values_list("name", flat=True)[:OFFERED]]


def _platform_of(named: _Named) -> str:
    return "" if named.platforms else named.manifest.platform


def _common(a: _Named, b: _Named) -> str:
    """linux/amd64 where both have it, else the first that both have, else none."""
    default = default_child(a.platforms)
    both = {child.platform for child in b.platforms}
    mine = [default.platform] if default else []
    mine += [child.platform for child in a.platforms]
    return next((platform for platform in mine if platform in both), "")


def _with_image(named: _Named, platform: str) -> Side:
    image, shown = named.manifest, named.manifest.platform
    if named.platforms:
        chosen = next((each for each in named.platforms if each.platform == platform), None)
        if chosen is None and named.platform:
            known = ", ".join(child.platform for child in named.platforms)
            raise NotComparable(f"{named.reference} has no {named.platform}; it has {known}.")
        chosen = chosen or default_child(named.platforms)
        if chosen is not None and chosen.manifest is not None:
            image, shown = Manifest.objects.get(pk=chosen.manifest), chosen.platform
    return Side(
        reference=named.reference,
        repository=named.repository,
        tag=named.tag,
        at=named.at,
        manifest=named.manifest,
        image=image,
        platform=shown,
        platforms=named.platforms,
        note=named.note,
    )


def _find(user: User | AnonymousUser, text: str) -> _Named:
    text = " ".join(text.split())
    read = _REFERENCE.fullmatch(text) or _with_port(user, text)
    if read is None:
        raise NotComparable(
            f"“{text[:120]}” is no reference; write it as registry/path:tag, "
            "registry/path:tag@{2026-11-11 09:00} or registry/path@sha256:…"
        )
    repository = _repository(user, text)
    rest = _REFERENCE.fullmatch(f"x{text[len(_prefix(repository, text)) :]}")
    if rest is None:
        raise NotComparable(f"“{text[:120]}” is no reference.")
    tag, digest, at_text = rest["tag"] or "", rest["digest"] or "", rest["at"]
    at, note = None, ""
    if at_text:
        try:
            at = read_moment(at_text)
        except ValueError as error:
            raise NotComparable(str(error)) from None
    if not digest:
        tag = tag or "latest"
        digest, note = _digest(repository, tag, at)
    manifest = Manifest.objects.filter(
        registry=repository.registry_id, digest=digest, presences__repository=repository
    ).first()
    if manifest is None:
        raise NotComparable(
            f"{text}: the record does not hold {digest[:19]}…, so nothing is known of its content."
        )
    children = children_of([manifest.pk]).get(manifest.pk, [])
    return _Named(
        reference=text,
        repository=repository,
        tag=tag,
        at=at,
        manifest=manifest,
        platform=rest["platform"] or "",
        platforms=[child for child in children if child.platform and not child.is_attestation],
        note=note,
    )


def _with_port(user: User | AnonymousUser, text: str) -> re.Match[str] | None:
    """A host may have a port, which reads like a tag."""
    for registry in Registry.objects.visible_to(user):
        if text.startswith(f"{registry.host}/"):
            return _REFERENCE.fullmatch(f"x/{text[len(registry.host) + 1 :]}")
    return None


def _repository(user: User | AnonymousUser, text: str) -> Repository:
    for registry in Registry.objects.visible_to(user):
        for start in (registry.name, registry.host):
            if text.startswith(f"{start}/"):
                path = re.split(r"[:@#\s]", text[len(start) + 1 :], maxsplit=1)[0]
                found = Repository.objects.filter(registry=registry, path=path).first()
                if found is not None:
                    found.registry = registry
                    return found
    names = ", ".join(Registry.objects.visible_to(user).values_list("name", flat=True)[:8])
    raise NotComparable(f"{text[:120]}: no such repository is in the record. Registries: {names}.")


def _prefix(repository: Repository, text: str) -> str:
    for start in (repository.registry.name, repository.registry.host):
        if text.startswith(whole := f"{start}/{repository.path}"):
            return whole
    return ""


def _digest(repository: Repository, tag: str, at: datetime | None) -> tuple[str, str]:
    """What the tag points to, or pointed to, and what is not certain about it."""
    if at is None:
        found = Tag.objects.filter(repository=repository, name=tag).select_related("manifest")
        current = found.first()
        if current is None:
            raise NotComparable(
                f"{repository.path} has no tag {tag} now; write {tag}@{{moment}} for an older one."
            )
        return current.manifest.digest, ""
    stood = tag_at(repository.pk, tag, at)
    match stood.certainty:
        case Certainty.KNOWN:
            return stood.digest, ""
        case Certainty.BETWEEN:
            chosen = stood.digest or stood.following
            until = in_words(stood.seen_at) if stood.seen_at else "later"
            note = f"{tag} changed around that moment, by {until}; this is what it was "
            return chosen, note + ("before." if stood.digest else "after.")
        case Certainty.ABSENT:
            raise NotComparable(f"{repository.path} had no tag {tag} at {in_words(at)}.")
        case _:
            raise NotComparable(f"Nobody had looked at {repository.path}:{tag} by {in_words(at)}.")
