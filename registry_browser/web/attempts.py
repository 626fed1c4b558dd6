"""How often a password may be tried, by name and by address; counted across processes."""

from hashlib import sha256

from django.core.cache import cache

WINDOW_SECONDS = 15 * 60
PER_NAME = 10
PER_ADDRESS = 50


def may_try(name: str, address: str) -> bool:
    """Whether neither this name nor this address failed too often of late."""
    failed: dict[str, int] = cache.get_many([_key("name", name), _key("address", address)])
    by_name = failed.get(_key("name", name), 0)
    by_address = failed.get(_key("address", address), 0)
    return by_name < PER_NAME and by_address < PER_ADDRESS


def count_failure(name: str, address: str) -> None:
    for key in (_key("name", name), _key("address", address)):
        # `add` starts the window; a count whose window has just ended starts a new one.
        if not cache.add(key, 1, WINDOW_SECONDS):
            try:
                cache.incr(key)
            except ValueError:
                cache.set(key, 1, WINDOW_SECONDS)


def forget_failures(name: str) -> None:
    """After the right password the name starts afresh; its address does not."""
    cache.delete(_key("name", name))


def _key(kind: str, value: str) -> str:
    # Hashed: a name may be long or hold anything, and what is typed there may be a password.
    return f"sign-in:{kind}:{sha256(value.casefold().encode()).hexdigest()}"
