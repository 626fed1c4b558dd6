"""What one product adds to the registry protocol, or leaves out of it.

A dialect declares; the client, the probe and the operations read. To add one: write a file beside
this one with a subclass, and add one line to the list in `__init__.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

Capabilities = Mapping[str, bool | None]

CAPABILITIES = (
    "catalog",
    "lists_untagged",
    "pages_tags",
    "referrers_api",
    "deletes_manifests",
    "deletes_tags",
)
"""The names of what a registry may be able to do. None means that nobody knows yet."""


@dataclass(frozen=True, slots=True)
class Ping:
    """What a registry says to `GET /v2/`.

    `status` is 200 or 401; `scheme` ("basic", "bearer" or None), `realm` and `service` come from
    its challenge; `body` is the beginning of what it sent.
    """

    status: int
    api_version: str | None = None
    scheme: str | None = None
    realm: str | None = None
    service: str | None = None
    server: str | None = None
    content_type: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Dialect:
    """The generic dialect: exactly what the OCI distribution-spec promises."""

    kind: ClassVar[str] = "oci"
    title: ClassVar[str] = "OCI registry"

    catalog_page_size: ClassVar[int | None] = 1000
    """`n` for the catalog; None sends none. distribution's default maximum is 1000."""
    tags_page_size: ClassVar[int | None] = 1000
    """`n` for tags; ECR refuses more than 1000."""
    known: ClassVar[Capabilities] = MappingProxyType(dict.fromkeys(CAPABILITIES))
    """What is certain for this product without asking."""

    def recognises(self, hostname: str, ping: Ping) -> bool:
        """Whether the registry at this host is surely of this kind, judged by its ping."""
        return False

    def catalog_scopes(self) -> tuple[str, ...]:
        """The token scopes for reading the catalog."""
        return ("registry:catalog:*",)

    def pull_scopes(self, path: str) -> tuple[str, ...]:
        """The token scopes for reading a repository."""
        return (f"repository:{path}:pull",)

    def push_scopes(self, path: str, mount_from: str | None = None) -> tuple[str, ...]:
        """The token scopes for writing, and for reading where a blob is mounted from."""
        # The scope of the operation itself comes first: some servers look at no other.
        own = f"repository:{path}:pull,push"
        return (own, f"repository:{mount_from}:pull") if mount_from else (own,)

    def delete_scopes(self, path: str) -> tuple[str, ...]:
        """The token scopes for deleting a manifest."""
        return (f"repository:{path}:pull,delete",)
