"""How long the warehouse takes to build and to answer, with 100 models and 66 countries."""

import duckdb
import pytest

from tests.benchmarks.conftest import Report
from tests.benchmarks.warehouse import (
    MEMORY_LIMIT,
    add_model,
    build,
    correlations_by_scipy,
    correlations_by_sql,
    generated_home,
    query_seconds,
    start_seconds,
    timed,
    waited,
    waited_for_dbt,
)
from valuescope.warehouse.tables.build import OF_ANSWERS

pytestmark = pytest.mark.benchmark

MODELS = 100


def test_builds(warehouse_report: Report) -> None:
    with generated_home(MODELS // 10) as home:
        small = build(home)
        # dbt parses for it.
        waited(home)
        nothing_changed, by_dbt = waited(home), waited_for_dbt(home)
        add_model(home, MODELS // 10)
        one_added = waited(home)
    with generated_home(MODELS) as home:
        whole = build(home)
        add_model(home, MODELS)
        one_more = build(home, *OF_ANSWERS)
        nothing = build(home)
        start = start_seconds(home)
        intervals = build(home, "--full-refresh", "--select", "int_agreement_estimates+")
        queries = query_seconds(home)
        with duckdb.connect(str(home.database), read_only=True) as connection:
            by_sql = min(timed(lambda: correlations_by_sql(connection)) for _ in range(3))
            by_scipy = timed(lambda: correlations_by_scipy(connection))
            sql_rows = {row[:2]: row[2] for row in correlations_by_sql(connection)}
            scipy_rows = correlations_by_scipy(connection)

    add = warehouse_report.add
    add(
        f"whole build of {MODELS} models without the intervals ({MEMORY_LIMIT})",
        f"{whole.seconds - whole.interval_seconds:.0f} s",
        "120 s",
    )
    add(
        "intervals and what depends on them",
        f"{intervals.seconds:.0f} s",
        "180 s",
    )
    add(
        f"whole build of {MODELS} models over one of {MODELS // 10}",
        f"{whole.seconds / small.seconds:.1f}x ({whole.seconds:.0f} s over {small.seconds:.0f} s)",
        "at most 11x",
    )
    add(
        f"one model added to {MODELS}, over the whole build (dbt's start and checks in neither)",
        f"{one_more.seconds / whole.seconds:.0%} ({one_more.seconds:.0f} s)",
        "at most 10%",
    )
    add(
        f"`dbt build` with nothing changed at {MODELS} models, over the whole build",
        f"{nothing.seconds / whole.seconds:.0%} ({nothing.seconds:.0f} s)",
    )
    add("start of dbt with nothing to do, everything parsed before", f"{start:.1f} s")
    add(
        f"`valuescope build` of {MODELS // 10} models, nothing changed, start and tests included",
        f"{nothing_changed:.1f} s",
        "15 s",
    )
    add(
        f"`dbt build` of {MODELS // 10} models, nothing changed, start and tests included",
        f"{by_dbt:.0f} s",
    )
    add(
        f"`valuescope build` of {MODELS // 10} models, one added, start and tests included",
        f"{one_added:.0f} s",
        "25 s",
    )
    slowest = max(queries, key=lambda name: queries[name])
    add(
        f"slowest of the {len(queries)} usual queries: {slowest}",
        f"{1000 * queries[slowest]:.0f} ms",
        "100 ms",
    )
    add(
        "Pearson and Spearman of all countries: pandas and scipy over SQL",
        f"{by_scipy / by_sql:.0f}x ({by_scipy:.1f} s over {by_sql:.1f} s)",
        "at least 10x",
    )
    assert len(sql_rows) == len(scipy_rows)
    for row in scipy_rows.itertuples():
        assert sql_rows[row.model_id, row.country_id] == pytest.approx(row.pearson_r, abs=1e-9)
    assert one_more.seconds < whole.seconds
