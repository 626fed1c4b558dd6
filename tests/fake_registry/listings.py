"""Listings: the catalog, the tags of a repository, the referrers of a manifest, and their pages."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from aiohttp import web

from tests.fake_registry.answers import dump, error, json_answer, not_a_route
from tests.fake_registry.habits import Catalog, Habits, Paging
from tests.fake_registry.store import DIGEST, StoredManifest, catalog_order, hash_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fake_registry.state import State

INDEX = "application/vnd.oci.image.index.v1+json"


class BadPageSize(Exception):
    """``n`` is not a number this registry accepts; ``value`` is what was sent."""

    def __init__(self, value: int | str) -> None:
        super().__init__(value)
        self.value = value


def catalog(state: State, request: web.Request) -> web.Response:
    """``GET /v2/_catalog``."""
    habits = state.habits
    if habits.catalog is Catalog.MISSING:
        return not_a_route()
    if habits.catalog is Catalog.REFUSED:
        detail = [{"Type": "registry", "Class": "", "Name": "catalog", "Action": "*"}]
        return error(habits, 401, "UNAUTHORIZED", detail)
    try:
        page, link = _page(
            habits, request, state.store.repositories(), habits.catalog_paging, catalog_order
        )
    except BadPageSize as bad:
        return error(habits, 400, "PAGINATION_NUMBER_INVALID", {"n": bad.value})
    return json_answer(habits, {"repositories": page}, headers=link)


def tags(state: State, request: web.Request, repository: str) -> web.Response:
    """``GET /v2/<name>/tags/list``."""
    habits = state.habits
    if not state.store.has_manifest_history(repository):
        return error(habits, 404, "NAME_UNKNOWN", {"name": repository})
    names = list(state.store.tags(repository))
    names = sorted(names) if habits.tags_sorted else hash_order(names)
    order = _byte_order if habits.tags_sorted else None
    try:
        page, link = _page(habits, request, names, habits.tags_paging, order)
    except BadPageSize as bad:
        return error(habits, 400, "PAGINATION_NUMBER_INVALID", {"n": bad.value})
    listed: list[str | None] = [*page, *habits.extra_tags]
    payload = {"name": repository, "tags": listed or (None if habits.null_tags else [])}
    return json_answer(habits, payload, headers=link)


def referrers(state: State, request: web.Request, repository: str, digest: str) -> web.Response:
    """``GET /v2/<name>/referrers/<digest>``: an index of what refers to a manifest, or 404."""
    habits = state.habits
    if not habits.referrers_api:
        return not_a_route()
    if not DIGEST.fullmatch(digest):
        return error(habits, 400, "DIGEST_INVALID")
    found = [_referrer_descriptor(m) for m in state.store.referrers(repository, digest)]
    response = web.Response(headers={"Content-Type": INDEX})
    wanted = request.query.get("artifactType")
    if wanted and habits.referrers_filter:
        found = [entry for entry in found if entry.get("artifactType") == wanted]
        response.headers["OCI-Filters-Applied"] = "artifactType"
    response.body = dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": found})
    return response


def _referrer_descriptor(manifest: StoredManifest) -> dict[str, object]:
    document = manifest.document()
    entry: dict[str, object] = {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": len(manifest.body),
    }
    config = document.get("config")
    kind = document.get("artifactType") or (config or {}).get("mediaType")
    if kind:
        entry["artifactType"] = kind
    if document.get("annotations"):
        entry["annotations"] = document["annotations"]
    return entry


def _byte_order(name: str) -> str:
    return name


def _page(
    habits: Habits,
    request: web.Request,
    names: list[str],
    paging: Paging,
    order: Callable[[str], str] | None,
) -> tuple[list[str], dict[str, str]]:
    """Return one page of ``names`` and the headers that lead to the next.

    ``order`` is the key by which the names are sorted, None when they are not; it lets ``last``
    be a name that does not exist. Raises BadPageSize.
    """
    if paging is Paging.NONE:
        return names, {}
    size = _page_size(habits, request.query.get("n"))
    if size == 0:
        return [], {}
    last = request.query.get("last", "")
    if paging is Paging.ENDLESS:
        return _endless_page(request, names, last, size)
    start = _decode_cursor(last) if paging is Paging.CURSOR else _position(names, last, order)
    if paging is Paging.REPEATS and (start >= len(names) or start >= 2 * size):
        start = 0
    page = names[start : start + size]
    ends = start + size >= len(names)
    if paging is Paging.NO_LINK or not page or (ends and paging is not Paging.REPEATS):
        return page, {}
    follow = _encode_cursor(start + size) if paging is Paging.CURSOR else page[-1]
    return page, {"Link": _link(request, habits, paging, follow, size)}


def _page_size(habits: Habits, asked: str | None) -> int:
    if asked is None:
        return habits.page_size
    try:
        size = int(asked)
    except ValueError:
        size = -1
    if size < 0:
        if habits.strict_page_size:
            raise BadPageSize(asked)
        return habits.page_size
    if size > habits.page_limit:
        if habits.clamp_page_size:
            return habits.page_limit
        raise BadPageSize(size)
    return size


def _position(names: list[str], last: str, order: Callable[[str], str] | None) -> int:
    if not last:
        return 0
    if last in names:
        return names.index(last) + 1
    if order is None:
        return len(names)
    return sum(1 for name in names if order(name) <= order(last))


def _link(request: web.Request, habits: Habits, paging: Paging, last: str, size: int) -> str:
    path = request.rel_url.raw_path
    if paging is Paging.LOST_PREFIX:
        path = path.removeprefix(habits.prefix)
    target = f"{path}?last={quote(last, safe='')}&n={size}"
    scheme = request.scheme
    if paging is Paging.ABSOLUTE:
        target = f"{scheme}://{request.host}{target}"
    elif paging is Paging.WRONG_SCHEME:
        target = f"{'https' if scheme == 'http' else 'http'}://{request.host}{target}"
    elif paging is Paging.OTHER_HOST:
        target = f"{scheme}://elsewhere.invalid{target}"
    return f"<{target}>" if paging is Paging.NO_REL else f'<{target}>; rel="next"'


def _endless_page(
    request: web.Request, names: list[str], last: str, size: int
) -> tuple[list[str], dict[str, str]]:
    start = _decode_cursor(last)
    page = [
        names[number] if number < len(names) else f"endless-{number:09d}"
        for number in range(start, start + size)
    ]
    cursor = _encode_cursor(start + size)
    target = f"{request.rel_url.raw_path}?last={cursor}&n={size}"
    return page, {"Link": f'<{target}>; rel="next"'}


def _encode_cursor(start: int) -> str:
    return quote(base64.urlsafe_b64encode(f"from:{start}".encode()).decode(), safe="")


def _decode_cursor(cursor: str) -> int:
    """Return where a page starts; a cursor that was not handed out starts from the beginning."""
    try:
        text = base64.urlsafe_b64decode(unquote(cursor)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return 0
    start = text.removeprefix("from:")
    return int(start) if start.isdigit() else 0
