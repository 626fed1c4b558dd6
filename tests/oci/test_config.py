from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from registry_browser.oci.config import (
    HistoryStep,
    ImageConfig,
    parse_config,
    parse_helm_config,
    parse_time,
)
from registry_browser.oci.errors import UnexpectedAnswer


def parse(document: object) -> ImageConfig:
    return parse_config(json.dumps(document).encode())


def test_a_config_is_read_whole() -> None:
    config = parse(
        {
            "created": "2024-05-01T10:00:00.123456789Z",
            "architecture": "arm",
            "os": "linux",
            "variant": "v7",
            "os.version": "10",
            "author": "A",
            "config": {
                "User": "1000",
                "ExposedPorts": {"443/tcp": {}, "80/tcp": {}},
                "Env": ["A=b"],
                "Entrypoint": ["/app"],
                "Cmd": ["--serve"],
                "Volumes": {"/data": {}},
                "WorkingDir": "/srv",
                "Labels": {"l": "v"},
                "StopSignal": "SIGINT",
            },
            "history": [{"created_by": "RUN x", "comment": "c", "empty_layer": True}],
        }
    )

    assert config == ImageConfig(
        created=datetime(2024, 5, 1, 10, 0, 0, 123456, UTC),
        architecture="arm",
        os="linux",
        variant="v7",
        os_version="10",
        author="A",
        env=("A=b",),
        entrypoint=("/app",),
        cmd=("--serve",),
        labels={"l": "v"},
        exposed_ports=("443/tcp", "80/tcp"),
        user="1000",
        working_dir="/srv",
        volumes=("/data",),
        stop_signal="SIGINT",
        history=(HistoryStep(None, "RUN x", "c", True, ""),),
    )


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"config": None, "history": None, "created": None, "os": None},
        {"config": [], "history": {}, "created": 5, "architecture": ["x"]},
        {"config": {"Env": None, "Labels": [], "ExposedPorts": None, "Cmd": 3, "User": {}}},
        {"history": [None, "x", 3]},
    ],
)
def test_nulls_and_wrong_types_count_as_not_said(document: dict[str, Any]) -> None:
    assert parse(document) == ImageConfig()


def test_text_loses_what_postgres_cannot_store() -> None:
    config = parse(
        {
            "config": {"Labels": {"a\0": "\0b"}, "Env": ["X=\0"], "Cmd": "sh\0"},
            "history": [{"created_by": "RUN \0x"}],
        }
    )

    assert config.labels == {"a": "b"}
    assert config.env == ("X=",)
    assert config.cmd == ("sh",)
    assert config.history[0].created_by == "RUN x"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.1234567Z", datetime(2024, 1, 2, 3, 4, 5, 123456, UTC)),
        ("2024-01-02T03:04:05.5+02:00", datetime(2024, 1, 2, 1, 4, 5, 500000, UTC)),
        ("2024-01-02T03:04:05", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", None),
        ("1970-01-01T12:00:00Z", None),
        ("1970-01-02T00:00:00Z", datetime(1970, 1, 2, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("9999-12-31T23:59:59-10:00", None),
        ("yesterday, in the afternoon", None),
        ("", None),
        (None, None),
        (1700000000, None),
    ],
)
def test_times_are_utc_and_nothing_before_containers_is_a_time(
    text: object, moment: datetime | None
) -> None:
    assert parse_time(text) == moment


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b"{"])
def test_what_is_no_json_object_is_no_config(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer):
        parse_config(body)
    with pytest.raises(UnexpectedAnswer):
        parse_helm_config(body)


def test_a_chart_says_its_name_and_versions() -> None:
    chart = parse_helm_config(
        json.dumps(
            {
                "name": "web",
                "version": "1.2.3",
                "appVersion": "9",
                "maintainers": [{"name": "Ann", "email": "a@b.c"}],
                "dependencies": [{"name": "redis", "version": "1"}],
                "keywords": None,
            }
        ).encode()
    )

    assert (chart.name, chart.version, chart.app_version) == ("web", "1.2.3", "9")
    assert chart.maintainers == ("Ann",)
    assert chart.dependencies == ("redis",)


def test_a_chart_without_a_name_is_refused() -> None:
    with pytest.raises(UnexpectedAnswer, match="no name"):
        parse_helm_config(b"{}")
