"""Who is let in. Everyone else learns nothing: a wrong secret, a registry without an endpoint and
one that does not exist get the same answer.

A sender proves itself with the endpoint's secret in the address or in `Authorization` (as it is,
after `Bearer`, or as a password), or with a signature of the body made with it (GitHub), or with a
token of Google's for the account that an admin named. All comparisons take the same time whether
they fail early or late.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

from registry_browser.models import NotificationEndpoint
from registry_browser.notifications.formats.told import Headers
from registry_browser.notifications.google import Keys, is_genuine

# What a caller is compared with where there is no endpoint.
_NOBODY = NotificationEndpoint(secret="rbn_nobody-has-this-secret-nobody-has-this-secret")


def find_endpoint(name: str) -> NotificationEndpoint | None:
    """The endpoint of the registry `name`, with the registry."""
    rows = NotificationEndpoint.objects.select_related("registry")
    return rows.filter(registry__name=name).first()


def has_secret(endpoint: NotificationEndpoint | None, secret: str, headers: Headers) -> bool:
    """Whether the address or `Authorization` carry the secret; known before the body is read."""
    right = (endpoint or _NOBODY).secret.encode()
    offered = [secret, *_offered(headers.get("authorization", ""))]
    found = [hmac.compare_digest(right, each.encode(errors="replace")) for each in offered]
    return endpoint is not None and any(found)


def is_signed(endpoint: NotificationEndpoint | None, body: bytes, headers: Headers) -> bool:
    """Whether `X-Hub-Signature-256` is the HMAC of the raw body under the secret."""
    right = hmac.new((endpoint or _NOBODY).secret.encode(), body, hashlib.sha256).hexdigest()
    offered = headers.get("x-hub-signature-256", "").removeprefix("sha256=")
    same = hmac.compare_digest(right.encode(), offered.encode(errors="replace"))
    return endpoint is not None and same


def is_from_google(
    endpoint: NotificationEndpoint | None, headers: Headers, *, keys: Keys, now: datetime
) -> bool:
    """Whether `Authorization` is a token of Google's for the account that this endpoint names."""
    if endpoint is None or not endpoint.google_account:
        return False
    return is_genuine(
        headers.get("authorization", "").removeprefix("Bearer "),
        account=endpoint.google_account,
        audience=endpoint.google_audience,
        keys=keys,
        now=now,
    )


def _offered(authorization: str) -> list[str]:
    scheme, _, rest = authorization.partition(" ")
    offered = [authorization, rest]
    if scheme.lower() == "basic":
        try:
            offered.append(base64.b64decode(rest, validate=True).decode().partition(":")[2])
        except (binascii.Error, UnicodeDecodeError):
            offered.append("")
    return offered
