"""Addresses of every page and API list, with things drawn from a generated record."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from benchmarks.record import BIG, NOW
from registry_browser.models import (
    Blob,
    Registry,
    Repository,
    SyncRun,
    Tag,
    TagEvent,
    TagEventKind,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Samples:
    """Addresses of things in the record, drawn at random but the same in every run."""

    def __init__(self, registry: Registry) -> None:
        self.draw = random.Random(20261120)
        repositories = Repository.objects.filter(registry=registry, path__startswith="team-")
        self.paths = list(repositories.values_list("path", flat=True))
        tags = Tag.objects.filter(repository__in=repositories).order_by("pk")[:20_000]
        self.tags = list(tags.values_list("repository__path", "name", "manifest__digest"))
        blobs = Blob.objects.filter(registry=registry, layer_manifests__gt=0)
        self.layers = list(blobs.order_by("digest").values_list("digest", flat=True)[:2_000])
        self.base = blobs.order_by("-layer_manifests").values_list("digest", flat=True)[0]
        big = Tag.objects.filter(repository__registry=registry, repository__path=BIG)
        self.big_tags = list(big.order_by("name").values_list("name", "manifest__digest")[:2_000])
        old = TagEvent.objects.filter(registry_id=registry.pk, kind=TagEventKind.MOVED)
        self.past = list(old.order_by("id").values_list("old_digest", flat=True)[:2_000])
        self.run = SyncRun.objects.order_by("-pk").values_list("pk", flat=True)[0]

    def path(self) -> str:
        return self.draw.choice(self.paths)

    def namespace(self) -> str:
        return self.path().rpartition("/")[0].partition("/")[0]

    def tag(self) -> tuple[str, str, str]:
        return self.draw.choice(self.tags)

    def moment(self) -> str:
        """Of the months that the ledger tells of."""
        return f"{NOW - timedelta(minutes=self.draw.randrange(100_000)):%Y-%m-%dT%H:%M}"

    def pattern(self) -> str:
        """For tags, with its wildcard in front: what no index has in order. It means a few."""
        return f"*.{self.draw.randrange(20_000)}"

    def big_tag(self) -> tuple[str, str]:
        return self.draw.choice(self.big_tags)


def pages(at: Samples) -> Iterator[tuple[str, Callable[[], str]]]:
    """Every kind of page, with what makes one of its addresses."""
    big = f"/r/bench/{BIG}/"
    yield "overview", lambda: "/"
    yield "registries", lambda: "/registries/"
    yield "runs", lambda: "/runs/"
    yield "run", lambda: f"/runs/{at.run}/"
    yield "registry", lambda: "/r/bench/"
    yield "registry, filtered", lambda: f"/r/bench/?q=app-{at.draw.randrange(9999)}"
    yield "namespace", lambda: f"/r/bench/{at.namespace()}/"
    yield "repository", lambda: f"/r/bench/{at.path()}/"
    yield "repository of 20,000 tags", lambda: big
    yield "the same, a page far behind", lambda: f"{big}?page={at.draw.randrange(100, 400)}"
    yield "the same, filtered", lambda: f"{big}?q=2026.{at.draw.randrange(200)}.*"
    yield "the same, by size", lambda: f"{big}?sort=-size"
    yield "its untagged", lambda: f"{big}-/untagged"
    yield "untagged", lambda: f"/r/bench/{at.path()}/-/untagged"
    yield "referrers", lambda: f"/r/bench/{at.path()}/-/referrers"
    yield "tag", lambda: "/r/bench/{}/-/tags/{}".format(*at.tag()[:2])
    yield "tag of 20,000", lambda: f"{big}-/tags/{at.big_tag()[0]}"
    yield "manifest", lambda: "/r/bench/{0}/-/manifests/{2}".format(*at.tag())
    yield "layers", lambda: "/r/bench/-/layers"
    for order in ("-size", "-manifests", "-repositories"):
        yield f"layers by {order[1:]}", partial(str, f"/r/bench/-/layers?sort={order}")
    yield "layer", lambda: f"/r/bench/-/layers/{at.draw.choice(at.layers)}"
    yield "layer of 20,000 images", lambda: f"/r/bench/-/layers/{at.base}"
    yield "search by name", lambda: f"/search?q=app-{at.draw.randrange(9999)}"
    yield "search by digest", lambda: f"/search?q={at.tag()[2][7:19]}"
    yield "space everywhere", lambda: "/space/"
    yield "space of a registry", lambda: "/r/bench/-/space"
    yield "the same, as table", lambda: "/r/bench/-/space?view=table"
    yield "space of a namespace", lambda: f"/r/bench/{at.namespace()}/-/space"
    yield "space of a repository", lambda: f"/r/bench/{at.path()}/-/space"
    yield "space of 20,000 tags", lambda: f"{big}-/space"
    yield (
        "space of a selection",
        lambda: f"/r/bench/-/space?view=table&select={at.namespace()}&select={at.path()}",
    )
    yield "untagged of a registry", lambda: "/r/bench/-/dangling"
    yield "the same, all", lambda: "/r/bench/-/dangling?state=all"
    yield "the same, by size", lambda: "/r/bench/-/dangling?sort=-size"
    yield "untagged of a namespace", lambda: f"/r/bench/{at.namespace()}/-/dangling"
    yield "sharing in a registry", lambda: "/r/bench/-/sharing"
    yield "sharing in a namespace", lambda: f"/r/bench/{at.namespace()}/-/sharing"
    yield "deletions", lambda: "/deletions/"


def lists(at: Samples) -> Iterator[tuple[str, Callable[[], str]]]:
    """Every list of the API, and what it tells of one thing."""
    api = "/api/v1/registries/bench/"
    big = f"{api}repositories/{BIG}/-/"
    yield "API registries", lambda: "/api/v1/registries/"
    yield "API registry", lambda: api
    yield "API runs", lambda: "/api/v1/runs/"
    for order in ("path", "-reclaimable_bytes", "-tags"):
        yield (
            f"API repositories by {order}",
            partial(str, f"{api}repositories/?ordering={order}"),
        )
    yield "API repositories below", lambda: f"{api}repositories/?prefix={at.namespace()}"
    yield "API tags of 20,000", lambda: f"{big}tags/"
    yield "API tag", lambda: "{}repositories/{}/-/tags/{}/".format(api, *at.tag()[:2])
    yield "API manifests of 20,000", lambda: f"{big}manifests/"
    yield "API manifests, dangling", lambda: f"{big}manifests/?state=dangling"
    yield (
        "API manifest",
        lambda: "{0}repositories/{1}/-/manifests/{3}/".format(api, *at.tag()),
    )
    for order in ("digest", "-size", "-repositories"):
        yield f"API layers by {order}", partial(str, f"{api}layers/?ordering={order}")
    yield "API layer", lambda: f"{api}layers/{at.base}/"
    yield "API space", lambda: f"{api}space/"
    yield "API space below", lambda: f"{api}space/?prefix={quote(at.namespace())}"
    yield "API search", lambda: f"/api/v1/search/?q=app-{at.draw.randrange(9999)}"


def histories(at: Samples) -> Iterator[tuple[str, Callable[[], str]]]:
    """History pages: each kind at each place, each filter, both moments, comparisons, the trail."""
    registry, big = "/r/bench/-/", f"/r/bench/{BIG}/-/"
    yield "history", lambda: "/history/"
    yield "history of a registry", lambda: f"{registry}history"
    yield "history of a namespace", lambda: f"/r/bench/{at.namespace()}/-/history"
    yield "history of a repository", lambda: f"/r/bench/{at.path()}/-/history"
    yield "history of 20,000 tags", lambda: f"{big}history"
    yield "history of a tag", lambda: f"{big}tags/{at.big_tag()[0]}/history"
    for name, asked in (
        ("a tag pattern", lambda: "tag=1.*"),
        ("a rare tag pattern", lambda: f"tag={at.pattern()}"),
        ("a path", lambda: f"path={at.path()}"),
        ("a path pattern", lambda: f"path=*app-{at.draw.randrange(10, 99)}*"),
        ("a digest", lambda: f"digest={at.draw.choice(at.past)}"),
        ("the start of a digest", lambda: f"digest={at.draw.choice(at.past)[7:19]}"),
        ("an actor", lambda: f"actor=ci-{at.draw.randrange(40)}"),
        ("a source", lambda: "source=notification"),
        ("a kind", lambda: "kind=created"),
        ("a rare kind", lambda: "kind=deleted"),
        ("seven days", lambda: "span=7d"),
        ("a time", lambda: f"until={at.moment()}"),
        ("several", lambda: f"tag=1.*&actor=ci-3&until={at.moment()}"),
    ):
        yield f"history by {name}", lambda asked=asked: f"/history/?{asked()}"  # type: ignore[misc]
    yield "history of 20,000 tags by a pattern", lambda: f"{big}history?tag={at.pattern()}"
    yield (
        "everything as of, by a pattern",
        lambda: f"/history/as-of?at={at.moment()}&tag={at.pattern()}",
    )
    for place, where in (("a registry", registry), ("20,000 tags", big)):
        yield f"{place} as of", lambda where=where: f"{where}history/as-of?at={at.moment()}"  # type: ignore[misc]
        yield (
            f"{place} between",
            lambda where=where: f"{where}history/between?from={at.moment()}&to={at.moment()}",  # type: ignore[misc]
        )
    yield "everything as of", lambda: f"/history/as-of?at={at.moment()}"
    yield "compare two tags", lambda: "/compare?a=bench/{0}:{1}&b=bench/{0}@{2}".format(*at.tag())
    yield "audit trail", lambda: "/history/audit"
    yield "seals", lambda: "/history/seals"
    api = "/api/v1/"
    repository = f"{api}registries/bench/repositories/{BIG}/-/history/"
    yield "API history", lambda: f"{api}history/"
    yield "API history of a registry", lambda: f"{api}history/?registry=bench"
    yield "API history below", lambda: f"{api}history/?registry=bench&prefix={at.namespace()}"
    yield "API history by tag", lambda: f"{api}history/?tag=1.*"
    yield "API history by actor", lambda: f"{api}history/?actor=ci-{at.draw.randrange(40)}"
    yield "API history until", lambda: f"{api}history/?until={at.moment()}"
    yield "API history as of", lambda: f"{api}history/?registry=bench&at={at.moment()}"
    yield "API history of 20,000 tags", lambda: repository
    yield "API the same, as of", lambda: f"{repository}?at={at.moment()}"
    yield "API audit trail", lambda: f"{api}audit/"
    yield "API seals", lambda: f"{api}seals/"
