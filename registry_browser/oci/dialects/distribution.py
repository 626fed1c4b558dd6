"""CNCF distribution, versions 2.8 and 3 (fact sheet sections 1.4 to 1.10).

The two are one dialect: what differs (paged tags, deletion by tag) is asked for by the probe and
kept as capabilities. Neither lists untagged manifests, and neither has the referrers API.
"""

from types import MappingProxyType

from registry_browser.oci.dialects.base import CAPABILITIES, Dialect, Ping

# Products that are built on distribution and answer a ping as it does.
_OTHERS = ("gitlab-container-registry-version", "x-harbor-csrf-token", "x-jfrog-version")


class Distribution(Dialect):
    """The reference registry: `registry:2`, `registry:3`, Debian's docker-registry."""

    kind = "distribution"
    title = "CNCF distribution"
    known = MappingProxyType(
        dict.fromkeys(CAPABILITIES)
        | {"catalog": True, "lists_untagged": False, "referrers_api": False}
    )

    def recognises(self, hostname: str, ping: Ping) -> bool:
        """Whether a ping may come from distribution itself; the probe looks for surer signs."""
        return (
            ping.api_version == "registry/2.0"
            and (ping.status == 401 or ping.body.strip() == b"{}")
            and not any(name in ping.headers for name in _OTHERS)
            and ping.service not in ("harbor-registry", "registry.docker.io", "container_registry")
        )
