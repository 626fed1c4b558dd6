"""What to write where, so that a registry tells us what happens in it: text to copy, for each kind
of sender.
"""

from dataclasses import dataclass

from registry_browser.models import Registry


@dataclass(frozen=True, slots=True)
class Setup:
    """How one kind of sender is told. `where` says in a sentence where `text` goes."""

    name: str
    label: str
    where: str
    text: str
    remark: str = ""


_OF_HOST = {
    "azurecr.io": "acr",
    "gcr.io": "pubsub",
    "pkg.dev": "pubsub",
    "docker.io": "docker-hub",
    "quay.io": "quay",
    "ghcr.io": "ghcr",
}


def setups(registry: Registry, address: str, secret: str) -> list[Setup]:
    """All of them, first the one that the registry's host speaks. `address` is the endpoint's,
    without the secret.
    """
    name = registry.name
    with_secret = f"{address}/{secret}"
    found = [
        Setup(
            "distribution",
            "CNCF distribution",
            "In the registry's config.yml, versions 2.8 and 3; then restart the registry:",
            f"""\
notifications:
  endpoints:
    - name: registry-browser
      url: {address}
      headers:
        Authorization: [Bearer {secret}]
      timeout: 5s
      threshold: 5
      backoff: 10s
      ignore:
        mediatypes: [application/octet-stream]
        actions: [pull]""",
            "Pulls are left out: each sync would tell of thousands. The registry keeps what it "
            "has not told yet in memory; a restart loses it, and the next sync finds it.",
        ),
        Setup(
            "acr",
            "Azure webhook",
            "In a terminal, for every repository of the registry:",
            f"""\
az acr webhook create --registry {name} --name registrybrowser \\
  --actions push delete --uri {address} \\
  --headers "Authorization=Bearer {secret}\"""",
            "Azure does not tell of a tag that is deleted by itself; the next sync sees it.",
        ),
        Setup(
            "event-grid",
            "Azure Event Grid",
            "In a terminal; either schema is understood, and the handshake is answered:",
            f"""\
az eventgrid event-subscription create --name registry-browser \\
  --source-resource-id "$(az acr show --name {name} --query id --output tsv)" \\
  --included-event-types Microsoft.ContainerRegistry.ImagePushed \\
    Microsoft.ContainerRegistry.ImageDeleted \\
  --endpoint {with_secret}""",
        ),
        Setup(
            "pubsub",
            "Google Pub/Sub",
            "In a terminal, in the project of the registry:",
            f"""\
gcloud pubsub topics create gcr
gcloud pubsub subscriptions create registry-browser --topic gcr \\
  --push-endpoint {with_secret}""",
            "To have Google sign its pushes instead, name the service account below, leave the "
            "secret out of the address, and add --push-auth-service-account and "
            "--push-auth-token-audience.",
        ),
        Setup(
            "docker-hub",
            "Docker Hub",
            "On each repository's page, under Webhooks, as the webhook's address:",
            with_secret,
            "Docker Hub tells of pushes only, and not of what was pushed; the sync finds that.",
        ),
        Setup(
            "harbor",
            "Harbor",
            "In each project, under Webhooks: type http, either format, the events for artifacts "
            "pushed and deleted, with this endpoint and auth header:",
            f"{address}\nBearer {secret}",
            "Harbor does not tell of a tag that is added or deleted; the next sync sees it.",
        ),
        Setup(
            "quay",
            "Quay",
            "In each repository's settings, as a notification of “Push to Repository” by webhook:",
            with_secret,
            "Quay tells of pushes only.",
        ),
        Setup(
            "ghcr",
            "GitHub",
            "In the organisation's settings, under Webhooks: content type application/json, the "
            "event “Packages”, with this payload address and secret:",
            f"{address}\n{secret}",
            "GitHub signs what it sends with the secret. It does not tell of deletions.",
        ),
    ]
    mine = next(
        (kind for host, kind in _OF_HOST.items() if f".{registry.host}".endswith(f".{host}")),
        "distribution",
    )
    return sorted(found, key=lambda each: each.name != mine)
