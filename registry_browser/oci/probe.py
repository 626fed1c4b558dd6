"""Finding out who answers at an address, and what it can do.

`probe` asks only questions that change nothing; what could be learned by trying alone (may we
delete?) stays unknown. `diagnose` turns a failure into a sentence that says what to do about it.
"""

from dataclasses import dataclass

from registry_browser.oci.answers import error_codes
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.dialects import DIALECTS, GENERIC, Dialect, Ping
from registry_browser.oci.errors import (
    AccessDenied,
    NotARegistry,
    NotFound,
    RateLimited,
    RegistryError,
    ServerFault,
    UnconfirmedRealm,
    Unreachable,
    Unsupported,
)
from registry_browser.oci.transport import Answer

_NO_DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a registry cannot be used: a short code, what is the matter, and what to do.

    The codes are "dns", "refused", "tls", "timeout", "cut off", "reset", "network", "forbidden
    address", "realm", "credentials", "not a registry", "rate limited", "server fault" and
    "unexpected". `realm` is the token service to confirm, when that is what is missing.
    """

    code: str
    sentence: str
    advice: str
    realm: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found. `sentences` say the same to a person, the most important first."""

    reachable: bool
    usable: bool
    dialect: str = GENERIC.kind
    version: str | None = None
    capabilities: dict[str, bool | None] | None = None
    auth_scheme: str | None = None
    realm: str | None = None
    service: str | None = None
    api_version: str | None = None
    sentences: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None


async def probe(client: RegistryClient) -> Probe:
    """Ask the registry who it is and what it can do. Never raises a RegistryError."""
    try:
        ping = await client.ping()
    except RegistryError as error:
        return _failed(error)
    dialect = _recognise(client, ping)
    capabilities = dict(dialect.known)
    sentences: list[str] = []
    catalog, first, diagnosis = await _try_catalog(client, sentences)
    capabilities["catalog"] = catalog
    version = None
    if dialect.kind == "distribution":
        version = await _distribution_version(client)
        if version is None and not await _routes_like_distribution(client):
            dialect, capabilities = GENERIC, {**GENERIC.known, "catalog": catalog}
        elif version:
            capabilities["pages_tags"] = capabilities["deletes_tags"] = version == "3"
    if capabilities.get("referrers_api") is None and diagnosis is None:
        capabilities["referrers_api"] = await has_referrers_api(client, first)
    title = f"{dialect.title} {version}" if version else dialect.title
    return Probe(
        reachable=True,
        usable=diagnosis is None,
        dialect=dialect.kind,
        version=version,
        capabilities=capabilities,
        auth_scheme=ping.scheme,
        realm=ping.realm,
        service=ping.service,
        api_version=ping.api_version,
        sentences=(
            f"{client.endpoint.host} answers as: {title}.",
            _about_sign_in(client, ping),
            *sentences,
        ),
        diagnosis=diagnosis,
    )


async def has_referrers_api(client: RegistryClient, repository: str | None) -> bool | None:
    """Whether the registry lists referrers; None where it does not say. Ask with a repository that
    it knows: without one, many say that they do not know the repository.
    """
    path = repository or "probe"
    target = f"{path}/referrers/{_NO_DIGEST}"
    answer = await _ask(client, target, client.dialect.pull_scopes(path))
    if answer is None:
        return None
    if answer.status == 200:
        return b'"manifests"' in answer.body
    if answer.status in (404, 405) and (repository or answer.content_type != "application/json"):
        return None if "NAME_UNKNOWN" in error_codes(answer) else False
    return None


def diagnose(error: RegistryError) -> Diagnosis:
    """Say what is the matter and what to do about it."""
    sentence = str(error)
    match error:
        case Unreachable():
            return Diagnosis(error.kind, sentence, _unreachable_advice(error))
        case UnconfirmedRealm():
            return Diagnosis(
                "realm",
                sentence,
                "If this is your registry's token service, confirm its address; credentials are "
                "then sent there as well.",
                error.realm,
            )
        case AccessDenied():
            return Diagnosis(
                "credentials", sentence, "Check the user name, the password, and what they may do."
            )
        case RateLimited():
            return Diagnosis("rate limited", sentence, "Try again later, or lower the rate.")
        case NotARegistry() | NotFound():
            return Diagnosis(
                "not a registry",
                sentence,
                "Check the host, the port and the path: what answers there does not serve /v2/.",
            )
        case ServerFault():
            return Diagnosis("server fault", sentence, "Look into the registry's own log.")
    return Diagnosis(
        "unexpected", sentence, "Check the address; a proxy may stand in front of the registry."
    )


