from __future__ import annotations

import pytest

from registry_browser.oci.digest import Digest
from registry_browser.oci.errors import InvalidReference
from registry_browser.oci.reference import Reference, is_valid_path, is_valid_tag

SHA = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "domain", "path", "tag", "digest"),
    [
        ("nginx", None, "nginx", None, None),
        ("nginx:1.27", None, "nginx", "1.27", None),
        ("team/web", None, "team/web", None, None),
        ("docker.io/nginx", "docker.io", "library/nginx", None, None),
        ("index.docker.io/a/b:c", "docker.io", "a/b", "c", None),
        ("localhost/a", "localhost", "a", None, None),
        ("localhost:5000/a/b:v1", "localhost:5000", "a/b", "v1", None),
        ("host:5000/a", "host:5000", "a", None, None),
        ("Registry.Example.com/a", "registry.example.com", "a", None, None),
        ("[::1]:5000/a:v1", "[::1]:5000", "a", "v1", None),
        ("[2001:db8::1]/a/b", "[2001:db8::1]", "a/b", None, None),
        (f"ghcr.io/o/i@{SHA}", "ghcr.io", "o/i", None, SHA),
        (f"ghcr.io/o/i:t@{SHA}", "ghcr.io", "o/i", "t", SHA),
        ("gcr.io/example.com:proj/img", "gcr.io", "example.com/proj/img", None, None),
        ("gcr.io/example.com:proj/img:v2", "gcr.io", "example.com/proj/img", "v2", None),
        ("marketing/campaign10-18/web", None, "marketing/campaign10-18/web", None, None),
        ("a/b__c.d--e_f", None, "a/b__c.d--e_f", None, None),
        ("  a/b:c  ", None, "a/b", "c", None),
        ("r.io/" + "a" * 250, "r.io", "a" * 250, None, None),
    ],
)
def test_a_reference_is_taken_apart(
    text: str, domain: str | None, path: str, tag: str | None, digest: str | None
) -> None:
    expected = Reference(domain, path, tag, Digest.parse(digest) if digest else None)

    assert Reference.parse(text) == expected
    assert Reference.parse(str(expected)) == expected


def test_a_google_project_of_a_domain_is_part_of_the_path() -> None:
    assert Reference.parse("example.com:proj/img:1") == Reference(
        None, "example.com/proj/img", "1", None
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("docker.io/Library/nginx", "lower case"),
        ("Team/web", "lower case"),
        ("NGINX", "lower case"),
        ("a//b", "not a repository's name"),
        ("/a", "not a repository's name"),
        ("a/b/", "not a repository's name"),
        ("a..b", "not a repository's name"),
        ("a___b", "not a repository's name"),
        ("-a", "not a repository's name"),
        ("host.io/", "names only a host"),
        ("a b", "not a repository's name"),
        ("nginx:", "not a tag"),
        ("nginx:.x", "not a tag"),
        ("nginx:" + "x" * 129, "not a tag"),
        ("nginx@sha256:123", "64 hexadecimal digits"),
        ("nginx@md5:" + "0" * 32, "not sha256 or sha512"),
        ("ab" * 32, "image id"),
        ("r.io/" + "a" * 251, "at most 255"),
        ("-x.io/a", "registry's host"),
        ("host:99x/a", "registry's host"),
    ],
)
def test_what_is_no_reference_says_why(text: str, complaint: str) -> None:
    with pytest.raises(InvalidReference, match=complaint):
        Reference.parse(text)


def test_without_a_domain_docker_means_its_hub() -> None:
    assert str(Reference.parse("nginx:1").on_docker_hub) == "docker.io/library/nginx:1"
    assert str(Reference.parse("a/b").on_docker_hub) == "docker.io/a/b"
    assert str(Reference.parse("r.io/b").on_docker_hub) == "r.io/b"


def test_paths_and_tags_are_checked_to_their_last_character() -> None:
    assert is_valid_path("a" * 255)
    assert not is_valid_path("a" * 256)
    assert not is_valid_path("a\n")
    assert is_valid_tag("x" * 128)
    assert not is_valid_tag("x\n")
    assert not is_valid_tag("é")
