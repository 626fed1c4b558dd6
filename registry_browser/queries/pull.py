"""The commands that fetch one image or artifact, for the tools that people use. Values in, values
out.
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from urllib.parse import urlsplit

from registry_browser.models import ManifestKind, Registry
from registry_browser.oci import mediatypes


@dataclass(frozen=True, slots=True)
class PullCommand:
    """One command in the parts that a page sets apart: `before` + `host` + "/" + `path` + `pin` +
    `after`.

    `pin` is `:tag` or `@sha256:…`, whole. `by` is "tag" or "digest".
    """

    tool: str
    by: str
    before: str
    host: str
    path: str
    pin: str
    after: str = ""

    @property
    def text(self) -> str:
        """What is copied."""
        return f"{self.before}{self.host}/{self.path}{self.pin}{self.after}"


IMAGE_TOOLS = {
    "docker": ("docker pull ", ""),
    "podman": ("podman pull ", ""),
    "nerdctl": ("nerdctl pull ", ""),
    "skopeo": ("skopeo copy docker://", " oci:{name}"),
    "crane": ("crane pull ", " {name}.tar"),
}
# Docker asks for plain HTTP in its daemon's settings alone.
_PLAIN_HTTP = {
    "podman": "--tls-verify=false",
    "nerdctl": "--insecure-registry",
    "skopeo": "--src-tls-verify=false",
    "crane": "--insecure",
    "oras": "--plain-http",
    "helm": "--plain-http",
}
_ARTIFACT_TOOLS = {
    "oras": ("oras pull ", ""),
    "skopeo": IMAGE_TOOLS["skopeo"],
    "crane": ("crane manifest ", ""),
}


def pull_commands(
    registry: Registry,
    path: str,
    *,
    tag: str,
    digest: str,
    kind: str,
    artifact_type: str,
    platform: str = "",
) -> list[PullCommand]:
    """The commands by tag (where there is one) and by digest, for every tool that can fetch this.

    `platform` asks for one child of the index that the tag points to. A chart's version is its tag
    with `+` written as `_`, which Helm undoes; by digest it takes the digest in the reference.
    """
    name = path.rpartition("/")[2]
    pins = [("tag", f":{tag}")] if tag else []
    pins += [("digest", f"@{digest}")] if digest else []
    is_plain = urlsplit(registry.url).scheme == "http"
    commands = []
    for by, pin in pins:
        for tool, (before, after) in _tools(kind, artifact_type).items():
            shown = pin
            if tool == "helm" and by == "tag":
                shown, after = "", f" --version {tag.replace('_', '+')}"
            if platform and by == "tag":
                before = _for_platform(tool, before, platform)
            if is_plain and tool in _PLAIN_HTTP:
                before = _with_flag(before, _PLAIN_HTTP[tool])
            commands.append(
                PullCommand(tool, by, before, registry.host, path, shown, after.format(name=name))
            )
    return commands


def _tools(kind: str, artifact_type: str) -> dict[str, tuple[str, str]]:
    tools = dict(IMAGE_TOOLS)
    if kind == ManifestKind.ARTIFACT or artifact_type:
        tools = dict(_ARTIFACT_TOOLS)
        if mediatypes.artifact_name(artifact_type) == "Helm chart":
            tools = {"helm": ("helm pull oci://", ""), **tools}
    return tools


def _for_platform(tool: str, before: str, platform: str) -> str:
    """The command up to the reference, asking for one platform as each tool calls it.

    The version, which `platform` has for Windows, is known to crane alone; the others choose one.
    What a platform is called is up to the registry, so it is quoted for the shell.
    """
    named, _, version = platform.partition(" ")
    if tool == "skopeo":
        os, _, rest = named.partition("/")
        architecture, _, variant = rest.partition("/")
        asked = f"--override-os {quote(os)} --override-arch {quote(architecture)}"
        asked += f" --override-variant {quote(variant)}" if variant else ""
        return f"skopeo {asked} {before.removeprefix('skopeo ')}"
    if tool == "crane" and version:
        named = f"{named}:{version}"
    return _with_flag(before, f"--platform {quote(named)}")


def _with_flag(before: str, flag: str) -> str:
    """The command with the flag before its reference, and before the `docker://` or `oci://` of
    that.
    """
    command, _, scheme = before.rpartition(" ")
    return f"{command} {flag} {scheme}"
