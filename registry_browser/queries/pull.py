"""The commands that fetch one image or artifact, for the tools that people use. Values in, values
out.
"""

from __future__ import annotations

from dataclasses import dataclass
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
_PLAIN_HTTP = {
    "podman": ("podman pull --tls-verify=false ", ""),
    "nerdctl": ("nerdctl pull --insecure-registry ", ""),
    "skopeo": ("skopeo copy --src-tls-verify=false docker://", " oci:{name}"),
    "crane": ("crane pull --insecure ", " {name}.tar"),
    "oras": ("oras pull --plain-http ", ""),
    "helm": ("helm pull --plain-http oci://", ""),
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
    commands = []
    for by, pin in pins:
        for tool, (before, after) in _tools(registry, kind, artifact_type).items():
            shown = pin
            if tool == "helm" and by == "tag":
                shown, after = "", f" --version {tag.replace('_', '+')}"
            if platform and by == "tag":
                before = _for_platform(tool, before, platform)
            commands.append(
                PullCommand(tool, by, before, registry.host, path, shown, after.format(name=name))
            )
    return commands


def _tools(registry: Registry, kind: str, artifact_type: str) -> dict[str, tuple[str, str]]:
    tools = dict(IMAGE_TOOLS)
    if kind == ManifestKind.ARTIFACT or artifact_type:
        tools = dict(_ARTIFACT_TOOLS)
        if mediatypes.artifact_name(artifact_type) == "Helm chart":
            tools = {"helm": ("helm pull oci://", ""), **tools}
    if urlsplit(registry.url).scheme == "http":
        tools = {tool: _PLAIN_HTTP.get(tool, command) for tool, command in tools.items()}
    return tools


def _for_platform(tool: str, before: str, platform: str) -> str:
    """The command up to the reference, asking for one platform as each tool calls it. None takes a
    version of Windows; by digest it is the one.
    """
    platform = platform.partition(" ")[0]
    program, _, rest = before.partition(" ")
    verb, _, flags = rest.partition(" ")
    if tool == "skopeo":
        os, _, rest = platform.partition("/")
        architecture, _, variant = rest.partition("/")
        asked = f"--override-os {os} --override-arch {architecture}"
        asked += f" --override-variant {variant}" if variant else ""
        return f"{program} {asked} {verb} {flags}"
    return f"{program} {verb} --platform {platform} {flags}"
