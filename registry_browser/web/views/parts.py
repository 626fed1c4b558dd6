"""The catalogue of parts: every one in all its states, with the template source that draws it.

It is for people who write pages, shows no data of any registry, and is served under DEBUG only.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Sample:
    """One sheet of the catalogue: `parts/catalogue/<name>.html`, drawn and as source."""

    heading: str
    source: str
    drawn: SafeString


SAMPLES = {
    "figure-strip": "Figure strip",
    "states": "States, pills, stamp",
    "digests": "Digests and chips",
    "figures": "Figures and times",
    "actions": "Actions, tabs, segments",
    "fields": "Fields",
    "table": "Table with tracks, sorted heads and child rows",
    "lists": "Lists of one-line facts",
    "progress": "Progress",
    "pull": "Pull box",
    "notices": "Notices, empty list, toast",
    "facts": "Definition list, reasons, disclosure, code",
    "confirm": "Confirm box",
    "palette": "Palette results",
    "trends": "Trends and bars",
    "timeline": "Timeline lanes",
    "treemap": "Treemap",
    "layouts": "Layouts",
}


def parts(request: HttpRequest) -> HttpResponse:
    """Show the catalogue."""
    context = sample_context(datetime.now(UTC))
    samples = []
    for name, heading in SAMPLES.items():
        template = get_template(f"parts/catalogue/{name}.html")
        drawn = template.render(context, request)
        source = template.template.source.strip()  # type: ignore[attr-defined]
        samples.append(Sample(heading, source, SafeString(drawn)))
    return render(request, "parts/catalogue.html", {"samples": samples, **context})


class SampleForm(forms.Form):
    """One field of each kind."""

    url = forms.URLField(
        label="Address",
        help_text="With its scheme; https unless the registry is inside.",
        assume_scheme="https",
    )
    name = forms.SlugField(label="Name", help_text="Short, used in addresses and commands.")
    password = forms.CharField(
        label="Password or token",
        widget=forms.PasswordInput,
        required=False,
        help_text="Stored encrypted, never shown again.",
    )
    dialect = forms.ChoiceField(
        label="Dialect",
        choices=[("", "found out by asking"), ("distribution", "CNCF distribution")],
        required=False,
    )
    allow_deletion = forms.BooleanField(label="Deletion is allowed", required=False)


def sample_digest(text: str) -> str:
    """A digest of some text, for samples that need several."""
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def sample_context(now: datetime) -> dict[str, Any]:
    """The invented data that the samples show."""
    web = sample_digest("web 10.18.5")
    form = SampleForm({"url": "https://registry.example", "name": "not a slug"})
    return {
        "now": now,
        "when": now - timedelta(minutes=4),
        "long_ago": now - timedelta(days=40),
        "web": web,
        "other": sample_digest("web 10.18.4"),
        "sha512": "sha512:" + "0b7318a6c82d4f96" * 8,
        "hues": [_in_hue(number) for number in range(12)],
        "rows": [
            _row("latest", web, now - timedelta(minutes=2), first=True, pinned=True),
            _row("10.18", web, now - timedelta(minutes=2)),
            _row("10.18.5", web, now - timedelta(minutes=2), last=True, children=True),
            _row("10.18.4", sample_digest("web 10.18.4"), now - timedelta(days=6), alone=True),
        ],
        "platforms": ["linux/amd64", "linux/arm64", "linux/arm/v7", "unknown/unknown"],
        "crumbs": [("prod", "#"), ("marketing", "#"), ("campaign10-18", "#"), ("web", None)],
        "commands": [
            _command("docker", "docker pull ", web),
            _command("podman", "podman pull ", web),
            _command("skopeo", "skopeo inspect docker://", web),
        ],
        "form": form,
        "options": [("", "any"), ("linux/amd64", "linux/amd64"), ("linux/arm64", "linux/arm64")],
        "why": ["untagged since 2 Mar 14:05", "child of no index", "older than 24 h"],
        "groups": [
            {
                "heading": "Tags",
                "rows": [
                    {
                        "icon": "tag",
                        "name": "10.18.5",
                        "where": "prod / marketing / web",
                        "url": "#",
                        "digest": web,
                    },
                ],
            },
            {
                "heading": "Repositories",
                "rows": [
                    {
                        "icon": "box",
                        "name": "web",
                        "where": "prod / marketing",
                        "url": "#",
                        "note": "148 tags",
                    },
                ],
            },
        ],
        "growth": [4.1, 4.12, 4.15, 4.2, 4.26, 4.31, 4.2, 4.24, 4.3, 4.35, 4.41, 4.5],
        "bytes_grown": [round(x * 1024**4) for x in (4.1, 4.15, 4.2, 4.31, 4.2, 4.3, 4.41, 4.5)],
        "windows": ["windows/amd64"],
        "marks": [(4, "deletion 79")],
        "in_use": [(2680, "bar"), (345, "bar-2"), (413, "dangling")],
        "raw": '{\n  "schemaVersion": 2,\n  "mediaType": "application/vnd.oci.empty.v1+json"\n}',
    }


def _in_hue(number: int) -> str:
    encoded = sample_digest(f"hue {number}").removeprefix("sha256:")
    first = int(encoded[:8], 16) // 12 * 12 + number
    return f"sha256:{first:08x}{encoded[8:]}"


def _row(tag: str, digest: str, changed: datetime, **track: bool) -> dict[str, Any]:
    return {"tag": tag, "digest": digest, "changed": changed, **track}


def _command(tool: str, before: str, digest: str) -> tuple[str, dict[str, str], dict[str, str]]:
    place = {"before": before, "host": "registry.example/", "path": "marketing/campaign10-18/web"}
    return tool, {**place, "reference": ":10.18.5"}, {**place, "reference": f"@{digest}"}
