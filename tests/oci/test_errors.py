from __future__ import annotations

import pytest

from registry_browser.oci import errors
from registry_browser.oci.errors import RegistryError, redact


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET https://r.io/v2/?X-Amz-Signature=hush failed", "hush"),
        ("GET https://user:hush@r.io/v2/ failed", "hush"),
        ("see /v2/a/blobs/uploads/1?_state=hush", "hush"),
        ("got Authorization: Bearer hushhush.hush", "hush"),
        ("got Basic aHVzaDpodXNo", "aHVzaDpodXNo"),
        ('{"token": "hush-hush"}', "hush"),
        ("password=hush", "hush"),
    ],
)
def test_text_from_outside_loses_its_secrets(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert secret not in str(RegistryError("x", detail=text).detail)


def test_text_from_outside_becomes_one_short_line() -> None:
    assert redact("a\n\x00\tb\x1b[31m") == "a b [31m"
    assert len(redact("x" * 5000)) == 300


def test_an_error_shows_a_path_without_its_query() -> None:
    error = RegistryError("No.", host="r.io", method="GET", path="/v2/?token=hush", status=400)

    assert str(error) == "No."
    assert error.path == "/v2/"


@pytest.mark.parametrize(
    ("error", "temporary"),
    [
        (errors.Unreachable("x", kind="timeout"), True),
        (errors.Unreachable("x", kind="reset"), True),
        (errors.Unreachable("x", kind="tls"), False),
        (errors.RateLimited("x", retry_after=3), True),
        (errors.ServerFault("x", status=503), True),
        (errors.ServerFault("x", status=501), False),
        (errors.AccessDenied("x"), False),
        (errors.NotFound("x"), False),
        (errors.DigestMismatch("x"), False),
    ],
)
def test_an_error_knows_whether_it_may_pass(error: RegistryError, temporary: bool) -> None:
    assert error.temporary is temporary
