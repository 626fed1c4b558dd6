"""What no tag reaches and no plan would offer all the same has a state and a count of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry_browser", "0009_links_without_foreign_keys")]

    operations = [
        migrations.AddField(
            "repository", "kept_count", models.IntegerField(db_default=0, default=0)
        ),
        migrations.AddField("registry", "locks_changed_at", models.DateTimeField(null=True)),
        migrations.AlterField(
            "presence",
            "state",
            models.SmallIntegerField(
                choices=[
                    (1, "Tagged"),
                    (2, "Child"),
                    (3, "Referrer"),
                    (4, "Dangling"),
                    (5, "Kept"),
                ],
                default=4,
            ),
        ),
    ]
