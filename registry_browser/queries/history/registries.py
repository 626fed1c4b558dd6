"""Which registries the ledger knows, those included that were removed since."""

from __future__ import annotations

from registry_browser.models import Registry, TagEvent


def registry_ids(name: str) -> tuple[int, ...]:
    """The ids under which the ledger knows a registry of this name, removed ones included."""
    return tuple(pk for pk, known in ledger_registries() if known == name)


def ledger_registries() -> list[tuple[int, str]]:
    """Every registry with its names in the ledger and now, as (id, name).

    A name may have changed: that of the newest event counts, and that of today.
    """
    named = TagEvent.objects.raw(_REGISTRIES)
    found = {(event.registry_id, event.registry_name) for event in named}
    return sorted(found | set(Registry.objects.values_list("pk", "name")))


# Few registries, many rows: step from one registry to the next by the index.
_REGISTRIES = """
WITH RECURSIVE step (registry_id) AS (
    SELECT min(registry_id) FROM registry_browser_tagevent
  UNION ALL
    SELECT (SELECT min(registry_id) FROM registry_browser_tagevent
             WHERE registry_id > step.registry_id)
      FROM step WHERE step.registry_id IS NOT NULL
)
SELECT newest.* FROM step CROSS JOIN LATERAL (
    SELECT id, registry_id, registry_name FROM registry_browser_tagevent
     WHERE registry_id = step.registry_id ORDER BY seen_at DESC, id DESC LIMIT 1
) newest
"""


def removed_registries() -> list[int]:
    """The ids of those that are not connected any more."""
    known = {event.registry_id for event in TagEvent.objects.raw(_REGISTRIES)}
    return sorted(known - set(Registry.objects.values_list("pk", flat=True)))
