"""A page in a browser, as a reader meets it."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Chromium asks for much by itself; with the network closed each of that only costs time.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
DESKTOP = (1280, 900)
PHONE = (375, 740)
# Milliseconds after which a page hangs rather than draws, on a slow machine with a busy neighbour.
PATIENCE = 300_000


@dataclass
class Opened:
    """A page in the browser, and what went wrong while it was open."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def choose(self, what: str, label: str) -> None:
        """Choose an option by its label, and wait until what is in sight shows it."""
        self.page.select_option(f"#choose-{what}", label=label)
        self.page.wait_for_function("document.documentElement.dataset.shown === location.hash")

    def settle(self) -> None:
        """Wait until every exhibit shows what is chosen."""
        self.page.wait_for_function("document.documentElement.dataset.settled === location.hash")

    def table(self, exhibit_id: str) -> list[list[str]]:
        """The cells of an exhibit's table as they read, its heading first."""
        article = self.page.locator(f"#{exhibit_id}")
        for closed in article.locator("details.numbers:not([open]) > summary").all():
            closed.click()
        rows: list[list[str]] = article.locator(".rows table").evaluate(
            "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
        )
        return rows


def opened(
    browser: Browser,
    file: Path,
    address: str = "",
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
) -> Opened:
    """Open a page with the network off and wait until all of it is drawn."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        offline=True,
        accept_downloads=True,
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    shown = Opened(page)
    page.on("console", lambda message: shown.problems.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: shown.problems.append(str(error)))
    page.on("request", lambda request: shown.requests.append(request.url))
    page.goto(file.as_uri() + address)
    page.wait_for_selector("html[data-drawn=all]")
    return shown
