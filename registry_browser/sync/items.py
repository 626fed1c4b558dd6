"""What became of the repositories of a run, written back to its items in one statement."""

import json
from collections.abc import Sequence

from django.db import connection

from registry_browser.models import SyncItem

_TYPES = {
    "id": "bigint",
    "repository_id": "bigint",
    "state": "text",
    "created": "int",
    "moved": "int",
    "restored": "int",
    "listed": "boolean",
    "tags_done": "int",
    "tags_total": "int",
    "missing_since": "timestamptz",
    "detail": "text",
}

# Lists of different lengths do not fit into one array.
_WRITE = f"""
UPDATE registry_browser_syncitem item
   SET {", ".join(f"{name} = new.{name}" for name in _TYPES if name != "id")},
       missing = ARRAY(SELECT jsonb_array_elements_text(new.missing))
  FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _TYPES.items())},
              %(missing)s::jsonb[]) AS new ({", ".join(_TYPES)}, missing)
 WHERE item.id = new.id
"""


def write_items(items: Sequence[SyncItem]) -> None:
    """Save what a crawl changes of items. `bulk_update` compares every row with every other: 2.5 ms
    a repository, a seventh of our time in a sync that finds nothing new.
    """
    columns: dict[str, list[object]] = {
        name: [getattr(item, name) for item in items] for name in _TYPES
    }
    columns["state"] = [str(item.state) for item in items]
    columns["missing"] = [json.dumps(item.missing) for item in items]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, columns)
