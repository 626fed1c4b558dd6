"""Search: what the record holds that a text may mean, in groups of a few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from registry_browser.models import Registry, Tag
from registry_browser.oci.errors import InvalidReference
from registry_browser.oci.pasted import Pasted, read_pasted
from registry_browser.queries.references import (
    NEARBY,
    Destination,
    Registries,
    blobs_of,
    by_reference,
    digest_prefix,
    places_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_browser.queries.references import Reader

GROUP = NEARBY
"""Matches shown of each kind."""


@dataclass(frozen=True, slots=True)
class Match:
    """One line of a result: what it is called, where it is, and where it leads."""

    name: str
    where: str
    destination: Destination


@dataclass(frozen=True, slots=True)
class Group:
    """Matches of one kind; `more` says that there are others."""

    title: str
    matches: list[Match]
    more: bool


def search(user: Reader, text: str) -> list[Group]:
    """What the record holds for `text`: the page that it names, then repositories, tags and
    digests; groups without matches are left out. The number of statements does not depend on what
    is found.
    """
    text = text.strip()
    registries = {registry.pk: registry for registry in Registry.objects.visible_to(user)}
    if not text or not registries:
        return []
    pasted = _read(text)
    groups = [_named(registries, pasted)] if pasted else []
    word = text.lower()
    if len(text) <= 255 and not any(char.isspace() for char in text):
        groups += [
            _registries(registries, word),
            _repositories(registries, word),
            _tags(registries, text),
        ]
    if pasted and (prefix := digest_prefix(pasted)):
        groups += [_manifests(registries, prefix), _blobs(registries, prefix)]
    return [group for group in groups if group.matches]


def _read(text: str) -> Pasted | None:
    try:
        return read_pasted(text)
    except InvalidReference:
        # Half a word is no reference yet; it is still searched for.
        return None


def _group(title: str, matches: Sequence[Match]) -> Group:
    return Group(title, list(matches[:GROUP]), more=len(matches) > GROUP)


def _named(registries: Registries, pasted: Pasted) -> Group:
    reference = pasted.reference
    found = by_reference(registries, reference) if reference else None
    destinations = [found] if isinstance(found, Destination) else found.choices if found else []
    return _group(
        "Go to",
        [
            Match(place.tag or place.digest or place.path, f"{place.registry}/{place.path}", place)
            for place in destinations
        ],
    )


def _registries(registries: Registries, word: str) -> Group:
    found = [one for one in registries.values() if word in one.name or word in one.host.lower()]
    return _group(
        "Registries",
        [
            Match(one.name, one.host, Destination(kind="registry", registry=one.name))
            for one in found
        ],
    )


_REPOSITORIES = """
SELECT registry_id, path FROM registry_browser_repository
 WHERE registry_id = ANY(%(registries)s) AND gone_at IS NULL AND strpos(path, %(word)s) > 0
 ORDER BY starts_with(regexp_replace(path, '^.*/', ''), %(word)s) DESC, length(path), path
 LIMIT %(limit)s
"""


def _repositories(registries: Registries, word: str) -> Group:
    """Those whose path contains the word; where its last segment begins with it, first."""
    with connection.cursor() as cursor:
        cursor.execute(
            _REPOSITORIES,
            {"registries": list(registries), "word": word, "limit": GROUP + 1},
        )
        found = cursor.fetchall()
    return _group(
        "Repositories",
        [
            Match(
                path,
                registries[registry].name,
                Destination(kind="place", registry=registries[registry].name, path=path),
            )
            for registry, path in found
        ],
    )


def _tags(registries: Registries, text: str) -> Group:
    """Tags that begin with the text, of all repositories; `web:10` looks for `10` in repositories
    that end in `web`.
    """
    path, _, name = text.rpartition(":")
    if not name:
        return _group("Tags", [])
    found = Tag.objects.filter(
        name__gte=name,
        name__lt=f"{name}\U0010ffff",
        repository__registry__in=registries,
        repository__gone_at=None,
    )
    if path:
        found = found.filter(repository__path__endswith=path.rpartition("/")[2])
    listed = found.order_by("name", "repository_id").values_list(
        "name", "repository__path", "repository__registry_id"
    )[: GROUP + 1]
    return _group(
        "Tags",
        [
            Match(
                name,
                f"{registries[registry].name}/{path}",
                Destination(kind="tag", registry=registries[registry].name, path=path, tag=name),
            )
            for name, path, registry in listed
        ],
    )


def _manifests(registries: Registries, prefix: str) -> Group:
    return _group(
        "Manifests",
        [
            Match(place.digest, f"{place.registry}/{place.path}", place)
            for place in places_of(registries, prefix)
        ],
    )


def _blobs(registries: Registries, prefix: str) -> Group:
    return _group(
        "Layers and configs",
        [
            Match(place.digest, f"{place.registry} · {media_type}", place)
            for place, media_type in blobs_of(registries, prefix)
        ],
    )
