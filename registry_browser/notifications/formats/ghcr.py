"""GitHub's container registry: webhooks `package` and `registry_package`, signed with the secret
(fact sheet 4.8). Deletions are not told of; a push of several platforms comes once for each,
without a tag.
"""

from registry_browser.models import NotificationKind
from registry_browser.notifications.formats.told import (
    Document,
    Headers,
    Notice,
    Reading,
    moment,
    part,
    text,
)

_EVENTS = ("package", "registry_package")
_CONTAINERS = ("container", "docker")


def matches(document: object, headers: Headers) -> bool:
    return isinstance(document, dict) and "x-github-event" in headers


def read(document: Document, headers: Headers) -> Notice:
    reading = Reading(NotificationKind.GHCR)
    event = headers["x-github-event"]
    package = part(document, "registry_package") or part(document, "package")
    if event == "ping":
        return reading.notice(remark="A test: the webhook reaches the dashboard.")
    kinds = (text(part(package, name)).lower() for name in ("package_type", "ecosystem"))
    if event not in _EVENTS or not any(kind in _CONTAINERS for kind in kinds):
        return reading.notice(remark="Nothing in it changes a repository of images.")
    version = part(package, "package_version")
    tag = part(version, "container_metadata", "tag")
    owner = text(part(package, "namespace")) or text(
        part(package, "owner", "login") or part(document, "repository", "owner", "login")
    )
    reading.add(
        # The registry knows names in lower case alone.
        path=f"{owner}/{text(part(package, 'name'))}".lower(),
        tag=part(tag, "name"),
        digest=part(tag, "digest") or part(version, "version"),
        at=moment(part(version, "updated_at") or part(package, "updated_at")),
        actor=part(document, "sender", "login"),
        key=headers.get("x-github-delivery", ""),
    )
    return reading.notice(dated="x-github-delivery" in headers)
