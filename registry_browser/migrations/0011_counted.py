"""Holdings are counted, and each presence remembers as what."""

from django.db import migrations, models
from django.db.models.lookups import GreaterThan


class Migration(migrations.Migration):
    dependencies = [("registry_browser", "0010_kept")]

    operations = [
        migrations.RenameField("registry", "namespaces_due", "bytes_due"),
        migrations.AddField(
            "presence",
            "counted",
            models.SmallIntegerField(
                choices=[(0, "Nothing"), (1, "Held"), (2, "Live")], db_default=0, default=0
            ),
        ),
        migrations.RemoveField("repositoryblob", "live"),
        migrations.AddField("repositoryblob", "manifests", models.IntegerField(default=0), False),
        migrations.AddField(
            "repositoryblob", "live_manifests", models.IntegerField(default=0), False
        ),
        migrations.AddField(
            "repositoryblob",
            "live",
            models.GeneratedField(
                db_persist=True,
                expression=GreaterThan(models.F("live_manifests"), 0),
                output_field=models.BooleanField(),
            ),
        ),
    ]
