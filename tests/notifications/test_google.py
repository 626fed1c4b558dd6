"""Tokens of Google's, made here with keys of our own."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from registry_browser.notifications.google import Jwk, is_genuine

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ACCOUNT = "pusher@project.iam.gserviceaccount.com"
AUDIENCE = "https://dashboard.test/notify/gcr"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _number(value: int) -> str:
    return _encode(value.to_bytes((value.bit_length() + 7) // 8))


def token(
    *, key: rsa.RSAPrivateKey = KEY, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    head = {"alg": "RS256", "kid": "one", "typ": "JWT", **(header or {})}
    body = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "email": ACCOUNT,
        "email_verified": True,
        "iat": NOW.timestamp() - 10,
        "exp": NOW.timestamp() + 3600,
        **claims,
    }
    signed = f"{_encode(json.dumps(head).encode())}.{_encode(json.dumps(body).encode())}"
    return f"{signed}.{_encode(key.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


def published(kid: str) -> Jwk | None:
    numbers = KEY.public_key().public_numbers()
    jwk = {"kty": "RSA", "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}
    return jwk if kid == "one" else None


def genuine(text: str) -> bool:
    return is_genuine(text, account=ACCOUNT, audience=AUDIENCE, keys=published, now=NOW)


def test_a_token_of_the_account_for_the_audience_is_genuine() -> None:
    assert genuine(token())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(token(key=OTHER_KEY), id="signed by somebody else"),
        pytest.param(token(header={"kid": "two"}), id="an unknown key"),
        pytest.param(token(header={"alg": "none"}), id="no algorithm"),
        pytest.param(token(header={"alg": "HS256"}), id="another algorithm"),
        pytest.param(token(iss="https://elsewhere.test"), id="another issuer"),
        pytest.param(token(aud="https://elsewhere.test"), id="another audience"),
        pytest.param(token(aud=[AUDIENCE]), id="a list of audiences"),
        pytest.param(token(email="somebody@else.test"), id="another account"),
        pytest.param(token(email_verified=False), id="an account that is not verified"),
        pytest.param(token(email_verified="true"), id="verified in words"),
        pytest.param(token(exp=NOW.timestamp() - 61), id="expired"),
        pytest.param(token(iat=NOW.timestamp() + 61), id="issued in the future"),
        pytest.param(token(exp="never"), id="no time"),
        pytest.param(token().rpartition(".")[0] + ".", id="no signature"),
        pytest.param(token()[:-10], id="cut off"),
        pytest.param(token() + "x" * 10_000, id="far too long"),
        pytest.param("", id="nothing"),
        pytest.param("a.b.c", id="no JSON"),
        pytest.param("W10.W10.W10", id="lists"),
        pytest.param("✗.✗.✗", id="not even base64"),
    ],
)
def test_any_other_token_is_not(text: str) -> None:
    assert not genuine(text)


def test_a_changed_claim_breaks_the_signature() -> None:
    head, _, signature = token().split(".")
    _, forged, _ = token(exp=NOW.timestamp() + 10**9).split(".")

    assert not genuine(f"{head}.{forged}.{signature}")
