"""A page of a real warehouse, and a browser that opens it from the disk."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser

from tests.dbt_project.agreement_study import AgreementStudy
from tests.reports.page.browsing import Opened, opened
from valuescope.reports.page.page import Origin, html
from valuescope.reports.terminal.summary import designs


@pytest.fixture(scope="module")
def warehouse(agreement: AgreementStudy) -> Iterator[duckdb.DuckDBPyConnection]:
    """Five models, six designs and all marts; closed before dbt may want the file."""
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def page_file(agreement: AgreementStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of that warehouse, as a reader has it on a disk."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        page = html(connection, designs(connection), Origin("1.2.3", {"deff": 1.5}))
    file.write_text(page, encoding="utf-8")
    return file


@pytest.fixture
def desktop(browser: Browser, page_file: Path) -> Iterator[Opened]:
    """The page on a desktop's screen."""
    shown = opened(browser, page_file)
    yield shown
    shown.page.context.close()
