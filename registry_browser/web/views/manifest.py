"""One manifest, by tag, by tag and platform, or by digest; and its exact bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from registry_browser.models import Tag
from registry_browser.queries.history.digests import tags_of_digest
from registry_browser.queries.images import ManifestPage, config_body, manifest_body, manifest_page
from registry_browser.queries.platforms import children_of
from registry_browser.queries.references import Explanation
from registry_browser.queries.tag_events import last_events
from registry_browser.web.places import (
    NotHere,
    explain_absence,
    find_repository,
    place_crumbs,
    repository_stamp,
)
from registry_browser.web.pull_rows import pull_rows

if TYPE_CHECKING:
    from registry_browser.models import Repository
    from registry_browser.queries.platforms import ChildRow
    from registry_browser.web.htmx import HtmxRequest

_TAGS_HAD = 20


@require_safe
@explain_absence
def tag(request: HtmxRequest, registry: str, path: str, tag: str) -> HttpResponse:
    """What the tag points to, or with `?platform=linux/arm64` that child of it."""
    found = find_repository(request, registry, path)
    known = Tag.objects.select_related("manifest").filter(repository=found, name=tag).first()
    if known is None:
        raise _no_such_tag(found, tag)
    platform = request.GET.get("platform", "")
    siblings = _platforms(known) if platform else []
    child = _of_platform(siblings, platform)
    if child is not None:
        platform = child.platform
    elif platform and platform == known.manifest.platform:
        # No index, and the one image there is.
        platform = ""
    elif platform:
        raise _no_such_platform(found, known, platform, siblings)
    digest = child.digest if child else known.manifest.digest
    page = manifest_page(found, digest, tag=tag, platform=platform)
    if page is None:
        raise _no_such_digest(found, digest)
    crumbs = place_crumbs(found.registry, found.path, tag)
    if child:
        url = reverse("tag", args=[registry, path, tag])
        crumbs = [*crumbs[:-1], (tag, url), (platform, None)]
    index = siblings if child else page.platforms
    return _show(
        request, found, page, crumbs=crumbs, tag=tag, platform=platform, index_children=index
    )


@require_safe
@explain_absence
def manifest(request: HtmxRequest, registry: str, path: str, digest: str) -> HttpResponse:
    """The manifest of this digest, present or gone."""
    found = find_repository(request, registry, path)
    page = manifest_page(found, digest)
    if page is None:
        raise _no_such_digest(found, digest)
    crumbs = place_crumbs(found.registry, found.path, _short(digest))
    return _show(request, found, page, crumbs=crumbs)


@require_safe
@explain_absence
def raw(request: HtmxRequest, registry: str, path: str, digest: str) -> HttpResponse:
    """The body of the manifest exactly as the registry served it."""
    found = find_repository(request, registry, path)
    body = manifest_body(found, digest)
    if body is None:
        raise _no_such_digest(found, digest)
    return _bytes(body[0], media_type=body[1])


@require_safe
@explain_absence
def config(request: HtmxRequest, registry: str, path: str, digest: str) -> HttpResponse:
    """The config blob of the manifest exactly as the registry served it."""
    found = find_repository(request, registry, path)
    body = config_body(found, digest)
    if body is None:
        raise _no_config(found, digest)
    return _bytes(body)


def _show(
    request: HtmxRequest, repository: Repository, page: ManifestPage, **context: Any
) -> HttpResponse:
    context |= {
        "registry": repository.registry,
        "repository": repository,
        "image": page,
        "stamp": repository_stamp(request, repository),
        "pull": pull_rows(page.pull),
        "had": tags_of_digest(page.digest, repositories=[repository.pk], at_most=_TAGS_HAD),
        "compared": _reference(repository, page, **context),
        "largest": max((layer.size for layer in page.layers), default=0),
    }
    return render(request, "browse/manifest.html", context)


def _reference(
    repository: Repository, page: ManifestPage, tag: str = "", platform: str = "", **_: Any
) -> str:
    """This page's image, as the page that compares two takes it."""
    name = f"{repository.registry.name}/{repository.path}"
    return f"{name}:{tag} {platform}".rstrip() if tag else f"{name}@{page.digest}"


def _bytes(body: bytes, media_type: str = "") -> HttpResponse:
    """Bytes from outside, as text: a browser must never take them for a page of this site."""
    response = HttpResponse(body, content_type="text/plain; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    if media_type and media_type.isascii() and media_type.isprintable():
        response["X-Registry-Content-Type"] = media_type
    return response


def _platforms(tag: Tag) -> list[ChildRow]:
    children = children_of([tag.manifest_id]).get(tag.manifest_id, [])
    return [child for child in children if child.platform and not child.is_attestation]


def _of_platform(children: list[ChildRow], platform: str) -> ChildRow | None:
    """The child of this platform; without a version of Windows, the first of any version."""
    exact = (each for each in children if each.platform == platform)
    other = (each for each in children if each.platform.partition(" ")[0] == platform)
    return next(exact, None) or next(other, None)


def _short(digest: str) -> str:
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm}:{encoded[:12]}"


def _no_such_tag(repository: Repository, tag: str) -> NotHere:
    last = last_events(repository, [tag]).get(tag)
    if last is not None and last.kind == "deleted":
        sentence = f"It was there, and was seen to be gone {last.seen_at:%-d %b %Y %H:%M} UTC."
    else:
        sentence = "It was not seen in this repository."
    return _absent(repository, f"The tag {tag} is not in {repository.path}", "Tag", tag, sentence)


def _no_such_platform(
    repository: Repository, tag: Tag, platform: str, children: list[ChildRow]
) -> NotHere:
    there = ", ".join(each.platform for each in children) or tag.manifest.platform
    sentence = f"It has: {there}." if there else "What it points to names no platform."
    heading = f"{tag.name} has no image for {platform}"
    return _absent(repository, heading, "Platform", platform, sentence, tag.name)


def _no_such_digest(repository: Repository, digest: str) -> NotHere:
    heading = f"This digest is not in {repository.path}"
    sentence = "No manifest of this digest was seen in this repository."
    return _absent(repository, heading, "Digest", digest, sentence)


def _no_config(repository: Repository, digest: str) -> NotHere:
    heading = "This manifest has no config in the record"
    sentence = "Indexes have none, and those of unknown types are not read."
    return _absent(repository, heading, "Digest", digest, sentence)


def _absent(
    repository: Repository, heading: str, kind: str, value: str, sentence: str, tag: str = ""
) -> NotHere:
    registry = repository.registry
    where = [registry.name, repository.path]
    understood = [("Registry", registry.name), ("Repository", repository.path)]
    understood += [("Tag", tag)] if tag else []
    back = [(repository.path, reverse("place", args=where))]
    crumbs = place_crumbs(registry, repository.path, _short(value) if kind == "Digest" else value)
    if tag:
        url = reverse("tag", args=[*where, tag])
        back = [(f"{repository.path}:{tag}", url), *back]
        crumbs = [*crumbs[:-1], (tag, url), crumbs[-1]]
    return NotHere(
        Explanation(
            heading,
            [*understood, (kind, value)],
            sentence,
            "It may be newer than the last sync. The repository's page shows all that is known.",
        ),
        crumbs,
        back,
    )
