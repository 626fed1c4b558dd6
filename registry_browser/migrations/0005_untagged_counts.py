"""Counts of what is untagged, by state; filled for what is in the record already."""

from django.db import migrations, models

COUNT = """
UPDATE registry_browser_repository repository
   SET child_count = manifests.children, referrer_count = manifests.referrers,
       dangling_count = manifests.dangling, unparsed_count = manifests.unparsed,
       oldest_dangling_at = manifests.oldest
  FROM (SELECT repository_id, count(*) FILTER (WHERE state = 2) AS children,
               count(*) FILTER (WHERE state = 3) AS referrers,
               count(*) FILTER (WHERE state = 4 AND kind <> 'unparsed') AS dangling,
               count(*) FILTER (WHERE state = 4 AND kind = 'unparsed') AS unparsed,
               min(coalesce(untagged_since, first_seen_at))
                 FILTER (WHERE state = 4 AND kind <> 'unparsed') AS oldest
          FROM registry_browser_presence presence
          JOIN registry_browser_manifest manifest ON manifest.id = presence.manifest_id
         WHERE gone_at IS NULL GROUP BY repository_id) manifests
 WHERE repository.id = manifests.repository_id
"""


class Migration(migrations.Migration):
    dependencies = [("registry_browser", "0004_sharing")]

    operations = [
        *(
            migrations.AddField(
                model_name="repository",
                name=name,
                field=models.IntegerField(db_default=0, default=0),
            )
            for name in ("child_count", "referrer_count", "unparsed_count")
        ),
        migrations.AddField("repository", "oldest_dangling_at", models.DateTimeField(null=True)),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
