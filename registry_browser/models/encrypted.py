"""A text column whose value is encrypted at rest with the keys in `settings.REGISTRY_KEYS`.

The newest key comes first and encrypts; every key in the list may decrypt, so keys rotate by
putting a new one in front. The keys live outside the database and apart from SECRET_KEY: neither a
dump nor a leaked session key opens a registry.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.utils.functional import SimpleLazyObject

if TYPE_CHECKING:
    _TextOverBinary = models.Field[str, str]
    _LazyText = SimpleLazyObject[str]
else:
    _TextOverBinary = models.Field
    _LazyText = SimpleLazyObject


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.REGISTRY_KEYS])


class SecretIsLost(ImproperlyConfigured):
    """None of the keys opens a stored credential."""


class _Sealed(_LazyText):
    """Text that is decrypted when somebody reads it: a row whose key is lost can still be loaded.
    Whether there is any is known without a key.
    """

    def __bool__(self) -> bool:
        return True


def _open(token: bytes) -> str:
    try:
        return _cipher().decrypt(token).decode()
    except InvalidToken:
        raise SecretIsLost(
            "A stored credential cannot be decrypted: "
            "REGISTRY_KEYS lacks the key it was encrypted with."
        ) from None


class EncryptedTextField(_TextOverBinary):
    """Text in Python, a Fernet token in the database; the empty string stays empty.

    Text from the database raises SecretIsLost when it is read, or stored anew, and none of the keys
    opens it.
    """

    empty_values = (None, "")

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_prep_value(self, value: Any) -> bytes:
        return _cipher().encrypt(value.encode()) if value else b""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return value if prepared else self.get_prep_value(value)

    def from_db_value(self, value: Any, expression: object, connection: object) -> str:
        return cast("str", _Sealed(partial(_open, bytes(value)))) if value else ""

    def to_python(self, value: Any) -> str:
        return value or ""

    def value_to_string(self, obj: models.Model) -> str:
        """Fixtures and dumps of model data leave the secret out."""
        return ""
