"""How often a password may be tried, by name and by address; counted across processes."""

from datetime import datetime, timedelta
from hashlib import sha256

from registry_browser.models import SignInFailures

WINDOW = timedelta(minutes=15)
PER_NAME = 10
PER_ADDRESS = 50


def may_try(name: str, address: str, now: datetime) -> bool:
    """Whether neither this name nor this address failed too often of late."""
    by_name, by_address = _subjects(name, address)
    failed = SignInFailures.objects.numbers((by_name, by_address), now=now)
    return failed.get(by_name, 0) < PER_NAME and failed.get(by_address, 0) < PER_ADDRESS


def count_failure(name: str, address: str, now: datetime) -> None:
    SignInFailures.objects.note(_subjects(name, address), now=now, window=WINDOW)


def forget_failures(name: str) -> None:
    """After the right password the name starts afresh; its address does not."""
    SignInFailures.objects.filter(subject=_subject("name", name)).delete()


def _subjects(name: str, address: str) -> tuple[str, str]:
    return _subject("name", name), _subject("address", address)


def _subject(kind: str, value: str) -> str:
    # Hashed: a name may be long or hold anything, and what is typed there may be a password.
    return f"{kind}:{sha256(value.casefold().encode()).hexdigest()}"
