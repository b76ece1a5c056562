"""What `make bench` measures of the warehouse, on generated surveys and answers."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import duckdb
import pandas as pd
from scipy.stats import pearsonr, spearmanr

from tests.benchmarks.landing_sizes import Size, write_answers, write_people
from tests.dbt_project.study import WITHOUT_TESTS, build_as_named
from valuescope.warehouse.home import Home
from valuescope.warehouse.status.checked_build import checked_build
from valuescope.warehouse.tables.build import build_warehouse

MEMORY_LIMIT = os.environ.get("BENCHMARK_MEMORY_LIMIT", "4GB")
INTERVALS = "int_agreement_estimates"

# The questions that are asked most, as a user writes them.
USUAL_QUERIES = {
    "how well each model does": """
        select * from marts.agg_model_summary order by mean_pearson_r desc nulls last
    """,
    "one model, country by country": """
        select country_id, pearson_r, ci_low, ci_high, blind_baseline_r
        from marts.agg_country_correlations
        where model_id = $model_id
        order by pearson_r desc nulls last
    """,
    "all models in one country": """
        select model_id, pearson_r, blind_baseline_r, demeaned_pearson_r
        from marts.agg_country_correlations
        where country_id = 'JPN'
        order by pearson_r desc nulls last
    """,
    "mean r by continent": """
        select continent, avg(pearson_r), count(*)
        from marts.agg_continent_correlations
        group by continent
    """,
    "the distribution of one answer": """
        select choice_index, choice_text, llm_probability, human_share
        from marts.fct_choice_probabilities
        where model_id = $model_id and question_id = 'Q182' and country_id = 'JPN'
        order by choice_index
    """,
    "one question over all countries": """
        select country_id, llm_mean_score, human_mean_score
        from marts.fct_mean_scores
        where model_id = $model_id and question_id = 'Q182'
    """,
    "the questions missed by most": """
        select question_id, avg(absolute_error) as mean_absolute_error
        from marts.fct_mean_scores
        where model_id = $model_id and country_id != 'ZZZ'
        group by question_id
        order by mean_absolute_error desc
        limit 20
    """,
    "categories, ranked": """
        select category_id, rho0_above_blind, category_rank
        from marts.agg_category_correlations
        where model_id = $model_id
        order by category_rank
    """,
    "two models, cell by cell": """
        select corr(first.llm_mean_score, second.llm_mean_score)
        from marts.fct_mean_scores as first
        inner join marts.fct_mean_scores as second
            on
                first.question_id = second.question_id
                and first.country_id = second.country_id
        where first.model_id = $model_id and second.model_id = $other_model_id
    """,
    "why cells are missing": """
        select null_reason, count(*)
        from marts.fct_mean_scores
        where model_id = $model_id
        group by null_reason
    """,
}


@dataclass(frozen=True)
class Build:
    """The seconds that dbt took, and those of the intervals among them."""

    seconds: float
    interval_seconds: float


@contextmanager
def generated_home(models: int) -> Iterator[Home]:
    """A home with people in 66 countries and the answers of so many models, deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="valuescope-bench-"))
    try:
        home = Home(folder / "home")
        write_people(home)
        write_answers(home, Size(models))
        yield home
    finally:
        shutil.rmtree(folder)


def add_model(home: Home, number: int) -> None:
    """Land one more model."""
    write_answers(home, Size(1, first_model=number))


def build(home: Home, *arguments: str, **variables: object) -> Build:
    """A whole `dbt build` without dbt's tests, within the memory limit."""
    output = home.path / "dbt"
    options = ("--vars", json.dumps(variables))
    with patch.dict(os.environ, VALUESCOPE_MEMORY_LIMIT=MEMORY_LIMIT):
        finished = build_as_named(home, output, *WITHOUT_TESTS, *options, *arguments)
    assert finished.returncode == 0, finished.stdout[-3000:]
    results = json.loads((output / "target" / "run_results.json").read_text())
    intervals = sum(
        node["execution_time"]
        for node in results["results"]
        if node["unique_id"].endswith(INTERVALS)
    )
    return Build(results["elapsed_time"], intervals)


def waited(home: Home) -> float:
    """The seconds that a user waits for `valuescope build`, dbt's start and its tests included."""
    with patch.dict(os.environ, VALUESCOPE_MEMORY_LIMIT=MEMORY_LIMIT):
        return timed(partial(checked_build, home))


def waited_for_dbt(home: Home) -> float:
    """The same where dbt runs all the same, as `dbt build` does."""
    with patch.dict(os.environ, VALUESCOPE_MEMORY_LIMIT=MEMORY_LIMIT):
        return timed(partial(build_warehouse, home))


def start_seconds(home: Home) -> float:
    """The seconds that dbt takes to start, with everything parsed before and nothing to do."""
    output = home.path / "dbt"
    nothing = ("--select", "raw.nothing", "--vars", "{}")
    with patch.dict(os.environ, VALUESCOPE_MEMORY_LIMIT=MEMORY_LIMIT):
        started = partial(build_as_named, home, output, *WITHOUT_TESTS, *nothing)
        return min(timed(started) for _ in range(3))


def query_seconds(home: Home) -> dict[str, float]:
    """The median of five runs of each usual query, on a connection that has just been opened."""
    seconds = {}
    with duckdb.connect(str(home.database), read_only=True) as connection:
        models = connection.execute(
            "select model_id from marts.dim_models order by model_id limit 2"
        ).fetchall()
        parameters = {"model_id": models[0][0], "other_model_id": models[-1][0]}
        for name, query in USUAL_QUERIES.items():
            given = {key: value for key, value in parameters.items() if f"${key}" in query}
            seconds[name] = median(
                timed(partial(_rows, connection, query, given)) for _ in range(5)
            )
    return seconds


def correlations_by_sql(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Pearson and Spearman of every model and country in SQL, from the mean scores."""
    return connection.execute(
        """
        with

        ranked as (

            select
                model_id,
                country_id,
                llm_mean_score,
                human_mean_score,
                rank() over (answers order by llm_mean_score) as llm_rank,
                rank() over (answers order by human_mean_score) as human_rank
            from marts.fct_mean_scores
            where absolute_error is not null
            window answers as (partition by model_id, country_id)

        )

        select
            model_id,
            country_id,
            corr(llm_mean_score, human_mean_score),
            corr(llm_rank, human_rank)
        from ranked
        group by model_id, country_id
        """
    ).fetchall()


def correlations_by_scipy(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The same with pandas and scipy, the reading of the table included."""
    scores = connection.execute(
        """
        select model_id, country_id, llm_mean_score, human_mean_score
        from marts.fct_mean_scores
        where absolute_error is not null
        """
    ).df()
    rows = [
        (
            *keys,
            pearsonr(group["llm_mean_score"], group["human_mean_score"]).statistic,
            spearmanr(group["llm_mean_score"], group["human_mean_score"]).statistic,
        )
        for keys, group in scores.groupby(["model_id", "country_id"])
    ]
    return pd.DataFrame(rows, columns=["model_id", "country_id", "pearson_r", "spearman_rho"])


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any]
) -> list[tuple[Any, ...]]:
    return connection.execute(query, parameters).fetchall()


def timed(task: Callable[[], object]) -> float:
    """The seconds a task takes."""
    started = time.perf_counter()
    task()
    return time.perf_counter() - started
