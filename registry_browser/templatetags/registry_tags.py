"""`{% load registry_tags %}`: all parts, gathered from the files that say what each is about."""

from django.template import Library

from registry_browser.templatetags import (
    addresses,
    boxes,
    controls,
    digests,
    fields,
    figures,
    icons,
    pictures,
    states,
    times,
)

register = Library()

PARTS = (addresses, boxes, controls, digests, fields, figures, icons, pictures, states, times)

for part in PARTS:
    register.tags.update(part.register.tags)
    register.filters.update(part.register.filters)
