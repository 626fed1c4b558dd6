"""What a caller may send: query parameters and bodies, both strict. What is unknown is refused by
name.
"""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from registry_browser.api.errors import BodyTooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
MAX_BODY_BYTES = 1024 * 1024


class Strict(serializers.Serializer[Any]):
    """Refuses fields that it does not know: a misspelt one must not be silently without effect."""

    noun = "field"

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (
            unknown := [name for name in data if name not in self.fields]
        ):
            known = ", ".join(sorted(self.fields)) or "none"
            sentence = f"This {self.noun} is unknown here; known are: {known}."
            raise serializers.ValidationError({name: [sentence] for name in unknown})
        return super().to_internal_value(data)


class Parameters(Strict):
    """The query parameters of an address; by itself, none."""

    noun = "parameter"


class PageParameters(Parameters):
    """The query parameters of every list."""

    cursor = serializers.CharField(
        required=False, help_text="Where to go on, as `next` of the page before gives it."
    )
    page_size = serializers.IntegerField(
        default=DEFAULT_PAGE_SIZE, min_value=1, max_value=MAX_PAGE_SIZE, help_text="Rows on a page."
    )


def ordering_field(orderings: Mapping[str, object], *, default: str) -> serializers.ChoiceField:
    """The `ordering` parameter over the names in `orderings`, each also descending with a minus
    sign before it.
    """
    choices = [choice for name in orderings for choice in (name, f"-{name}")]
    named = ", ".join(choices)
    return serializers.ChoiceField(
        choices,
        default=default,
        help_text="A minus sign reverses the order.",
        error_messages={"invalid_choice": f"“{{input}}” is no order; write one of {named}."},
    )


class BoundedJSONParser(JSONParser):
    """JSON of at most 1 MiB. Raises BodyTooLarge, and ParseError for what is not JSON or nested
    beyond sense.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        try:
            return super().parse(io.BytesIO(body), media_type, parser_context)
        except RecursionError as error:
            raise ParseError("JSON parse error: nested too deeply.") from error
