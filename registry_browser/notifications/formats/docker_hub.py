"""Docker Hub's webhook: pushes of a tag, without the digest (fact sheet 4.5). The address in
`callback_url` is never called.
"""

from registry_browser.models import NotificationKind
from registry_browser.notifications.formats.told import (
    Document,
    Headers,
    Notice,
    Reading,
    moment,
    part,
)


def matches(document: object, headers: Headers) -> bool:
    return isinstance(part(document, "push_data"), dict) and isinstance(
        part(document, "repository", "repo_name"), str
    )


def read(document: Document, headers: Headers) -> Notice:
    reading = Reading(NotificationKind.DOCKER_HUB)
    pushed_at = moment(part(document, "push_data", "pushed_at"))
    reading.add(
        path=part(document, "repository", "repo_name"),
        tag=part(document, "push_data", "tag"),
        at=pushed_at,
        actor=part(document, "push_data", "pusher"),
    )
    return reading.notice(dated=pushed_at is not None)
