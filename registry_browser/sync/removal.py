"""Removing the record of a registry: a million rows, table by table, and none of them in memory."""

from datetime import datetime

from django.db import connection, transaction

from registry_browser.history import audit
from registry_browser.models import Registry

# The table, and what of the registry its rows hang on; before what they hang on itself.
_ROWS = (
    ("tag", "repository"),
    ("presence", "repository"),
    ("repositoryblob", "repository"),
    ("manifestbody", "manifest"),
    ("manifestblob", "manifest"),
    ("manifestchild", "manifest"),
    ("imageconfig", "blob"),
)
_CONTENT = ("manifest", "blob")


def remove_registry(registry: Registry, *, actor: str, now: datetime) -> None:
    """Remove the record of a registry. Its history stays, and nothing changes in the registry
    itself. A sync that is under way ends with it.
    """
    with transaction.atomic():
        Registry.objects.hold_for_removal(registry.pk)
        audit.record(
            "registry:removed",
            actor=actor,
            about=registry.name,
            detail={"url": registry.url},
            now=now,
        )
        with connection.cursor() as cursor:
            for table, owner in _ROWS:
                cursor.execute(
                    f"DELETE FROM registry_browser_{table} held"
                    f" USING registry_browser_{owner} owner"
                    f" WHERE held.{owner}_id = owner.id AND owner.registry_id = %s",
                    [registry.pk],
                )
            for table in _CONTENT:
                cursor.execute(
                    f"DELETE FROM registry_browser_{table} WHERE registry_id = %s", [registry.pk]
                )
        registry.delete()
