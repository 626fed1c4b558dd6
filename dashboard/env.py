"""Typed reading of environment variables, the only way configuration comes in.

Each variable can also be given as `<NAME>_FILE`, the path of a file that holds the value (container
secrets). A wrong value ends the process with one line that names the variable.
"""

from __future__ import annotations

import os
import shlex
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import environ

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from ipaddress import IPv4Network, IPv6Network

_FLAGS = {
    "1": True, "true": True, "yes": True, "on": True,
    "0": False, "false": False, "no": False, "off": False,
}  # fmt: skip


class WrongSetting(SystemExit):
    """A variable has a value that cannot be used.

    It is a `SystemExit`, so that every process that reads the settings (a command, gunicorn, a
    Celery worker) ends with status 1 and this one line instead of a traceback.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name


class Environment:
    """Reads variables by name and type. An empty value counts as unset."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def raw(self, name: str) -> str | None:
        """Return the text of a variable or of the file it names, or None when neither is set."""
        value = self._variables.get(name) or None
        file = self._variables.get(f"{name}_FILE") or None
        if file is None:
            return value
        if value is not None:
            raise WrongSetting(name, f"is set twice, as {name} and as {name}_FILE")
        try:
            return Path(file).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise WrongSetting(f"{name}_FILE", f"cannot read {file}: {reason}") from None

    def text(self, name: str, default: str) -> str:
        return self.raw(name) or default

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.raw(name)
        if value is None:
            return default
        if value.lower() not in _FLAGS:
            raise WrongSetting(name, f"must be true or false, not {value!r}")
        return _FLAGS[value.lower()]

    def integer(self, name: str, default: int, *, at_least: int, at_most: int) -> int:
        value = self.raw(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and at_least <= int(value) <= at_most):
            reason = f"must be a number from {at_least} to {at_most}, not {value!r}"
            raise WrongSetting(name, reason)
        return int(value)

    def choice(self, name: str, default: str, *, among: Collection[str]) -> str:
        value = self.text(name, default)
        if value not in among:
            raise WrongSetting(name, f"must be one of {', '.join(among)}, not {value!r}")
        return value

    def words(self, name: str, default: Collection[str] = ()) -> list[str]:
        """Return the parts of a list separated by commas or white space."""
        value = self.raw(name)
        return list(default) if value is None else value.replace(",", " ").split()

    def arguments(self, name: str) -> tuple[str, ...]:
        """Return command line arguments, split as a shell splits them."""
        try:
            return tuple(shlex.split(self.raw(name) or ""))
        except ValueError as error:
            raise WrongSetting(name, f"is no command line: {error}") from None

    def path(self, name: str, default: Path) -> Path:
        value = self.raw(name)
        return (default if value is None else Path(value).expanduser()).absolute()

    def origins(self, name: str) -> list[str]:
        """Return web origins such as `https://registries.example`."""
        origins = self.words(name)
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path:
                raise WrongSetting(name, f"must hold origins such as https://host, not {origin!r}")
        return origins

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        """Return IP addresses, each as a network of one, and networks such as `10.0.0.0/8`."""
        try:
            return [ip_network(word) for word in self.words(name)]
        except ValueError as error:
            raise WrongSetting(name, f"must hold addresses or networks: {error}") from None

    def url(self, name: str, *, schemes: Collection[str]) -> str | None:
        """Return a URL with one of these schemes, or None.

        Its text never shows in the error: it may hold a password.
        """
        value = self.raw(name)
        if value is not None and value.partition("://")[0] not in schemes:
            allowed = ", ".join(f"{scheme}://" for scheme in schemes)
            raise WrongSetting(name, f"must begin with one of {allowed}")
        return value

    def database(self, name: str) -> dict[str, Any] | None:
        """Return Django's settings for a Postgres URL, or None."""
        value = self.url(name, schemes=("postgresql", "postgres"))
        if value is None:
            return None
        try:
            config: dict[str, Any] = dict(environ.Env.db_url_config(value))
        except ValueError as error:
            raise WrongSetting(name, f"is no database URL: {error}") from None
        if not config["NAME"]:
            example = "postgresql://user:password@host:5432/database"
            raise WrongSetting(name, f"names no database; it should look like {example}")
        # A socket directory comes percent-encoded, as libpq has it.
        config["HOST"] = unquote(config["HOST"] or "")
        return config

    def secrets(
        self,
        name: str,
        *,
        kept_in: Path,
        generate: Callable[[], str],
        is_valid: Callable[[str], bool],
        shape: str,
    ) -> list[str]:
        """Return a list of secrets, newest first; unset, the one that the first start made.

        `shape` says in the error what a valid one looks like; the secrets never show.
        """
        given = self.words(name)
        secrets = given or keep_secret(kept_in, generate).split()
        for secret in secrets:
            if not is_valid(secret):
                raise WrongSetting(name, f"must be {shape}" if given else f"{kept_in} is damaged")
        return secrets


def keep_secret(file: Path, generate: Callable[[], str]) -> str:
    """Return the secret in a file that only its owner can read; make it where there is none.

    The file appears in one step (a hard link to a finished one), so two processes that start
    together agree on it.
    """
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_name(f".{file.name}.{os.getpid()}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                handle.write(generate() + "\n")
            try:
                os.link(draft, file)
            except FileExistsError:
                pass  # The other process was first; its secret is the one to use.
            finally:
                draft.unlink()
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise WrongSetting(
            "REGISTRY_BROWSER_HOME", f"cannot use {error.filename or file}: {error.strerror}"
        ) from None
