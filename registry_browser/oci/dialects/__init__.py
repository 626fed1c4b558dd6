"""The dialects, by kind. Order matters: the first that recognises a registry is taken."""

from registry_browser.oci.dialects.base import CAPABILITIES, Capabilities, Dialect, Ping
from registry_browser.oci.dialects.distribution import Distribution
from registry_browser.oci.dialects.oci import GenericOCI

DIALECTS: dict[str, Dialect] = {
    dialect.kind: dialect
    for dialect in (
        Distribution(),
        GenericOCI(),
    )
}
GENERIC: Dialect = DIALECTS[GenericOCI.kind]

__all__ = ["CAPABILITIES", "DIALECTS", "GENERIC", "Capabilities", "Dialect", "Ping"]
