"""The table and the plot that `make bench` writes into docs/."""

import platform
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from io import StringIO
from pathlib import Path

import pytest
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from tests.reports.page.browsing import CHROMIUM
from valuescope.scorer.engine.numerics import default_threads, engine_version
from valuescope.warehouse.home import CLONE

PAGE, PLOT = CLONE / "docs" / "benchmark.md", CLONE / "docs" / "benchmark.svg"
_WIDTH = 100


@dataclass
class Report:
    """Lines of the table (measure, figure, goal), bars of the plot (label, choices a second)."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)
    bars: list[tuple[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, measure: str, figure: str, goal: str = "") -> None:
        self.lines.append((measure, figure, goal))


@pytest.fixture(scope="session")
def report() -> Iterator[Report]:
    report = Report()
    yield report
    if report.lines:
        _write_section("Scoring", "tests/benchmarks/scoring.py", engine_version(), report)
        _plot(report)


@pytest.fixture(scope="session")
def ingest_report() -> Iterator[Report]:
    yield from _section_report(
        "Reading survey files",
        "tests/benchmarks/reading.py",
        lambda: f"DuckDB {version('duckdb')}, pandas {version('pandas')}",
    )


@pytest.fixture(scope="session")
def warehouse_report() -> Iterator[Report]:
    yield from _section_report(
        "Building the warehouse",
        "tests/benchmarks/warehouse.py",
        lambda: f"DuckDB {version('duckdb')}, dbt {version('dbt-core')}",
    )


@pytest.fixture(scope="session")
def lake_report() -> Iterator[Report]:
    yield from _section_report(
        "A shared warehouse",
        "tests/benchmarks/lake.py",
        lambda: (
            f"DuckDB {version('duckdb')} on the file, 1.5.5 on the lake, PostgreSQL on loopback"
        ),
    )


@pytest.fixture(scope="session")
def page_report() -> Iterator[Report]:
    yield from _section_report("The report", "tests/benchmarks/report.py", _browser_version)


@pytest.fixture(scope="session")
def sharing_report() -> Iterator[Report]:
    yield from _section_report(
        "Sharing a study out",
        "tests/benchmarks/sharing_out.py",
        lambda: f"{engine_version()}, Ray {version('ray')}",
    )


@pytest.fixture(scope="session")
def starting_report() -> Iterator[Report]:
    yield from _section_report(
        "Starting",
        "tests/benchmarks/starting.py",
        lambda: f"Python {platform.python_version()}, DuckDB {version('duckdb')}",
    )


def _section_report(title: str, source: str, engine: Callable[[], str]) -> Iterator[Report]:
    """A report that becomes a section of the page, once there are lines in it."""
    report = Report()
    yield report
    if report.lines:
        _write_section(title, source, engine(), report)


def _write_section(title: str, source: str, engine: str, report: Report) -> None:
    """Put a section in the place of the page's own of that title; the others stay."""
    first, *texts = PAGE.read_text(encoding="utf-8").split("\n## ")
    sections = {text.splitlines()[0]: text.rstrip() + "\n" for text in texts}
    sections[title] = _section(title, source, engine, report).rstrip() + "\n"
    PAGE.write_text("\n## ".join([first, *sections.values()]), encoding="utf-8")


def _section(title: str, source: str, engine: str, report: Report) -> str:
    rows = [f"| {measure} | {figure} | {goal} |" for measure, figure, goal in report.lines]
    return "\n".join(
        [
            title,
            "",
            f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {processor()}, "
            f"{default_threads()} threads, {engine}. Every ratio is of two figures taken",
            f"in one run. `{source}` says what each line measures.",
            "",
            "| measure | measured | goal |",
            "|---|---|---|",
            *rows,
            "",
            *report.notes,
        ]
    )


def _plot(report: Report) -> None:
    console = Console(record=True, width=_WIDTH, file=StringIO())
    table = Table(title="Choices scored a second", title_justify="left", box=None)
    table.add_column("")
    table.add_column("choices/s", justify="right")
    table.add_column("", ratio=1)
    longest = max((value for _, value in report.bars), default=1.0)
    for label, value in report.bars:
        table.add_row(label, f"{value:.1f}", Bar(longest, 0, value, color="cyan"))
    console.print(table)
    console.save_svg(str(PLOT), title="make bench")


def _browser_version() -> str:
    finished = subprocess.run(
        [str(CHROMIUM), "--version"], capture_output=True, text=True, check=True
    )
    return finished.stdout.strip()


def processor() -> str:
    """The processor and its kind."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            name = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        name = platform.processor()
    return f"{name} ({platform.machine()})"
