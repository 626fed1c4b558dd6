"""Forms about deletion: what a plan should be about, and what is locked."""

from datetime import timedelta
from typing import Any

from django import forms

from registry_browser.models import Registry, User
from registry_browser.oci.digest import is_digest
from registry_browser.oci.reference import is_valid_path
from registry_browser.queries.tree import place

MOST_CHOSEN = 5_000
"""Manifests that one plan may be about; more are planned by prefix."""
_GRACES = {
    "3600": "an hour",
    "86400": "24 hours",
    "604800": "7 days",
    "2592000": "30 days",
    "7776000": "90 days",
}


class PlanForm(forms.Form):
    """A plan by registry and prefix, or for chosen manifests."""

    registry = forms.ModelChoiceField(
        label="Registry", queryset=Registry.objects.none(), to_field_name="name", empty_label=None
    )
    prefix = forms.CharField(  # type: ignore[assignment]  # a promised name
        label="Repository or namespace",
        required=False,
        max_length=255,
        help_text="Empty: the whole registry.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    grace = forms.ChoiceField(
        label="Keep what is younger than",
        choices=list(_GRACES.items()),
        initial="86400",
        help_text="Since it was pushed, first seen, or lost its tag, whichever was last.",
    )
    digest = forms.CharField(
        label="Only these manifests",
        required=False,
        help_text="Digests, one a line. Empty: all that is dangling there.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["registry"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Registry.objects.visible_to(user)

    def clean_prefix(self) -> str:
        prefix = str(self.cleaned_data["prefix"]).strip().strip("/")
        if prefix and not is_valid_path(prefix):
            raise forms.ValidationError(
                f"“{prefix}” is no repository or namespace; write it as team/app."
            )
        return prefix

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        registry, prefix = cleaned.get("registry"), cleaned.get("prefix", "")
        if registry is not None and place(registry, prefix) is None:
            self.add_error(
                "prefix", f"No repository at or below {prefix} was seen in {registry.name}."
            )
        return cleaned

    def clean_digest(self) -> list[str]:
        digests = list(dict.fromkeys(str(self.cleaned_data["digest"]).split()))
        if wrong := next((digest for digest in digests if not is_digest(digest)), None):
            raise forms.ValidationError(f"“{wrong[:80]}” is no digest.")
        if len(digests) > MOST_CHOSEN:
            raise forms.ValidationError(f"Choose {MOST_CHOSEN:,} manifests at most, or a prefix.")
        return digests

    def grace_period(self) -> timedelta:
        return timedelta(seconds=int(self.cleaned_data["grace"]))


class LockForm(forms.Form):
    """A place, or one manifest in it, and why it must stay."""

    registry = forms.ModelChoiceField(
        label="Registry", queryset=Registry.objects.none(), to_field_name="name", empty_label=None
    )
    path = forms.CharField(
        label="Repository or namespace",
        required=False,
        max_length=255,
        help_text="With all below it. Empty: the whole registry.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    digest = forms.CharField(
        label="Only this manifest",
        required=False,
        max_length=140,
        help_text="A digest; its children and referrers stay with it. Empty: all that is there.",
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )
    reason = forms.CharField(
        label="Why", max_length=300, help_text="Whoever plans a deletion reads it."
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["registry"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Registry.objects.visible_to(user)
