"""The knobs and faults of the fake registry, its builders and the company it can be filled with."""

from __future__ import annotations

import base64
import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from tests.builders import (
    cache_export,
    cosign_tag,
    make_image,
    make_index,
    oci_artifact,
    phantom_layer,
    push,
    push_cosign,
    push_referrers,
    sbom,
    schema1_image,
    signature,
    windows_image,
)
from tests.fake_registry import (
    Auth,
    Catalog,
    FakeRegistry,
    HeadManifest,
    Paging,
    Store,
    digest_of,
    distribution3,
    oci,
)
from tests.fake_registry.company import Company
from tests.fake_registry.faults import (
    Body,
    CutOff,
    Disconnect,
    Hang,
    Hold,
    RedirectInACircle,
    WrongLength,
    answer,
    empty_catalog,
    gzip_junk,
    redirect_to_link_local,
    too_many_requests,
    wrong_digest_header,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPT = {
    "Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
}
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Reply:
    """Send one request and follow nothing."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, target, body or None, headers or {})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, found, answer.read())
    finally:
        connection.close()


def get(fake: FakeRegistry, target: str, **headers: str) -> Reply:
    return ask(fake.url, "GET", target, headers)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


# Paging


def pages(fake: FakeRegistry, target: str, limit: int = 10) -> list[list[str]]:
    """Follow Link headers as they are, at most ``limit`` pages."""
    found: list[list[str]] = []
    while len(found) < limit:
        reply = get(fake, target)
        found.append(reply.json()["repositories"])
        link = re.match("<([^>]+)>", reply.headers.get("link", ""))
        if link is None:
            break
        parts = urlsplit(link[1])
        target = f"{parts.path}?{parts.query}"
    return found


@pytest.fixture
def five(fake: FakeRegistry) -> FakeRegistry:
    for name in "abcde":
        push(fake, f"{name}:1")
    return fake


@pytest.mark.parametrize(
    "paging",
    [Paging.RELATIVE, Paging.ABSOLUTE, Paging.WRONG_SCHEME, Paging.CURSOR, Paging.NO_REL],
)
def test_every_form_of_link_leads_through_all_pages(five: FakeRegistry, paging: Paging) -> None:
    five.habits.catalog_paging = paging
    assert pages(five, "/v2/_catalog?n=2") == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize(
    ("paging", "link"),
    [
        (Paging.RELATIVE, '</p/v2/_catalog?last=b&n=2>; rel="next"'),
        (Paging.ABSOLUTE, '<http://HOST/p/v2/_catalog?last=b&n=2>; rel="next"'),
        (Paging.WRONG_SCHEME, '<https://HOST/p/v2/_catalog?last=b&n=2>; rel="next"'),
        (Paging.OTHER_HOST, '<http://elsewhere.invalid/p/v2/_catalog?last=b&n=2>; rel="next"'),
        (Paging.NO_REL, "</p/v2/_catalog?last=b&n=2>"),
        (Paging.LOST_PREFIX, '</v2/_catalog?last=b&n=2>; rel="next"'),
        (Paging.NO_LINK, None),
        (Paging.NONE, None),
    ],
)
def test_the_link_looks_as_the_habit_says(
    five: FakeRegistry, paging: Paging, link: str | None
) -> None:
    five.habits.catalog_paging = paging
    five.habits.prefix = "/p"
    found = get(five, "/p/v2/_catalog?n=2").headers.get("link")
    assert found == (link.replace("HOST", five.host) if link else None)
    assert get(five, "/v2/_catalog").status == 404


def test_a_repeating_listing_starts_again_after_two_pages(five: FakeRegistry) -> None:
    five.habits.catalog_paging = Paging.REPEATS
    found = pages(five, "/v2/_catalog?n=2", limit=4)
    assert found == [["a", "b"], ["c", "d"], ["a", "b"], ["c", "d"]]


def test_an_endless_listing_always_has_something_new(five: FakeRegistry) -> None:
    five.habits.catalog_paging = Paging.ENDLESS
    names = [name for page in pages(five, "/v2/_catalog?n=4", limit=6) for name in page]
    assert len(set(names)) == 24
    assert names[:5] == list("abcde")


def test_distribution_3_pages_and_sorts_tags_and_checks_n(fake: FakeRegistry) -> None:
    fake.habits = distribution3()
    for tag in ("c", "a", "b"):
        push(fake, f"team/web:{tag}")
    first = get(fake, "/v2/team/web/tags/list?n=2")
    assert first.json()["tags"] == ["a", "b"]
    assert first.headers["link"] == '</v2/team/web/tags/list?last=b&n=2>; rel="next"'
    assert get(fake, "/v2/team/web/tags/list?n=-1").status == 400
    fake.store.untag("team/web", "a")
    fake.store.untag("team/web", "b")
    fake.store.untag("team/web", "c")
    assert get(fake, "/v2/team/web/tags/list").json()["tags"] == []


def test_a_catalog_can_be_refused_or_missing(fake: FakeRegistry) -> None:
    fake.habits.catalog = Catalog.REFUSED
    assert get(fake, "/v2/_catalog").status == 401
    fake.habits.catalog = Catalog.MISSING
    assert get(fake, "/v2/_catalog").status == 404


def test_junk_among_the_tags_is_served_as_the_habit_says(fake: FakeRegistry) -> None:
    push(fake, "a:1")
    fake.habits.extra_tags = (None, "", "sha256:beef")
    assert get(fake, "/v2/a/tags/list").json()["tags"] == ["1", None, "", "sha256:beef"]


# Authentication


def test_basic_asks_for_a_name_and_checks_the_password(fake: FakeRegistry) -> None:
    fake.habits.auth = Auth.BASIC
    refused = get(fake, "/v2/")
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == 'Basic realm="basic-realm"'
    assert get(fake, "/v2/", Authorization=basic("admin", "wrong")).status == 401
    assert get(fake, "/v2/", Authorization=basic("admin", "secret")).status == 200


def challenge(reply: Reply) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', reply.headers["www-authenticate"]))


def token_for(fake: FakeRegistry, scope: str, authorization: str = "") -> Reply:
    fields = challenge(get(fake, "/v2/"))
    realm = urlsplit(fields["realm"])
    target = f"{realm.path}?service={fields['service']}&scope={quote(scope)}"
    headers = {"Authorization": authorization} if authorization else {}
    return ask(fields["realm"], "GET", target, headers)


def test_a_bearer_challenge_names_the_scope_and_never_answers_403(fake: FakeRegistry) -> None:
    fake.habits.auth = Auth.BEARER
    push(fake, "a/b:1")
    assert "scope" not in challenge(get(fake, "/v2/"))
    assert challenge(get(fake, "/v2/_catalog"))["scope"] == "registry:catalog:*"
    weak = token_for(fake, "repository:a/b:pull", basic("admin", "secret")).json()["token"]
    bearer = f"Bearer {weak}"
    assert get(fake, "/v2/a/b/tags/list", Authorization=bearer).status == 200
    refused = ask(fake.url, "DELETE", "/v2/a/b/manifests/1", {"Authorization": bearer})
    assert refused.status == 401
    assert challenge(refused)["scope"] == "repository:a/b:delete"
    assert challenge(refused)["error"] == "insufficient_scope"
    mount = "/v2/a/b/blobs/uploads/?mount=sha256:00&from=c/d"
    scope = challenge(ask(fake.url, "POST", mount))["scope"]
    assert scope == "repository:a/b:pull,push repository:c/d:pull"
    assert challenge(get(fake, "/v2/", Authorization="Bearer junk"))["error"] == "invalid_token"


def test_a_token_expires_after_its_uses_or_on_command(fake: FakeRegistry) -> None:
    fake.habits.auth = Auth.BEARER
    fake.habits.token_uses = 2
    token = token_for(fake, "registry:catalog:*", basic("admin", "secret")).json()["token"]
    statuses = [get(fake, "/v2/_catalog", Authorization=f"Bearer {token}").status for _ in "123"]
    assert statuses == [200, 200, 401]
    fake.habits.token_uses = None
    token = token_for(fake, "registry:catalog:*", basic("admin", "secret")).json()["token"]
    fake.expire_tokens()
    assert get(fake, "/v2/_catalog", Authorization=f"Bearer {token}").status == 401


def test_the_token_answer_is_shaped_by_habits(fake: FakeRegistry) -> None:
    fake.habits.auth = Auth.BEARER
    fake.habits.token_keys = ("access_token",)
    fake.habits.expires_in = None
    reply = token_for(fake, "repository:a:pull", basic("admin", "secret"))
    assert set(reply.json()) == {"access_token"}
    assert token_for(fake, "repository:a:pull").status == 401
    fake.habits.anonymous_pull = True
    assert token_for(fake, "repository:a:pull").status == 200
    fake.habits.refused_token_scopes = ("delete",)
    assert token_for(fake, "repository:a:delete", basic("admin", "secret")).status == 400


def test_the_token_endpoint_can_live_on_another_port(fake: FakeRegistry) -> None:
    fake.habits.auth = Auth.BEARER
    fake.habits.token_on_other_port = True
    realm = challenge(get(fake, "/v2/"))["realm"]
    assert realm == f"{fake.annex_url}/token"
    assert token_for(fake, "repository:a:pull", basic("admin", "secret")).status == 200
    assert [seen.site for seen in fake.seen(target="^/token")] == ["annex"]


def test_a_refresh_token_can_be_traded_by_post(fake: FakeRegistry) -> None:
    fake.habits.auth = Auth.BEARER
    form = "grant_type=password&username=admin&password=secret&access_type=offline&service=s"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    refresh = ask(fake.url, "POST", "/token", headers, form.encode()).json()["refresh_token"]
    form = f"grant_type=refresh_token&refresh_token={refresh}&scope=registry:catalog:*"
    token = ask(fake.url, "POST", "/token", headers, form.encode()).json()["token"]
    assert get(fake, "/v2/_catalog", Authorization=f"Bearer {token}").status == 200


# Manifests and deletion


@pytest.mark.parametrize(
    ("habit", "status"),
    [
        (HeadManifest.FULL, 200),
        (HeadManifest.NO_DIGEST, 200),
        (HeadManifest.NO_LENGTH, 200),
        (HeadManifest.NOT_FOUND, 404),
        (HeadManifest.FORBIDDEN, 403),
    ],
)
def test_head_of_a_manifest_can_misbehave(
    fake: FakeRegistry, habit: HeadManifest, status: int
) -> None:
    pushed = push(fake, "a:1")
    fake.habits.head_manifest = habit
    reply = ask(fake.url, "HEAD", "/v2/a/manifests/1", ACCEPT)
    assert reply.status == status
    assert (reply.headers.get("docker-content-digest") == pushed.digest) == (
        habit in (HeadManifest.FULL, HeadManifest.NO_LENGTH)
    )
    assert (reply.headers["content-length"] == "0") == (habit is HeadManifest.NO_LENGTH)
    assert get(fake, "/v2/a/manifests/1", **ACCEPT).body == pushed.body


def test_deletion_by_tag_untags_where_the_habit_says_so(fake: FakeRegistry) -> None:
    pushed = push(fake, "a:1")
    fake.habits.delete_by_tag = 405
    assert ask(fake.url, "DELETE", "/v2/a/manifests/1").status == 405
    fake.habits.delete_by_tag = 202
    assert ask(fake.url, "DELETE", "/v2/a/manifests/1").status == 202
    assert fake.store.tags("a") == {}
    assert fake.store.untagged("a") == [pushed.digest]


def test_deletion_is_refused_for_each_reason_there_is(fake: FakeRegistry) -> None:
    index = push(fake, "a:1", make_index())
    child = index.children[0].digest

    def delete(digest: str) -> tuple[int, str]:
        reply = ask(fake.url, "DELETE", f"/v2/a/manifests/{digest}")
        return reply.status, reply.json()["errors"][0]["code"] if reply.body else ""

    fake.habits.refuse_tagged = 400
    assert delete(index.digest) == (400, "GOOGLE_MANIFEST_DANGLING_TAG")
    fake.habits.refuse_tagged = 403
    assert delete(index.digest) == (403, "DENIED")
    fake.habits.refuse_child = 400
    assert delete(child) == (400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE")
    fake.habits.refuse_child = 405
    assert delete(child) == (405, "DENIED")
    fake.habits.refuse_child = None
    fake.habits.untagged_is_404 = True
    assert delete(child) == (404, "MANIFEST_UNKNOWN")
    fake.habits.untagged_is_404 = False
    fake.habits.locked = {("a", child)}
    assert delete(child) == (405, "REGISTRY_DISALLOWED_OPERATION")
    fake.habits.locked = set()
    assert delete(child) == (202, "")


def test_referrers_go_with_their_subject_where_deletion_cascades(fake: FakeRegistry) -> None:
    image = push(fake, "a:1")
    push_referrers(fake, image, [sbom(image.built), signature(image.built)], fallback_tag=False)
    fake.habits.delete_cascades = True
    assert ask(fake.url, "DELETE", f"/v2/a/manifests/{image.digest}").status == 202
    assert fake.store.manifests("a") == {}


def test_the_referrers_api_filters_by_type_when_it_is_on(fake: FakeRegistry) -> None:
    image = push(fake, "a:1")
    about = [sbom(image.built), signature(image.built)]
    push_referrers(fake, image, about)
    target = f"/v2/a/referrers/{image.digest}"
    assert get(fake, target).status == 404
    fake.habits.referrers_api = True
    found = get(fake, target).json()["manifests"]
    assert [entry["digest"] for entry in found] == [each.digest for each in about]
    filtered = get(fake, f"{target}?artifactType=application%2Fspdx%2Bjson")
    assert filtered.headers["oci-filters-applied"] == "artifactType"
    assert [entry["digest"] for entry in filtered.json()["manifests"]] == [about[0].digest]
    assert get(fake, f"/v2/a/referrers/{digest_of(b'')}").json()["manifests"] == []


def test_redirected_blobs_refuse_an_authorization_header(fake: FakeRegistry) -> None:
    image = push(fake, "a:1")
    fake.habits.blob_redirect = 307
    reply = get(fake, f"/v2/a/blobs/{image.layer_digests[0]}")
    assert reply.status == 307
    place = urlsplit(reply.headers["location"])
    assert place.netloc != fake.host
    target = f"{place.path}?{place.query}"
    stored = ask(fake.annex_url, "GET", target)
    assert digest_of(stored.body) == image.layer_digests[0]
    assert ask(fake.annex_url, "GET", target, {"Authorization": "Bearer x"}).status == 400


def test_a_server_without_ranges_sends_the_whole_blob(fake: FakeRegistry) -> None:
    image = push(fake, "a:1")
    target = f"/v2/a/blobs/{image.layer_digests[0]}"
    assert get(fake, target, Range="bytes=0-3").status == 206
    fake.habits.ranges = False
    assert get(fake, target, Range="bytes=0-3").status == 200


def test_a_phantom_layer_has_a_size_and_no_bytes(fake: FakeRegistry) -> None:
    big = phantom_layer("weights", 40 << 30)
    push(fake, "a:1", make_image((big,)))
    target = f"/v2/a/blobs/{big.digest}"
    assert ask(fake.url, "HEAD", target).headers["content-length"] == str(40 << 30)
    assert get(fake, target).status == 404


def test_upload_quirks_of_other_registries(fake: FakeRegistry) -> None:
    fake.habits.upload_range_prefix = "bytes="
    fake.habits.relative_locations = True
    fake.habits.chunk_min_length = 4096
    fake.habits.patch_status = 201
    fake.habits.checks_content_range = True
    begun = ask(fake.url, "POST", "/v2/a/blobs/uploads/")
    assert begun.headers["oci-chunk-min-length"] == "4096"
    assert begun.headers["range"] == "bytes=0-0"
    assert begun.headers["location"].startswith("/v2/a/blobs/uploads/")
    gap = ask(fake.url, "PATCH", begun.headers["location"], {"Content-Range": "5-9"}, b"hello")
    assert (gap.status, gap.json()["errors"][0]["code"]) == (416, "RANGE_INVALID")
    assert ask(fake.url, "PATCH", begun.headers["location"], body=b"hello").status == 201
    stale = ask(fake.url, "PATCH", begun.headers["location"], body=b"again")
    assert (stale.status, stale.json()["errors"][0]["code"]) == (404, "BLOB_UPLOAD_INVALID")
    fake.habits.single_post_upload = True
    digest = digest_of(b"at once")
    reply = ask(fake.url, "POST", f"/v2/a/blobs/uploads/?digest={digest}", body=b"at once")
    assert reply.status == 201
    assert fake.store.blob("a", digest) == b"at once"


def test_a_generic_oci_registry_takes_and_serves_any_manifest(fake: FakeRegistry) -> None:
    fake.habits = oci()
    subject = push(fake, "a:1")
    artifact = oci_artifact(subject.built)
    headers = {"Content-Type": artifact.media_type}
    reply = ask(fake.url, "PUT", f"/v2/a/manifests/{artifact.digest}", headers, artifact.body)
    assert reply.status == 201
    assert reply.headers["oci-subject"] == subject.digest
    served = get(fake, f"/v2/a/manifests/{artifact.digest}", Accept="*/*")
    assert served.body == artifact.body
    assert "docker-distribution-api-version" not in served.headers


# Faults


def test_a_rule_strikes_exactly_the_requests_it_names(fake: FakeRegistry) -> None:
    rule = fake.faults.on("GET", "/v2/$", answer(503), skip=1, every=2, times=2)
    statuses = [get(fake, "/v2/").status for _ in range(8)]
    assert statuses == [200, 200, 503, 200, 503, 200, 200, 200]
    assert (rule.seen, rule.hits) == (8, 2)
    assert get(fake, "/v2/_catalog").status == 200


def test_429_says_when_to_come_back_or_does_not(fake: FakeRegistry) -> None:
    date = "Fri, 20 Nov 2026 12:00:00 GMT"
    for value in ("3", date, None):
        fake.faults.on("GET", "", too_many_requests(value), times=1)
        reply = get(fake, "/v2/")
        assert (reply.status, reply.headers.get("retry-after")) == (429, value)
        assert reply.body.startswith(b"Ref A")


def test_a_held_request_waits_for_its_release(fake: FakeRegistry) -> None:
    fake.faults.on("GET", "/v2/$", hold := Hold())
    replies: list[Reply] = []
    asking = threading.Thread(target=lambda: replies.append(get(fake, "/v2/")))
    asking.start()
    assert hold.arrived.wait(30)
    assert not replies
    hold.release()
    asking.join(30)
    assert replies[0].status == 200


def test_a_silent_server_still_stops(fake: FakeRegistry) -> None:
    fake.faults.on("GET", "/v2/$", hang := Hang())
    failures: list[Exception] = []

    def asking() -> None:
        try:
            get(fake, "/v2/")
        except (OSError, http.client.HTTPException) as failure:
            failures.append(failure)

    thread = threading.Thread(target=asking)
    thread.start()
    assert hang.arrived.wait(30)
    fake.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_bodies_are_cut_off_disconnected_or_of_another_length(fake: FakeRegistry) -> None:
    push(fake, "a:1")
    fake.faults.on("GET", "manifests", CutOff(after=7), times=1)
    with pytest.raises(http.client.IncompleteRead) as cut:
        get(fake, "/v2/a/manifests/1", **ACCEPT)
    assert len(cut.value.partial) == 7
    fake.faults.on("GET", "manifests", Disconnect(), times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        get(fake, "/v2/a/manifests/1", **ACCEPT)
    fake.faults.on("GET", "manifests", WrongLength(5), times=1)
    with pytest.raises(http.client.IncompleteRead):
        get(fake, "/v2/a/manifests/1", **ACCEPT)
    fake.faults.on("GET", "manifests", WrongLength(-5), times=1)
    whole = fake.store.manifest("a", "1")
    assert whole is not None
    assert get(fake, "/v2/a/manifests/1", **ACCEPT).body == whole.body[:-5]


def test_a_registry_can_lie_about_digest_and_body(fake: FakeRegistry) -> None:
    pushed = push(fake, "a:1")
    fake.faults.on(None, "manifests", wrong_digest_header(), times=1)
    lied = get(fake, "/v2/a/manifests/1", **ACCEPT)
    assert lied.headers["docker-content-digest"] == "sha256:" + "0" * 64
    assert lied.body == pushed.body
    fake.faults.on(None, "manifests", Body(lambda body: body + b" "), times=1)
    changed = get(fake, "/v2/a/manifests/1", **ACCEPT)
    assert changed.headers["docker-content-digest"] == pushed.digest
    assert changed.body == pushed.body + b" "


def test_redirects_empty_catalogs_and_junk(five: FakeRegistry) -> None:
    five.faults.on("GET", "blobs", RedirectInACircle())
    target = "/v2/a/blobs/sha256:00"
    assert get(five, target).headers["location"] == target
    five.faults.clear()
    five.faults.on("GET", "blobs", redirect_to_link_local())
    assert get(five, target).headers["location"].startswith("http://169.254.")
    five.faults.on("GET", "_catalog", empty_catalog(), times=1)
    assert get(five, "/v2/_catalog").json() == {"repositories": []}
    five.faults.on("GET", "_catalog", gzip_junk(), times=1)
    assert get(five, "/v2/_catalog").headers["content-encoding"] == "gzip"
    assert get(five, "/v2/_catalog").json()["repositories"] == list("abcde")


def test_requests_are_counted_and_everything_can_be_reset(fake: FakeRegistry) -> None:
    push(fake, "a:1")
    ask(fake.url, "HEAD", "/v2/a/manifests/1", {"User-Agent": "a test"})
    get(fake, "/v2/a/tags/list?n=5")
    assert fake.count("HEAD", "/manifests/") == 1
    assert fake.count(None, r"n=5$") == 1
    assert fake.requests[0].headers["user-agent"] == "a test"
    fake.habits.deletion = False
    fake.faults.on(None, "", answer(500))
    fake.reset()
    assert get(fake, "/v2/_catalog").json() == {"repositories": []}
    assert fake.habits.deletion
    assert len(fake.requests) == 1


def test_a_taken_port_is_an_error_and_not_a_silence(fake: FakeRegistry) -> None:
    with pytest.raises(OSError, match="address already in use"):
        FakeRegistry(port=fake.port).start()


# Builders


def test_everything_built_is_stored_under_the_digest_of_its_bytes() -> None:
    store = Store()
    image = push(store, "a:1", make_index(attestations=True))
    push_cosign(store, image)
    push_referrers(store, image, [sbom(image.built)])
    for number, built in enumerate((cache_export(), windows_image("x"), oci_artifact(image.built))):
        push(store, f"a:other-{number}", built)
    manifests = store.manifests("a")
    assert len(manifests) == 5 + 3 + 2 + 3
    assert all(digest == digest_of(manifest.body) for digest, manifest in manifests.items())
    for manifest in manifests.values():
        document = manifest.document()
        for part in [*document.get("layers", []), *filter(None, [document.get("config")])]:
            data = store.blob("a", part["digest"])
            if "urls" in part:
                assert data is None
            else:
                assert data is not None
                assert (len(data), digest_of(data)) == (part["size"], part["digest"])


def test_a_schema_1_document_hashes_without_its_signatures() -> None:
    store = Store()
    old = push(store, "a:old", schema1_image("a", "old"))
    assert store.tags("a") == {"old": old.digest}
    assert old.digest != digest_of(old.body)
    protected = json.loads(
        base64.urlsafe_b64decode(old.built.document["signatures"][0]["protected"] + "==")
    )
    tail = base64.urlsafe_b64decode(protected["formatTail"] + "==")
    assert digest_of(old.body[: protected["formatLength"]] + tail) == old.digest


def test_the_same_text_is_the_same_layer_and_options_shape_the_image() -> None:
    one = make_image(("base", "one"), platform="linux/arm/v7", labels={"a": "b"})
    two = make_image(("base", "two"), docker=True)
    assert one.layer_digests[0] == two.layer_digests[0]
    assert one.layer_digests[1] != two.layer_digests[1]
    config = json.loads(one.blobs[0].data or b"")
    assert (config["architecture"], config["variant"]) == ("arm", "v7")
    assert config["config"]["Labels"] == {"a": "b"}
    assert len(config["history"]) == len(config["rootfs"]["diff_ids"]) == 2


def test_cosign_tags_name_the_digest_they_are_about() -> None:
    store = Store()
    image = push(store, "a:1")
    push_cosign(store, image)
    hexadecimal = image.digest.partition(":")[2]
    assert set(store.tags("a")) == {
        "1", *(f"sha256-{hexadecimal}.{suffix}" for suffix in ("sig", "att", "sbom"))
    }  # fmt: skip
    assert cosign_tag(image.digest) == f"sha256-{hexadecimal}"


# The company


def filled() -> tuple[Company, Store]:
    company, store = Company(NOW), Store()
    company.fill(store)
    return company, store


def content_of(store: Store) -> dict[str, object]:
    return {name: (store.tags(name), store.manifests(name)) for name in store.repositories()}


def test_acme_has_what_a_newcomer_should_see() -> None:
    _, store = filled()
    tags = [tag for _, tag, _ in store.all_tags()]
    assert 40 <= len(store.repositories()) <= 60
    assert 1_200 <= len(tags) <= 1_500
    assert len(store.tags("platform/ci/builds")) == 600
    assert store.tags("sandbox/old-demo") == {}
    web = store.tags("marketing/campaign10-18/web")
    assert len({web[tag] for tag in ("10.18.4", "10.18", "10", "latest", "stable")}) == 1
    assert "10.18.0-rc.1" in web
    assert store.untagged("edge/gateway")
    types = {m.media_type for name in store.repositories() for m in store.manifests(name).values()}
    assert len(types) == 6


def test_acme_names_nothing_that_is_not_there() -> None:
    """Every child is present and every stored layer is linked, so no page has a hole."""
    _, store = filled()
    for name in store.repositories():
        present = store.manifests(name)
        for manifest in present.values():
            document = manifest.document()
            for layer in document.get("layers", []):
                assert "urls" in layer or store.blob_size(name, layer["digest"]) == layer["size"]
            if "buildkit" not in json.dumps(document):
                assert all(child in present for child in manifest.children())


def test_the_same_steps_end_in_the_same_registry() -> None:
    (one, first), (two, second) = filled(), filled()
    assert content_of(first) == content_of(second)
    for step in range(1, 9):
        assert one.evolve(first, step) == two.evolve(second, step)
    assert content_of(first) == content_of(second)


def test_evolution_moves_creates_and_deletes_tags_and_says_so() -> None:
    company, store = filled()
    events = set()
    for step in range(1, 5):
        before = {(name, tag): digest for name, tag, digest in store.all_tags()}
        changes = company.evolve(store, step)["changes"]
        after = {(name, tag): digest for name, tag, digest in store.all_tags()}
        told = {(c["repository"], c["tag"]): (c["old"], c["new"]) for c in changes}
        assert told == {
            key: (before.get(key), after.get(key))
            for key in before.keys() | after.keys()
            if before.get(key) != after.get(key)
        }
        for change in changes:
            if change["event"] == "moved" and change["tag"] == "main":
                assert change["old"] in store.untagged(change["repository"])
        events |= {change["event"] for change in changes}
    assert events == {"created", "moved", "deleted"}


def test_the_program_serves_a_company_and_evolves_on_request() -> None:
    command = [sys.executable, "-m", "tests.fake_registry", "--company", "--control"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("Fake registry: ").strip()
        try:
            assert urlsplit(url).hostname == "127.0.0.1"
            assert "edge/gateway" in ask(url, "GET", "/v2/_catalog").json()["repositories"]
            assert ask(url, "POST", "/_fake/evolve").json()["step"] == 1
            assert ask(url, "POST", "/_fake/evolve").json()["step"] == 2
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_the_control_address_is_closed_by_default(fake: FakeRegistry) -> None:
    assert ask(fake.url, "POST", "/_fake/evolve").status == 404
