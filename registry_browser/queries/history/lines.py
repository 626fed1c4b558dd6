"""Which step of an image's history made which layer, and what the steps say as a Dockerfile. Values
in, values out.

The steps that are not empty line up with the layers, oldest first (OCI image-spec, config.md).
Squashing tools and old builders leave lines out; then the newest layers are matched from the end
only if the counts agree, and nothing is guessed otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NOP = re.compile(r"^/bin/sh -c #\(nop\)\s+")
_SHELL = re.compile(r"^(?:/bin/sh -c|cmd /S /C|powershell -Command)\s+")
_BUILD_ARGUMENTS = re.compile(r"^\|\d+\s+(?:\S+=(?:\"[^\"]*\"|'[^']*'|\S*)\s+)*?(?=/bin/sh -c )")
_BUILDKIT = re.compile(r"\s+# buildkit$")
_INSTRUCTION = re.compile(
    r"^(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER"
    r"|VOLUME|WORKDIR)\b\s*"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of history: `instruction` (`RUN`, empty where it is none) and the rest as it was
    recorded.
    """

    instruction: str
    rest: str
    comment: str

    def __str__(self) -> str:
        return f"{self.instruction} {self.rest}".strip()


@dataclass(frozen=True, slots=True)
class Alignment:
    """`layers[i]` made layer i (None: not known); `empty[i]` are the steps right before it,
    `empty[-1]` after the last.
    """

    layers: list[Step | None]
    empty: list[list[Step]]
    fits: bool


def read_step(line: Mapping[str, Any]) -> Step:
    """A history line, without what builders wrap around the instruction."""
    text = _text(line.get("created_by"))
    text = _BUILDKIT.sub("", text).strip()
    if (bare := _NOP.sub("", text)) != text:
        text = bare
    elif (bare := _SHELL.sub("", _BUILD_ARGUMENTS.sub("", text))) != text:
        text = f"RUN {bare}"
    if found := _INSTRUCTION.match(text):
        rest = text[found.end() :]
        # BuildKit records `RUN /bin/sh -c …`: the shell is Docker's, not the author's.
        if found[1] == "RUN":
            rest = _SHELL.sub("", _BUILD_ARGUMENTS.sub("", rest))
        return Step(found[1], rest, _text(line.get("comment")))
    return Step("", text, _text(line.get("comment")))


def align(history: Sequence[Mapping[str, Any]], layer_count: int) -> Alignment:
    """Give each layer its step. Where the counts differ, layers get none and all steps are listed
    before the first.
    """
    steps = [(read_step(line), bool(line.get("empty_layer"))) for line in history]
    if sum(not empty for _, empty in steps) != layer_count:
        before = [step for step, _ in steps]
        return Alignment(
            [None] * layer_count, [before, *([] for _ in range(layer_count))], fits=not steps
        )
    layers: list[Step | None] = []
    gaps: list[list[Step]] = [[]]
    for step, empty in steps:
        if empty:
            gaps[-1].append(step)
        else:
            layers.append(step)
            gaps.append([])
    return Alignment(layers, gaps, fits=True)


def dockerfile(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """The history as a Dockerfile would have it, oldest first. What cannot be known (FROM, build
    stages) is not invented.
    """
    return [str(step) or "# a step that recorded no command" for step in map(read_step, history)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
