"""CNCF distribution 2.8 and 3, whose envelope Azure's webhooks share in part (fact sheet 4.1, 4.2).

2.8.2 tells of a manifest's deletion first by digest, then once for each tag that went with it. A
pull is told of for each GET and HEAD of a manifest, those of our own syncs included.
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

BLOB = "application/octet-stream"


def matches(document: object, headers: Headers) -> bool:
    return isinstance(part(document, "events"), list)


def read(document: Document, headers: Headers) -> Notice:
    reading = Reading(NotificationKind.DISTRIBUTION)
    for event in document["events"]:
        take(reading, event)
    return reading.notice()


def take(reading: Reading, event: object) -> None:
    """One event, as distribution and Azure write it."""
    action, target = part(event, "action"), part(event, "target")
    told = {
        "path": part(target, "repository"),
        "at": moment(part(event, "timestamp")),
        "actor": part(event, "actor", "name"),
        "key": part(event, "id"),
    }
    tag, digest = part(target, "tag"), part(target, "digest")
    if action == "delete":
        # With a tag, the tag went; without, the manifest, or the repository where there is neither.
        reading.add(**told, tag=tag, digest="" if tag else digest, deletes=True)
    elif action == "push" and part(target, "mediaType") != BLOB:
        reading.add(**told, tag=tag, digest=digest)
    elif action in ("push", "pull", "mount"):
        reading.ignored += 1
    else:
        reading.unusable += 1
