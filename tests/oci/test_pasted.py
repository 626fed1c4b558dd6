from __future__ import annotations

import pytest

from registry_browser.oci.digest import Digest
from registry_browser.oci.errors import InvalidReference
from registry_browser.oci.pasted import Pasted, read_pasted

SHA = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("docker pull nginx", "nginx"),
        ("$ docker pull -q r.io/a/b:1", "r.io/a/b:1"),
        ("sudo docker image pull --platform linux/arm64 r.io/a/b:1", "r.io/a/b:1"),
        ("docker pull --platform=linux/arm64 r.io/a/b:1", "r.io/a/b:1"),
        ("docker run --rm -it -p 80:80 -v /a:/b -e X=Y r.io/a/b:1 sh -c 'ls -l'", "r.io/a/b:1"),
        ("docker run -d --name web --restart always r.io/a/b:1", "r.io/a/b:1"),
        ("docker run --rm \\\n  -p 80:80 \\\n  r.io/a/b:1", "r.io/a/b:1"),
        ("docker buildx imagetools inspect r.io/a/b:1", "r.io/a/b:1"),
        ("podman pull r.io/a/b", "r.io/a/b"),
        ("nerdctl run r.io/a/b", "r.io/a/b"),
        ("crane manifest r.io/a/b:1", "r.io/a/b:1"),
        ("skopeo inspect docker://r.io/a/b:1", "r.io/a/b:1"),
        ("skopeo copy --all docker://r.io/a/b:1 docker://s.io/c:2", "r.io/a/b:1"),
        ("/usr/bin/skopeo copy docker://r.io/a/b:1 oci:dir:x", "r.io/a/b:1"),
        ("helm pull oci://r.io/charts/web --version 1.2.3+4", "r.io/charts/web:1.2.3_4"),
        ("helm install web oci://r.io/charts/web", "r.io/charts/web"),
        ("oras discover r.io/a/b:1", "r.io/a/b:1"),
        ("kubectl run web --image=r.io/a/b:1", "r.io/a/b:1"),
        ("kubectl create deployment web --image r.io/a/b:1", "r.io/a/b:1"),
        ("FROM r.io/golang:1.22 AS build", "r.io/golang:1.22"),
        ("from --platform=$BUILDPLATFORM r.io/golang:1.22", "r.io/golang:1.22"),
        ("image: r.io/a/b:1", "r.io/a/b:1"),
        ("  - image: 'r.io/a/b:1'", "r.io/a/b:1"),
        ('"image": "r.io/a/b:1",', "r.io/a/b:1"),
        ('image = "r.io/a/b:1"', "r.io/a/b:1"),
        ("oci://r.io/charts/web:1", "r.io/charts/web:1"),
        ("https://r.io/v2/a/b/manifests/1.0", "r.io/a/b:1.0"),
        (f"https://r.io/v2/a/b/manifests/{SHA}", f"r.io/a/b@{SHA}"),
        (f"https://r.io/v2/a/b/blobs/{SHA.replace(':', '%3A')}", f"r.io/a/b@{SHA}"),
        ("http://host:5000/v2/a/b/tags/list?n=5", "host:5000/a/b"),
        ("https://r.io/artifactory/api/docker/x/v2/a/b/manifests/1", "r.io/a/b:1"),
        ("https://hub.docker.com/r/bitnami/redis", "docker.io/bitnami/redis"),
        ("https://hub.docker.com/_/nginx", "docker.io/library/nginx"),
        ("https://r.io/a/b:1", "r.io/a/b:1"),
        ("https://user:secret@r.io/a/b", "r.io/a/b"),
        ("gcr.io/example.com:proj/img", "gcr.io/example.com/proj/img"),
        ("`r.io/a/b:1`", "r.io/a/b:1"),
        (f"docker pull r.io/a@{SHA}", f"r.io/a@{SHA}"),
        ('docker pull "r.io/a', "r.io/a"),
    ],
)
def test_the_reference_is_found_in_what_was_pasted(text: str, reference: str) -> None:
    assert str(read_pasted(text).reference) == reference


def test_a_whole_digest_is_recognised_with_and_without_its_algorithm() -> None:
    assert read_pasted(SHA) == Pasted(digest=Digest.parse(SHA))
    assert read_pasted("ab" * 32) == Pasted(digest=Digest.parse(SHA))


@pytest.mark.parametrize(
    "text", ["sha256:abc123", "sha256:ABC123…", "@sha256:abc123", "sha256:abc123..."]
)
def test_the_beginning_of_a_digest_is_recognised(text: str) -> None:
    assert read_pasted(text) == Pasted(digest_prefix="abc123")


def test_a_hexadecimal_word_may_be_a_digest_or_a_repository() -> None:
    pasted = read_pasted("cafe00")

    assert pasted.digest_prefix == "cafe00"
    assert str(pasted.reference) == "cafe00"


def test_a_few_hexadecimal_digits_are_a_word() -> None:
    assert read_pasted("cafe").digest_prefix is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Paste a reference"),
        (" \n ", "Paste a reference"),
        ("FROM ${BASE}", "variable"),
        ("image: $IMAGE", "variable"),
        ("docker pull", "not a repository|names no image|neither"),
        ("docker pull --quiet", "names no image"),
        ("what is this", "neither one reference"),
        ("https://r.io/", "names a host"),
        ("https://r.io/v2/", "names a host"),
        ("x" * 5000, "too long"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, complaint: str) -> None:
    with pytest.raises(InvalidReference, match=complaint):
        read_pasted(text)
