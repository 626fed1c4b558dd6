"""The lanes of a timeline as SVG: hundreds of spans a page, put in their places by `web.lanes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.template import Library
from django.utils.safestring import SafeString

from registry_browser.templatetags.addresses import address
from registry_browser.templatetags.digests import hue
from registry_browser.templatetags.markup import filled

if TYPE_CHECKING:
    from collections.abc import Iterable

register = Library()

_LANE = """\
<svg class="lane" role="group" aria-label="{}"><line class="absent" x1="0" x2="100%" y1="20" \
y2="20"/>{}{}{}{}</svg>"""
_SPAN = """\
<{} class="{}"><svg x="{}" y="8" width="{}" height="24"><title>{}</title><rect class="span-fill" \
width="100%" height="100%"/><rect class="span-start" width="3" height="100%"/>{}{}</svg></{}>"""
_LABEL = '<text class="long" x="9" y="16">{}</text>'
_SHORT_LABEL = '<text class="short" x="9" y="16">{}</text>'
_BAR = '<rect class="density" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
_BAND = '<rect class="uncertain" x="{}" y="8" width="{}" height="24"><title>{}</title></rect>'
_AS_OF = '<line class="as-of" x1="{0}" x2="{0}" y1="0" y2="40"/>'


@register.simple_tag
def lane_picture(lane: Any, at_place: str = "") -> SafeString:
    """One lane: its spans, each a link to its image while the registry is connected; how often it
    changed, where that is too often to draw each; what is uncertain; the moment asked for.
    """
    return filled(
        _LANE,
        lane.summary,
        _joined(_span(box, lane) for box in lane.boxes),
        _joined(filled(_BAR, bar.x, bar.y, bar.width, bar.height, bar.fact) for bar in lane.bars),
        _joined(filled(_BAND, band.x, band.width, band.fact) for band in lane.bands),
        filled(_AS_OF, at_place) if at_place else "",
    )


def _span(box: Any, lane: Any) -> SafeString:
    element = opening = "g"
    if lane.registry:
        element = "a"
        there = address("manifest", lane.registry, lane.path, box.digest)
        opening = filled('a href="{}" aria-label="{}"', there, box.fact)
    return filled(
        _SPAN,
        opening,
        hue(box.digest),
        box.x,
        box.width,
        box.fact,
        filled(_LABEL, box.label) if box.label else "",
        filled(_SHORT_LABEL, box.short) if box.short else "",
        element,
    )


def _joined(pieces: Iterable[SafeString]) -> SafeString:
    return SafeString("".join(pieces))
