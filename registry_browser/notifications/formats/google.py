"""Google Pub/Sub pushes of the topic `gcr`, which Container Registry and Artifact Registry share
(fact sheet 4.4).

Names are whole references with their host; the topic speaks for all registries of a project. A push
without a tag has a digest only, a deleted tag a tag only.
"""

import base64
import binascii

from registry_browser.models import NotificationKind
from registry_browser.notifications.formats.told import (
    Document,
    Headers,
    Notice,
    Reading,
    Unreadable,
    load,
    moment,
    part,
    split_image,
    text,
)


def matches(document: object, headers: Headers) -> bool:
    return isinstance(part(document, "message"), dict) and isinstance(
        part(document, "subscription"), str
    )


def read(document: Document, headers: Headers) -> Notice:
    message = document["message"]
    event = _data(part(message, "data"))
    reading = Reading(NotificationKind.PUBSUB)
    host, path, digest = split_image(text(part(event, "digest")))
    tag_host, tag_path, tag = split_image(text(part(event, "tag")))
    action = part(event, "action")
    if action not in ("INSERT", "DELETE"):
        reading.unusable += 1
        return reading.notice()
    deletes = action == "DELETE"
    reading.add(
        path=tag_path or path,
        tag=tag,
        # A deletion that names both takes the tag; the manifest is told of by itself.
        digest="" if deletes and tag else digest,
        deletes=deletes,
        at=moment(part(message, "publishTime") or part(message, "publish_time")),
        host=tag_host or host,
        key=part(message, "messageId") or part(message, "message_id"),
    )
    return reading.notice()


def _data(encoded: object) -> object:
    try:
        return load(base64.b64decode(text(encoded), validate=True))
    except binascii.Error as error:
        raise Unreadable("The data of the Pub/Sub message is not base64.") from error
