"""Harbor's webhook, in its own format and as CloudEvents (fact sheet 4.6).

Where a manifest has no tag, `tag` holds its digest. Adding or deleting a tag tells nothing (Harbor
2.x, goharbor/harbor issue 18820), so a deletion is that of the manifest.
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

_PUSHED = ("PUSH_ARTIFACT", "harbor.artifact.pushed")
_DELETED = ("DELETE_ARTIFACT", "harbor.artifact.deleted")
_PULLED = ("PULL_ARTIFACT", "harbor.artifact.pulled")


def matches(document: object, headers: Headers) -> bool:
    own = isinstance(part(document, "event_data"), dict) and "occur_at" in dict(
        document if isinstance(document, dict) else {}
    )
    cloud = isinstance(part(document, "specversion"), str) and text(
        part(document, "type")
    ).startswith("harbor.")
    return own or cloud


def read(document: Document, headers: Headers) -> Notice:
    reading = Reading(NotificationKind.HARBOR)
    kind, data = document.get("type"), part(document, "event_data") or part(document, "data")
    if kind in _PULLED:
        reading.ignored += 1
        return reading.notice()
    if kind not in (*_PUSHED, *_DELETED):
        return reading.notice(remark=f"Nothing in it changes a repository: {text(kind)[:60]}.")
    resources = part(data, "resources")
    for number, resource in enumerate(resources if isinstance(resources, list) else []):
        tag, digest = text(part(resource, "tag")), part(resource, "digest")
        deletes = kind in _DELETED
        event = text(part(document, "id"))
        reading.add(
            path=part(data, "repository", "repo_full_name"),
            tag="" if deletes or ":" in tag else tag,
            digest=digest,
            deletes=deletes,
            at=moment(part(document, "occur_at") or part(document, "time")),
            actor=part(document, "operator"),
            key=f"{event}#{number}" if event else "",
        )
    return reading.notice()
