"""Likely base images: the layers on which many images stand, counted by `sync.figures.bases`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import BaseImage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from registry_browser.models import Registry

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRow:
    """Common layers from the lowest one on; `path`, `tag` and `digest` name the image first seen
    that is just these, empty where none was seen.
    """

    layers: int
    stored_bytes: int
    images: int
    repositories: int
    top_layer: str
    path: str
    tag: str
    digest: str
    counted_at: datetime

    @property
    def reference(self) -> str:
        """`base/python:3.11`, or with a digest where no tag is left."""
        if not self.path:
            return ""
        return f"{self.path}:{self.tag}" if self.tag else f"{self.path}@{self.digest}"


@dataclass(frozen=True, slots=True)
class BasePage:
    """One page of bases; `more` says whether there are others behind it."""

    rows: list[BaseRow]
    page: int
    total: int

    @property
    def first(self) -> int:
        return (self.page - 1) * PAGE + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * PAGE + len(self.rows)

    @property
    def more(self) -> bool:
        return self.last < self.total


def bases(registry: Registry, *, page: int = 1, size: int = PAGE) -> BasePage:
    """Those that most images stand on first, by the index `base_image_order`; two statements."""
    found = BaseImage.objects.filter(registry=registry)
    start = (page - 1) * size
    rows = found.order_by("-images", "-layers", "chain")[start : start + size]
    return BasePage([_row(base) for base in rows], page, found.count())


def every_base(registry: Registry) -> Iterator[BaseRow]:
    """All of them, in the same order."""
    found = BaseImage.objects.filter(registry=registry).order_by("-images", "-layers", "chain")
    return map(_row, found.iterator())


def _row(base: BaseImage) -> BaseRow:
    return BaseRow(
        layers=base.layers,
        stored_bytes=base.stored_bytes,
        images=base.images,
        repositories=base.repositories,
        top_layer=base.top_layer,
        path=base.path,
        tag=base.tag,
        digest=base.digest,
        counted_at=base.counted_at,
    )
