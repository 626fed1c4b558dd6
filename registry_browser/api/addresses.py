"""What may stand in an address. Anything else finds no address, and so never reaches the record."""

from __future__ import annotations

from django.urls import register_converter

from registry_browser.oci.reference import is_valid_path


class _Text:
    regex = ""

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class RegistryName(_Text):
    regex = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"


class RepositoryPath(_Text):
    """`-` starts no component of a path, so `/-/` ends it."""

    regex = r"[^/-][^/]*(?:/[^/-][^/]*)*"

    def to_python(self, value: str) -> str:
        if not is_valid_path(value):
            raise ValueError(f"{value} is no repository path")
        return value


class TagName(_Text):
    regex = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"


class DigestText(_Text):
    regex = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"


class RunNumber:
    """A number that fits the column; a longer one is no run."""

    regex = r"[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


def register() -> None:
    """Make the converters known to `path()`; `urls.py` does this once. The pages have converters of
    their own.
    """
    register_converter(RegistryName, "api_registry")
    register_converter(RepositoryPath, "api_repository")
    register_converter(TagName, "api_tag")
    register_converter(DigestText, "api_digest")
    register_converter(RunNumber, "api_run")
