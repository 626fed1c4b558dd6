"""Forms, and how what they hold becomes what operations take."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm

from registry_browser.models import Registry, Role, User
from registry_browser.oci.dialects import DIALECTS
from registry_browser.sync.registries import AUTO, RegistryDetails

if TYPE_CHECKING:
    _SetPasswordForm = SetPasswordForm[User]
else:
    # Django's own class takes no type parameter at run time.
    _SetPasswordForm = SetPasswordForm

_MINUTE = 60
_SYNC_RHYTHMS = {
    "300": "every 5 minutes",
    "900": "every 15 minutes",
    "3600": "every hour",
    "21600": "every 6 hours",
    "86400": "every day",
    "": "only when asked",
}
_CHECK_RHYTHMS = {"86400": "every day", "604800": "every week", "": "only when asked"}
_TOKEN_LIFETIMES = {"30": "30 days", "90": "90 days", "365": "a year", "": "no end"}


class _Seconds(forms.TypedChoiceField):
    """One of a few intervals. A stored one that is not among them stays a choice."""

    def __init__(self, rhythms: Mapping[str, str], *, initial: str, label: str) -> None:
        super().__init__(
            choices=list(rhythms.items()),
            initial=initial,
            label=label,
            required=False,
            coerce=lambda text: timedelta(seconds=float(text)),
            empty_value=None,
        )

    def keep(self, interval: timedelta | None) -> None:
        value = "" if interval is None else f"{interval.total_seconds():.0f}"
        choices = dict(self.choices)  # type: ignore[arg-type]
        if value not in choices and interval is not None:
            choices[value] = f"every {interval.total_seconds() / _MINUTE:g} minutes"
        self.choices = list(choices.items())
        self.initial = value


class RegistryForm(forms.Form):
    """What an admin says about a registry. The secret goes in and never comes out."""

    url = forms.CharField(
        label="Address",
        max_length=500,
        widget=forms.TextInput(
            attrs={"placeholder": "https://registry.example", "inputmode": "url"}
        ),
    )
    name = forms.CharField(
        label="Name",
        max_length=63,
        help_text="Short, used in addresses and commands. Cannot be changed later.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    username = forms.CharField(
        label="User name",
        max_length=255,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    secret = forms.CharField(
        label="Password or token",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    token_realm = forms.CharField(max_length=500, required=False, widget=forms.HiddenInput)
    dialect = forms.ChoiceField(label="Dialect", required=False)
    follow = forms.CharField(
        label="Repositories to follow",
        required=False,
        help_text="One a line, a namespace with a slash at its end. Leave it empty to read all "
        "that the registry lists; registries without a catalog need it.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    sync_interval = _Seconds(_SYNC_RHYTHMS, initial="900", label="Sync")
    check_interval = _Seconds(_CHECK_RHYTHMS, initial="86400", label="Ask for untagged manifests")
    concurrency = forms.IntegerField(label="Requests at once", initial=16)
    requests_per_second = forms.FloatField(
        label="Requests per second", required=False, help_text="Empty: no limit of our own."
    )
    vanish_percent = forms.FloatField(
        label="Ask a person when more than this share is missing at once, in %",
        initial=25,
        help_text="Until then nothing is marked as deleted.",
    )
    ca_certificate = forms.CharField(
        label="Certificate authority",
        required=False,
        help_text="PEM, where the registry's certificate is signed by your own authority.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    verify_tls = forms.BooleanField(
        label="Check the registry's certificate", initial=True, required=False
    )
    deletion_allowed = forms.BooleanField(
        label="Allow deletion in this registry",
        required=False,
        help_text="Off, the dashboard only reads. On, admins may approve deletion plans.",
    )
    deletion_needs_second_person = forms.BooleanField(
        label="Two people for every deletion",
        required=False,
        help_text="Another admin than the one who made a plan approves it.",
    )

    more = (
        "follow", "sync_interval", "check_interval", "dialect", "concurrency",
        "requests_per_second", "vanish_percent", "ca_certificate", "verify_tls", "deletion_allowed",
        "deletion_needs_second_person",
    )  # fmt: skip

    def __init__(self, *args: Any, registry: Registry | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.registry = registry
        dialects = [(kind, dialect.title) for kind, dialect in DIALECTS.items()]
        self.dialect_field.choices = [(AUTO, "found out by itself"), *dialects]
        if registry is not None:
            self._show(registry)

    @property
    def dialect_field(self) -> forms.ChoiceField:
        field = self.fields["dialect"]
        assert isinstance(field, forms.ChoiceField)
        return field

    def _show(self, registry: Registry) -> None:
        self.fields["name"].disabled = True
        self.fields["name"].help_text = "Used in addresses, commands and history; it stays."
        self.fields["secret"].help_text = (
            "One is stored. Leave this empty to keep it." if registry.secret else "None is stored."
        )
        for name in ("sync_interval", "check_interval"):
            field = self.fields[name]
            assert isinstance(field, _Seconds)
            field.keep(getattr(registry, name))
        same = (
            "name", "url", "username", "token_realm", "dialect", "concurrency",
            "requests_per_second", "ca_certificate", "verify_tls", "deletion_allowed",
            "deletion_needs_second_person",
        )  # fmt: skip
        for name in same:
            self.fields[name].initial = getattr(registry, name)
        self.fields["follow"].initial = "\n".join(registry.follow)
        self.fields["vanish_percent"].initial = f"{registry.vanish_share * 100:g}"

    @property
    def missing(self) -> list[str]:
        """The labels of what is wrong, except the name: a check needs none."""
        wrong = (name for name in self.errors if name in self.fields and name != "name")
        return [str(self.fields[name].label) for name in wrong]

    @property
    def needs_more(self) -> bool:
        """Whether the folded settings must be open: one of them is wrong."""
        return any(name in self.errors for name in self.more)

    def details(self) -> RegistryDetails:
        """The cleaned values as the operations take them.

        An empty password keeps the stored one, unless the user name is gone with it.
        """
        data = self.cleaned_data
        keeps = self.registry is not None and not data["secret"] and data["username"]
        return RegistryDetails(
            name=data["name"],
            url=data["url"],
            username=data["username"],
            secret=None if keeps else data["secret"],
            dialect=data["dialect"] or AUTO,
            token_realm=data["token_realm"],
            ca_certificate=data["ca_certificate"].strip(),
            verify_tls=data["verify_tls"],
            concurrency=data["concurrency"],
            requests_per_second=data["requests_per_second"],
            sync_interval=data["sync_interval"],
            check_interval=data["check_interval"],
            follow=tuple(line.strip() for line in data["follow"].splitlines() if line.strip()),
            vanish_share=data["vanish_percent"] / 100,
            deletion_allowed=data["deletion_allowed"],
            deletion_needs_second_person=data["deletion_needs_second_person"],
        )

    def refuse(self, field: str, message: str) -> None:
        """Show a refusal of the operation at the field that it names."""
        self.add_error("vanish_percent" if field == "vanish_share" else field, message)


class SignInForm(forms.Form):
    username = forms.CharField(
        label="Name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class NewPasswordForm(_SetPasswordForm):
    """For who came by a link and has no password yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _in_our_words(self.fields)


class ChangePasswordForm(PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _in_our_words(self.fields)
        # The page is about more than this form: it takes no focus by itself.
        del self.fields["old_password"].widget.attrs["autofocus"]


def _in_our_words(fields: Mapping[str, forms.Field]) -> None:
    fields["new_password1"].help_text = "Eight characters or more, and none that many people use."
    fields["new_password2"].label = "New password again"
    fields["new_password2"].help_text = ""


class TokenForm(forms.Form):
    name = forms.CharField(
        label="What it is for", max_length=80, widget=forms.TextInput(attrs={"placeholder": "ci"})
    )
    days = forms.ChoiceField(
        label="Works for", choices=list(_TOKEN_LIFETIMES.items()), initial="90", required=False
    )

    def expires_at(self, now: datetime) -> datetime | None:
        days = self.cleaned_data["days"]
        return now + timedelta(days=int(days)) if days else None


class PersonForm(forms.Form):
    username = forms.RegexField(
        r"^[\w.@+-]+\Z",
        label="Name",
        max_length=150,
        error_messages={"invalid": "A name holds letters, digits and . @ + - _ only."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    role = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.VIEWER)
