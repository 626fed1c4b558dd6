"""The part of a registry that a report is about, in its statements."""

from __future__ import annotations


def below(prefix: str) -> dict[str, str]:
    """Parameters for "the repository at `prefix` and all below it"; the empty one is everything.

    A range over paths, which compare byte by byte: `0` follows `/` in ASCII.
    """
    return {"prefix": prefix, "start": f"{prefix}/" if prefix else "", "end": f"{prefix}0"}


IN_SCOPE = """(%(prefix)s = '' OR repository.path = %(prefix)s
        OR (repository.path > %(start)s AND repository.path < %(end)s))"""
"""The condition on `repository` that goes with the parameters of `below`."""
