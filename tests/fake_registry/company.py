"""A believable company's registry for demonstrations: acme, its teams and their habits.

The content is deterministic. Layers are phantoms (see ``phantom_layer``) so that gigabytes fit in
memory; everything a dashboard reads, manifests and configs and artifacts, has real bytes and true
digests.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.builders import (
    Built,
    Empty,
    PushedImage,
    cache_export,
    foreign_layer,
    helm_chart,
    make_image,
    make_index,
    oci_artifact,
    phantom_layer,
    policy_bundle,
    push,
    push_cosign,
    push_referrers,
    sbom,
    schema1_image,
    signature,
    wasm_module,
)
from tests.fake_registry.company_catalog import AMD64, APPS, BASES, KB, MB, App, Base, Step

if TYPE_CHECKING:
    from tests.builders import Blob
    from tests.fake_registry.store import Store

_BASES = {base.repository: base for base in BASES}
_CI_BUILDS = 600


class Company:
    """Acme as of ``now`` (UTC). ``fill`` once, then ``evolve`` step by step."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def fill(self, store: Store) -> None:
        """Push everything acme has."""
        for base in BASES:
            self._fill_base(store, base)
        for app in APPS:
            self._fill_app(store, app)
        self._fill_ci(store)
        self._fill_artifacts(store)
        self._fill_windows(store)
        self._fill_sandbox(store)

    def evolve(self, store: Store, step: int, now: datetime | None = None) -> dict[str, Any]:
        """Let the next working day pass: do step number ``step`` (from 1) and say what changed.

        Each step moves some ``main`` tags (their old indexes stay behind, untagged) and releases a
        version; every second deletes a release candidate, every third rolls ``stable`` back, every
        fourth brings a new repository. The same steps in the same order end in the same content.

        Returns ``{"step", "changes": [{"repository", "tag", "event", "old", "new"}]}``, with event
        ``created``, ``moved`` or ``deleted``.
        """
        before = {(name, tag): digest for name, tag, digest in store.all_tags()}
        moment = now or self._now
        for offset in range(3):
            app = APPS[(step * 3 + offset) % len(APPS)]
            self._push(store, app, f"{app.repository}:main", f"main {1000 + step}", moment)
        app = APPS[(step * 7) % len(APPS)]
        # 7 and the number of applications share no factor, so each has its turn in a round.
        self._release(store, app, _patched(app.versions[-1], 1 + step // len(APPS)), moment)
        if step % 2 == 0:
            self._delete_a_candidate(store, step)
        if step % 3 == 0:
            self._roll_back(store, APPS[(step * 5) % len(APPS)])
        if step % 4 == 0:
            sandbox = self._image(APPS[step % len(APPS)], f"try {step}", 0, AMD64[0], moment)
            push(store, f"sandbox/try-{step}:latest", sandbox)
        after = {(name, tag): digest for name, tag, digest in store.all_tags()}
        return {"step": step, "changes": _changes(before, after)}

    # Parts of the content

    def _fill_base(self, store: Store, base: Base) -> None:
        for number, release in enumerate(base.releases):
            created = self._now - timedelta(days=60 * (len(base.releases) - number))
            children = [
                make_image(
                    _base_steps(base, number, platform),
                    platform=platform,
                    created=created,
                    entrypoint=(),
                    cmd=("/bin/sh",),
                    labels=_labels(base.repository, release, created, "Base image of the platform"),
                )
                for platform in base.platforms
            ]
            index = make_index(children, attestations=True)
            for tag in _moving_tags(release, newest=number == len(base.releases) - 1):
                push(store, f"{base.repository}:{tag}", index)

    def _fill_app(self, store: Store, app: App) -> None:
        for number, version in enumerate(app.versions):
            age = app.days * (len(app.versions) - number) + _hash(app.repository, version) % 5
            created = self._now - timedelta(days=age, minutes=_hash(version) % 600)
            newest = number == len(app.versions) - 1
            pushed = self._push(store, app, f"{app.repository}:{version}", version, created, number)
            for tag in _moving_tags(version, newest)[1:]:
                push(store, f"{app.repository}:{tag}", pushed.built)
            if app.cosign and number >= len(app.versions) - 3:
                push_cosign(store, pushed)
            if app.referrers and number >= len(app.versions) - 2:
                about = [sbom(pushed.built, packages=40), signature(pushed.built)]
                push_referrers(store, pushed, about)
        for build in range(app.builds):
            created = self._now - timedelta(hours=9 * (app.builds - build))
            self._push(store, app, f"{app.repository}:main", f"main {build}", created)

    def _fill_ci(self, store: Store) -> None:
        """Every commit leaves a tag: the repository that nobody cleans up."""
        app = replace(APPS[5], repository="platform/ci/builds", docker=True)
        for number in range(_CI_BUILDS):
            commit = hashlib.sha256(f"commit {number}".encode()).hexdigest()[:8]
            created = self._now - timedelta(hours=5 * (_CI_BUILDS - number))
            image = self._image(app, f"commit {number}", number, AMD64[0], created)
            push(store, f"platform/ci/builds:build-{4000 + number}-{commit}", image)
        push(store, "platform/ci/cache:buildkit", cache_export("web"))
        push(store, "platform/ci/cache:buildkit-main", cache_export("web main"))

    def _fill_artifacts(self, store: Store) -> None:
        charts = {
            "ledger-api": ("4.5.0", "4.6.0", "4.7.0", "4.7.1"),
            "gateway": ("1.29.0", "1.30.0", "1.31.0+build.7"),
            "airflow": ("2.9.0", "2.10.0"),
        }
        for name, versions in charts.items():
            for version in versions:
                chart = helm_chart(name, version, description=f"Runs {name} on Kubernetes")
                push(store, f"charts/{name}:{version.replace('+', '_')}", chart)
        for name in ("kubernetes", "terraform"):
            for version in ("1.0.0", "1.1.0", "2.0.0"):
                bundle = policy_bundle(name, ("deny", "warn", f"limits_{version[0]}"))
                push(store, f"policies/{name}:{version}", bundle)
            push(store, f"policies/{name}:latest", bundle)
        for version in ("0.3.0", "0.4.0"):
            push(store, f"edge/filters/ratelimit:{version}", wasm_module(f"ratelimit {version}"))
        push(store, "edge/filters/ratelimit:draft-sbom", oci_artifact())
        # A signature whose image was deleted long ago.
        gone = f"sha256:{hashlib.sha256(b'an image of the past').hexdigest()}"
        image = PushedImage("edge/dns", None, replace(make_image(), signed_digest=gone))
        push_cosign(store, image)

    def _fill_windows(self, store: Store) -> None:
        for name, size in (("print-agent", 61 * MB), ("iis-intranet", 184 * MB)):
            for number, version in enumerate(("1.4.0", "1.5.0", "1.6.0")):
                created = self._now - timedelta(days=40 * (3 - number))
                children = [
                    make_image(
                        (
                            foreign_layer(f"servercore {build}", base, docker=True),
                            phantom_layer(f"{name} {version} {build}", size, docker=True),
                            Empty("cmd /S /C setx PATH"),
                        ),
                        platform=f"windows/amd64:{build}",
                        docker=True,
                        created=created,
                        env=(),
                        entrypoint=("C:\\app\\agent.exe",),
                    )
                    for build, base in (
                        ("10.0.17763.6532", 1_720 * MB),
                        ("10.0.20348.2849", 1_410 * MB),
                    )
                ]
                index = make_index(children, docker=True)
                for tag in _moving_tags(version, newest=number == 2):
                    push(store, f"windows/{name}:{tag}", index)

    def _fill_sandbox(self, store: Store) -> None:
        hello = make_image(
            (phantom_layer("busybox", 2 * MB), "hello"),
            created="1970-01-01T00:00:00Z",
            labels={"note": "<b>not bold</b> & <script>alert('not run')</script>"},
        )
        push(store, "sandbox/amelie/hello-world:latest", hello)
        push(store, "sandbox/amelie/hello-world:v1", hello)
        weights = phantom_layer("COPY llama-70b.gguf /models/", 38_400 * MB)
        big = make_image(
            (*_base_steps(_BASES["platform/base/cuda"], 1, AMD64[0]), weights),
            created=self._now - timedelta(days=3),
        )
        push(store, "sandbox/jonas/llm-playground:test", big)
        push(store, "legacy/crm:2016.3", schema1_image("legacy/crm", "2016.3"))
        nested = make_index([make_index(), make_index(docker=True)])
        push(store, "sandbox/jonas/nested:weird", nested)
        emptied = push(store, "sandbox/old-demo:latest")
        store.delete_manifest(emptied.repository, emptied.digest)

    # Steps of evolution

    def _release(self, store: Store, app: App, version: str, moment: datetime) -> None:
        pushed = self._push(store, app, f"{app.repository}:{version}", version, moment)
        for tag in _moving_tags(version, newest=True)[1:]:
            push(store, f"{app.repository}:{tag}", pushed.built)
        if app.cosign:
            push_cosign(store, pushed)

    def _delete_a_candidate(self, store: Store, step: int) -> None:
        candidates = [
            (app.repository, tag)
            for app in APPS
            for tag in sorted(store.tags(app.repository))
            if "-rc." in tag
        ]
        if candidates:
            name, tag = candidates[step % len(candidates)]
            store.untag(name, tag)

    def _roll_back(self, store: Store, app: App) -> None:
        """Point ``stable`` to the version before the newest published one."""
        tags = store.tags(app.repository)
        previous = [version for version in app.versions if version in tags][-2]
        store.tag(app.repository, "stable", tags[previous])

    # Images

    def _push(
        self,
        store: Store,
        app: App,
        reference: str,
        version: str,
        created: datetime,
        number: int | None = None,
    ) -> PushedImage:
        place = len(app.versions) - 1 if number is None else number
        images = [self._image(app, version, place, each, created) for each in app.platforms]
        alone = len(images) == 1 and not app.attestations
        built = (
            images[0]
            if alone
            else make_index(images, docker=app.docker, attestations=app.attestations)
        )
        return push(store, reference, built)

    def _image(
        self, app: App, version: str, number: int, platform: str, created: datetime
    ) -> Built:
        base = _BASES[app.base]
        release = min(number * len(base.releases) // len(app.versions), len(base.releases) - 1)
        own = [_layer(step, f"{app.repository} {platform}", version, number) for step in app.steps]
        return make_image(
            (*_base_steps(base, release, platform), *own),
            platform=platform,
            docker=app.docker,
            created=created,
            env=(
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG=C.UTF-8",
                f"APP_VERSION={version}",
            ),
            entrypoint=app.entrypoint,
            labels=_labels(app.repository, version, created, app.description),
        )


def _base_steps(base: Base, release: int, platform: str) -> list[Blob | Empty]:
    system = Step(f"/bin/sh -c #(nop) ADD {base.system} rootfs in /", base.system_size, 3)
    return [
        _layer(
            step, f"{base.system if step is system else base.repository} {platform}", "", release
        )
        for step in (system, *base.steps)
    ]


def _layer(step: Step, owner: str, version: str, number: int) -> Blob | Empty:
    """Return the layer of a step, the same for ``step.lasts`` consecutive numbers."""
    if step.size == 0:
        return Empty(step.line)
    identity = f"{owner}|{step.line}|{number // step.lasts}"
    if step.lasts == 1:
        identity += f"|{version}"
    varied = step.size * (88 + _hash(identity) % 25) // 100 + _hash(identity) % KB
    return phantom_layer(identity, varied, created_by=step.line)


def _labels(repository: str, version: str, created: datetime, text: str) -> dict[str, str]:
    revision = hashlib.sha256(f"{repository}@{version}".encode()).hexdigest()[:40]
    return {
        "org.opencontainers.image.title": repository.rpartition("/")[2],
        "org.opencontainers.image.description": text,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.created": created.isoformat(),
        "org.opencontainers.image.source": f"https://git.acme.example/{repository}",
        "org.opencontainers.image.vendor": "Acme",
        "org.opencontainers.image.licenses": "Proprietary",
        "com.acme.team": repository.partition("/")[0],
    }


def _moving_tags(version: str, newest: bool) -> list[str]:
    """Return the version and the shorter tags that point to it while it is the newest."""
    if "-" in version:
        return [version]
    major, minor, _ = version.split(".")
    tags = [version, f"{major}.{minor}"]
    return [*tags, major, "latest", "stable"] if newest else tags


def _patched(version: str, by: int) -> str:
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + by}"


def _changes(
    before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]
) -> list[dict[str, str | None]]:
    changes: list[dict[str, str | None]] = []
    for name, tag in sorted(before.keys() | after.keys()):
        old, new = before.get((name, tag)), after.get((name, tag))
        if old == new:
            continue
        event = "created" if old is None else "deleted" if new is None else "moved"
        changes.append({"repository": name, "tag": tag, "event": event, "old": old, "new": new})
    return changes


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:4], "big")
