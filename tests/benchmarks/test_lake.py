"""How long a shared warehouse takes to build, beside a file.

`BENCHMARK_MODELS=1000 BENCHMARK_MEMORY_LIMIT=16GB` make it ten times larger: more than an hour, and
40 GB of disk.
"""

import os

import duckdb
import pytest

from tests.benchmarks.conftest import Report
from tests.benchmarks.lake import build_on_lake, lake_of, rows_on_lake
from tests.benchmarks.warehouse import MEMORY_LIMIT, build, generated_home

pytestmark = pytest.mark.benchmark

MODELS = int(os.environ.get("BENCHMARK_MODELS", "100"))


def test_a_lake_builds_the_same_rows(lake_report: Report) -> None:
    with generated_home(MODELS) as home, lake_of(home) as lake:
        on_file = build(home).seconds
        on_lake = build_on_lake(lake)
        rows = rows_on_lake(lake)
        with duckdb.connect(str(home.database), read_only=True) as connection:
            ((of_file,),) = connection.execute(
                "select count(*) from marts.fct_choice_probabilities"
            ).fetchall()
        bytes_on_lake = sum(
            path.stat().st_size for path in (home.path / "lake").rglob("*") if path.is_file()
        )
        bytes_on_file = home.database.stat().st_size

    lake_report.add(
        f"whole build of {MODELS} models, {rows / 1e6:.1f} million choice rows, on a lake over a "
        f"file ({MEMORY_LIMIT})",
        f"{on_lake / on_file:.2f}x ({on_lake:.0f} s over {on_file:.0f} s)",
        "at most 2x",
    )
    lake_report.add(
        "space of the rows after one build, on a lake over a file",
        f"{bytes_on_lake / bytes_on_file:.2f}x "
        f"({bytes_on_lake / 1e9:.1f} GB over {bytes_on_file / 1e9:.1f} GB)",
    )
    assert rows == of_file
