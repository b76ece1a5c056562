"""Pages of warehouses that lack something, or hold much: drawn, and saying what is missing."""

from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser

from tests.reports.page.browsing import opened
from valuescope.reports.page.page import DETAILED_DESIGNS, Origin, html
from valuescope.reports.terminal.summary import designs

ORIGIN = Origin("1.2.3", {})


@pytest.mark.parametrize("which", ["alone", "paired"])
def test_a_page_is_drawn_of_any_study(
    which: str, browser: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """One model without people; sizes, precisions, base and chat."""
    connection: duckdb.DuckDBPyConnection = request.getfixturevalue(which)
    file = tmp_path / "report.html"
    file.write_text(html(connection, designs(connection), ORIGIN), encoding="utf-8")
    shown = opened(browser, file)
    assert shown.problems == []
    assert shown.page.locator("#problem").is_hidden()
    shown.page.context.close()


def test_more_designs_than_a_page_holds_are_counted(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = designs(warehouse)
    many = (found * DETAILED_DESIGNS)[: DETAILED_DESIGNS + 7]
    page = " ".join(html(warehouse, many, ORIGIN).split("<main", maxsplit=1)[1].split())
    assert f"{DETAILED_DESIGNS} of {DETAILED_DESIGNS + 7} designs can be chosen here" in page
    whole = html(warehouse, found, ORIGIN)
    assert "designs can be" not in whole


def test_the_same_warehouse_gives_the_same_page(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = designs(warehouse)
    assert html(warehouse, found, ORIGIN) == html(warehouse, found, ORIGIN)


def test_a_page_names_no_address_that_it_would_ask(warehouse: duckdb.DuckDBPyConnection) -> None:
    page = html(warehouse, designs(warehouse), ORIGIN)
    assert "default-src 'none'" in page
    for asking in ('src="http', "src='http", "@import", "url(http", '<link rel="stylesheet"'):
        assert asking not in page
