"""Digests: names computed from the bytes they name (OCI image-spec, descriptor.md)."""

import hashlib
import re
from dataclasses import dataclass

from registry_browser.oci.errors import InvalidDigest

_HEX_LENGTHS = {"sha256": 64, "sha512": 128}
_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})", re.ASCII)

is_digest = _DIGEST.fullmatch
"""Truthy for the text of a valid digest. Kept bare: it runs once per layer of a sync."""


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A valid digest: sha256 or sha512, in lower-case hexadecimal. Nothing else can exist."""

    algorithm: str
    encoded: str

    def __post_init__(self) -> None:
        if not is_digest(f"{self.algorithm}:{self.encoded}"):
            raise InvalidDigest(_complaint(self.algorithm, self.encoded))

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """Read "sha256:…"; raises InvalidDigest with a sentence that says what is wrong."""
        algorithm, colon, encoded = text.partition(":")
        if not colon:
            raise InvalidDigest(
                f"“{text[:80]}” is not a digest: it has no algorithm before a colon."
            )
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, body: bytes, algorithm: str = "sha256") -> "Digest":
        """Compute the digest of these bytes."""
        if algorithm not in _HEX_LENGTHS:
            raise InvalidDigest(f"The algorithm “{algorithm[:40]}” is not sha256 or sha512.")
        return cls(algorithm, hashlib.new(algorithm, body).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"

    @property
    def short(self) -> str:
        """The first twelve hexadecimal digits, as people read them out."""
        return self.encoded[:12]

    def verifies(self, body: bytes) -> bool:
        """Whether these bytes are the ones that this digest names."""
        return hashlib.new(self.algorithm, body).hexdigest() == self.encoded


def _complaint(algorithm: str, encoded: str) -> str:
    length = _HEX_LENGTHS.get(algorithm)
    if length is None:
        return f"The algorithm “{algorithm[:40]}” is not sha256 or sha512."
    if len(encoded) != length:
        return f"A {algorithm} digest has {length} hexadecimal digits; this one has {len(encoded)}."
    return f"A {algorithm} digest has only the digits 0-9 and a-f, in lower case."
