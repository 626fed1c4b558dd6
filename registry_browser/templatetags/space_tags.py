"""What only the pages of space and sharing need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.template import Library

from registry_browser.oci.mediatypes import artifact_name
from registry_browser.templatetags.figures import bytes_figure, plain_bytes
from registry_browser.templatetags.markup import filled
from registry_browser.templatetags.pictures import split_bar

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from registry_browser.reports.figures import Use
    from registry_browser.reports.pairs import PairRow
    from registry_browser.reports.untagged import UntaggedRow

register = Library()

TONES = 4


@register.simple_tag
def use_bar(use: Use) -> SafeString:
    """Stored bytes as one bar: in use, shared, reclaimable. Its figures stand in the legend."""
    return split_bar([(use.in_use, "bar"), (use.shared, "bar-2"), (use.reclaimable, "dangling")])


@register.simple_tag
def matrix_cell(pair: PairRow, most: int) -> SafeString:
    """A cell of the matrix: its figure, on a tone for how much of the largest that is."""
    tone = -(-pair.common_bytes * TONES // most) if most else 0
    return filled(
        '<td class="number tone-{}" title="{} and {}: {} in common">{}</td>',
        str(tone),
        pair.first,
        pair.second,
        plain_bytes(pair.common_bytes),
        bytes_figure(pair.common_bytes),
    )


@register.filter
def what_it_is(row: UntaggedRow) -> str:
    """What people call it: `linux/amd64`, `index of 2`, `SPDX SBOM`, or the bare artifact type."""
    if row.kind == "unparsed":
        return "unknown type"
    if named := artifact_name(row.artifact_type):
        return named
    if row.kind == "index":
        return f"index of {row.children}" if row.children else "empty index"
    if row.kind == "artifact":
        return row.artifact_type or "artifact"
    return row.platform or "image"
