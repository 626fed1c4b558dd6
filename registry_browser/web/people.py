"""What an admin may do to an account, each with its line in the audit trail."""

from datetime import datetime

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction

from registry_browser.history import audit
from registry_browser.models import Role, SignInToken, User


class PersonRefused(ValueError):
    """An account cannot be changed as asked; the text is the sentence for the person."""


def add_person(name: str, role: Role, *, actor: str, now: datetime) -> User:
    """A new account without a password; a one-time link lets its owner in. Raises PersonRefused."""
    try:
        with transaction.atomic():
            person = User(username=name, role=role)
            person.set_unusable_password()
            person.save()
            audit.record("person:added", actor=actor, about=name, detail={"role": role}, now=now)
    except IntegrityError as error:
        raise PersonRefused(f"{name} has an account already; choose another name.") from error
    return person


def issue_link(person: User, *, actor: str, now: datetime) -> str:
    """A fresh one-time token for this person; links made before it stop working."""
    with transaction.atomic():
        SignInToken.objects.filter(user=person).delete()
        audit.record("sign-in-link:made", actor=actor, about=person.username, now=now)
        return SignInToken.objects.issue(person, now)


def change_role(person: User, role: Role, *, actor: str, now: datetime) -> None:
    """Raises PersonRefused where nobody would be left who may change anything."""
    with transaction.atomic():
        if role != Role.ADMIN:
            _keep_an_admin(person)
        detail = {"from": person.role, "to": str(role)}
        audit.record("role:changed", actor=actor, about=person.username, detail=detail, now=now)
        person.role = role
        person.save(update_fields=["role"])


def deactivate(person: User, *, actor: str, now: datetime) -> None:
    """End every session and link of this person; tokens rest. What they did stays in the
    history.
    """
    with transaction.atomic():
        _keep_an_admin(person)
        audit.record("person:deactivated", actor=actor, about=person.username, now=now)
        person.is_active = False
        person.save(update_fields=["is_active"])
        SignInToken.objects.filter(user=person).delete()
        _end_sessions(person)


def activate(person: User, *, actor: str, now: datetime) -> None:
    """Let a person in again; their password and API tokens are those from before."""
    with transaction.atomic():
        audit.record("person:activated", actor=actor, about=person.username, now=now)
        person.is_active = True
        person.save(update_fields=["is_active"])


def _end_sessions(person: User) -> None:
    """Nobody comes back by a cookie from before, also when the account is active again."""
    theirs = [
        session.session_key
        for session in Session.objects.iterator()
        if session.get_decoded().get(SESSION_KEY) == str(person.pk)
    ]
    Session.objects.filter(session_key__in=theirs).delete()


def _keep_an_admin(person: User) -> None:
    """Admins are locked together, so that two who demote each other at once do not both succeed."""
    admins = User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True)
    if {admin.pk for admin in admins.order_by("pk")} == {person.pk}:
        raise PersonRefused(
            f"{person.username} is the only admin; make somebody else an admin first."
        )
