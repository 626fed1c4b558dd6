"""A certificate authority of the tests, and servers' certificates that it signs."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

_DAY = timedelta(days=1)


class Authority:
    """Signs certificates. `pem` is what clients are given to trust it."""

    def __init__(self, name: str = "An authority of the tests") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    @cached_property
    def pem(self) -> str:
        """Its own certificate."""
        now = datetime.now(UTC)
        own = self._builder(self._name, self._key.public_key(), now - _DAY, now + _DAY)
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        signed = own.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()

    def write_certificate(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        *,
        since: timedelta = -_DAY,
        until: timedelta = _DAY,
    ) -> tuple[Path, Path]:
        """Write a server's certificate and its key into `folder` and return both paths.

        `since` and `until`, from now on, say when it is valid.
        """
        now = datetime.now(UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        builder = self._builder(subject, key.public_key(), now + since, now + until)
        names = x509.SubjectAlternativeName([_alternative(host)])
        signed = builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        certificate, secret = folder / "server.crt", folder / "server.key"
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, secret

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, since: datetime, until: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .issuer_name(self._name)
            .subject_name(subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
        )


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a server of this certificate listens with."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
