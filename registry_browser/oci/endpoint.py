"""Where a registry is, and on what terms we talk to it."""

import ssl
from dataclasses import dataclass
from functools import cached_property

from yarl import URL

from registry_browser.oci.addresses import is_forbidden, is_loopback
from registry_browser.oci.errors import InvalidEndpoint

_NO_ADDRESS = "This is no address of a registry: write it as https://host or http://host:5000."


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
            raise InvalidEndpoint(_NO_ADDRESS) from None
        if url.scheme not in ("http", "https") or not host or not port:
            raise InvalidEndpoint(_NO_ADDRESS)
        if url.user or url.password:
            raise InvalidEndpoint(
                "Leave user name and password out of the address; they have fields of their own."
            )
        if url.query_string or url.fragment:
            raise InvalidEndpoint("A registry's address has neither “?” nor “#”.")
        if is_forbidden(host):
            raise InvalidEndpoint(f"{host} is a link-local or metadata address; those are refused.")
        if url.scheme == "http" and not (self.allow_http or is_loopback(host)):
            raise InvalidEndpoint(
                f"Plain HTTP is not allowed for {host}: allow it or use https://."
            )
        if self.token_realm and not _is_web_address(self.token_realm):
            raise InvalidEndpoint(
                "The token service's address starts with https:// or http:// and a host.",
                "token_realm",
            )
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

    @cached_property
    def trusted_hosts(self) -> frozenset[str]:
        """The hosts that an admin named: the registry's, and its token service's."""
        realm = URL(self.token_realm).host if self.token_realm else None
        return frozenset({self.hostname, realm or self.hostname})

    @property
    def origin(self) -> str:
        """Scheme, host and port: "https://registry.example.com:5000"."""
        return f"{self.scheme}://{self.host}"

    @cached_property
    def prefix(self) -> str:
        """The path before "/v2/": "" for most, "/artifactory/api/docker/images" for some."""
        return self.url.removeprefix(self.origin)

    @cached_property
    def tls(self) -> ssl.SSLContext | bool:
        """What aiohttp takes as `ssl`; InvalidEndpoint if the certificate is none."""
        authority = self._trusted() if self.ca_certificate else True
        return authority if self.verify_tls else False

    def _trusted(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(cadata=self.ca_certificate)
        except (ssl.SSLError, ValueError, TypeError):
            raise InvalidEndpoint(
                "The certificate authority is not in PEM form (-----BEGIN CERTIFICATE-----), "
                "or damaged.",
                "ca_certificate",
            ) from None
        return context


def _is_web_address(text: str) -> bool:
    try:
        url = URL(text)
        return url.scheme in ("http", "https") and bool(url.host and url.port)
    except ValueError:
        return False
