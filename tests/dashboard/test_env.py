"""Reading the environment: what is accepted, and the one line that says what is not."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from dashboard.env import Environment, WrongSetting, keep_secret

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKOUT = Path(__file__).resolve().parents[2]


def read(reader: Callable[[Environment], Any], **variables: str) -> Any:
    return reader(Environment(variables))


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("TRUE", True), ("yes", True), ("off", False), ("0", False), ("", True)],
)
def test_a_flag_is_read_and_an_empty_one_counts_as_unset(text: str, value: bool) -> None:
    assert read(lambda env: env.flag("DEBUG", default=True), DEBUG=text) is value


@pytest.mark.parametrize(
    ("variables", "reader", "line"),
    [
        (
            {"DEBUG": "maybe"},
            lambda env: env.flag("DEBUG", default=False),
            "DEBUG: must be true or false, not 'maybe'",
        ),
        (
            {"PORT": "http"},
            lambda env: env.integer("PORT", 8000, at_least=1, at_most=65_535),
            "PORT: must be a number from 1 to 65535, not 'http'",
        ),
        (
            {"PORT": "70000"},
            lambda env: env.integer("PORT", 8000, at_least=1, at_most=65_535),
            "PORT: must be a number from 1 to 65535, not '70000'",
        ),
        (
            {"LOG_FORMAT": "xml"},
            lambda env: env.choice("LOG_FORMAT", "console", among=("console", "json")),
            "LOG_FORMAT: must be one of console, json, not 'xml'",
        ),
        (
            {"POSTGRES_OPTIONS": "-c 'x"},
            lambda env: env.arguments("POSTGRES_OPTIONS"),
            "POSTGRES_OPTIONS: is no command line: No closing quotation",
        ),
        (
            {"CSRF_TRUSTED_ORIGINS": "example.com"},
            lambda env: env.origins("CSRF_TRUSTED_ORIGINS"),
            "CSRF_TRUSTED_ORIGINS: must hold origins such as https://host, not 'example.com'",
        ),
        (
            {"TRUSTED_PROXIES": "10.0.0.1, proxy"},
            lambda env: env.networks("TRUSTED_PROXIES"),
            "TRUSTED_PROXIES: must hold addresses or networks: 'proxy' does not appear to be an "
            "IPv4 or IPv6 network",
        ),
        (
            {"CELERY_BROKER_URL": "http://:secret@host"},
            lambda env: env.url("CELERY_BROKER_URL", schemes=("redis", "amqp")),
            "CELERY_BROKER_URL: must begin with one of redis://, amqp://",
        ),
        (
            {"DATABASE_URL": "mysql://u:secret@host/db"},
            lambda env: env.database("DATABASE_URL"),
            "DATABASE_URL: must begin with one of postgresql://, postgres://",
        ),
        (
            {"DATABASE_URL": "postgresql://host:port/db"},
            lambda env: env.database("DATABASE_URL"),
            "DATABASE_URL: is no database URL: Port could not be cast to integer value as 'port'",
        ),
        (
            {"DATABASE_URL": "postgresql://host"},
            lambda env: env.database("DATABASE_URL"),
            "DATABASE_URL: names no database; it should look like "
            "postgresql://user:password@host:5432/database",
        ),
        (
            {"SECRET_KEY": "a", "SECRET_KEY_FILE": "b"},
            lambda env: env.raw("SECRET_KEY"),
            "SECRET_KEY: is set twice, as SECRET_KEY and as SECRET_KEY_FILE",
        ),
        (
            {"SECRET_KEY_FILE": "/nowhere/key"},
            lambda env: env.raw("SECRET_KEY"),
            "SECRET_KEY_FILE: cannot read /nowhere/key: No such file or directory",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_one_line_that_names_the_variable(
    variables: dict[str, str], reader: Callable[[Environment], Any], line: str
) -> None:
    with pytest.raises(WrongSetting) as refusal:
        read(reader, **variables)

    assert str(refusal.value) == line


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from the file\n")

    value = read(lambda env: env.raw("METRICS_TOKEN"), METRICS_TOKEN_FILE=str(tmp_path / "token"))

    assert value == "from the file"


def test_a_database_url_keeps_its_password_and_its_socket_directory() -> None:
    url = "postgresql://me:p%40ss@%2Frun%2Fpg:5433/registries?sslmode=require"

    config = read(lambda env: env.database("DATABASE_URL"), DATABASE_URL=url)

    assert config["HOST"] == "/run/pg"
    assert (config["USER"], config["PASSWORD"]) == ("me", "p@ss")
    assert (config["NAME"], config["PORT"]) == ("registries", 5433)
    assert config["OPTIONS"] == {"sslmode": "require"}


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "key"
    made = iter(["first", "second"])

    kept = [keep_secret(file, lambda: next(made)) for _ in range(2)]

    assert kept == ["first", "first"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["key"]


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"PORT": "0"}, "PORT: must be a number from 1 to 65535, not '0'"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY: must be at least 32 characters"),
        ({"REGISTRY_KEYS": "secret"}, "REGISTRY_KEYS: must be 32 random bytes each"),
        ({"REGISTRY_BROWSER_HOME": "/dev/null/home"}, "REGISTRY_BROWSER_HOME: cannot use"),
    ],
)
def test_a_command_ends_with_that_one_line_and_status_1(
    variables: dict[str, str], line: str, tmp_path: Path
) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "REGISTRY_BROWSER_HOME": str(tmp_path),
        "SECRET_KEY": "x" * 40,
        "REGISTRY_KEYS": Fernet.generate_key().decode(),
        **variables,
    }
    if "REGISTRY_BROWSER_HOME" in variables:
        del environment["SECRET_KEY"]

    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert result.stderr.startswith(line)
    assert len(result.stderr.splitlines()) == 1
    assert "secret" not in result.stderr.partition(":")[2]
