"""Whatever a person pastes: a reference inside of a command, a file's line, a web address.

docker pull nginx · docker run --rm -p 80:80 nginx · skopeo copy docker://a/b:1 docker://c/d:1
    FROM golang:1.22 AS build · image: "a/b:1" · helm pull oci://a/web --version 1.2
https://host/v2/a/b/manifests/1 · sha256:abc…  · abcdef012345
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from registry_browser.oci.digest import Digest, is_digest
from registry_browser.oci.errors import InvalidReference
from registry_browser.oci.reference import Reference, is_valid_tag

MAX_PASTED = 4096
SHORTEST_PREFIX = 6
"""Hexadecimal digits. Fewer would match too much to be meant as a digest."""

_TOOL = re.compile(
    r"""docker|podman|nerdctl|finch|crane|gcrane|skopeo|oras|helm|buildah|crictl|ctr|regctl|cosign
    |notation|singularity|apptainer|trivy|grype|syft|dive|kubectl|az|gcloud""",
    re.X,
)
# Words between a tool and what it works on.
_VERB = re.compile(
    r"""pull|push|run|create|images?|container|manifest|artifact|buildx|imagetools|inspect|copy|cp
    |tag|digest|config|ls|list|history|scan|save|load|rmi?|delete|discover|attach|fetch|show|install
    |upgrade|template|chart|blob|export|get|verify|sign|tree|layer|index|validate|annotate|mutate
    |download|triangulate|attest|service|exec|from|bud|build|i""",
    re.X,
)
_FLAG_WITHOUT_VALUE = re.compile(
    r"""--(?:rm|init|privileged|read-only|detach|interactive|tty|quiet|all|all-tags|publish-all
    |no-healthcheck|oom-kill-disable|raw|insecure|plain-http|debug|verbose|force|no-trunc|recursive
    |(?:src-|dest-)?no-creds|preserve-digests|no-cache|devel|untar|verify|wait|atomic|dry-?run|help)
    |-[adfiPqtkr]+""",
    re.X,
)
_IMAGE_LINE = re.compile(
    r"""^\s*-?\s*["']?(?:image|repository|uses|baseImage|--image)["']?\s*[:=]\s*(?P<value>\S.*)$""",
    re.I,
)
_FROM_LINE = re.compile(r"^\s*FROM\s+(?P<rest>.+)$", re.I)
_PREFIX = re.compile(r"(?:(?P<algorithm>sha256|sha512):)?(?P<hex>[0-9a-f]+)(?:…|\.\.\.)?", re.I)
_API_PATH = re.compile(
    r"/v2/(?P<path>.+?)/(?P<kind>manifests|blobs|referrers|tags)/(?P<name>[^/]+)/?$"
)
_HUB_PATH = re.compile(r"/(?:r/(?P<path>[^/]+/[^/]+)|_/(?P<official>[^/]+))(?:/.*)?$")


@dataclass(frozen=True, slots=True)
class Pasted:
    """What a pasted text names: at least one of the three is there.

    `digest` is a whole digest pasted alone; `digest_prefix` is the beginning of one, in lower-case
    hexadecimal without the algorithm. A word such as "cafe00" can be both, a repository's name and
    a digest's beginning; then `reference` and `digest_prefix` are both there.
    """

    reference: Reference | None = None
    digest: Digest | None = None
    digest_prefix: str | None = None


def read_pasted(text: str) -> Pasted:
    """Find out what a person means; InvalidReference with a sentence if it cannot be told."""
    if len(text) > MAX_PASTED:
        raise InvalidReference("This is too long to be a reference.")
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not lines:
        raise InvalidReference("Paste a reference, a digest, or a command that names one.")
    line = " ".join(part.strip().removesuffix("\\").strip() for part in lines)
    line = line.removeprefix("$ ").removeprefix("# ").strip()
    if match := _FROM_LINE.match(line):
        word = _first_plain_word(_words(match["rest"]))
    elif match := _IMAGE_LINE.match(line):
        word = _first_plain_word(_words(match["value"].rstrip(",")))
    else:
        word = _from_command(_words(line))
    return _read_word(word)


