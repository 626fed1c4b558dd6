"""The fake against the real CNCF distribution registry 2.8.2, answer by answer.

Each scenario speaks to both; statuses, headers and bodies must be equal, once what differs by
nature (host, upload ids, dates) is taken out.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.builders import HttpTarget, content, layer, make_image, make_index, make_manifest, push
from tests.fake_registry import FakeRegistry, digest_of
from tests.real_registry import RealRegistry
from tests.tools import require_tool

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders import Built

pytestmark = pytest.mark.registry

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
ALL = f"{INDEX}, {OCI}, {LIST}, {DOCKER}"
MISSING = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

IMAGE = make_image(("base", "web"))
DOCKER_IMAGE = make_image(("base", "web"), docker=True)
MULTI = make_index(attestations=True)
DOCKER_MULTI = make_index(docker=True)
BLOB = layer("base")


@dataclass(frozen=True)
class Answer:
    """What a registry said, without what differs by nature."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Talk:
    """A conversation with one registry; remembers every answer with its noise removed."""

    url: str
    answers: list[Answer]
    location: str = ""

    def ask(
        self, method: str, target: str, body: bytes = b"", /, **headers: str
    ) -> tuple[int, bytes]:
        """Send one request. Underscores in header names stand for dashes."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body or None, named)
        answer = connection.getresponse()
        status_only = answer.status == 416
        data = b"" if status_only else answer.read()
        kept = {name.lower(): value for name, value in answer.getheaders()}
        connection.close()
        self.location = kept.get("location", "")
        for noise in ("date", "connection"):
            kept.pop(noise, None)
        quiet = {name: self._quiet(value) for name, value in kept.items()}
        self.answers.append(Answer(answer.status, quiet, self._quiet(str(data))))
        return answer.status, data

    def push(self, reference: str, built: Built) -> None:
        """Push over HTTP, unrecorded."""
        with closing(HttpTarget(self.url)) as target:
            push(target, reference, built)

    def path_of_location(self) -> str:
        """Return path and query of the last ``Location``."""
        parts = urlsplit(self.location)
        return f"{parts.path}?{parts.query}"

    def _quiet(self, text: str) -> str:
        text = text.replace(urlsplit(self.url).netloc, "HOST")
        text = re.sub(r"_state=[A-Za-z0-9_%-]+", "_state=STATE", text)
        return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)


@dataclass(frozen=True)
class Pair:
    """Both registries, filled with the same content over HTTP."""

    real: str
    fake: str


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two registries that nobody changes."""
    with filled_pair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two registries to write to, each scenario in repositories of its own."""
    with filled_pair(tmp_path_factory.mktemp("scratch")) as pair:
        yield pair


@contextmanager
def filled_pair(directory: Path) -> Iterator[Pair]:
    with RealRegistry(directory) as real, FakeRegistry() as fake:
        for url in (real.url, fake.url):
            with closing(HttpTarget(url)) as target:
                push(target, "fx/app:v1", IMAGE)
                push(target, "fx/docker:v1", DOCKER_IMAGE)
                push(target, "fx/multi:v1", MULTI)
                push(target, "fx/list:v1", DOCKER_MULTI)
                push(target, "fx/app/deep:v1", IMAGE)
                push(target, "fx-dash:v1", IMAGE)
                push(target, "fx:v1", IMAGE)
                target.put_blob("only/blobs", b"no manifest here")
        yield Pair(real.url, fake.url)


Scenario = Callable[[Talk], Any]


def get(target: str, **headers: str) -> Scenario:
    return lambda talk: talk.ask("GET", target, **headers)


def head(target: str, **headers: str) -> Scenario:
    return lambda talk: talk.ask("HEAD", target, **headers)


READS: dict[str, Scenario] = {
    "ping": get("/v2/"),
    "ping without slash": get("/v2"),
    "root": get("/"),
    "catalog of nothing": get("/v2/_catalog?n=0"),
    "catalog page": get("/v2/_catalog?n=2"),
    "catalog page after a slash": get("/v2/_catalog?last=fx%2Fapp&n=2"),
    "catalog after a name that is not there": get("/v2/_catalog?last=fx%2Fb&n=2"),
    "catalog page too large": get("/v2/_catalog?n=1001"),
    "catalog page of words": get("/v2/_catalog?n=abc&last=fx"),
    "catalog head": head("/v2/_catalog"),
    "tags": get("/v2/fx/app/tags/list"),
    "tags ignore n": get("/v2/fx/app/tags/list?n=0&last=zzz"),
    "tags of the unknown": get("/v2/fx/unknown/tags/list"),
    "tags of blobs only": get("/v2/only/blobs/tags/list"),
    "tags head": head("/v2/fx/app/tags/list"),
    "tags options": lambda talk: talk.ask("OPTIONS", "/v2/fx/app/tags/list"),
    "upper case name": get("/v2/FX/app/tags/list"),
    "upper case below": get("/v2/fx/APP/tags/list"),
    "bad tag": get("/v2/fx/app/manifests/.bad"),
    "overlong tag": get(f"/v2/fx/app/manifests/{'a' * 129}"),
    "manifest": get("/v2/fx/app/manifests/v1", Accept=ALL),
    "manifest by digest": get(f"/v2/fx/app/manifests/{IMAGE.digest}", Accept=ALL),
    "manifest head": head("/v2/fx/app/manifests/v1", Accept=OCI),
    "manifest for everything": get("/v2/fx/app/manifests/v1", Accept="*/*"),
    "manifest without accept": get(f"/v2/fx/app/manifests/{IMAGE.digest}"),
    "manifest head without accept": head("/v2/fx/app/manifests/v1"),
    "manifest not modified": get(
        "/v2/fx/app/manifests/v1", Accept=ALL, If_None_Match=f'"{IMAGE.digest}"'
    ),
    "index": get("/v2/fx/multi/manifests/v1", Accept=ALL),
    "index without its type": get("/v2/fx/multi/manifests/v1", Accept=OCI),
    "docker manifest": get("/v2/fx/docker/manifests/v1", Accept=ALL),
    "docker manifest by digest without its type": get(
        f"/v2/fx/docker/manifests/{DOCKER_IMAGE.digest}", Accept="*/*"
    ),
    "list": get("/v2/fx/list/manifests/v1", Accept=ALL),
    "list by tag without its type": get("/v2/fx/list/manifests/v1", Accept=DOCKER),
    "list by digest without its type": get(
        f"/v2/fx/list/manifests/{DOCKER_MULTI.digest}", Accept=DOCKER
    ),
    "unknown tag": get("/v2/fx/app/manifests/nope", Accept=ALL),
    "unknown digest": get(f"/v2/fx/app/manifests/{MISSING}", Accept=ALL),
    "unknown repository": get("/v2/fx/unknown/manifests/v1", Accept=ALL),
    "post to a manifest": lambda talk: talk.ask("POST", "/v2/fx/app/manifests/v1"),
    "blob": get(f"/v2/fx/app/blobs/{BLOB.digest}"),
    "blob head": head(f"/v2/fx/app/blobs/{BLOB.digest}"),
    "blob range": get(f"/v2/fx/app/blobs/{BLOB.digest}", Range="bytes=2-5"),
    "blob open range": get(f"/v2/fx/app/blobs/{BLOB.digest}", Range="bytes=100-"),
    "blob last bytes": get(f"/v2/fx/app/blobs/{BLOB.digest}", Range="bytes=-7"),
    "blob range past the end": get(f"/v2/fx/app/blobs/{BLOB.digest}", Range="bytes=999999-"),
    "unknown blob": get(f"/v2/fx/app/blobs/{MISSING}"),
    "malformed blob digest": get("/v2/fx/app/blobs/sha256:zz"),
    "manifest as blob": get(f"/v2/fx/app/blobs/{IMAGE.digest}"),
    "referrers": get(f"/v2/fx/app/referrers/{IMAGE.digest}"),
}


@pytest.mark.parametrize("name", READS)
def test_reads_are_answered_alike(pair: Pair, name: str) -> None:
    assert_alike(pair, READS[name])


def test_the_whole_catalog_has_slashes_before_dashes(pair: Pair) -> None:
    for url in (pair.real, pair.fake):
        body = Talk(url, []).ask("GET", "/v2/_catalog")[1]
        assert json.loads(body)["repositories"] == [
            "fx", "fx/app", "fx/app/deep", "fx/docker", "fx/list", "fx/multi", "fx-dash",
            "only/blobs",
        ]  # fmt: skip


def test_an_old_client_gets_schema_1_under_another_digest(pair: Pair) -> None:
    for url in (pair.real, pair.fake):
        talk = Talk(url, [])
        _, body = talk.ask("GET", "/v2/fx/docker/manifests/v1", Accept="*/*")
        headers = talk.answers[0].headers
        assert talk.answers[0].status == 200
        assert headers["content-type"].endswith("manifest.v1+prettyjws")
        assert headers["docker-content-digest"] not in (DOCKER_IMAGE.digest, digest_of(body))
        assert json.loads(body)["fsLayers"][-1]["blobSum"] == DOCKER_IMAGE.layer_digests[0]


def push_scenarios() -> dict[str, Scenario]:
    config = content(b"{}", "application/vnd.oci.image.config.v1+json")

    def put(name: str, body: bytes, media_type: str, reference: str = "v1") -> Scenario:
        def scenario(talk: Talk) -> None:
            talk.ask("PUT", f"/v2/{name}/manifests/{reference}", body, Content_Type=media_type)
            talk.ask("GET", f"/v2/{name}/manifests/{reference}", Accept=ALL)

        return scenario

    def chunked(talk: Talk) -> None:
        talk.ask("POST", "/v2/up/chunked/blobs/uploads/")
        first = talk.path_of_location()
        talk.ask("PATCH", first, b"hello", Content_Type="application/octet-stream")
        second = talk.path_of_location()
        talk.ask("GET", second)
        talk.ask("PATCH", second, b" out of order", Content_Range="90-102")
        digest = digest_of(b"hello out of order")
        talk.ask("PUT", f"{talk.path_of_location()}&digest={digest}")
        talk.ask("GET", f"/v2/up/chunked/blobs/{digest}")
        talk.ask("HEAD", f"/v2/up/chunked/blobs/{digest}")

    def wrong_digest(talk: Talk) -> None:
        talk.ask("POST", "/v2/up/wrong/blobs/uploads/")
        place = talk.path_of_location()
        talk.ask("PUT", f"{place}&digest={MISSING}", b"something else")

    def cancelled(talk: Talk) -> None:
        talk.ask("POST", "/v2/up/cancelled/blobs/uploads/")
        place = talk.path_of_location()
        talk.ask("DELETE", place)
        talk.ask("GET", place)

    def mounted(talk: Talk) -> None:
        query = f"mount={BLOB.digest}&from=fx/app"
        talk.ask("POST", f"/v2/up/mounted/blobs/uploads/?{query}")
        talk.ask("HEAD", f"/v2/up/mounted/blobs/{BLOB.digest}")

    def not_mounted(talk: Talk) -> None:
        talk.ask("POST", f"/v2/up/not-mounted/blobs/uploads/?mount={MISSING}&from=fx/app")
        talk.ask("POST", f"/v2/up/not-mounted/blobs/uploads/?mount={BLOB.digest}")
        talk.ask("POST", f"/v2/up/not-mounted/blobs/uploads/?digest={MISSING}")

    empty_index = b'{"schemaVersion":2,"manifests":[]}'
    orphan = make_manifest(config, ()).body
    broken_index = json.dumps({"schemaVersion": 2, "manifests": [IMAGE.index_entry()]}).encode()
    wrong_type = json.dumps({"schemaVersion": 2, "mediaType": DOCKER}).encode()
    return {
        "empty index": put("put/empty-index", empty_index, INDEX),
        "by another digest": put("put/other", empty_index, INDEX, MISSING),
        "as json": put("put/json", b"{}", "application/json"),
        "without a type": put("put/untyped", b"{}", ""),
        "an artifact manifest": put("put/artifact", b'{"blobs":[]}', ARTIFACT),
        "of another type than the body says": put("put/disagrees", wrong_type, OCI),
        "without its config": put("put/orphan", orphan, OCI),
        "without its children": put("put/broken-index", broken_index, INDEX),
        "both an index and an image": put(
            "put/both", b'{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}', INDEX
        ),
        "a chunked upload": chunked,
        "an upload with a wrong digest": wrong_digest,
        "a cancelled upload": cancelled,
        "a mounted blob": mounted,
        "blobs that cannot be mounted": not_mounted,
    }


PUSHES = push_scenarios()


@pytest.mark.parametrize("name", PUSHES)
def test_pushes_are_answered_alike(scratch: Pair, name: str) -> None:
    assert_alike(scratch, PUSHES[name])


def delete_scenarios() -> dict[str, Scenario]:
    def an_image(talk: Talk) -> None:
        talk.push("del/image:v1", IMAGE)
        talk.push("del/image:v2", IMAGE)
        talk.ask("DELETE", "/v2/del/image/manifests/v1")
        talk.ask("DELETE", f"/v2/del/image/manifests/{IMAGE.digest}")
        talk.ask("DELETE", f"/v2/del/image/manifests/{IMAGE.digest}")
        talk.ask("GET", "/v2/del/image/tags/list")
        talk.ask("GET", "/v2/del/image/manifests/v2", Accept=ALL)
        talk.ask("HEAD", f"/v2/del/image/blobs/{BLOB.digest}")

    def a_child(talk: Talk) -> None:
        talk.push("del/multi:v1", MULTI)
        child = MULTI.children[0].digest
        talk.ask("DELETE", f"/v2/del/multi/manifests/{child}")
        talk.ask("GET", f"/v2/del/multi/manifests/{child}", Accept=ALL)
        talk.ask("HEAD", "/v2/del/multi/manifests/v1", Accept=ALL)

    def a_blob(talk: Talk) -> None:
        talk.push("del/blob:v1", IMAGE)
        talk.ask("DELETE", f"/v2/del/blob/blobs/{BLOB.digest}")
        talk.ask("DELETE", f"/v2/del/blob/blobs/{BLOB.digest}")
        talk.ask("HEAD", f"/v2/fx/app/blobs/{BLOB.digest}")

    def nothing(talk: Talk) -> None:
        talk.ask("DELETE", f"/v2/del/nothing/manifests/{MISSING}")
        talk.ask("DELETE", "/v2/del/nothing/manifests/sha256:abc")
        talk.ask("DELETE", "/v2/del/nothing/manifests/v1")
        talk.ask("DELETE", f"/v2/del/nothing/blobs/{MISSING}")

    def an_overwritten_tag(talk: Talk) -> None:
        talk.push("del/moved:v1", IMAGE)
        talk.push("del/moved:v1", DOCKER_IMAGE)
        talk.ask("HEAD", "/v2/del/moved/manifests/v1", Accept=ALL)
        talk.ask("HEAD", f"/v2/del/moved/manifests/{IMAGE.digest}", Accept=ALL)

    return {
        "an image with two tags": an_image,
        "a child of an index": a_child,
        "a blob": a_blob,
        "what is not there": nothing,
        "an overwritten tag": an_overwritten_tag,
    }


DELETIONS = delete_scenarios()


@pytest.mark.parametrize("name", DELETIONS)
def test_deletions_are_answered_alike(scratch: Pair, name: str) -> None:
    assert_alike(scratch, DELETIONS[name])


def test_deletion_that_is_disabled_is_refused_alike(tmp_path: Path) -> None:
    with RealRegistry(tmp_path, deletion=False) as real, FakeRegistry() as fake:
        fake.habits.deletion = False

        def scenario(talk: Talk) -> None:
            talk.ask("DELETE", f"/v2/a/manifests/{MISSING}")
            talk.ask("DELETE", "/v2/a/manifests/v1")
            talk.ask("DELETE", f"/v2/a/blobs/{MISSING}")

        assert_alike(Pair(real.url, fake.url), scenario)


def test_skopeo_copies_the_same_bytes_through_both(scratch: Pair) -> None:
    """A client that nobody here wrote pulls from one registry and pushes to the other."""
    skopeo = require_tool("skopeo")
    real, fake = (urlsplit(url).netloc for url in (scratch.real, scratch.fake))
    for name, source, target in (
        ("multi", fake, real),
        ("list", real, fake),
        ("app", fake, real),
        ("docker", real, fake),
    ):
        subprocess.run(
            [skopeo, "--insecure-policy", "copy", "--quiet", "--all", "--src-tls-verify=false",
             "--dest-tls-verify=false", f"docker://{source}/fx/{name}:v1",
             f"docker://{target}/copied/{name}:v1"],
            check=True,
        )  # fmt: skip
        path = f"/v2/copied/{name}/manifests/v1"
        copy = Talk(scratch.real if target == real else scratch.fake, [])
        original = Talk(scratch.real, [])
        original.ask("GET", f"/v2/fx/{name}/manifests/v1", Accept=ALL)
        copy.ask("GET", path, Accept=ALL)
        assert copy.answers == original.answers


def test_skopeo_lists_and_inspects_the_fake(pair: Pair) -> None:
    skopeo = require_tool("skopeo")
    host = urlsplit(pair.fake).netloc
    command = [skopeo, "list-tags", "--tls-verify=false", f"docker://{host}/fx/app"]
    listed = subprocess.run(command, check=True, capture_output=True)
    assert json.loads(listed.stdout)["Tags"] == ["v1"]
    command = [skopeo, "inspect", "--tls-verify=false", f"docker://{host}/fx/app:v1"]
    seen = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert seen["Digest"] == IMAGE.digest
    assert seen["Layers"] == IMAGE.layer_digests


def assert_alike(pair: Pair, scenario: Scenario) -> None:
    """Run a scenario against both registries and compare every answer."""
    talks = [Talk(pair.real, []), Talk(pair.fake, [])]
    for talk in talks:
        scenario(talk)
    real, fake = (talk.answers for talk in talks)
    assert fake == real
    assert real
