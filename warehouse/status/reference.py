"""The population that models are compared with, and what its people were asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from valuescope.warehouse.database.connections import population_id_expression, reference_order
from valuescope.warehouse.instruments.seeds import Survey


@dataclass(frozen=True)
class Reference:
    """The population that models are compared with in a survey's questions, and what it covers.

    `survey_id` is the survey whose people they are. `cells` counts country-question pairs that
    somebody answered. `reason` says why it comes before the survey's other populations.
    """

    survey_id: str
    population_id: str
    cells: int
    countries: int
    reason: str


def reference_population(
    connection: duckdb.DuckDBPyConnection, surveys: Sequence[Survey]
) -> Reference | None:
    """Return the population that `valuescope build` compares models with by default.

    `surveys` are all that ask the same questions.
    """
    rows = connection.execute(
        f"""
        with

        loads as (
            select *, {population_id_expression()} as population_id
            from raw.survey_loads
        ),

        surveys as (
            select
                unnest(?) as survey_id,
                unnest(?) as question_survey_id,
                unnest(?) as default_wave
        ),

        populations as (
            select
                loads.survey_id,
                loads.population_id,
                loads.wave_selection,
                loads.weighting,
                loads.subgroup_id,
                max(marginals.wave) as newest_wave,
                count(distinct (marginals.country_id, marginals.question_id)) filter (
                    marginals.code >= 0 and marginals.sum_of_weights > 0
                ) as cell_count,
                count(distinct marginals.country_id) as country_count
            from loads
            inner join raw.human_marginals as marginals using (load_id)
            group by all
        )

        select
            populations.survey_id,
            populations.population_id,
            populations.cell_count,
            populations.country_count,
            populations.wave_selection,
            populations.newest_wave,
            surveys.default_wave
        from populations
        inner join surveys using (survey_id)
        where populations.subgroup_id = 'all'
        order by {reference_order()}
        limit 2
        """,
        [
            [survey.survey_id for survey in surveys],
            [survey.question_survey_id for survey in surveys],
            [survey.default_wave for survey in surveys],
        ],
    ).fetchall()
    if not rows:
        return None
    survey_id, population_id, cells, countries = rows[0][:4]
    return Reference(survey_id, population_id, cells, countries, _reason(*rows))


def _reason(first: tuple[Any, ...], second: tuple[Any, ...] | None = None) -> str:
    """Say which line of the macro `reference_order` decides between two populations."""
    if second is None:
        return "the only population of all respondents"
    survey_id, _, cells, _, wave, newest_wave, default_wave = first
    other_survey_id, other, other_cells, _, other_wave, other_newest, _ = second
    if survey_id != other_survey_id:
        return f"the survey's own people come before {other}"
    if wave == str(default_wave) != other_wave:
        return f"of the survey's usual wave, {wave}"
    if wave != other_wave and newest_wave != other_newest:
        return f"of a newer wave than {other}"
    if cells != other_cells:
        return f"it covers more than {other} ({other_cells})"
    return f"it covers the same as {other}, and its weighting comes first"


def answered_cells(
    connection: duckdb.DuckDBPyConnection, population_id: str
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the countries and the questions that a population has answers of."""
    rows = connection.execute(
        f"""
        with

        loads as (
            select load_id, {population_id_expression()} as population_id from raw.survey_loads
        )

        select marginals.country_id, marginals.question_id
        from raw.human_marginals as marginals
        inner join loads using (load_id)
        where loads.population_id = ? and marginals.code >= 0 and marginals.sum_of_weights > 0
        group by all
        """,
        [population_id],
    ).fetchall()
    return frozenset(row[0] for row in rows), frozenset(row[1] for row in rows)