def _read_word(word: str) -> Pasted:
    word = word.strip("\"'`<>(),;")
    if "${" in word or word.startswith("$"):
        raise InvalidReference("This name has a variable in it; paste it with the value filled in.")
    if word.lower().startswith(("http://", "https://")):
        return Pasted(reference=_from_web_address(word))
    word = re.sub(r"^(?:docker|oci|docker-daemon|containers-storage)://", "", word, flags=re.I)
    word = word.rstrip("/")
    if is_digest(word):
        return Pasted(digest=Digest.parse(word))
    if prefix := _digest_prefix(word):
        algorithm, digits = prefix
        if algorithm or len(digits) == 64:
            whole = f"{algorithm or 'sha256'}:{digits}"
            if is_digest(whole):
                return Pasted(digest=Digest.parse(whole))
            return Pasted(digest_prefix=digits)
        return Pasted(reference=_reference_or_none(word), digest_prefix=digits)
    return Pasted(reference=Reference.parse(word))


def _digest_prefix(word: str) -> tuple[str | None, str] | None:
    match = _PREFIX.fullmatch(word.removeprefix("@"))
    if match is None or not SHORTEST_PREFIX <= len(match["hex"]) <= 128:
        return None
    algorithm = match["algorithm"]
    return algorithm.lower() if algorithm else None, match["hex"].lower()


def _reference_or_none(word: str) -> Reference | None:
    try:
        return Reference.parse(word)
    except InvalidReference:
        return None


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=False) or [line]
    except ValueError:
        # An unfinished quote: the words are still there.
        return line.split()


def _from_command(words: list[str]) -> str:
    """Return the word that names the image: the first that is neither tool, verb nor flag."""
    for position, word in enumerate(words):
        if word.lower().startswith(("docker://", "oci://")):
            return _with_chart_version(word, words)
        if word.startswith("--image="):
            return word.removeprefix("--image=")
        if word == "--image" and position + 1 < len(words):
            return words[position + 1]
    while words and words[0] in ("sudo", "time", "command"):
        words = words[1:]
    if not words or not _TOOL.fullmatch(words[0].rpartition("/")[2]) or len(words) == 1:
        return _only_word(words)
    rest = words[1:]
    verbs = 0
    position = 0
    while position < len(rest):
        word = rest[position]
        if word == "--":
            position += 1
        elif word.startswith("-"):
            position += 1 if _stands_alone(word) else 2
        elif verbs < 3 and _VERB.fullmatch(word):
            verbs += 1
            position += 1
        else:
            return word
    raise InvalidReference("This command names no image.")


def _only_word(words: Sequence[str]) -> str:
    if len(words) != 1:
        raise InvalidReference("This is neither one reference nor a command that is known here.")
    return words[0]


def _first_plain_word(words: list[str]) -> str:
    for word in words:
        if not word.startswith("--"):
            return word
    raise InvalidReference("This line names no image.")


def _stands_alone(flag: str) -> bool:
    return "=" in flag or _FLAG_WITHOUT_VALUE.fullmatch(flag) is not None


def _with_chart_version(word: str, words: list[str]) -> str:
    """`helm pull oci://… --version 1.2+3` keeps the tag apart, and tags have no "+" in them."""
    name = word.split("://", 1)[1]
    if ":" in name.rpartition("/")[2] or "@" in name:
        return word
    for position, flag in enumerate(words):
        version = None
        if flag == "--version" and position + 1 < len(words):
            version = words[position + 1]
        elif flag.startswith("--version="):
            version = flag.removeprefix("--version=")
        if version and is_valid_tag(tag := version.replace("+", "_")):
            return f"{word}:{tag}"
    return word


def _from_web_address(address: str) -> Reference:
    """Read the API's own addresses, Docker Hub's pages, and "https://" before a reference."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        raise InvalidReference("This is not a web address that can be read.") from None
    path = unquote(parts.path)
    if match := _API_PATH.search(path):
        # What stands before /v2/ is the prefix of a registry behind a proxy, no part of the name.
        name = match["name"]
        reference = f"{host}/{match['path']}"
        if match["kind"] != "tags":
            reference += f"@{name}" if ":" in name else f":{name}"
        return Reference.parse(reference)
    if host == "hub.docker.com" and (match := _HUB_PATH.match(path)):
        return Reference.parse(f"docker.io/{match['path'] or 'library/' + match['official']}")
    trimmed = path.strip("/")
    if not trimmed or trimmed == "v2" or trimmed.startswith("v2/"):
        raise InvalidReference("This address names a host and no repository on it.")
    # A web address has its domain by construction, also where a reference would not see one.
    if "." not in host and ":" not in host and host != "localhost":
        bare = Reference.parse(trimmed)
        return Reference(host, bare.path, bare.tag, bare.digest)
    return Reference.parse(f"{host}/{trimmed}")
