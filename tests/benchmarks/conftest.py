"""The table and the plot that `make bench` writes into docs/."""

import platform
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import altair as alt
import pandas as pd
import pytest

from tests.reports.page.browsing import CHROMIUM
from valuescope.scorer.engine.numerics import default_threads, engine_version
from valuescope.warehouse.home import CLONE

PAGE, PLOT = CLONE / "docs" / "benchmark.md", CLONE / "docs" / "benchmark.svg"
_READING, _SCORING = "reading one prompt of 512 tokens", "scoring the tree"


@dataclass
class Report:
    """Lines of the table (measure, figure, goal), and speeds of the plot.

    A speed is what was scored, and tokens a second of reading one prompt and of scoring.
    """

    lines: list[tuple[str, str, str]] = field(default_factory=list)
    speeds: list[tuple[str, float, float]] = field(default_factory=list)
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
def gpu_report() -> Iterator[Report]:
    yield from _section_report("On a GPU", "tests/benchmarks/test_gpu.py", engine_version)


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
    speeds = pd.DataFrame(report.speeds, columns=["scored", _READING, _SCORING])
    order = list(speeds["scored"])
    name = alt.Y("scored:N", title=None, sort=order, axis=alt.Axis(labelLimit=400))
    kinds = alt.Color(
        "what:N",
        title=None,
        scale=alt.Scale(domain=[_SCORING, _READING], range=["#1f77b4", "#999999"]),
        legend=alt.Legend(orient="top"),
    )
    rows = alt.Chart(speeds.melt("scored", var_name="what", value_name="tokens"))
    tokens = alt.X("tokens:Q", title="tokens a second", scale=alt.Scale(type="log"))
    points = rows.mark_point(filled=True, size=70).encode(tokens, name, kinds)
    between = rows.mark_line(color="#cccccc").encode(tokens, name, detail="scored:N")
    (between + points).properties(width=460, height=alt.Step(24)).save(PLOT)


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
