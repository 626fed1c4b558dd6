"""What holds for every page that a browser test opens, whatever the test is about.

No violation of the content security policy, no error in the console, no request that failed, no
sideways scroll, no digest too small to hit, and nothing that axe finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axe_playwright_python.base import AXE_SCRIPT

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

_RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
_RUN_AXE = """
async (tags) => {
  const found = await axe.run(document, {
    runOnly: { type: "tag", values: tags },
    resultTypes: ["violations"],
  });
  return found.violations.map((each) => ({
    rule: each.id,
    where: each.nodes.slice(0, 5).map((node) => `${node.html}\\n      ${node.failureSummary}`),
    times: each.nodes.length,
  }));
}
"""
_TELL_OF_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} refused ${event.blockedURI} at ${document.URL}`);
});
"""
# axe lets a small link pass where nothing is near, which hangs on the record; this does not.
_SMALL_OR_COVERED_DIGESTS = """
() => {
  const shown = [...document.querySelectorAll(".digest > a")]
    .map((link) => ({ link, box: link.getBoundingClientRect() }))
    .filter(({ box }) => box.height > 0);
  const meet = (one, other) =>
    one.left < other.right - 1 && other.left < one.right - 1 &&
    one.top < other.bottom - 1 && other.top < one.bottom - 1;
  return shown
    .filter(({ box }, place) => box.height < 24 ||
      shown.slice(place + 1, place + 6).some((next) => meet(box, next.box)))
    .map(({ link, box }) => `${link.title}: ${box.width} by ${box.height}`);
}
"""


class Gate:
    """Watches all pages of a context. `check` looks at one now; `close` says what was noticed."""

    def __init__(self, context: BrowserContext) -> None:
        self.errors: list[str] = []
        self._expected: set[int] = set()
        self._context = context
        context.add_init_script(_TELL_OF_VIOLATIONS)
        context.on("console", self._hear)
        context.on("response", self._see)
        context.on("weberror", lambda error: self.errors.append(f"script: {error.error}"))

    def expect_status(self, *statuses: int) -> None:
        """Answers with these statuses belong to this test."""
        self._expected.update(statuses)

    def check(self, page: Page) -> None:
        """Assert that the page, as it is now, is accessible and does not scroll sideways."""
        assert_accessible(page)
        assert_fits(page)
        assert_digests_can_be_hit(page)

    def close(self) -> None:
        """Check the pages that are still open, and assert that nothing went wrong on the way."""
        for page in self._context.pages:
            if page.url != "about:blank":
                self.check(page)
        assert self.errors == []

    def _hear(self, message: ConsoleMessage) -> None:
        # A status is judged by `_see`, which knows what the test expects.
        if message.type in ("error", "warning") and "the server responded" not in message.text:
            self.errors.append(f"console: {message.text}")

    def _see(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._expected:
            self.errors.append(f"{response.status} from {response.url}")


def assert_accessible(page: Page) -> None:
    """Assert that axe finds nothing."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(_RUN_AXE, _RULES)
    lines = [
        f"{each['rule']}, {each['times']} times:\n    " + "\n    ".join(each["where"])
        for each in found
    ]
    assert lines == [], f"{page.url}\n" + "\n".join(lines)


def assert_fits(page: Page) -> None:
    """Assert that the page is no wider than its window."""
    wide, window = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= window, f"{page.url} is {wide} wide in a window of {window}"


def assert_digests_can_be_hit(page: Page) -> None:
    """Assert that every digest that leads somewhere is 24 px high and covers no other."""
    assert page.evaluate(_SMALL_OR_COVERED_DIGESTS) == [], page.url
