"""Locks: what an admin says must stay, whatever nothing needs it.

Plans and runs read locks themselves. That states and figures follow is left due on the registry.
"""

from datetime import datetime

from django.db import IntegrityError, transaction

from registry_browser.deletion.requests import DeletionRefused
from registry_browser.history import audit
from registry_browser.models import Protection, Registry
from registry_browser.oci.digest import is_digest
from registry_browser.oci.reference import is_valid_path


def protect(
    registry: Registry, *, path: str, digest: str, reason: str, actor: str, now: datetime
) -> Protection:
    """Lock a repository, a namespace or (both empty) the registry; or one manifest there with its
    children and referrers. Raises DeletionRefused.
    """
    path, digest, reason = path.strip().strip("/"), digest.strip(), reason.strip()
    if path and not is_valid_path(path):
        raise DeletionRefused(f"“{path}” is no repository or namespace; write it as team/app.")
    if digest and not is_digest(digest):
        raise DeletionRefused(f"“{digest[:80]}” is no digest; write it as sha256: and 64 digits.")
    if not reason:
        raise DeletionRefused("Say why it is locked: whoever plans a deletion reads it.")
    try:
        with transaction.atomic():
            lock = Protection.objects.create(
                registry=registry,
                path=path,
                digest=digest,
                reason=reason[:300],
                actor=actor,
                created_at=now,
            )
            _leave_due(lock, now)
            _audit("added", lock, actor, now)
    except IntegrityError as error:
        raise DeletionRefused("This is locked already.") from error
    return lock


def unprotect(lock: Protection, *, actor: str, now: datetime) -> None:
    """Take a lock away."""
    with transaction.atomic():
        _audit("removed", lock, actor, now)
        _leave_due(lock, now)
        lock.delete()


def _leave_due(lock: Protection, now: datetime) -> None:
    Registry.objects.filter(pk=lock.registry_id).update(locks_changed_at=now)


def _audit(verb: str, lock: Protection, actor: str, now: datetime) -> None:
    where = " / ".join([lock.registry.name, *filter(None, [lock.path, lock.digest])])
    audit.record(f"lock:{verb}", actor=actor, about=where, detail={"reason": lock.reason}, now=now)
