"""An auditor who has never seen this: what did a tag point to on a day, who moved it, prove it.

Whoever follows this goes by the links and words of the pages alone.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.acting import PASSWORD
from tests.record import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.browser.gate import Gate
    from tests.browser.stage import Dashboard


def test_an_auditor_finds_exports_and_proves_what_a_tag_pointed_to(
    open_as: Callable[..., Page],
    gate_of: Callable[[Page], Gate],
    dashboard: Dashboard,
    tmp_path: Path,
) -> None:
    page = open_as("nobody")
    page.goto("/")
    page.get_by_label("Name", exact=True).fill("some-auditor")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    # What did prod/api:stable point to on 3 March, and who moved it?
    page.get_by_role("link", name="prod", exact=True).first.click()
    page.get_by_role("link", name="api", exact=True).click()
    page.get_by_role("link", name="History", exact=True).last.click()
    expect(page.get_by_role("heading", name="Events 5")).to_be_visible()
    stood = page.get_by_role("region", name=re.compile("^As of"))
    for moment, name in (("2026-03-03", "api 1"), ("2026-03-04", "api 2")):
        page.get_by_label("Moment in UTC").fill(moment)
        stood.get_by_role("button", name="Show").click()
        row = stood.get_by_role("listitem").filter(has_text="stable")
        expect(row).to_contain_text(digest_of(name)[7:19])
    gate_of(page).check(page)
    moved = page.locator(".list.dated > li").filter(has_text="ci-release")
    expect(moved).to_contain_text(
        f"stable moved from {digest_of('api 1')[7:19]} to {digest_of('api 2')[7:19]}"
    )
    expect(moved).to_contain_text("pushed by ci-release, told by a notification")

    # The month, as a file.
    page.get_by_label("From", exact=True).fill("2026-03-01")
    page.get_by_label("To", exact=True).fill("2026-03-31")
    expect(page.get_by_role("heading", name="Events 4")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV", exact=True).click()
    file = tmp_path / started.value.suggested_filename
    started.value.save_as(file)
    lines = file.read_text().splitlines()
    assert len(lines) == 1 + 4 + 1
    assert lines[-1].startswith("#manifest")

    # Is it true? The page says how to find out: here …
    page.get_by_role("link", name="How it is verified").click()
    page.get_by_label("Exported file (CSV or JSON lines)").set_input_files(file)
    page.get_by_role("button", name="Check the file").click()
    expect(
        page.get_by_text("The export holds: its 4 rows are those of the ledger.")
    ).to_be_visible()
    gate_of(page).check(page)
    # … and at a terminal, in the words of the page.
    proof = page.get_by_role("region", name="How this can be proved")
    commands = proof.locator("code").all_inner_texts()
    manifest = json.loads(lines[-1].partition(",")[2][1:-1].replace('""', '"'))
    for command in commands:
        said = _run(command, dashboard, {"FILE": str(file), "DIGEST": manifest["seal"]["digest"]})
        if "sha256sum" in command:
            assert said.split()[0] == manifest["body_sha256"]
        elif "--expect" in command:
            assert "It holds the seal that you expect." in said
        else:
            assert "The export holds: its 4 rows are those of the ledger." in said
    assert len(commands) == 3

    # And the chain of seals itself.
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text("Every seal is being recomputed")).to_be_visible()
    outcome = page.get_by_text("asked for by some-auditor")
    expect(outcome).to_be_visible()
    expect(page.get_by_text("Every seal held")).to_be_visible()


def _run(command: str, dashboard: Dashboard, values: dict[str, str]) -> str:
    """What a command of the page says; it may be two with a pipe between them."""
    for name, value in values.items():
        command = re.sub(rf"\b{name}\b", shlex.quote(value), command)
    if command.startswith("manage.py "):
        return dashboard.manage(*shlex.split(command)[1:])
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    return done.stdout
