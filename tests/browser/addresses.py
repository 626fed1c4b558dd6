"""Every page that somebody can open, by name; `{index}` and the like are filled from the record."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from tests.browser.stage import Dashboard

GATEWAY = "/r/acme/edge/gateway/"

# Name: role and address.
PAGES = {
    "sign-in": ("nobody", "/sign-in/"),
    "a used sign-in link": ("nobody", "/sign-in/no-such-link/"),
    "overview": ("viewer", "/"),
    "registries": ("admin", "/registries/"),
    "connect a registry": ("admin", "/registries/add/"),
    "edit a registry": ("admin", "/registries/acme/"),
    "remove a registry": ("admin", "/registries/down/remove/"),
    "runs": ("viewer", "/runs/"),
    "a run that is done": ("viewer", "/runs/{last}/"),
    "a failed run": ("admin", "/runs/{failed}/"),
    "account": ("viewer", "/account/"),
    "people": ("admin", "/people/"),
    "search": ("viewer", "/search?q=gateway"),
    "search for nothing that is": ("viewer", "/search?q=no-such-thing"),
    "a reference to an unknown host": ("viewer", "/go?ref=ghcr.io/acme/web:1"),
    "registry": ("admin", "/r/acme/"),
    "an unreachable registry": ("admin", "/r/down/"),
    "namespace": ("viewer", "/r/acme/marketing/"),
    "repository": ("admin", GATEWAY),
    "platforms of a tag": ("viewer", f"{GATEWAY}?open=latest"),
    "600 tags": ("viewer", "/r/acme/platform/ci/builds/?page=2"),
    "a filter that nothing passes": ("viewer", f"{GATEWAY}?q=zzz"),
    "untagged": ("admin", "{dangling_repository}-/untagged"),
    "referrers": ("viewer", f"{GATEWAY}-/referrers"),
    "tag": ("viewer", f"{GATEWAY}-/tags/latest"),
    "platform of a tag": ("viewer", f"{GATEWAY}-/tags/latest?platform=linux/arm64/v8"),
    "windows image": ("viewer", "/r/acme/windows/print-agent/-/tags/latest?platform=windows/amd64"),
    "index": ("viewer", "{index}"),
    "child": ("viewer", "{child}"),
    "dangling manifest": ("admin", "{dangling}"),
    "schema 1 image": ("viewer", "/r/acme/legacy/crm/-/tags/2016.3"),
    "chart": ("viewer", "/r/acme/charts/ledger-api/-/tags/4.7.1"),
    "cache export": ("viewer", "/r/acme/platform/ci/cache/-/tags/buildkit"),
    "nested index": ("viewer", "/r/acme/sandbox/jonas/nested/-/tags/weird"),
    "hostile labels": ("viewer", "/r/acme/sandbox/hostile/-/tags/latest"),
    "emptied repository": ("viewer", "/r/acme/sandbox/old-demo/"),
    "a place that is not there": ("viewer", "/r/acme/no/such/place/"),
    "an address that is not there": ("viewer", "/no-such-page/"),
    "layers": ("viewer", "/r/acme/-/layers"),
    "layer": ("viewer", "/r/acme/-/layers/{layer}"),
    "space": ("viewer", "/space/"),
    "space of a registry": ("viewer", "/r/acme/-/space"),
    "space of a namespace": ("viewer", "/r/acme/marketing/-/space"),
    "space as a table": ("viewer", "/r/acme/-/space?view=table&select=ml"),
    "space of a repository": ("admin", "{dangling_repository}-/space"),
    "dangling": ("admin", "/r/acme/-/dangling"),
    "untagged of a registry": ("viewer", "/r/acme/-/dangling?state=all"),
    "sharing": ("viewer", "/r/acme/-/sharing"),
    "history": ("auditor", "/history/"),
    "history of a registry": ("auditor", "/r/acme/-/history"),
    "history of a repository": ("auditor", f"{GATEWAY}-/history"),
    "history of a tag": ("auditor", f"{GATEWAY}-/tags/latest/history"),
    "as of a moment": ("auditor", f"{GATEWAY}-/history/as-of"),
    "between two moments": ("auditor", f"{GATEWAY}-/history/between"),
    "history below a namespace": ("auditor", "/r/acme/marketing/-/history"),
    "lanes of a past window, as of a moment": (
        "auditor",
        "/r/prod/api/-/history?since=2026-03-01&until=2026-03-31&at=2026-03-19+20:00",
    ),
    "lanes of years": ("auditor", "/history/?since=2020-01-01"),
    "as of a moment, everywhere": ("auditor", "/history/as-of"),
    "what changed in a registry": ("auditor", "/r/acme/-/history/between?from=2026-01-01"),
    "audit trail": ("auditor", "/history/audit"),
    "seals": ("auditor", "/history/seals"),
    "what can be compared": ("viewer", "/compare"),
    "two tags compared": (
        "viewer",
        "/compare?a=acme/charts/ledger-api:4.7.0&b=acme/charts/ledger-api:4.7.1",
    ),
    "two platforms compared": (
        "viewer",
        "/compare?a=acme/edge/gateway:latest+linux/amd64&b=acme/edge/gateway:latest+linux/arm64/v8",
    ),
    "what cannot be compared": ("viewer", "/compare?a=acme/edge/gateway:latest&b=nowhere/web:1"),
    "notifications not set up": ("admin", "/registries/down/notifications/"),
    "notifications": ("admin", "/registries/acme/notifications/"),
    "a delivery": ("admin", "/registries/acme/notifications/{understood}/"),
    "a delivery that says nothing": ("admin", "/registries/acme/notifications/{not_understood}/"),
    "deletions": ("admin", "/deletions/"),
    "plan a deletion": ("admin", "/deletions/plan/?registry=acme"),
    "a plan to approve": ("admin", "/deletions/{planned}/"),
    "a plan, for a viewer": ("viewer", "/deletions/{planned}/"),
    "a plan that runs": ("admin", "/deletions/{deleting}/"),
    "a plan that is done": ("admin", "/deletions/{deleted}/"),
    "a plan that is undone": ("admin", "/deletions/{undone}/"),
    "locks": ("admin", "/deletions/locks/"),
    "API": ("viewer", "/api/v1/docs/"),
}


def address_of(name: str, dashboard: Dashboard) -> tuple[str, str]:
    """The role that opens this page, and its address."""
    role, address = PAGES[name]
    repositories = {
        f"{sort}_repository": f"/r/acme/{whole.partition('@')[0]}/"
        for sort, whole in dashboard.names.items()
    }
    manifests = {
        sort: f"/r/acme/{whole.replace('@', '/-/manifests/')}"
        for sort, whole in dashboard.names.items()
    }
    known = {**repositories, **manifests, **dashboard.made["numbers"]}
    known["layer"] = quote(dashboard.names["layer"], safe=":")
    return role, address.format(**known)
