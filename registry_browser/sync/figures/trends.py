"""What places store, remembered at the end of a run for their trends: only what has changed, so a
registry at rest adds nothing.
"""

from datetime import UTC, datetime, timedelta

from django.db import connection

from registry_browser.models import Registry

KEPT = timedelta(days=180)

# A repository that has others below it is shown as the namespace of all of them.
_REMEMBER = """
INSERT INTO registry_browser_placefigure (
    registry_id, path, day, stored_bytes, reclaimable_bytes)
SELECT %(registry)s, place.path, %(day)s, place.stored_bytes, place.reclaimable_bytes
  FROM (SELECT path, stored_bytes, reclaimable_bytes FROM registry_browser_namespace
         WHERE registry_id = %(registry)s
         UNION ALL
        SELECT path, stored_bytes, reclaimable_bytes FROM registry_browser_repository repository
         WHERE registry_id = %(registry)s AND gone_at IS NULL
           AND NOT EXISTS (SELECT FROM registry_browser_namespace namespace
                            WHERE namespace.registry_id = %(registry)s
                              AND namespace.path = repository.path)) place
  LEFT JOIN LATERAL (
    SELECT known.stored_bytes, known.reclaimable_bytes FROM registry_browser_placefigure known
     WHERE known.registry_id = %(registry)s AND known.path = place.path
     ORDER BY known.day DESC LIMIT 1) last ON true
 WHERE (last.stored_bytes, last.reclaimable_bytes)
       IS DISTINCT FROM (place.stored_bytes, place.reclaimable_bytes)
ON CONFLICT (registry_id, path, day) DO UPDATE
   SET stored_bytes = excluded.stored_bytes, reclaimable_bytes = excluded.reclaimable_bytes
"""

# The newest of the old ones stays: it says what a place stored at the beginning of its trend.
_FORGET = """
DELETE FROM registry_browser_placefigure old
 WHERE day < %(before)s AND EXISTS (
    SELECT FROM registry_browser_placefigure newer
     WHERE newer.registry_id = old.registry_id AND newer.path = old.path AND newer.day > old.day
       AND newer.day < %(before)s)
"""


def remember_places(registry: Registry, now: datetime) -> None:
    """Note the bytes of each repository and namespace that are not those noted last."""
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER, {"registry": registry.pk, "day": now.astimezone(UTC).date()})


def forget_old_figures(now: datetime) -> None:
    """Forget what no trend shows any more."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"before": (now - KEPT).astimezone(UTC).date()})
