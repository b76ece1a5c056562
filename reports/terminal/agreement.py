"""How close a model, asked in one way, is to people: rows of the page's exhibits as values."""

from dataclasses import dataclass

import duckdb

from valuescope.reports.exhibits.catalogue import EXHIBITS
from valuescope.reports.exhibits.exhibit import Row
from valuescope.reports.terminal.summary import Design, query

_EXHIBITS = {exhibit.exhibit_id: exhibit for exhibit in EXHIBITS}


@dataclass(frozen=True)
class Agreement:
    """The agreement of one unit (country, category, continent or question).

    `r` and `blind_r` are Pearson's r or, for categories, rho0; `count` is the number of cells
    behind them; `reason` says why r is None. `rank_low` and `rank_high` are the interval of its
    rank, `reliability` that of the whole ranking.
    """

    unit_id: str
    name: str
    r: float | None
    blind_r: float | None
    count: int
    reason: str | None
    low: float | None = None
    high: float | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    reliability: float | None = None


def country_agreement(connection: duckdb.DuckDBPyConnection, design: Design) -> list[Agreement]:
    """Return r over the questions of each country, best first, those without r last."""
    return [
        Agreement(
            row["country_id"],
            row["country_name"],
            row["pearson_r"],
            row["blind_baseline_r"],
            row["question_count"],
            row["null_reason"],
            row["ci_low"],
            row["ci_high"],
            row["r_rank_low"],
            row["r_rank_high"],
            row["r_ranking_reliability"],
        )
        for row in _rows(connection, "country_agreement", design)
    ]


def continent_agreement(connection: duckdb.DuckDBPyConnection, design: Design) -> list[Agreement]:
    """Return the mean of the countries' r for each continent, best first."""
    rows = query(
        connection,
        """
        select
            agg.continent,
            agg.continent,
            agg.pearson_r,
            agg.blind_baseline_r,
            agg.country_count,
            agg.null_reason,
            agg.ci_low,
            agg.ci_high,
        from marts.agg_continent_correlations as agg
        where
            agg.model_id = $model_id
            and agg.prompt_id = $prompt_id
            and agg.population_id is not distinct from $population_id
        order by agg.pearson_r desc nulls last, agg.continent
        """,
        {name: design.parameters[name] for name in ("model_id", "prompt_id", "population_id")},
    )
    return [Agreement(*row) for row in rows]


def category_agreement(connection: duckdb.DuckDBPyConnection, design: Design) -> list[Agreement]:
    """Return rho0 of each category and the blind rho0, ranked by distance from random answers.

    Categories of too few questions to be ranked come last.
    """
    return [
        Agreement(
            row["category_id"],
            row["category_name"],
            row["rho0"],
            row["blind_rho0"],
            row["question_count"],
            row["null_reason"] if row["rho0"] is None else None,
            None,
            None,
            row["category_rank_low"],
            row["category_rank_high"],
            row["category_ranking_reliability"],
        )
        for row in _rows(connection, "table_2_categories", design)
    ]


def question_agreement(connection: duckdb.DuckDBPyConnection, design: Design) -> list[Agreement]:
    """Return r across the countries of each question, best first."""
    return [
        Agreement(
            row["question_id"],
            f"{row['question_id']} {row['short_label']}",
            row["pearson_r"],
            None,
            row["country_count"],
            row["null_reason"],
        )
        for row in _rows(connection, "question_agreement", design)
    ]


def _rows(connection: duckdb.DuckDBPyConnection, exhibit_id: str, design: Design) -> list[Row]:
    return _EXHIBITS[exhibit_id].rows(connection, design.parameters)
