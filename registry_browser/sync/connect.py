"""From a stored registry to a client that may speak to it."""

from registry_browser.models import Registry
from registry_browser.oci.auth import Credentials
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.dialects import DIALECTS, GENERIC
from registry_browser.oci.pace import Pace
from registry_browser.oci.transport import Retries, Timeouts
from registry_browser.sync.registries import RegistryDetails, endpoint_of


def connect(
    registry: Registry | RegistryDetails,
    *,
    timeouts: Timeouts | None = None,
    retries: Retries | None = None,
) -> RegistryClient:
    """A client with the registry's credentials, terms and pace; nothing is sent yet. Raises
    InvalidEndpoint, and SecretIsLost where the stored credentials cannot be read.
    """
    endpoint = endpoint_of(registry)
    credentials = (
        Credentials(registry.username, str(registry.secret or "")) if registry.username else None
    )
    return RegistryClient(
        endpoint,
        credentials=credentials,
        dialect=DIALECTS.get(registry.dialect, GENERIC),
        pace=Pace(registry.concurrency, registry.requests_per_second),
        timeouts=timeouts,
        retries=retries,
    )
