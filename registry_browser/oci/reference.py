"""References: what people type and paste to name something in a registry (fact sheet section 6)."""

import re
from dataclasses import dataclass

from registry_browser.oci.digest import Digest
from registry_browser.oci.errors import InvalidDigest, InvalidReference

MAX_NAME = 255
"""Characters of domain, slash and path together; what clients agree on."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_LABEL = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?", re.ASCII)
_HEX_64 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def is_valid_path(text: str) -> bool:
    """Whether this can name a repository, without its registry."""
    return len(text) <= MAX_NAME and _PATH.fullmatch(text) is not None


def is_valid_tag(text: str) -> bool:
    """Whether this can be a tag."""
    return _TAG.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Reference:
    """`[domain/]path[:tag][@digest]`, taken apart.

    `domain` is None when none was written: what that means (Docker Hub, or a registry at hand) is
    for the reader to decide; `on_docker_hub` gives Docker's answer. With tag and digest both, the
    digest is what counts.
    """

    domain: str | None
    path: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read a reference; InvalidReference with a sentence that says what is wrong."""
        rest, at, digest_text = text.strip().partition("@")
        if not rest:
            raise InvalidReference("A reference names a repository; this one is empty.")
        if _HEX_64.fullmatch(rest):
            raise InvalidReference("This is an image id or the end of a digest, not a repository.")
        digest = _digest(digest_text) if at else None
        domain, remainder = _split_domain(rest)
        path, tag = _split_tag(remainder)
        path = _domain_scoped(path)
        if domain in ("index.docker.io", "registry-1.docker.io"):
            domain = "docker.io"
        if domain == "docker.io" and "/" not in path:
            path = f"library/{path}"
        _check_path(path)
        if tag is not None and not is_valid_tag(tag):
            raise InvalidReference(
                f"“{tag[:140]}” is not a tag: at most 128 of A-Z a-z 0-9 _ . - and no . or - first."
            )
        if len(f"{domain}/{path}" if domain else path) > MAX_NAME:
            raise InvalidReference(f"A name has at most {MAX_NAME} characters; this one has more.")
        return cls(domain, path, tag, digest)

    def __str__(self) -> str:
        name = f"{self.domain}/{self.path}" if self.domain else self.path
        tag = f":{self.tag}" if self.tag else ""
        return f"{name}{tag}@{self.digest}" if self.digest else f"{name}{tag}"

    @property
    def on_docker_hub(self) -> "Reference":
        """This reference as Docker reads it: no domain means docker.io, one word library/…"""
        if self.domain is not None:
            return self
        path = self.path if "/" in self.path else f"library/{self.path}"
        return Reference("docker.io", path, self.tag, self.digest)


def _split_domain(text: str) -> tuple[str | None, str]:
    first, slash, rest = text.partition("/")
    if not slash:
        return None, text
    looks_like_one = "." in first or ":" in first or first == "localhost" or first.lower() != first
    # "example.com:proj/img": what follows the colon is no port, so it is a Google project that
    # belongs to a domain, and all of it is path.
    host, colon, port = first.rpartition(":")
    scoped = bool(colon) and not first.startswith("[") and not port.isdigit() and "." in host
    if not looks_like_one or scoped:
        return None, text
    if not _DOMAIN.fullmatch(first):
        raise InvalidReference(f"“{first[:80]}” is not the name of a registry's host.")
    if ":" not in first and "." not in first and first.lower() != first:
        # Docker takes "Foo/bar" for a host named Foo since it cannot be a path; what people mean
        # by it is a repository in the wrong case.
        raise InvalidReference("A repository's name is in lower case.")
    return first.lower(), rest


def _split_tag(text: str) -> tuple[str, str | None]:
    path, colon, tag = text.rpartition(":")
    return (path, tag) if colon and "/" not in tag else (text, None)


def _domain_scoped(path: str) -> str:
    """Google writes the project "example.com:proj" as "example.com/proj" in paths."""
    first, slash, rest = path.partition("/")
    if slash and ":" in first and "." in first.partition(":")[0]:
        return f"{first.replace(':', '/', 1)}/{rest}"
    return path


def _check_path(path: str) -> None:
    if is_valid_path(path):
        return
    if not path:
        raise InvalidReference("A reference names a repository; this one names only a host.")
    if is_valid_path(path.lower()):
        raise InvalidReference("A repository's name is in lower case.")
    raise InvalidReference(
        f"“{path[:120]}” is not a repository's name: words of a-z and 0-9, joined by . _ __ or -, "
        "separated by /."
    )


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise InvalidReference(str(error)) from None
