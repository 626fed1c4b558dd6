"""Counts of layers, chains of layers, base images; filled for what is in the record already."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Greatest

import registry_browser.models.content
from registry_browser.models.chains import chains

BATCH = 2000


def name_chains(apps: Any, schema_editor: Any) -> None:
    """Chains are made in Python, so the layers of each manifest are read once, in batches."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM registry_browser_manifest")
        (last,) = cursor.fetchone()
        for start in range(0, last + 1, BATCH):
            cursor.execute(
                "SELECT link.manifest_id, link.position, blob.digest"
                "  FROM registry_browser_manifestblob link"
                "  JOIN registry_browser_blob blob ON blob.id = link.blob_id"
                " WHERE link.role = 1 AND link.manifest_id >= %s AND link.manifest_id < %s"
                " ORDER BY link.manifest_id, link.position",
                [start, start + BATCH],
            )
            layers: dict[int, list[tuple[int, str]]] = {}
            for manifest, position, digest in cursor.fetchall():
                layers.setdefault(manifest, []).append((position, digest))
            rows = [
                (manifest, position, chain)
                for manifest, found in layers.items()
                for (position, _), chain in zip(
                    found, chains(digest for _, digest in found), strict=True
                )
            ]
            columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
            cursor.execute(
                "UPDATE registry_browser_manifestblob link SET chain = named.chain"
                "  FROM unnest(%s::bigint[], %s::int[], %s::bigint[])"
                "       AS named (manifest_id, position, chain)"
                " WHERE link.manifest_id = named.manifest_id AND link.role = 1"
                "   AND link.position = named.position",
                columns,
            )
    schema_editor.execute(
        "UPDATE registry_browser_manifest manifest SET chain = link.chain"
        "  FROM registry_browser_manifestblob link"
        " WHERE link.manifest_id = manifest.id AND link.role = 1"
        "   AND NOT EXISTS (SELECT FROM registry_browser_manifestblob above"
        "                    WHERE above.manifest_id = link.manifest_id AND above.role = 1"
        "                      AND above.position > link.position)"
    )


COUNT_HOLDINGS = """
UPDATE registry_browser_repositoryblob holding
   SET layer_manifests = counted.manifests, layer_places = counted.places
  FROM (SELECT presence.repository_id, link.blob_id, count(*) AS places,
               count(DISTINCT link.manifest_id) AS manifests
          FROM registry_browser_presence presence
          JOIN registry_browser_manifestblob link
            ON link.manifest_id = presence.manifest_id AND link.role = 1
         WHERE presence.gone_at IS NULL
         GROUP BY presence.repository_id, link.blob_id) counted
 WHERE holding.repository_id = counted.repository_id AND holding.blob_id = counted.blob_id
"""

COUNT_BLOBS = """
UPDATE registry_browser_blob blob
   SET layer_manifests = counted.manifests, layer_places = counted.places
  FROM (SELECT blob_id, sum(layer_manifests) AS manifests, sum(layer_places) AS places
          FROM registry_browser_repositoryblob GROUP BY blob_id) counted
 WHERE blob.id = counted.blob_id AND counted.manifests > 0
"""


class Migration(migrations.Migration):
    dependencies = [("registry_browser", "0003_deletion_plans")]

    operations = [
        *(
            migrations.AddField(
                model_name=model,
                name=name,
                field=models.IntegerField(db_default=0, default=0),
            )
            for model in ("blob", "repositoryblob")
            for name in ("layer_manifests", "layer_places")
        ),
        migrations.AddField("manifest", "chain", models.BigIntegerField(null=True)),
        migrations.AddField("manifestblob", "chain", models.BigIntegerField(null=True)),
        migrations.AddField(
            "registry", "namespaces_due", models.BooleanField(db_default=True, default=True)
        ),
        migrations.RunPython(name_chains, migrations.RunPython.noop),
        migrations.RunSQL(COUNT_HOLDINGS, migrations.RunSQL.noop),
        migrations.RunSQL(COUNT_BLOBS, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="blob",
            name="saved_bytes",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.F("stored_bytes")
                * Greatest(models.F("layer_manifests") - 1, models.Value(0)),
                output_field=models.BigIntegerField(),
            ),
        ),
        migrations.AddIndex(
            "blob",
            models.Index(
                models.F("registry"),
                models.OrderBy(models.F("size"), descending=True),
                condition=models.Q(("layer_manifests__gt", 0)),
                name="layer_by_size",
            ),
        ),
        migrations.AddIndex(
            "blob",
            models.Index(
                models.F("registry"),
                models.OrderBy(models.F("saved_bytes"), descending=True),
                condition=models.Q(("layer_manifests__gt", 1)),
                name="layer_by_saved",
            ),
        ),
        migrations.AddIndex("manifest", models.Index(fields=["chain"], name="manifest_chain")),
        migrations.CreateModel(
            name="BaseImage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("chain", models.BigIntegerField()),
                (
                    "top_layer",
                    registry_browser.models.content.DigestField(db_collation="C", max_length=140),
                ),
                ("layers", models.IntegerField()),
                ("stored_bytes", models.BigIntegerField()),
                ("images", models.IntegerField()),
                ("repositories", models.IntegerField()),
                ("path", models.CharField(blank=True, max_length=255)),
                ("tag", models.CharField(blank=True, max_length=128)),
                (
                    "digest",
                    registry_browser.models.content.DigestField(
                        blank=True, db_collation="C", max_length=140
                    ),
                ),
                ("counted_at", models.DateTimeField()),
                (
                    "registry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="base_images",
                        to="registry_browser.registry",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["registry", "-images"], name="base_image_order")],
                "constraints": [
                    models.UniqueConstraint(fields=("registry", "chain"), name="base_image")
                ],
            },
        ),
    ]
