"""References: from what a person pastes to the one page that it means, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Q

from registry_browser.models import Blob, Manifest, Presence, Registry, Repository, Tag
from registry_browser.oci.errors import InvalidReference
from registry_browser.oci.pasted import Pasted, read_pasted
from registry_browser.queries.tree import has_repositories_below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import AnonymousUser

    from registry_browser.models import User
    from registry_browser.oci.reference import Reference

    Reader = User | AnonymousUser

NEARBY = 8
"""Places named where nothing has the name asked for."""
SCHEME_PORTS = {"http": "80", "https": "443"}


Registries = dict[int, Registry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A page of the dashboard. `kind`: registry, place (repository or namespace), tag, manifest or
    layer.
    """

    kind: str
    registry: str
    path: str = ""
    tag: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a reference leads nowhere: what was understood, what is not in the record, and where to
    go on.
    """

    heading: str
    understood: list[tuple[str, str]]
    sentence: str
    next_step: str
    nearby: list[Destination] = field(default_factory=list)
    choices: list[Destination] = field(default_factory=list)


def resolve(user: Reader, text: str) -> Destination | Explanation:
    """The one page that `text` means, or what stands in the way."""
    registries = {registry.pk: registry for registry in Registry.objects.visible_to(user)}
    try:
        pasted = read_pasted(text)
    except InvalidReference as error:
        return Explanation(
            "Nothing here has this name",
            [("Read", text.strip()[:300])],
            str(error),
            "Search for a part of the name.",
        )
    if pasted.reference is not None:
        found = by_reference(registries, pasted.reference)
        if isinstance(found, Destination) or pasted.digest_prefix is None:
            return found
    if prefix := digest_prefix(pasted):
        return _by_digest(registries, prefix)
    raise AssertionError("A pasted text holds a reference or a digest.")


def registries_for(registries: Registries, domain: str | None) -> list[Registry]:
    """The connected registries that a reference's domain means; without a domain, any of them may
    be meant.

    A default port may be written or left out, and Docker Hub answers to several names.
    """
    if domain is None:
        return list(registries.values())
    wanted = _host(domain, "https")
    hub = {"docker.io", "registry-1.docker.io", "index.docker.io"}
    found = []
    for registry in registries.values():
        scheme, _, _ = registry.url.partition("://")
        host = _host(registry.host.partition("/")[0], scheme)
        if host == wanted or host == _host(domain, scheme) or (host in hub and wanted in hub):
            found.append(registry)
    return found


def _host(text: str, scheme: str) -> str:
    return text.lower().removesuffix(f":{SCHEME_PORTS.get(scheme, '')}")


def digest_prefix(pasted: Pasted) -> str:
    """`sha256:…`, whole or its beginning; empty where no digest was pasted."""
    if pasted.digest is not None:
        return str(pasted.digest)
    return f"sha256:{pasted.digest_prefix}" if pasted.digest_prefix else ""


def by_reference(registries: Registries, reference: Reference) -> Destination | Explanation:
    understood = _understood(reference)
    asked = registries_for(registries, reference.domain)
    if not asked:
        connected = ", ".join(sorted(registry.host for registry in registries.values())) or "none"
        return Explanation(
            f"{reference.domain or 'No registry'} is not connected",
            understood,
            f"The record holds nothing of this registry. Connected: {connected}.",
            "An admin can add it under Registries.",
        )
    repositories = list(
        Repository.objects.filter(registry__in=asked, path__in=_paths(reference)).select_related(
            "registry"
        )
    )
    if not repositories:
        return _no_repository(asked, reference, understood)
    found = [
        destination
        for repository in repositories
        if (destination := _in_repository(repository, reference)) is not None
    ]
    if len(found) == 1:
        return found[0]
    if found:
        return Explanation(
            "More than one registry has this",
            understood,
            "The reference names no registry, and several hold what it names.",
            "Choose the one that is meant.",
            choices=found,
        )
    return _not_in(repositories, reference, understood)


def _paths(reference: Reference) -> list[str]:
    """A single word may mean Docker Hub's library; without a domain the bare word is tried too."""
    hub = reference.on_docker_hub
    return [reference.path, hub.path] if reference.domain is None else [reference.path]


def _in_repository(repository: Repository, reference: Reference) -> Destination | None:
    place = {"registry": repository.registry.name, "path": repository.path}
    if reference.digest is not None:
        digest = str(reference.digest)
        known = Presence.objects.filter(
            repository=repository,
            manifest__registry=repository.registry_id,
            manifest__digest=digest,
        ).exists()
        return Destination(kind="manifest", digest=digest, **place) if known else None
    if reference.tag is None:
        return Destination(kind="place", **place)
    known = Tag.objects.filter(repository=repository, name=reference.tag).exists()
    return Destination(kind="tag", tag=reference.tag, **place) if known else None


