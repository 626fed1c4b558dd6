"""`manage.py list_registries`: which are connected, and how they are."""

from __future__ import annotations

from typing import Any

from registry_browser.management.terminal import RecordCommand
from registry_browser.models import Registry, RegistryState


class Command(RecordCommand):
    """One line for each registry, its parts separated by tabs."""

    help = "List the connected registries: name, address, state, repositories, tags, last sync."

    def handle(self, *args: Any, **options: Any) -> None:
        for registry in Registry.objects.defer("secret"):
            synced = f"{registry.synced_at:%Y-%m-%dT%H:%M:%SZ}" if registry.synced_at else "never"
            self.stdout.write(
                "\t".join(
                    [
                        registry.name,
                        registry.url,
                        str(RegistryState(registry.state).label),
                        f"{registry.repository_count} repositories",
                        f"{registry.tag_count} tags",
                        synced,
                    ]
                )
            )
