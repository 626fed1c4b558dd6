"""Any registry that follows the OCI distribution-spec, and nothing more is known about it."""

from registry_browser.oci.dialects.base import Dialect


class GenericOCI(Dialect):
    """What every registry is until it is recognised as something else."""

    kind = "oci"
    title = "OCI registry"
