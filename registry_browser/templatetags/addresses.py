"""Addresses for what a page names hundreds of times.

`reverse` and `{% url %}` try every pattern of a name, convert and match, each time anew: the 400
links of a page of history took a sixth of its time. A single link has no need of this.
"""

from functools import cache
from urllib.parse import quote

from django.template import Library
from django.urls import reverse

register = Library()

_SAFE = "/~:@!$&'()*+,;="
"""What `reverse` leaves as it is."""


@register.simple_tag
def address(name: str, *args: str) -> str:
    """What `reverse(name, args=args)` gives for texts of the record: names of registries, paths,
    tags, digests. They are not checked again.
    """
    digests = tuple(":" in text for text in args)
    return quote(_form(name, digests).format(*args), safe=_SAFE)


@cache
def _form(name: str, digests: tuple[bool, ...]) -> str:
    """The address with a `{}` for each text; digests stand where patterns want one."""
    stand_ins = [
        f"sha256:{number:064}" if is_digest else f"stand-in-{number}"
        for number, is_digest in enumerate(digests)
    ]
    form = reverse(name, args=stand_ins)
    for stand_in in stand_ins:
        form = form.replace(stand_in, "{}")
    return form
