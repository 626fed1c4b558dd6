"""Where a registry is, and on what terms we talk to it."""

import ssl
from dataclasses import dataclass
from functools import cached_property

from yarl import URL

from registry_browser.oci.addresses import is_forbidden, is_loopback
from registry_browser.oci.errors import InvalidEndpoint


@dataclass(frozen=True)
class Endpoint:
    """The address of a registry: "https://registry.example.com", perhaps with a path prefix.

    A trailing "/v2/" is taken off. `token_realm` is the URL of a token service on another host
    that an admin has confirmed; `ca_certificate` is PEM text that is trusted besides the system's
    authorities. Plain HTTP is refused unless `allow_http` is set or the host is this machine.
    Raises InvalidEndpoint with a sentence for the person who typed it.
    """

    url: str
    token_realm: str | None = None
    ca_certificate: str | None = None
    verify_tls: bool = True
    allow_http: bool = False

    def __post_init__(self) -> None:
        try:
            url = URL(self.url.strip())
            host, port = url.host, url.port
        except ValueError:
            raise InvalidEndpoint("This is not a web address.") from None
        if url.scheme not in ("http", "https") or not host or port is None:
            raise InvalidEndpoint(
                "A registry's address starts with https:// or http:// and a host."
            )
        if url.user or url.password:
            raise InvalidEndpoint("Give user name and password on their own, not in the address.")
        if url.query_string or url.fragment:
            raise InvalidEndpoint("A registry's address has neither “?” nor “#”.")
        if is_forbidden(host):
            raise InvalidEndpoint(f"{host} is a link-local or metadata address; those are refused.")
        if url.scheme == "http" and not (self.allow_http or is_loopback(host)):
            raise InvalidEndpoint(
                f"Plain HTTP is not allowed for {host}: allow it or use https://."
            )
        if self.token_realm and URL(self.token_realm).scheme not in ("http", "https"):
            raise InvalidEndpoint("The token service's address starts with https:// or http://.")
        path = url.raw_path.rstrip("/").removesuffix("/v2").rstrip("/")
        object.__setattr__(self, "url", f"{url.scheme}://{url.raw_authority}{path}")

    @cached_property
    def _parsed(self) -> URL:
        return URL(self.url, encoded=True)

    @property
    def scheme(self) -> str:
        """ "https" or "http"."""
        return self._parsed.scheme

    @property
    def host(self) -> str:
        """The host as people write it, with a port that is not the usual one."""
        return self._parsed.raw_authority

    @property
    def hostname(self) -> str:
        """The host without its port."""
        return self._parsed.host or ""

    @property
    def origin(self) -> str:
        """Scheme, host and port: "https://registry.example.com:5000"."""
        return f"{self.scheme}://{self.host}"

    @cached_property
    def prefix(self) -> str:
        """The path before "/v2/": "" for most, "/artifactory/api/docker/images" for some."""
        return self.url.removeprefix(self.origin)

    def tls(self) -> ssl.SSLContext | bool:
        """Return what aiohttp takes as `ssl`; InvalidEndpoint if the certificate is none."""
        if not self.verify_tls:
            return False
        if not self.ca_certificate:
            return True
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(cadata=self.ca_certificate)
        except (ssl.SSLError, ValueError):
            raise InvalidEndpoint("The CA certificate is not readable PEM text.") from None
        return context
