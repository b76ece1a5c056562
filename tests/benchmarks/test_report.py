"""The report of 20 models, 66 countries and all questions: written, opened and used."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.benchmarks.conftest import Report
from tests.benchmarks.report import choosing_seconds, seconds_to_first_picture, write_page
from tests.benchmarks.warehouse import build, generated_home

pytestmark = pytest.mark.benchmark

MODELS = 20
MEBIBYTE = 1024**2


def test_page(page_report: Report, browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    with generated_home(MODELS) as home:
        build(home)
        writing = write_page(home, page)
    add = page_report.add
    add(f"writing the page of {MODELS} models", f"{writing.seconds:.0f} s", "20 s")
    add("peak memory meanwhile", f"{writing.peak_memory / MEBIBYTE:.0f} MiB", "1024 MiB")
    add("size of the page", f"{writing.size / 1e6:.1f} MB", "5 MB")
    opening = seconds_to_first_picture(browser, page)
    add("opening it, to the first picture", f"{opening:.1f} s", "1 s")
    for what, seconds in choosing_seconds(browser, page).items():
        add(f"choosing another {what}, to what is in sight", f"{1000 * seconds:.0f} ms", "200 ms")
    assert writing.size < 5e6
