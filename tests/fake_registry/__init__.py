"""A living fake registry over real HTTP.

It is the judge of the product and therefore imports nothing of it: it hashes and parses by itself.
Its default habits are those of CNCF distribution 2.8.2, and a test compares the two answer by
answer. ``tests.builders`` fills it; ``habits`` and ``faults`` change how it behaves.
"""

from tests.fake_registry.habits import (
    Auth,
    Catalog,
    Habits,
    HeadManifest,
    Paging,
    distribution2,
    distribution3,
    oci,
)
from tests.fake_registry.server import FakeRegistry
from tests.fake_registry.state import RequestSeen
from tests.fake_registry.store import Store, StoredManifest, digest_of

__all__ = [
    "Auth",
    "Catalog",
    "FakeRegistry",
    "Habits",
    "HeadManifest",
    "Paging",
    "RequestSeen",
    "Store",
    "StoredManifest",
    "digest_of",
    "distribution2",
    "distribution3",
    "oci",
]
