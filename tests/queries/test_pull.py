"""Commands that fetch an image or artifact."""

import shlex

import pytest

from registry_browser.models import Registry
from registry_browser.queries.pull import pull_commands

DIGEST = "sha256:" + "0b" * 32


def commands(
    url: str = "https://registry.example",
    *,
    tag: str = "1.0",
    kind: str = "image",
    of: str = "",
    platform: str = "",
) -> dict[tuple[str, str], str]:
    found = pull_commands(
        Registry(name="prod", url=url),
        "team/web",
        tag=tag,
        digest=DIGEST,
        kind=kind,
        artifact_type=of,
        platform=platform,
    )
    return {(command.tool, command.by): command.text for command in found}


@pytest.mark.parametrize(
    ("tool", "by", "text"),
    [
        ("docker", "tag", "docker pull registry.example/team/web:1.0"),
        ("docker", "digest", f"docker pull registry.example/team/web@{DIGEST}"),
        ("podman", "tag", "podman pull registry.example/team/web:1.0"),
        ("nerdctl", "tag", "nerdctl pull registry.example/team/web:1.0"),
        ("skopeo", "tag", "skopeo copy docker://registry.example/team/web:1.0 oci:web"),
        ("crane", "digest", f"crane pull registry.example/team/web@{DIGEST} web.tar"),
    ],
)
def test_an_image_is_pulled_by_tag_or_by_digest(tool: str, by: str, text: str) -> None:
    assert commands()[tool, by] == text


def test_without_a_tag_only_the_digest_is_left() -> None:
    assert {by for _, by in commands(tag="")} == {"digest"}


def test_plain_http_is_said_where_a_tool_must_be_told() -> None:
    found = commands("http://127.0.0.1:5000")

    assert found["docker", "tag"] == "docker pull 127.0.0.1:5000/team/web:1.0"
    assert found["podman", "tag"] == "podman pull --tls-verify=false 127.0.0.1:5000/team/web:1.0"
    assert found["crane", "tag"] == "crane pull --insecure 127.0.0.1:5000/team/web:1.0 web.tar"


def test_plain_http_changes_nothing_else_of_a_command() -> None:
    over_http = commands("http://127.0.0.1:5000", kind="artifact", platform="linux/arm64")

    assert over_http["crane", "tag"] == (
        "crane manifest --platform linux/arm64 --insecure 127.0.0.1:5000/team/web:1.0"
    )
    assert over_http["skopeo", "tag"] == (
        "skopeo --override-os linux --override-arch arm64 copy --src-tls-verify=false"
        " docker://127.0.0.1:5000/team/web:1.0 oci:web"
    )
    assert over_http["oras", "digest"] == f"oras pull --plain-http 127.0.0.1:5000/team/web@{DIGEST}"


def test_a_chart_is_pulled_by_its_version() -> None:
    found = commands(
        tag="1.2.3_build5", kind="artifact", of="application/vnd.cncf.helm.config.v1+json"
    )

    assert next(iter(found)) == ("helm", "tag")
    assert (
        found["helm", "tag"] == "helm pull oci://registry.example/team/web --version 1.2.3+build5"
    )
    assert found["helm", "digest"] == f"helm pull oci://registry.example/team/web@{DIGEST}"
    assert found["oras", "tag"] == "oras pull registry.example/team/web:1.2.3_build5"


def test_another_artifact_is_pulled_with_oras_and_not_with_docker() -> None:
    tools = {tool for tool, _ in commands(kind="artifact", of="application/spdx+json")}

    assert "oras" in tools
    assert not tools & {"docker", "podman", "nerdctl", "helm"}


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("docker", "docker pull --platform linux/arm/v7 registry.example/team/web:1.0"),
        ("crane", "crane pull --platform linux/arm/v7 registry.example/team/web:1.0 web.tar"),
        (
            "skopeo",
            "skopeo --override-os linux --override-arch arm --override-variant v7"
            " copy docker://registry.example/team/web:1.0 oci:web",
        ),
    ],
)
def test_one_platform_of_a_tag_is_asked_for(tool: str, text: str) -> None:
    assert commands(platform="linux/arm/v7")[tool, "tag"] == text
    assert "platform" not in commands(platform="linux/arm/v7")["docker", "digest"]


@pytest.mark.parametrize(
    ("tool", "start"),
    [
        ("docker", "docker pull --platform windows/amd64 registry"),
        ("podman", "podman pull --platform windows/amd64 registry"),
        ("crane", "crane pull --platform windows/amd64:10.0.20348.1 registry"),
        ("skopeo", "skopeo --override-os windows --override-arch amd64 copy docker://registry"),
    ],
)
def test_the_version_of_windows_is_asked_for_where_a_tool_can(tool: str, start: str) -> None:
    assert commands(platform="windows/amd64 10.0.20348.1")[tool, "tag"].startswith(start)


@pytest.mark.parametrize("platform", ["linux;reboot/x", "linux/$(reboot)", "linux/a/`reboot`"])
def test_a_registry_brings_no_command_of_its_own_into_those_that_are_copied(platform: str) -> None:
    for (tool, by), text in commands(platform=platform).items():
        words = shlex.split(text)
        assert by == "digest" or any("reboot" in word for word in words), tool
        # A shell splits off `;` and `$(…)` where they stand outside of quotes.
        assert "'" in text or "reboot" not in text
