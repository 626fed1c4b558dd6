"""What an admin does to a registry's endpoint; each of it leaves a trace in the audit trail."""

from datetime import datetime

from django.db import transaction

from registry_browser.history import audit
from registry_browser.models import NotificationEndpoint, Registry, new_secret


def open_endpoint(registry: Registry, *, actor: str, now: datetime) -> NotificationEndpoint:
    """Let the registry be told of, or give an endpoint that is open a new secret: the one before
    stops working at once. The row that is returned holds the secret to show.
    """
    with transaction.atomic():
        endpoint = (
            NotificationEndpoint.objects.select_for_update().filter(registry=registry).first()
        )
        action = "notifications:opened" if endpoint is None else "notifications:secret-changed"
        if endpoint is None:
            endpoint = NotificationEndpoint(registry=registry, created_at=now)
        endpoint.secret, endpoint.rotated_at = new_secret(), now
        endpoint.save()
        audit.record(action, actor=actor, about=registry.name, now=now)
    return endpoint


def close_endpoint(endpoint: NotificationEndpoint, *, actor: str, now: datetime) -> None:
    """Nobody is let in any more. What was delivered stays for as long as it is kept."""
    with transaction.atomic():
        audit.record("notifications:closed", actor=actor, about=endpoint.registry.name, now=now)
        endpoint.delete()


def trust_google(
    endpoint: NotificationEndpoint, *, account: str, audience: str, actor: str, now: datetime
) -> None:
    """Let in what Pub/Sub signs for this service account and audience; nobody, with neither."""
    with transaction.atomic():
        endpoint.google_account, endpoint.google_audience = account, audience
        endpoint.save(update_fields=["google_account", "google_audience"])
        audit.record(
            "notifications:google-changed",
            actor=actor,
            about=endpoint.registry.name,
            detail={"account": account, "audience": audience},
            now=now,
        )
