"""The knobs: how this registry behaves when nothing goes wrong.

The defaults are those of CNCF distribution 2.8.2 as it was seen on the wire, with deletion enabled
as Debian's package configures it. Change any field while the server runs; the next request obeys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Auth(Enum):
    """Who may speak to the registry."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"


class Paging(Enum):
    """What a listing does with ``n`` and ``last``, and what its ``Link`` looks like."""

    NONE = "everything in one answer, n and last ignored"
    RELATIVE = "</v2/…>; rel=next, as distribution"
    ABSOLUTE = "the same with scheme and host, as Quay"
    WRONG_SCHEME = "absolute, but with the other scheme, as behind a TLS proxy"
    OTHER_HOST = "absolute, on a host that is not the registry"
    CURSOR = "relative, with an opaque cursor as last, as ECR"
    NO_REL = "relative, without rel"
    LOST_PREFIX = "relative, without the path prefix, as Artifactory"
    NO_LINK = "a cut page and no Link at all, as Nexus groups"
    REPEATS = "after the second page, the first one again, for ever"
    ENDLESS = "always one more new name, for ever"


class Catalog(Enum):
    """Whether ``/v2/_catalog`` is served."""

    SERVED = "served"
    REFUSED = "401, as Docker Hub and GitLab"
    MISSING = "404, as GHCR"


class HeadManifest(Enum):
    """What HEAD of a manifest answers (misbehaviours of Nexus and Artifactory)."""

    FULL = "the headers of GET"
    NO_DIGEST = "without Docker-Content-Digest"
    NO_LENGTH = "Content-Length: 0"
    NOT_FOUND = "404 where GET works"
    FORBIDDEN = "403 where GET works"


@dataclass(slots=True)
class Habits:
    """How the fake behaves. See the comment on each group for who does that in the world."""

    # JSON answers: distribution 2.8.2 names the charset, 3.x does not.
    json_content_type: str = "application/json; charset=utf-8"
    version_header: bool = True
    prefix: str = ""  # Artifactory and Nexus serve /v2/ below a path

    # Authentication
    auth: Auth = Auth.NONE
    realm: str = "basic-realm"  # of Basic
    service: str = "fake-registry"  # of Bearer
    users: dict[str, str] = field(default_factory=lambda: {"admin": "secret"})
    anonymous_pull: bool = False  # the token endpoint grants pull without credentials
    challenge_header: bool = True  # gcr.io sends some 401 without WWW-Authenticate
    challenge_scope: bool = True  # Gitea sends none
    token_keys: tuple[str, ...] = ("token", "access_token")
    expires_in: int | None = 300  # seconds, as announced; None leaves the key out
    token_uses: int | None = None  # after so many requests a token has expired; no clock needed
    token_on_other_port: bool = False
    token_realm: str | None = None  # overrides the realm URL altogether
    refused_token_scopes: tuple[str, ...] = ()  # Quay: 400 for "delete" or "registry:catalog:*"
    withheld_actions: tuple[str, ...] = ()  # granted less than asked, and still 200

    # Listings
    catalog: Catalog = Catalog.SERVED
    catalog_paging: Paging = Paging.RELATIVE
    tags_paging: Paging = Paging.NONE
    page_size: int = 100  # when the client names none
    page_limit: int = 1000  # the largest n
    clamp_page_size: bool = False  # True: larger n is clamped, as v3 does with tags; False: 400
    strict_page_size: bool = False  # v3: n that is no positive number is 400
    tags_sorted: bool = False
    null_tags: bool = True  # an emptied repository: null (2.8.2) or [] (3.x)
    extra_tags: tuple[str | None, ...] = ()  # junk in each list: None, "", digests (Nexus…)

    # Manifests
    strict_accept: bool = True  # */* does not cover OCI types
    rewrites_schema1: bool = True  # schema 2 by tag without its type in Accept (gone in 3.x)
    digest_header: bool = True
    etag: bool = True
    head_manifest: HeadManifest = HeadManifest.FULL
    accepts_any_manifest: bool = False  # ACR: unknown types, artifact manifests, missing blobs
    accepts_schema1: bool = False
    foreign_urls_allowed: bool = False
    manifest_limit: int = 4 * 1024 * 1024  # bytes

    # Deletion
    deletion: bool = True  # False: 405 UNSUPPORTED for everything, distribution's own default
    delete_by_tag: int = 400  # 202 untags, 400 DIGEST_INVALID, 405 UNSUPPORTED
    refuse_tagged: int | None = None  # 400 Google, 403 Docker Hub
    refuse_child: int | None = None  # 400 Google, 405 zot
    untagged_is_404: bool = False  # Quay
    delete_cascades: bool = False  # ACR: referrers go with their subject
    locked: set[tuple[str, str]] = field(default_factory=set)  # (repository, tag or digest)

    # Blobs and uploads
    blob_redirect: int | None = None  # 307 or 302, to storage that refuses an Authorization header
    storage_host: str = "127.0.0.1"
    ranges: bool = True
    lying_416: bool = True  # Content-Length of the blob with a short text body (2.8.2)
    relative_locations: bool = False
    checks_content_range: bool = False  # 3.x: 416 when a chunk does not follow
    upload_range_prefix: str = ""  # Quay: "bytes="
    patch_status: int = 202  # ECR: 201
    chunk_min_length: int | None = None  # bytes, announced as OCI-Chunk-Min-Length
    single_post_upload: bool = False  # Quay, Gitea: POST ?digest= stores at once
    mounts: bool = True

    # Referrers
    referrers_api: bool = False
    referrers_filter: bool = True  # the server applies artifactType and says so

    # Extra headers on every answer
    headers: dict[str, str] = field(default_factory=dict)


def distribution2() -> Habits:
    """CNCF distribution 2.8.2: the defaults."""
    return Habits()


def distribution3() -> Habits:
    """CNCF distribution 3.x: sorted and paged tags, untagging by tag, no schema 1."""
    return Habits(
        json_content_type="application/json",
        tags_paging=Paging.RELATIVE,
        tags_sorted=True,
        null_tags=False,
        strict_page_size=True,
        rewrites_schema1=False,
        delete_by_tag=202,
        lying_416=False,
        checks_content_range=True,
    )


def oci() -> Habits:
    """A generic registry that does all the OCI specification (1.1) asks for."""
    habits = distribution3()
    habits.strict_accept = False
    habits.accepts_any_manifest = True
    habits.referrers_api = True
    habits.version_header = False
    habits.etag = False
    return habits


PRESETS: dict[str, Callable[[], Habits]] = {
    "distribution2": distribution2,
    "distribution3": distribution3,
    "oci": oci,
}
