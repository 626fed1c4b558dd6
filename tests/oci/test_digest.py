from __future__ import annotations

import hashlib

import pytest

from registry_browser.oci.digest import Digest, is_digest
from registry_browser.oci.errors import InvalidDigest

HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_a_digest_is_computed_from_its_bytes() -> None:
    digest = Digest.of(b"hello")

    assert str(digest) == HELLO
    assert digest.short == "2cf24dba5fb0"
    assert digest.verifies(b"hello")
    assert not digest.verifies(b"hello ")


def test_sha512_is_known_too() -> None:
    digest = Digest.parse(f"sha512:{hashlib.sha512(b'hello').hexdigest()}")

    assert digest == Digest.of(b"hello", "sha512")
    assert digest.verifies(b"hello")


def test_digests_are_values() -> None:
    assert Digest.parse(HELLO) == Digest.of(b"hello")
    assert len({Digest.parse(HELLO), Digest.of(b"hello")}) == 1
    assert sorted([Digest.of(b"b"), Digest.of(b"a")]) == sorted([Digest.of(b"a"), Digest.of(b"b")])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no algorithm"),
        ("2cf24d", "no algorithm"),
        ("sha256:", "64 hexadecimal digits; this one has 0"),
        (HELLO[:-1], "this one has 63"),
        (HELLO + "0", "this one has 65"),
        (HELLO[:-1] + "G", "only the digits"),
        (HELLO.upper().replace("SHA", "sha"), "lower case"),
        ("md5:" + "0" * 32, "not sha256 or sha512"),
        ("SHA256:" + "0" * 64, "not sha256 or sha512"),
        (HELLO + "\n", "this one has 65"),
        ("sha256:" + "\u0663" * 64, "only the digits"),
    ],
)
def test_what_is_no_digest_says_why(text: str, complaint: str) -> None:
    with pytest.raises(InvalidDigest, match=complaint):
        Digest.parse(text)
    assert not is_digest(text)


def test_an_unknown_algorithm_computes_nothing() -> None:
    with pytest.raises(InvalidDigest):
        Digest.of(b"", "md5")
