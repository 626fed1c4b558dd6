"""Taking one delivery in: store it as it came, read it, store what it tells, and say whether a
worker must be woken.

Pulls and blobs, which our own syncs cause by the thousand, are counted and not kept. What is sent
again is counted with the first one. Leaves what to sync to `run`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q

from registry_browser.models import (
    Delivery,
    DeliveryState,
    NotificationEndpoint,
    Registry,
    ToldEvent,
)
from registry_browser.models import NotificationKind as Kind
from registry_browser.notifications import formats
from registry_browser.notifications.formats.told import Headers, Notice, Told

MAX_BODY = 1024 * 1024
"""Bytes; an envelope of one event has about 1 KiB."""
_KEPT_HEADERS = 40
_SECRETS = ("authorization", "cookie", "secret", "signature", "token", "auth", "key", "password")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What to answer (an HTTP status, and a document for a handshake), and whether deliveries wait
    for a worker that nobody has woken yet.
    """

    status: int
    answer: dict[str, str] | None = None
    is_first_waiting: bool = False


def receive(
    endpoint: NotificationEndpoint, body: bytes, headers: Headers, *, now: datetime
) -> Receipt:
    """Take in what a sender that was let in has sent, in the caller's transaction. Names of
    `headers` are in lower case.
    """
    if not Registry.objects.keep(endpoint.registry_id):
        return Receipt(404)
    try:
        notice = formats.read(body, headers)
    except formats.Unreadable as error:
        notice = Notice(kind=Kind.UNKNOWN, remark=str(error))
        _store(endpoint, body, headers, notice, now, bad=True)
        _heard(endpoint, notice, now)
        return Receipt(400)
    mine, others = _for_this_registry(endpoint, notice)
    if notice.ignored and not (mine or others or notice.unusable):
        _heard(endpoint, notice, now)
        return Receipt(202)
    _store(endpoint, body, headers, notice, now, told=mine, others=others)
    is_first = _heard(endpoint, notice, now, waits=bool(mine))
    if notice.answer is not None:
        return Receipt(200, notice.answer)
    return Receipt(202, is_first_waiting=is_first)


def refuse(endpoint: NotificationEndpoint | None, *, now: datetime) -> bool:
    """Count somebody who was not let in, once a second at most; an admin who sets a sender up sees
    it. Returns whether it was counted.
    """
    if endpoint is None:
        return False
    lately = Q(refused_at__gt=now - timedelta(seconds=1))
    row = NotificationEndpoint.objects.filter(pk=endpoint.pk).exclude(lately)
    return bool(row.update(refused_count=F("refused_count") + 1, refused_at=now))


def _for_this_registry(endpoint: NotificationEndpoint, notice: Notice) -> tuple[list[Told], int]:
    """Google's topic speaks for all registry hosts of a project."""
    host = endpoint.registry.host
    mine = [told for told in notice.told if told.host in ("", host)]
    return mine, len(notice.told) - len(mine)


def _store(
    endpoint: NotificationEndpoint,
    body: bytes,
    headers: Headers,
    notice: Notice,
    now: datetime,
    *,
    told: list[Told] | None = None,
    others: int = 0,
    bad: bool = False,
) -> None:
    waits = DeliveryState.RECEIVED if told else DeliveryState.NOTHING
    delivery = Delivery(
        registry=endpoint.registry,
        key=_key(body, headers, notice),
        kind=notice.kind,
        state=DeliveryState.UNREADABLE if bad else waits,
        received_at=now,
        headers=_without_secrets(headers),
        body=body,
        summary=_summary(told or []),
        detail=_detail(notice, others),
        events=len(told or []),
    )
    try:
        with transaction.atomic():
            delivery.save(force_insert=True)
    except IntegrityError:
        again = Delivery.objects.filter(registry=endpoint.registry, key=delivery.key)
        again.update(repeats=F("repeats") + 1)
    else:
        _store_told(delivery, told or [], now)


def _store_told(delivery: Delivery, told: list[Told], now: datetime) -> None:
    """An event whose key is known was told before, in another delivery."""
    ToldEvent.objects.bulk_create(
        [
            ToldEvent(
                delivery=delivery,
                registry_id=delivery.registry_id,
                key=each.key or f"{delivery.key[:48]}#{number}",
                path=each.path,
                tag=each.tag,
                digest=each.digest,
                deletes=each.deletes,
                at=min(each.at or now, now),
                received_at=now,
                actor=each.actor,
            )
            for number, each in enumerate(told)
        ],
        ignore_conflicts=True,
    )


_HEARD = """
UPDATE registry_browser_notificationendpoint endpoint
   SET received_at = %(now)s, ignored_count = endpoint.ignored_count + %(ignored)s,
       kind = coalesce(%(kind)s, endpoint.kind),
       due_at = CASE WHEN %(waits)s THEN coalesce(endpoint.due_at, %(now)s) ELSE endpoint.due_at END
  FROM (SELECT id, due_at FROM registry_browser_notificationendpoint
         WHERE id = %(endpoint)s FOR NO KEY UPDATE) before
 WHERE endpoint.id = before.id
RETURNING %(waits)s AND before.due_at IS NULL
"""


def _heard(
    endpoint: NotificationEndpoint, notice: Notice, now: datetime, *, waits: bool = False
) -> bool:
    """Note on the endpoint's row that somebody spoke and, where it `waits`, that it does. True
    where nothing waited before: one message to a worker serves them all.

    It is the one row that all deliveries share: written once, and last.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _HEARD,
            {
                "endpoint": endpoint.pk,
                "now": now,
                "ignored": notice.ignored,
                "kind": None if notice.kind is Kind.UNKNOWN else notice.kind.value,
                "waits": waits,
            },
        )
        row = cursor.fetchone()
    # Closed in the meantime, it has no row.
    return bool(row and row[0])


def _key(body: bytes, headers: Headers, notice: Notice) -> str:
    """The same for a delivery that is sent again. Where bodies tell no time, the same bytes may be
    news, and each counts.
    """
    if not notice.dated:
        return uuid4().hex
    about = headers.get("x-github-delivery", "").encode()
    return hashlib.sha256(about + b"\n" + body).hexdigest()


def _without_secrets(headers: Headers) -> dict[str, str]:
    kept = list(headers.items())[:_KEPT_HEADERS]
    return {
        name[:80]: "(left out)" if any(word in name for word in _SECRETS) else value[:500]
        for name, value in kept
    }


def _summary(told: list[Told]) -> str:
    """The first of what is told, in words."""
    if not told:
        return ""
    first = told[0]
    verb = "delete" if first.deletes else "push"
    name = f"{first.path}:{first.tag}" if first.tag else first.path
    by_digest = f"@{first.digest[:19]}" if first.digest and not first.tag else ""
    return f"{verb} {name}{by_digest}"


def _detail(notice: Notice, others: int) -> str:
    sentences = [notice.remark] if notice.remark else []
    if notice.unusable:
        sentences.append(f"{notice.unusable} of its events named no repository that can exist.")
    if others:
        sentences.append(f"{others} of its events were about another registry.")
    return " ".join(sentences)
