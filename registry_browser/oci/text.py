"""Text from outside, made fit to store."""

from typing import Any


def storable(text: str) -> str:
    """Return text without NUL characters.

    JSON may carry U+0000 in a label, an annotation or a history line, and Postgres can store it in
    neither `text` nor `jsonb`; one such label must not stop the sync of its repository.
    """
    return text.replace("\x00", "") if "\x00" in text else text


def storable_map(value: Any) -> dict[str, str]:
    """Return the string-to-string part of a JSON object; anything else counts as empty.

    Annotations and labels must map strings to strings (OCI image-spec, annotations.md). Numbers
    and booleans are met in the wild and kept as their text, null as the empty string.
    """
    if not isinstance(value, dict) or not value:
        return {}
    return {storable(key): _as_text(item) for key, item in value.items()}


def storable_list(value: Any) -> tuple[str, ...]:
    """Return the strings of a JSON array; a lone string counts as an array of one."""
    if isinstance(value, str):
        return (storable(value),)
    if not isinstance(value, list):
        return ()
    return tuple(storable(item) for item in value if isinstance(item, str))


def storable_or_empty(value: Any) -> str:
    """Return a string as it can be stored, and "" for everything that is not a string."""
    return storable(value) if isinstance(value, str) else ""


def _as_text(item: Any) -> str:
    if isinstance(item, str):
        return storable(item)
    if item is True or item is False:
        return "true" if item else "false"
    return str(item) if isinstance(item, int | float) else ""
