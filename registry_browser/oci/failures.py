"""Why no answer came, in a person's words: from aiohttp's exceptions to Unreachable."""

import socket
import ssl

import aiohttp
from yarl import URL

from registry_browser.oci.addresses import ForbiddenAddress
from registry_browser.oci.errors import NotARegistry, RegistryError, Unreachable

# Codes of OpenSSL's X509_verify_cert.
_EXPIRED, _NOT_YET_VALID = 10, 9
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
_WRONG_NAME = (62, 64)


def unreachable(error: Exception, url: str, method: str) -> RegistryError:
    """Return what `error`, raised while talking to `url`, means."""
    target = URL(url, encoded=True)
    name = f"{target.host}:{target.explicit_port}" if target.explicit_port else f"{target.host}"
    kind, message = _explain(error, name, target.port or 0)
    if kind == "not http":
        return NotARegistry(message, host=name, method=method, path=target.raw_path)
    return Unreachable(message, kind=kind, host=name, method=method, path=target.raw_path)


def _explain(error: Exception, name: str, port: int) -> tuple[str, str]:
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, ForbiddenAddress):
        return "forbidden address", (
            f"{name} leads to an address that is never contacted: link-local, metadata, or private "
            "where only public ones are allowed."
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError) or isinstance(cause, socket.gaierror):
        return "dns", f"The name {name} cannot be found in DNS."
    certificate = getattr(error, "certificate_error", None) or cause
    if isinstance(certificate, ssl.SSLError):
        return "tls", _explain_tls(certificate, name)
    if isinstance(error, TimeoutError):
        return "timeout", f"{name} did not answer in time."
    if isinstance(error, aiohttp.ClientPayloadError):
        return "cut off", f"The answer of {name} was cut off before its end."
    if isinstance(cause, ConnectionRefusedError):
        return "refused", f"{name} refuses the connection: nothing listens on port {port}."
    if isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(cause, ConnectionError):
        return "reset", f"{name} closed the connection without a complete answer."
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.InvalidURL | ValueError):
        return "not http", f"{name} answers, but not in HTTP that can be read."
    return "network", f"{name} cannot be reached over the network."


def _explain_tls(error: ssl.SSLError, name: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        code = error.verify_code
        if code == _EXPIRED:
            return f"The TLS certificate of {name} has expired."
        if code == _NOT_YET_VALID:
            return f"The TLS certificate of {name} is not valid yet; is a clock wrong?"
        if code in _WRONG_NAME:
            return f"The TLS certificate of {name} is for another host name."
        if code in _UNKNOWN_AUTHORITY:
            return f"The TLS certificate of {name} is signed by an authority that is not trusted."
        return f"The TLS certificate of {name} is not accepted."
    reason = (error.reason or "").upper()
    if "WRONG_VERSION_NUMBER" in reason or "HTTP_REQUEST" in reason or "RECORD_LAYER" in reason:
        return f"{name} does not speak TLS on this port; it may be plain http://."
    return f"No TLS connection to {name} could be agreed on."
