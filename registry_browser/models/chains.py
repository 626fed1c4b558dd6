"""Names for what images stand on: the chain of a layer is that layer with all those below it.

Two images whose first five layers are the same have the same chain at the fifth. The idea is that
of the image specification's ChainID, over compressed layers, and short: 64 bits are enough to
find likely base images, which is all that chains are for.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def chains(layers: Iterable[str]) -> list[int]:
    """The chain at each layer, given the digests of the layers from the lowest on."""
    return list(accumulate(layers, _next, initial=0))[1:]


def top_chain(layers: Iterable[str]) -> int | None:
    """The chain at the topmost layer: what these layers are as a whole; None for none."""
    named = chains(layers)
    return named[-1] if named else None


# Most layers of an image are those of the ones before it: its base, and its repository's own.
@lru_cache(maxsize=4096)
def _next(below: int, layer: str) -> int:
    return int.from_bytes(sha256(f"{below} {layer}".encode()).digest()[:8], signed=True)
