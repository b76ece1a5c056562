"""The population that the models of a survey are compared with."""

from dataclasses import dataclass

import duckdb

from valuescope.warehouse.database.connections import population_id_expression, reference_order


@dataclass(frozen=True)
class Reference:
    """The population that a survey's models are compared with, and how much it covers.

    `cells` counts country-question pairs that somebody answered.
    """

    survey_id: str
    population_id: str
    cells: int
    countries: int
    other_populations: int


def reference_population(
    connection: duckdb.DuckDBPyConnection, survey_id: str, default_wave: int
) -> Reference | None:
    """Return the population that `valuescope build` compares models with, unless told another."""
    rows = connection.execute(
        f"""
        with

        loads as (
            select *, {population_id_expression()} as population_id
            from raw.survey_loads
            where survey_id = ?
        ),

        surveys as (select ? as default_wave),

        populations as (
            select
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
            populations.population_id,
            populations.cell_count,
            populations.country_count,
            count(*) filter (populations.subgroup_id = 'all') over () - 1
        from populations, surveys
        order by {reference_order()}
        limit 1
        """,
        [survey_id, str(default_wave)],
    ).fetchall()
    return Reference(survey_id, *rows[0]) if rows else None
