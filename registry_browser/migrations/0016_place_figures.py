"""What repositories and namespaces store, day by day, for their trends; from the next run on."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry_browser", "0015_told_and_not_seen")]

    operations = [
        migrations.CreateModel(
            "PlaceFigure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("path", models.CharField(db_collation="C", max_length=255)),
                ("day", models.DateField()),
                ("stored_bytes", models.BigIntegerField()),
                ("reclaimable_bytes", models.BigIntegerField()),
                (
                    "registry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="place_figures",
                        to="registry_browser.registry",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("registry", "path", "day"), name="place_figure_day"
                    )
                ],
            },
        ),
    ]
