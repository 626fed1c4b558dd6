"""What a trend shows, said in a sentence for those who do not see it."""

from django.template import Library

from registry_browser.queries.trends import Trend
from registry_browser.templatetags.figures import plain_bytes

register = Library()


@register.filter
def growth(trend: Trend) -> str:
    """Turn a trend into words: "Stored bytes grew from 4.1 TiB to 4.5 TiB in 90 days"."""
    first, last = trend.values[0], trend.values[-1]
    days = f"in {len(trend.values):,} days"
    if first == last:
        return f"Stored bytes stayed at {plain_bytes(last)} {days}"
    verb = "grew" if last > first else "shrank"
    return f"Stored bytes {verb} from {plain_bytes(first)} to {plain_bytes(last)} {days}"
