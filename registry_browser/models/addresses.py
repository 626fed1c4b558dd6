"""What may stand in an address, of a page and of the API. Anything else finds none, and so never
reaches the record.
"""

from django.urls import register_converter

from registry_browser.oci.reference import is_valid_path


class _Text:
    """A converter whose value is the text itself."""

    regex = ""

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class RegistryName(_Text):
    regex = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"


class RepositoryPath(_Text):
    """A repository or namespace. `-` starts no component of a path, so `/-/` ends it."""

    regex = r"[^/-][^/]*(?:/[^/-][^/]*)*"

    def to_python(self, value: str) -> str:
        if not is_valid_path(value):
            raise ValueError(f"{value} is no repository path")
        return value


class TagName(_Text):
    regex = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"


class DigestText(_Text):
    regex = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"


class RowNumber:
    """A number that fits the column; a longer one is no row."""

    regex = r"[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


def register() -> None:
    """Make the converters known to `path()`; done once, when the app is ready."""
    register_converter(RegistryName, "registry")
    register_converter(RepositoryPath, "repository")
    register_converter(TagName, "tag")
    register_converter(DigestText, "digest")
    register_converter(RowNumber, "number")