def _understood(reference: Reference) -> list[tuple[str, str]]:
    parts = [
        ("Registry", reference.domain or "none named"),
        ("Repository", reference.path),
        ("Tag", reference.tag or ""),
        ("Digest", str(reference.digest) if reference.digest else ""),
    ]
    return [(name, value) for name, value in parts if value]


def _no_repository(
    asked: Sequence[Registry], reference: Reference, understood: list[tuple[str, str]]
) -> Destination | Explanation:
    """The nearest thing that is there: the namespace of that path, or repositories of the same
    name.
    """
    for registry in asked:
        if (
            reference.tag is None
            and reference.digest is None
            and has_repositories_below(registry, reference.path)
        ):
            return Destination(kind="place", registry=registry.name, path=reference.path)
    name = reference.path.rpartition("/")[2]
    nearby = (
        Repository.objects.filter(registry__in=asked, gone_at=None)
        .filter(Q(path=name) | Q(path__endswith=f"/{name}"))
        .select_related("registry")
        .order_by("path")[:NEARBY]
    )
    names = " or ".join(sorted(registry.name for registry in asked)[:3])
    return Explanation(
        f"{reference.path} is not in the record",
        understood,
        f"No repository of this name was seen in {names}.",
        "It may be newer than the last sync, or not readable with the stored credentials.",
        nearby=[
            Destination(kind="place", registry=found.registry.name, path=found.path)
            for found in nearby
        ],
    )


def _not_in(
    repositories: Sequence[Repository], reference: Reference, understood: list[tuple[str, str]]
) -> Explanation:
    what = f"The digest {reference.digest}" if reference.digest else f"The tag {reference.tag}"
    nearby = [
        Destination(kind="place", registry=repository.registry.name, path=repository.path)
        for repository in repositories
    ]
    elsewhere: list[Destination] = []
    if reference.digest is not None:
        known = {repository.registry_id: repository.registry for repository in repositories}
        elsewhere = places_of(known, str(reference.digest))
    return Explanation(
        f"{what} is not in {repositories[0].path}",
        understood,
        "The repository is in the record; this was not seen in it.",
        "It may be newer than the last sync. The repository's page shows all that is known.",
        nearby=[*nearby, *elsewhere],
    )


def _by_digest(registries: Registries, prefix: str) -> Destination | Explanation:
    places = places_of(registries, prefix)
    blobs = [] if places else [place for place, _ in blobs_of(registries, prefix)]
    found = places or blobs
    if len(found) == 1:
        return found[0]
    if found:
        return Explanation(
            "This digest is in more than one place"
            if places
            else "More than one layer begins like this",
            [("Digest", prefix)],
            "The same content can be in many repositories.",
            "Choose the place that is meant.",
            choices=found,
        )
    return Explanation(
        "No manifest, layer or config in the record begins with this digest",
        [("Digest", prefix)],
        "Image ids that a container engine shows are digests of configs; those are searched too.",
        "It may be newer than the last sync, or from a registry that is not connected.",
    )


_PLACES = """
SELECT manifest.registry_id, repository.path, manifest.digest
  FROM (SELECT id, registry_id, digest FROM registry_browser_manifest
         WHERE digest >= %(from)s AND digest < %(to)s AND registry_id = ANY(%(registries)s)
         LIMIT 20) manifest
  CROSS JOIN LATERAL (
    SELECT * FROM registry_browser_presence
     WHERE manifest_id = manifest.id ORDER BY gone_at NULLS FIRST, repository_id LIMIT 20
  ) presence
  JOIN registry_browser_repository repository ON repository.id = presence.repository_id
 ORDER BY presence.gone_at NULLS FIRST, repository.path
 LIMIT 20
"""


def places_of(registries: Registries, prefix: str) -> list[Destination]:
    """Where manifests are whose digest begins so; the present ones first, 20 at most."""
    with connection.cursor() as cursor:
        cursor.execute(
            _PLACES, {"from": prefix, "to": behind(prefix), "registries": list(registries)}
        )
        return [
            Destination(
                kind="manifest", registry=registries[registry].name, path=path, digest=digest
            )
            for registry, path, digest in cursor.fetchall()
        ]


def behind(prefix: str) -> str:
    """The first text behind all that begin with `prefix`: no hexadecimal digit comes behind `g`."""
    return f"{prefix}g"


def blobs_of(registries: Registries, prefix: str) -> list[tuple[Destination, str]]:
    """Layers and configs whose digest begins so, with their media types, NEARBY + 1 at most. Bodies
    of manifests are blobs too, and found as manifests.
    """
    bounds = {"digest__gte": prefix, "digest__lt": behind(prefix)}
    found = (
        Blob.objects.filter(registry__in=registries, **bounds)
        .exclude(digest__in=Manifest.objects.filter(**bounds).values("digest"))
        .order_by("digest")
        .values_list("digest", "registry_id", "media_type")[: NEARBY + 1]
    )
    return [
        (Destination(kind="layer", registry=registries[registry].name, digest=digest), media_type)
        for digest, registry, media_type in found
    ]
