"""What a check asks with: the form's values, and the stored secret where that may be used."""

from dataclasses import replace

from django.http import QueryDict

from registry_browser.models import Registry
from registry_browser.sync.registries import RegistryDetails, origin
from registry_browser.web.forms import RegistryForm


def details_to_check(posted: QueryDict, registry: Registry | None) -> RegistryDetails | None:
    """The details to check with, or None where the form is not filled in well enough.

    A registry can be checked before it has a name. The stored secret of `registry` is used where
    the form leaves it as it is, and only for the same host: it is not sent elsewhere unasked.
    """
    data = posted.copy()
    if registry is None and not data.get("name", "").strip():
        data["name"] = "unnamed"
    form = RegistryForm(data, registry=registry)
    if not form.is_valid():
        return None
    if registry is not None and _may_use_stored(data, registry):
        return replace(form.details(), secret=registry.secret)
    return form.details()


def _may_use_stored(data: QueryDict, registry: Registry) -> bool:
    keeps = bool(data.get("username")) and not data.get("secret")
    try:
        return keeps and origin(data.get("url", "").strip()) == origin(registry.url)
    except ValueError:
        # The check says what is wrong with such an address.
        return False