def _unreachable_advice(error: Unreachable) -> str:
    match error.kind:
        case "dns":
            return "Check the spelling of the host, and that this machine can resolve it."
        case "refused":
            return "Check the port, and that the registry is running."
        case "tls" if "plain http" in str(error):
            return "Use an http:// address and allow plain HTTP, or give the port that speaks TLS."
        case "tls" if "not trusted" in str(error):
            return "Give the CA certificate that signed it."
        case "tls":
            return "Have the registry's certificate put right, or give the host name it is for."
        case "timeout":
            return "Check that a firewall lets this machine through, and that the registry is well."
        case "forbidden address":
            return "Give an address that is not link-local."
    return "Try again; if it stays, look at the network and at the registry's own log."


def _failed(error: RegistryError) -> Probe:
    diagnosis = diagnose(error)
    return Probe(
        reachable=not isinstance(error, Unreachable),
        usable=False,
        sentences=(diagnosis.sentence, diagnosis.advice),
        diagnosis=diagnosis,
    )


def _recognise(client: RegistryClient, ping: Ping) -> Dialect:
    hostname = client.endpoint.hostname
    return next((d for d in DIALECTS.values() if d.recognises(hostname, ping)), GENERIC)


def _about_sign_in(client: RegistryClient, ping: Ping) -> str:
    if ping.scheme is None:
        return "It wants no sign-in."
    kind = "a token" if ping.scheme == "bearer" else "a user name and a password"
    if not client.has_credentials:
        return f"It wants {kind}, and no credentials are given: only what is public can be seen."
    return f"It wants {kind}, and accepts these credentials."


async def _try_catalog(
    client: RegistryClient, sentences: list[str]
) -> tuple[bool | None, str | None, Diagnosis | None]:
    """Read the first page: is there a catalog, which repository is in it, what is wrong if not."""
    pages = client.repositories()
    try:
        async for page in pages:
            sentences.append("It lists its repositories.")
            return True, page[0], None
    except Unsupported:
        sentences.append("It lists no repositories: name those, or the namespaces, to follow.")
        return False, None, None
    except AccessDenied as error:
        if client.has_credentials:
            sentences.append("It does not let this account list its repositories.")
            return False, None, None
        return None, None, diagnose(error)
    except RegistryError as error:
        return None, None, diagnose(error)
    finally:
        await pages.aclose()
    sentences.append("It lists its repositories, and there are none yet.")
    return True, None, None


async def _ask(client: RegistryClient, target: str, scopes: tuple[str, ...]) -> Answer | None:
    """Ask something whose failure only means that we do not learn it."""
    try:
        return await client.call("GET", target, scopes)
    except RegistryError:
        return None


async def _distribution_version(client: RegistryClient) -> str | None:
    """2.8 names a charset in the catalog's Content-Type, 3 does not (fact sheet section 1.4)."""
    answer = await _ask(client, "_catalog?n=1", client.dialect.catalog_scopes())
    if answer is None or answer.status != 200:
        return None
    if not await _routes_like_distribution(client):
        return None
    said = answer.headers.get("Content-Type", "").replace(" ", "").lower()
    return {"application/json;charset=utf-8": "2.8", "application/json": "3"}.get(said)


async def _routes_like_distribution(client: RegistryClient) -> bool:
    """A path outside of the grammar gets Go's plain 404 page there, before any sign-in."""
    try:
        answer = await client.call_without_sign_in("_oci/ext/discover")
    except RegistryError:
        return False
    return (
        answer.status == 404
        and answer.content_type == "text/plain"
        and answer.body.strip() == b"404 page not found"
    )
