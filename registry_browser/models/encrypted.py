"""A text column whose value is encrypted at rest with the keys in `settings.REGISTRY_KEYS`.

The newest key comes first and encrypts; every key in the list may decrypt, so keys rotate by
putting a new one in front. The keys live outside the database and apart from SECRET_KEY: neither a
dump nor a leaked session key opens a registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    _TextOverBinary = models.Field[str, str]
else:
    _TextOverBinary = models.Field


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.REGISTRY_KEYS])


class EncryptedTextField(_TextOverBinary):
    """Text in Python, a Fernet token in the database; the empty string stays empty.

    Raises ImproperlyConfigured on reading a value that none of the keys opens, naming the setting.
    """

    empty_values = (None, "")

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_prep_value(self, value: Any) -> bytes:
        return _cipher().encrypt(value.encode()) if value else b""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return value if prepared else self.get_prep_value(value)

    def from_db_value(self, value: Any, expression: object, connection: object) -> str:
        if not value:
            return ""
        try:
            return _cipher().decrypt(bytes(value)).decode()
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "A stored credential cannot be decrypted: "
                "REGISTRY_KEYS lacks the key it was encrypted with."
            ) from error

    def to_python(self, value: Any) -> str:
        return value or ""

    def value_to_string(self, obj: models.Model) -> str:
        """Fixtures and dumps of model data leave the secret out."""
        return ""
