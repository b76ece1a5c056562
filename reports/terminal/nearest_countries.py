"""Which countries a model comes nearest to on one question, and which it misses by most."""

from dataclasses import dataclass

import duckdb

from valuescope.reports.terminal.summary import Design, query


@dataclass(frozen=True)
class CountryScore:
    """Model and people on one question in one country, as mean scores from -1 to 1."""

    country_name: str
    llm_mean_score: float
    human_mean_score: float
    first_choice: str
    last_choice: str

    @property
    def absolute_error(self) -> float:
        """Return the distance of the two mean scores, 0 to 2."""
        return abs(self.llm_mean_score - self.human_mean_score)


def countries_by_error(
    connection: duckdb.DuckDBPyConnection, design: Design, question_id: str
) -> list[CountryScore]:
    """Return the countries with both scores on a question, the nearest first."""
    rows = query(
        connection,
        """
        with

        ends as (

            select
                coding_id,
                question_id,
                arg_min(choice_text, choice_index) as first_choice,
                arg_max(choice_text, choice_index) as last_choice,
            from marts.dim_choices
            where choice_index is not null
            group by all

        )

        select
            dim_countries.country_name,
            scores.llm_mean_score,
            scores.human_mean_score,
            ends.first_choice,
            ends.last_choice,
        from marts.fct_mean_scores as scores
        inner join marts.dim_countries on scores.country_id = dim_countries.country_id
        inner join ends
            on scores.coding_id = ends.coding_id and scores.question_id = ends.question_id
        where
            scores.model_id = $model_id
            and scores.prompt_id = $prompt_id
            and scores.population_id is not distinct from $population_id
            and scores.question_id = $question_id
            and scores.absolute_error is not null
        order by scores.absolute_error, dim_countries.country_name
        """,
        {
            "model_id": design.model_id,
            "prompt_id": design.prompt_id,
            "population_id": design.population_id,
            "question_id": question_id,
        },
    )
    return [CountryScore(*row) for row in rows]
