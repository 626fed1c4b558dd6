"""Seals over the ledgers, and the indexes by which their pages find rows."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry_browser", "0005_untagged_counts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Seal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.BigIntegerField(unique=True)),
                ("sealed_at", models.DateTimeField()),
                ("previous", models.CharField(blank=True, max_length=64)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("tags_first", models.BigIntegerField()),
                ("tags_last", models.BigIntegerField()),
                ("tags_count", models.BigIntegerField()),
                ("audit_first", models.BigIntegerField()),
                ("audit_last", models.BigIntegerField()),
                ("audit_count", models.BigIntegerField()),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.RemoveIndex(
            model_name="tagevent",
            name="tag_event_repository",
        ),
        migrations.RemoveIndex(
            model_name="tagevent",
            name="tag_event_registry",
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor", "at", "id"], name="audit_event_actor"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["action", "at", "id"], name="audit_event_action"),
        ),
        migrations.AddIndex(
            model_name="tagevent",
            index=models.Index(
                fields=["repository_id", "seen_at", "id"], name="tag_event_in_repository"
            ),
        ),
        migrations.AddIndex(
            model_name="tagevent",
            index=models.Index(
                fields=["registry_id", "seen_at", "id"], name="tag_event_in_registry"
            ),
        ),
        migrations.AddIndex(
            model_name="tagevent",
            index=models.Index(fields=["registry_id", "path"], name="tag_event_path"),
        ),
        migrations.AddIndex(
            model_name="tagevent",
            index=models.Index(fields=["tag"], name="tag_event_name"),
        ),
        migrations.AddIndex(
            model_name="tagevent",
            index=django.contrib.postgres.indexes.HashIndex(
                fields=["new_digest"], name="tag_event_new"
            ),
        ),
        migrations.AddIndex(
            model_name="tagevent",
            index=django.contrib.postgres.indexes.HashIndex(
                condition=models.Q(("old_digest", ""), _negated=True),
                fields=["old_digest"],
                name="tag_event_old",
            ),
        ),
        migrations.AddIndex(
            model_name="tagevent",
            index=models.Index(
                condition=models.Q(("actor", ""), _negated=True),
                fields=["actor", "seen_at", "id"],
                name="tag_event_actor",
            ),
        ),
        migrations.AddIndex(
            model_name="tagevent",
            index=models.Index(
                condition=models.Q(("kind__in", ("deleted", "restored"))),
                fields=["kind", "seen_at", "id"],
                name="tag_event_rare",
            ),
        ),
        migrations.AddIndex(
            model_name="tagevent",
            index=models.Index(
                condition=models.Q(("source__in", ("notification", "deletion", "import"))),
                fields=["source", "seen_at", "id"],
                name="tag_event_told",
            ),
        ),
        migrations.AddIndex(
            model_name="tagspan",
            index=django.contrib.postgres.indexes.HashIndex(
                fields=["digest"], name="tag_span_digest"
            ),
        ),
        migrations.CreateModel(
            name="SealMarks",
            fields=[
                (
                    "seal",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="marks",
                        serialize=False,
                        to="registry_browser.seal",
                    ),
                ),
                ("tags", models.BinaryField()),
                ("audit", models.BinaryField()),
            ],
        ),
        migrations.AddIndex(
            model_name="seal",
            index=models.Index(fields=["tags_last"], name="seal_tags_last"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="seal",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', "
                    "TG_TABLE_NAME;",
                    hash="ddd7fdb3b94efd64c726b530de05126508ce493a",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_d4b54",
                    table="registry_browser_seal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="seal",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Rows of % are never removed', TG_TABLE_NAME;",
                    hash="d0bf6908a54ff02d1138bdcc1de1e63268f7d1ae",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_15961",
                    table="registry_browser_seal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="sealmarks",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', "
                    "TG_TABLE_NAME;",
                    hash="d62796d96b0a00e9c77079de593e9ca7f83eeab8",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_6b75b",
                    table="registry_browser_sealmarks",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="sealmarks",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Rows of % are never removed', TG_TABLE_NAME;",
                    hash="94552856f9061625e9bcbfe58b4af31412671da5",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_18a0c",
                    table="registry_browser_sealmarks",
                    when="BEFORE",
                ),
            ),
        ),
    ]
