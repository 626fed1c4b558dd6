"""Quay's `repo_push`: names of tags, without digests and without a time (fact sheet 4.7)."""

from registry_browser.models import NotificationKind
from registry_browser.notifications.formats.told import Document, Headers, Notice, Reading, part


def matches(document: object, headers: Headers) -> bool:
    return isinstance(part(document, "docker_url"), str) and isinstance(
        part(document, "repository"), str
    )


def read(document: Document, headers: Headers) -> Notice:
    reading = Reading(NotificationKind.QUAY)
    tags = part(document, "updated_tags")
    # Without tags it still says that something was pushed.
    for tag in tags if isinstance(tags, list) and tags else [""]:
        reading.add(path=document["repository"], tag=tag)
    return reading.notice(dated=False)
