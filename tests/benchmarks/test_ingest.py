"""How fast survey files are read and in how much memory, on files of the official sizes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.conftest import Report
from tests.benchmarks.reading import Reading, count, group, ingest, measured, open_cells
from tests.benchmarks.survey_sizes import (
    COUNTRY_RESPONDENTS,
    TIME_SERIES_RESPONDENTS,
    WAVE7_RESPONDENTS,
    country_workbook,
    time_series_csv,
    wave7_csv,
    wave7_dta,
    wave7_sav,
)

pytestmark = pytest.mark.benchmark

GIBIBYTE = 2**30
MEMORY_GOAL = 2 * GIBIBYTE
# The quickest of so many: what else the machine does only ever adds.
ROUNDS = 3


def test_wave7_csv(ingest_report: Report) -> None:
    path = wave7_csv()
    rounds = [(measured(count, path), measured(ingest, path)) for _ in range(ROUNDS)]
    counted = min((pair[0] for pair in rounds), key=lambda reading: reading.seconds)
    ingested = min((pair[1] for pair in rounds), key=lambda reading: reading.seconds)
    grouped = measured(group, path)

    ingest_report.add(
        "ingest over DuckDB counting the cells: wave 7, CSV",
        f"{ingested.seconds / counted.seconds:.1f}x ({ingested.seconds:.1f} s over "
        f"{counted.seconds:.1f} s)",
        "at most 1.5x",
    )
    ingest_report.add(
        "pandas reading and grouping over ingest, processor time: wave 7, CSV",
        f"{grouped.processor_seconds / ingested.processor_seconds:.1f}x "
        f"({grouped.processor_seconds:.1f} s over {ingested.processor_seconds:.1f} s)",
        "at least 1.5x",
    )
    ingest_report.add(
        "peak memory: wave 7, CSV",
        f"{ingested.peak_bytes / GIBIBYTE:.2f} GiB (pandas {grouped.peak_bytes / GIBIBYTE:.2f})",
        "2 GiB",
    )
    assert ingested.rows == counted.rows == grouped.rows == WAVE7_RESPONDENTS
    assert ingested.processor_seconds < grouped.processor_seconds
    assert ingested.peak_bytes < MEMORY_GOAL


def test_labelled_workbook(ingest_report: Report) -> None:
    path = country_workbook()
    rounds = [(measured(open_cells, path), measured(ingest, path)) for _ in range(ROUNDS)]
    opened = min((pair[0] for pair in rounds), key=lambda reading: reading.processor_seconds)
    ingested = min((pair[1] for pair in rounds), key=lambda reading: reading.processor_seconds)

    ingest_report.add(
        "ingest over python-calamine reading the cells, processor time: one country, Excel",
        f"{ingested.processor_seconds / opened.processor_seconds:.1f}x "
        f"({ingested.processor_seconds:.1f} s over {opened.processor_seconds:.1f} s)",
        "at most 2x",
    )
    assert ingested.rows == opened.rows == COUNTRY_RESPONDENTS


def test_time_series_csv(ingest_report: Report) -> None:
    wave7, ingested = measured(ingest, wave7_csv()), measured(ingest, time_series_csv())

    _add_beside_wave7("time series, CSV", ingested, wave7, "at most 5x", ingest_report)
    assert ingested.rows == TIME_SERIES_RESPONDENTS
    assert ingested.peak_bytes < MEMORY_GOAL


@pytest.mark.parametrize(
    ("name", "written"),
    [("wave 7, SPSS (.sav)", wave7_sav), ("wave 7, Stata (.dta)", wave7_dta)],
    ids=["sav", "dta"],
)
def test_statistics_files(name: str, written: Callable[[], Path], ingest_report: Report) -> None:
    wave7, ingested = measured(ingest, wave7_csv()), measured(ingest, written())

    _add_beside_wave7(name, ingested, wave7, "", ingest_report)
    assert ingested.rows == WAVE7_RESPONDENTS
    assert ingested.peak_bytes < MEMORY_GOAL


def _add_beside_wave7(
    name: str, ingested: Reading, wave7: Reading, goal: str, report: Report
) -> None:
    report.add(
        f"ingest over ingest of wave 7's CSV: {name}",
        f"{ingested.seconds / wave7.seconds:.1f}x ({ingested.seconds:.1f} s over "
        f"{wave7.seconds:.1f} s)",
        goal,
    )
    report.add(f"peak memory: {name}", f"{ingested.peak_bytes / GIBIBYTE:.2f} GiB", "2 GiB")
