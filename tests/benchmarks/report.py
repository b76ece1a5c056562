"""What `make bench` measures of the report's page: writing it, opening it, choosing in it."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser

from tests.reports.page.browsing import Opened, opened
from valuescope.warehouse.home import CLONE, Home

_CHOOSING = """
async (what) => {
    const select = document.getElementById(`choose-${what}`);
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    const start = performance.now();
    select.dispatchEvent(new Event("change"));
    while (document.documentElement.dataset.shown !== location.hash) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return performance.now() - start;
}
"""
_MARKING = """
new MutationObserver((_, observer) => {
    if (!document.querySelector(".drawing svg")) return;
    observer.disconnect();
    requestAnimationFrame(() => performance.mark("picture"));
}).observe(document, { childList: true, subtree: true });
"""


@dataclass(frozen=True)
class Writing:
    """Seconds and bytes of memory at the most of one `valuescope report`, and its page's bytes."""

    seconds: float
    peak_memory: int
    size: int


def write_page(home: Home, page: Path) -> Writing:
    """Write the page of `home` by the command, in a process of its own."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "valuescope", "report"),
            *("--format", "html", "--overwrite", "--output", str(page)),
        ],
        env=os.environ | {"VALUESCOPE_HOME": str(home.path)},
        cwd=CLONE,
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, _peak_bytes(process.pid))
        time.sleep(0.02)
    assert process.returncode == 0
    return Writing(time.perf_counter() - start, peak, page.stat().st_size)


def _peak_bytes(process_id: int) -> int:
    """The most memory that a process has held so far; 0 when it has just ended."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found.group(1)) * 1024 if found else 0


def seconds_to_first_picture(browser: Browser, page: Path) -> float:
    """From opening the file to its first chart on the screen, by the browser's clock: median of 3.

    Asked from outside, a page that draws its next chart answers late.
    """
    return median(_first_picture(browser, page) for _ in range(3))


def _first_picture(browser: Browser, page: Path) -> float:
    context = browser.new_context(offline=True)
    tab = context.new_page()
    tab.add_init_script(_MARKING)
    tab.goto(page.as_uri(), wait_until="commit")
    tab.wait_for_function("performance.getEntriesByName('picture').length")
    milliseconds: float = tab.evaluate("performance.getEntriesByName('picture')[0].startTime")
    context.close()
    return milliseconds / 1000


def choosing_seconds(browser: Browser, page: Path) -> dict[str, float]:
    """From a choice to the figures in sight showing it, for each selector; the median of five.

    The section that follows the choice is scrolled to first.
    """
    shown = opened(browser, page)
    sections = {
        "design": "country_agreement",
        "country": "country_scatter",
        "category": "country_scatter",
        "question": "question_countries",
    }
    seconds = {what: _choosing(shown, what, place) for what, place in sections.items()}
    shown.page.context.close()
    return seconds


def _choosing(shown: Opened, what: str, place: str) -> float:
    shown.page.locator(f"#{place}").scroll_into_view_if_needed()
    milliseconds: list[float] = [shown.page.evaluate(_CHOOSING, what) for _ in range(5)]
    return median(milliseconds) / 1000
