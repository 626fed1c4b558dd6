"""History lines beside layers, and as a Dockerfile."""

from typing import Any

import pytest

from registry_browser.queries.history.lines import align, dockerfile, read_step


@pytest.mark.parametrize(
    ("created_by", "instruction", "rest"),
    [
        ("/bin/sh -c #(nop) ADD file:5c1 in / ", "ADD", "file:5c1 in /"),
        ('/bin/sh -c #(nop)  CMD ["bash"]', "CMD", '["bash"]'),
        ("/bin/sh -c apt-get update", "RUN", "apt-get update"),
        ("RUN /bin/sh -c make install # buildkit", "RUN", "make install"),
        ("RUN |2 A=1 B=two words=x /bin/sh -c make # buildkit", "RUN", "make"),
        ("|1 VERSION=3 /bin/sh -c make", "RUN", "make"),
        ("COPY dist/ ./dist # buildkit", "COPY", "dist/ ./dist"),
        ("ENV PATH=/usr/bin", "ENV", "PATH=/usr/bin"),
        ("cmd /S /C dir", "RUN", "dir"),
        ("bazel build ...", "", "bazel build ..."),
        ("", "", ""),
        ("RUNNING late", "", "RUNNING late"),
        ("<script>alert(1)</script>", "", "<script>alert(1)</script>"),
    ],
)
def test_a_line_is_read_as_its_instruction(created_by: str, instruction: str, rest: str) -> None:
    step = read_step({"created_by": created_by})

    assert (step.instruction, step.rest) == (instruction, rest)


def test_steps_that_are_not_empty_line_up_with_the_layers() -> None:
    history: list[dict[str, Any]] = [
        {"created_by": "ADD a"},
        {"created_by": "ENV b", "empty_layer": True},
        {"created_by": "USER c", "empty_layer": True},
        {"created_by": "COPY d"},
        {"created_by": "CMD e", "empty_layer": True},
    ]

    aligned = align(history, 2)

    assert [str(step) for step in aligned.layers] == ["ADD a", "COPY d"]
    assert [[str(step) for step in gap] for gap in aligned.empty] == [
        [],
        ["ENV b", "USER c"],
        ["CMD e"],
    ]
    assert aligned.fits


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_where_the_counts_differ_nothing_is_guessed(layers: int) -> None:
    aligned = align([{"created_by": "ADD a"}, {"created_by": "COPY b"}], layers)

    assert aligned.layers == [None] * layers
    assert [str(step) for step in aligned.empty[0]] == ["ADD a", "COPY b"]
    assert len(aligned.empty) == layers + 1
    assert not aligned.fits


def test_an_image_without_history_fits() -> None:
    aligned = align([], 2)

    assert aligned.layers == [None, None]
    assert aligned.fits


def test_broken_lines_do_not_matter() -> None:
    aligned = align([{"created_by": None}, {"created_by": 3, "comment": ["x"]}], 2)

    assert [str(step) for step in aligned.layers] == ["", ""]


def test_a_dockerfile_has_one_line_a_step() -> None:
    assert dockerfile([{"created_by": "/bin/sh -c #(nop) CMD x"}, {}]) == [
        "CMD x",
        "# a step that recorded no command",
    ]
