"""The tokens with which Google Pub/Sub signs its pushes: OIDC, RS256, checked against the keys that
Google publishes.

https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

import base64
import binascii
import json
import urllib.request
from collections.abc import Callable
from datetime import datetime
from hmac import compare_digest
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from django.core.cache import cache

CERTS = "https://www.googleapis.com/oauth2/v3/certs"
ISSUERS = ("https://accounts.google.com", "accounts.google.com")
LEEWAY = 60
"""Seconds by which two clocks may differ."""
_MAX_TOKEN = 8192
_MAX_CERTS = 64 * 1024
_KEPT = 3600
_ASKED_AGAIN_AFTER = 60
_PATIENCE = 3.0

Jwk = dict[str, Any]
Keys = Callable[[str], Jwk | None]
"""The public key with this id, None where Google has none."""


def is_genuine(token: str, *, account: str, audience: str, keys: Keys, now: datetime) -> bool:
    """Whether Google issued `token` for `account` and `audience`, and it is still valid."""
    head, _, rest = token.partition(".")
    payload, _, signature = rest.partition(".")
    if len(token) > _MAX_TOKEN or not signature:
        return False
    try:
        header, claims = json.loads(_bytes(head)), json.loads(_bytes(payload))
        if not isinstance(header, dict) or not isinstance(claims, dict):
            return False
        # Named here, never taken from the token: a token must not choose how it is checked.
        if header.get("alg") != "RS256" or not _speaks_for(claims, account, audience, now):
            return False
        if (key := keys(str(header.get("kid")))) is None or key.get("kty") != "RSA":
            return False
        public = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
        public.verify(_bytes(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        return False
    return True


def _speaks_for(claims: dict[str, Any], account: str, audience: str, now: datetime) -> bool:
    """Raises TypeError where a time is no number."""
    return (
        claims.get("iss") in ISSUERS
        and claims.get("email_verified") is True
        and compare_digest(str(claims.get("email")).encode(), account.encode())
        and compare_digest(str(claims.get("aud")).encode(), audience.encode())
        and claims["iat"] - LEEWAY <= now.timestamp() < claims["exp"] + LEEWAY
    )


def published_key(kid: str) -> Jwk | None:
    """One of Google's keys, kept for an hour. An id that is not among them is asked for once a
    minute at most, so that nobody can make us ask. Raises OSError where Google does not answer.
    """
    kept: dict[str, Jwk] | None = cache.get("google-certs")
    if kept is not None and kid in kept:
        return kept[kid]
    if kept is not None and not cache.add("google-certs-asked", True, _ASKED_AGAIN_AFTER):
        return None
    with urllib.request.urlopen(CERTS, timeout=_PATIENCE) as answer:
        listed = json.loads(answer.read(_MAX_CERTS))["keys"]
    found = {str(key.get("kid")): key for key in listed}
    cache.set("google-certs", found, _KEPT)
    return found.get(kid)


def _bytes(encoded: str) -> bytes:
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)


def _number(encoded: str) -> int:
    return int.from_bytes(_bytes(encoded))
