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


ACR_PUSH = {
    "id": "cb8c3971",
    "timestamp": "2017-11-17T16:52:01.343145347Z",
    "action": "push",
    "target": {"mediaType": "x", "digest": A, "repository": "hello-world", "tag": "v1"},
    "request": {"id": "3cbb6949", "host": "myregistry.azurecr.io"},
}
CHART = {
    "id": "6356e9e0",
    "timestamp": "2019-03-05T23:45:31.2614267Z",
    "action": "chart_push",
    "target": {
        "digest": A,
        "repository": "repo",
        "tag": "wordpress-5.4.0.tgz",
        "name": "wordpress",
    },
}
EVENT_GRID = {
    "id": "831e1650",
    "topic": "/subscriptions/s/registries/r",
    "subject": "aci-helloworld:v1",
    "eventType": "Microsoft.ContainerRegistry.ImagePushed",
    "eventTime": "2018-04-25T21:39:47.6549614Z",
    "data": {"id": "31c51664", "action": "push", "target": ACR_PUSH["target"]},
}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "831e1650",
    "type": "Microsoft.ContainerRegistry.ImageDeleted",
    "time": "2018-04-25T21:39:47.6549614Z",
    "data": {"action": "delete", "target": {"digest": A, "repository": "hello-world"}},
}
HUB = {
    "callback_url": "https://registry.hub.docker.com/u/ns/repo/hook/2141b5/",
    "push_data": {"pushed_at": 1.417566161e09, "pusher": "builder", "tag": "latest", "images": []},
    "repository": {"repo_name": "svendowideit/testhook", "namespace": "svendowideit"},
}
HARBOR = {
    "type": "PUSH_ARTIFACT",
    "occur_at": 1680501893,
    "operator": "admin",
    "event_data": {
        "resources": [{"digest": A, "tag": "v1", "resource_url": "harbor.example/proj/repo:v1"}],
        "repository": {"name": "repo", "repo_full_name": "proj/repo"},
    },
}
HARBOR_CLOUD = {
    "specversion": "1.0",
    "id": "66f5bc1f",
    "type": "harbor.artifact.deleted",
    "time": "2023-04-03T06:04:53Z",
    "operator": "admin",
    "data": {
        "resources": [{"digest": A, "tag": "v1"}],
        "repository": {"repo_full_name": "proj/repo"},
    },
}
QUAY = {
    "repository": "ns/name",
    "docker_url": "quay.io/ns/name",
    "updated_tags": ["latest", "v1"],
}
GHCR = {
    "action": "published",
    "package": {
        "name": "Img",
        "namespace": "Owner",
        "package_type": "CONTAINER",
        "package_version": {
            "version": A,
            "package_url": "ghcr.io/owner/img:latest",
            "container_metadata": {"tag": {"name": "latest", "digest": A}},
        },
    },
    "sender": {"login": "octocat"},
}
