"""Configs: what an image's or a chart's own configuration says (OCI image-spec, config.md).

Configs are written by every build tool there is. A null, a wrong type or a missing key is read as
"not said"; only bytes that are no JSON object at all are refused, with UnexpectedAnswer.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from registry_browser.oci.errors import UnexpectedAnswer
from registry_browser.oci.text import storable_list, storable_map, storable_or_empty

MAX_BODY = 8 * 1024 * 1024
"""Bytes. Pass it as `limit` when the config blob is fetched."""
MAX_HISTORY = 10_000

_NOT_SET_UNTIL = datetime(1970, 1, 2, tzinfo=UTC)

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One line of an image's history. Steps that are not empty line up with the layers."""

    created: datetime | None
    created_by: str
    comment: str
    empty_layer: bool
    author: str


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """An image's configuration. `exposed_ports` read "80/tcp"; `volumes` are paths.

    `created` is None when the build tool set it to nothing: see `parse_time`.
    """

    created: datetime | None = None
    architecture: str = ""
    os: str = ""
    variant: str = ""
    os_version: str = ""
    author: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    exposed_ports: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    history: tuple[HistoryStep, ...] = ()


@dataclass(frozen=True, slots=True)
class HelmConfig:
    """What a Helm chart says about itself: the contents of its Chart.yaml, as JSON."""

    name: str
    version: str
    app_version: str = ""
    description: str = ""
    type: str = ""
    home: str = ""
    icon: str = ""
    sources: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    maintainers: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    annotations: dict[str, str] = field(default_factory=dict)


def parse_config(body: bytes) -> ImageConfig:
    """Read an image config; UnexpectedAnswer if it is no JSON object."""
    document = _object(body)
    # Docker writes "config": null for images without one, and Podman has been seen to omit it.
    run = document.get("config")
    run = run if isinstance(run, dict) else {}
    return ImageConfig(
        created=parse_time(document.get("created")),
        architecture=storable_or_empty(document.get("architecture")),
        os=storable_or_empty(document.get("os")),
        variant=storable_or_empty(document.get("variant")),
        os_version=storable_or_empty(document.get("os.version")),
        author=storable_or_empty(document.get("author")),
        env=storable_list(run.get("Env")),
        entrypoint=storable_list(run.get("Entrypoint")),
        cmd=storable_list(run.get("Cmd")),
        labels=storable_map(run.get("Labels")),
        exposed_ports=_keys(run.get("ExposedPorts")),
        user=storable_or_empty(run.get("User")),
        working_dir=storable_or_empty(run.get("WorkingDir")),
        volumes=_keys(run.get("Volumes")),
        stop_signal=storable_or_empty(run.get("StopSignal")),
        history=_history(document.get("history")),
    )


def parse_helm_config(body: bytes) -> HelmConfig:
    """Read the config of a Helm chart; UnexpectedAnswer if it is no JSON object with a name."""
    document = _object(body)
    name = storable_or_empty(document.get("name"))
    if not name:
        raise UnexpectedAnswer("The Helm chart's config has no name.")
    return HelmConfig(
        name=name,
        version=storable_or_empty(document.get("version")),
        app_version=storable_or_empty(document.get("appVersion")),
        description=storable_or_empty(document.get("description")),
        type=storable_or_empty(document.get("type")),
        home=storable_or_empty(document.get("home")),
        icon=storable_or_empty(document.get("icon")),
        sources=storable_list(document.get("sources")),
        keywords=storable_list(document.get("keywords")),
        maintainers=_names(document.get("maintainers")),
        dependencies=_names(document.get("dependencies")),
        annotations=storable_map(document.get("annotations")),
    )


def parse_time(value: Any) -> datetime | None:
    """Read an RFC 3339 time, in UTC; None if it is not one, or says "not set".

    Reproducible builds write the epoch, Go's zero value is the first day of year 1, and some tools
    write the epoch in local time. No image was built before 2 January 1970, so everything before
    that moment means "not set". Fractions finer than a microsecond are cut off.
    """
    if not isinstance(value, str) or not 19 <= len(value) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment >= _NOT_SET_UNTIL else None


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY:
        raise UnexpectedAnswer(f"The config has {len(body):,} bytes; we read {MAX_BODY:,} at most.")
    try:
        document = _decode(body)
    except (ValueError, RecursionError):
        raise UnexpectedAnswer("The config is not JSON.") from None
    if not isinstance(document, dict):
        raise UnexpectedAnswer("The config is not a JSON object.")
    return document


def _history(value: Any) -> tuple[HistoryStep, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        HistoryStep(
            created=parse_time(step.get("created")),
            created_by=storable_or_empty(step.get("created_by")),
            comment=storable_or_empty(step.get("comment")),
            empty_layer=step.get("empty_layer") is True,
            author=storable_or_empty(step.get("author")),
        )
        for step in value[:MAX_HISTORY]
        if isinstance(step, dict)
    )


def _keys(value: Any) -> tuple[str, ...]:
    """Ports and volumes are the keys of an object of empty objects; lists are met as well."""
    return storable_list(sorted(value) if isinstance(value, dict) else value)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    names = (item.get("name") if isinstance(item, dict) else item for item in value)
    return storable_list([name for name in names if name])
