"""The order in which people expect tags: release channels, then versions, then everything else,
last what tools name after a digest.

`sort_key` gives text that sorts the same way under Postgres' "C" collation, so that a page of
20,000 tags is an index scan. Descending, it reads `stable`, `10`, `10.18`, `10.18.5`,
`10.18.5-rc.1`, `10.18.4`, `nightly`; `latest` is above all. A shorter version stands above the
versions it floats over: `10` is whatever the newest `10.x` is.
"""

from __future__ import annotations

import re

CHANNELS = {"latest": "9", "stable": "8"}
_VERSION = re.compile(r"[vV]?(\d+(?:\.\d+)*)(?:[-_.+](.+))?")
# Names that tools derive from a digest (cosign's .sig, .att and .sbom, the referrers tag schema).
_DERIVED = re.compile(r"sha(?:256|512)-[0-9a-f]{32,128}(?:\..+)?")
_DIGITS = re.compile(r"(\d+)")
_COMPONENTS = 4
_ABOVE_EVERY_NUMBER = "~"


def sort_key(tag: str) -> str:
    """The key of one tag name. Ties (`1.0` and `v1.0`) are broken by the name itself."""
    if channel := CHANNELS.get(tag):
        return channel
    if _DERIVED.fullmatch(tag):
        return f"0{tag}"
    if not (version := _VERSION.fullmatch(tag)):
        return f"1{_natural(tag)}"
    numbers = version[1].split(".")
    components = [_number(number) for number in numbers]
    components += [_ABOVE_EVERY_NUMBER] * (_COMPONENTS - len(components))
    release = _natural(version[2]) if version[2] else _ABOVE_EVERY_NUMBER
    return "5{}.{}!{}".format(".".join(components), release, tag)


def _natural(text: str) -> str:
    return "".join(_number(part) if part.isdigit() else part for part in _DIGITS.split(text))


def _number(digits: str) -> str:
    """Digits led by their count, so that text order is number order."""
    significant = digits.lstrip("0") or "0"
    return f"{len(significant):03d}{significant}"
