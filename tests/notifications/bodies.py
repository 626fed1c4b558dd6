"""What senders send, as their documentation and our own recordings show it."""

from __future__ import annotations

import base64
import json
from typing import Any

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def distribution(*events: dict[str, Any]) -> dict[str, Any]:
    """The envelope."""
    return {"events": list(events)}


def pushed(path: str, tag: str = "", digest: str = A, **more: Any) -> dict[str, Any]:
    """A push of a manifest, as distribution 2.8.2 tells it."""
    target = {"mediaType": MANIFEST, "size": 418, "digest": digest, "repository": path}
    return {
        "id": f"push-{path}-{tag}-{digest[-4:]}",
        "timestamp": "2026-11-20T11:59:59.862370814Z",
        "action": "push",
        "target": {**target, **({"tag": tag} if tag else {})},
        "request": {"id": "1c0213d6", "method": "PUT"},
        "actor": {"name": "alice"},
        **more,
    }


def deleted(path: str, *, tag: str = "", digest: str = "", **more: Any) -> dict[str, Any]:
    """A deletion: by digest, or of a tag that went with it, or of a repository."""
    target = {"repository": path, **({"tag": tag} if tag else {"digest": digest} if digest else {})}
    return {
        "id": f"delete-{path}-{tag}-{digest[-4:]}",
        "timestamp": "2026-11-20T11:59:59.9Z",
        "action": "delete",
        "target": target,
        "actor": {},
        **more,
    }


def pulled(path: str) -> dict[str, Any]:
    """What each GET or HEAD of a manifest brings."""
    return {**pushed(path, "v1"), "id": f"pull-{path}", "action": "pull"}


def pubsub(**data: str) -> dict[str, Any]:
    """A push of Google's."""
    encoded = base64.b64encode(json.dumps(data).encode()).decode()
    return {
        "message": {
            "data": encoded,
            "messageId": "136969346945",
            "attributes": {},
            "publishTime": "2026-11-20T11:59:59.5Z",
        },
        "subscription": "projects/p/subscriptions/s",
    }
