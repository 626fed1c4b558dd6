"""States of a record from before anything was KEPT: the clock finds them due, as after a lock."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry_browser", "0016_place_figures")]

    operations = [
        migrations.RunSQL(
            "UPDATE registry_browser_registry SET locks_changed_at = now()"
            " WHERE locks_changed_at IS NULL",
            migrations.RunSQL.noop,
        )
    ]
