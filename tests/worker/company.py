"""What is in the registry that gets synced, how it changes, and the record of it for comparing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.builders import make_image, make_index, push

if TYPE_CHECKING:
    from tests.fake_registry import FakeRegistry
    from tests.worker.stage import Stage

REPOSITORIES = 500
THE_LAST_HUNDRED = r"/v2/team-[89]/"


def path(number: int) -> str:
    """The names sort as the numbers do."""
    return f"team-{number // 50}/app-{number:03}"


def fill(fake: FakeRegistry) -> None:
    """Put 500 repositories into the registry: images that share layers, indexes, shared content."""
    shared = make_image(("base", "shared"))
    for number in range(REPOSITORIES):
        own = make_image(("base", f"team {number // 50}", path(number)))
        push(fake, f"{path(number)}:1.0", own)
        push(fake, f"{path(number)}:latest", shared)
        if number % 10 == 0:
            platforms = [
                make_image(("base", f"{each} {number}"), platform=each)
                for each in ("linux/amd64", "linux/arm64")
            ]
            push(fake, f"{path(number)}:multi", make_index(platforms, attestations=True))


def change(fake: FakeRegistry) -> None:
    """Move, add and delete tags all over the registry."""
    for number in range(0, REPOSITORIES, 5):
        push(fake, f"{path(number)}:latest", make_image(("base", "newer", path(number))))
    for number in range(1, REPOSITORIES, 5):
        push(fake, f"{path(number)}:1.1", make_image(("base", "next", path(number))))
    for number in range(0, REPOSITORIES, 50):
        fake.store.untag(path(number), "multi")


_TABLES = {
    "tags": """
        SELECT repository.path, tag.name, manifest.digest, tag.sort_key
          FROM registry_browser_tag tag
          JOIN registry_browser_repository repository ON repository.id = tag.repository_id
          JOIN registry_browser_manifest manifest ON manifest.id = tag.manifest_id
         WHERE repository.registry_id = %s""",
    "manifests": """
        SELECT digest, kind, media_type, artifact_type, body_bytes, content_bytes, pull_bytes,
               config_digest, subject, os, architecture, variant, os_version, annotations::text,
               problem, encode(stored.body, 'escape')
          FROM registry_browser_manifest manifest
          JOIN registry_browser_manifestbody stored ON stored.manifest_id = manifest.id
         WHERE registry_id = %s""",
    "children": """
        SELECT manifest.digest, child.position, child.digest, child.media_type, child.size,
               child.os, child.architecture, child.variant, child.attests
          FROM registry_browser_manifestchild child
          JOIN registry_browser_manifest manifest ON manifest.id = child.manifest_id
         WHERE manifest.registry_id = %s""",
    "blobs": """
        SELECT digest, size, stored_bytes, media_type, holders, live_holders
          FROM registry_browser_blob WHERE registry_id = %s""",
    "links": """
        SELECT manifest.digest, link.role, link.position, blob.digest
          FROM registry_browser_manifestblob link
          JOIN registry_browser_manifest manifest ON manifest.id = link.manifest_id
          JOIN registry_browser_blob blob ON blob.id = link.blob_id
         WHERE manifest.registry_id = %s""",
    "configs": """
        SELECT blob.digest, config.env::text, config.entrypoint::text, config.labels::text,
               config.history::text, encode(config.body, 'escape')
          FROM registry_browser_imageconfig config
          JOIN registry_browser_blob blob ON blob.id = config.blob_id
         WHERE blob.registry_id = %s""",
    "presences": """
        SELECT repository.path, manifest.digest, presence.state, presence.known_by,
               presence.untagged_since IS NULL, presence.gone_at IS NULL
          FROM registry_browser_presence presence
          JOIN registry_browser_repository repository ON repository.id = presence.repository_id
          JOIN registry_browser_manifest manifest ON manifest.id = presence.manifest_id
         WHERE repository.registry_id = %s""",
    "events": """
        SELECT path, tag, kind, old_digest, new_digest, not_before IS NULL, source, actor
          FROM registry_browser_tagevent WHERE registry_id = %s""",
    "spans": """
        SELECT repository.path, span.tag, span.digest, span.since_not_before IS NULL,
               span.until_seen_at IS NULL
          FROM registry_browser_tagspan span
          JOIN registry_browser_repository repository ON repository.id = span.repository_id
         WHERE repository.registry_id = %s""",
    "held blobs": """
        SELECT repository.path, blob.digest, held.live
          FROM registry_browser_repositoryblob held
          JOIN registry_browser_repository repository ON repository.id = held.repository_id
          JOIN registry_browser_blob blob ON blob.id = held.blob_id
         WHERE repository.registry_id = %s""",
    "repositories": """
        SELECT path, complete, incomplete_reason, problems::text, gone_at IS NULL, tag_count,
               manifest_count, dangling_count, apparent_bytes, stored_bytes, exclusive_bytes,
               reclaimable_bytes, synced_at IS NULL, tags_complete_at IS NULL
          FROM registry_browser_repository WHERE registry_id = %s""",
    "namespaces": """
        SELECT path, repository_count, incomplete_count, tag_count, manifest_count,
               dangling_count, apparent_bytes, stored_bytes, exclusive_bytes, reclaimable_bytes
          FROM registry_browser_namespace WHERE registry_id = %s""",
    "registry": """
        SELECT state, state_reason, complete, repository_count, incomplete_count, tag_count,
               manifest_count, dangling_count, apparent_bytes, stored_bytes, reclaimable_bytes
          FROM registry_browser_registry WHERE id = %s""",
    "runs": """
        SELECT trigger, state, phase, error, question, done, total, tags_checked, new_manifests,
               changed_repositories, incomplete_repositories, tag_count, manifest_count,
               apparent_bytes, stored_bytes, reclaimable_bytes
          FROM registry_browser_syncrun WHERE registry_id = %s""",
    "items": """
        SELECT item.path, item.listed, item.state, item.created, item.moved, item.deleted,
               item.restored, item.tags_done, item.tags_total, item.missing, item.detail
          FROM registry_browser_syncitem item
          JOIN registry_browser_syncrun run ON run.id = item.run_id
         WHERE run.registry_id = %s""",
}


def record_of(stage: Stage, name: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the record about the registry of this name, except for times and ids."""
    [(registry,)] = stage.rows("SELECT id FROM registry_browser_registry WHERE name = %s", name)
    record = {table: stage.rows(query, registry) for table, query in _TABLES.items()}
    return {table: sorted(rows, key=repr) for table, rows in record.items()}


def assert_same_record(stage: Stage, disturbed: str, undisturbed: str) -> None:
    """Compare two records table by table, so that a difference names its table."""
    expected, found = record_of(stage, undisturbed), record_of(stage, disturbed)
    assert len(expected["repositories"]) == REPOSITORIES
    for table, rows in expected.items():
        assert found[table] == rows, f"{table} differ"
