"""Landing zones and surveys of any size: invented answers to the whole instrument."""

from dataclasses import dataclass

import duckdb

from tests.dbt_project.study import SCORED_AT, add_load, land_design, land_model, land_run
from valuescope.warehouse.home import SEEDS, Home

PROMPT_ID = "0123456789abcdef"
# A logit of a hash is a cheap draw that stays the same: models and people share a question's part.
_TENDENCY = "1.2 * ln(1 / ((hash(question_id, choice_index) % 9973 + 0.5) / 9973) - 1)"


@dataclass(frozen=True)
class Size:
    """How many models answer about how many countries."""

    models: int
    countries: int = 66
    first_model: int = 0


def write_people(home: Home, countries: int = 66) -> None:
    """Load one wave of counted respondents: every question of the instrument in every country."""
    with duckdb.connect() as connection:
        _create_grid(connection, countries)
        marginals = connection.execute(
            f"""
            with

            drawn as (

                select
                    question_id,
                    country_id,
                    survey_code,
                    exp({_TENDENCY} + {_pull("'people'")}) as weight
                from grid
                where country_id != 'ZZZ'

            ),

            counted as (

                select
                    *,
                    1 + floor(
                        1000 * weight / sum(weight) over (partition by question_id, country_id)
                    ) as respondents
                from drawn

            )

            select
                7 as wave,
                country_id,
                question_id,
                survey_code as code,
                respondents,
                1.0 * respondents as sum_of_weights,
                1.1 * respondents as sum_of_squared_weights
            from counted
            """
        ).df()
    add_load(home, "generated", marginals)


def write_answers(home: Home, size: Size) -> int:
    """Land the answers of `size.models` models, one finished run each; returns the choice rows."""
    land_design(home, PROMPT_ID)
    rows = 0
    with duckdb.connect() as connection:
        _create_grid(connection, size.countries)
        for number in range(size.first_model, size.first_model + size.models):
            rows += _write_model(connection, home, number)
    return rows


def _create_grid(connection: duckdb.DuckDBPyConnection, countries: int) -> None:
    """Every choice of every question in every country, and without a country."""
    connection.execute(
        """
        create or replace temp table grid as
        with

        surveyed as (

            select country_id from read_csv($countries_csv, all_varchar = true)
            where in_wvs7 = 'true'
            order by country_id
            limit $countries

        ),

        choices as (

            select
                question_id,
                cast(choice_index as integer) as choice_index,
                choice_text,
                cast(string_split(survey_codes, '|')[1] as integer) as survey_code
            from read_csv($choices_csv, all_varchar = true)
            where coding_id = 'native' and is_on_scale = 'true'

        ),

        everywhere as (

            select country_id from surveyed
            union all
            select 'ZZZ'

        )

        select choices.*, everywhere.country_id
        from choices cross join everywhere
        order by question_id, country_id, choice_index
        """,
        {
            "countries_csv": str(SEEDS / "countries.csv"),
            "choices_csv": str(SEEDS / "choices.csv"),
            "countries": countries,
        },
    )


def _pull(source: str) -> str:
    drawn = f"hash(question_id, choice_index, country_id, {source})"
    return f"0.5 * ln(1 / (({drawn} % 9973 + 0.5) / 9973) - 1)"


def _write_model(connection: duckdb.DuckDBPyConnection, home: Home, number: int) -> int:
    name = f"generated-{number:05d}"
    connection.execute("select sha256(?)", [name])
    model_id = str(connection.fetchall()[0][0])
    run_id = f"{number:032x}"
    land_model(home, model_id, name)
    land_run(home, run_id, model_id, PROMPT_ID, scoring_path="tree", path_difference=1e-5)
    target = home.landing / "choice_log_likelihoods" / f"{run_id}.parquet"
    written = connection.execute(
        f"""
        copy (
            with

            answered as (

                select
                    *,
                    -20 + {_TENDENCY} + {_pull(f"'{name}'")} as log_likelihood
                from grid

            )

            select
                '{run_id}' as run_id, '{model_id}' as model_id, '{PROMPT_ID}' as prompt_id,
                'n1' as numerics_id, 'native' as coding_id, question_id, country_id,
                choice_index, choice_index as choice_position,
                chr(64 + choice_index) as choice_label, choice_text,
                'Question: ' || repeat(question_id || ' ', 20) || 'In ' || country_id
                    || ', Answer:' as prompt_text,
                ' ' || chr(64 + choice_index) || ') ' || choice_text as answer_text,
                sha256(question_id || country_id) as text_sha256,
                log_likelihood,
                cast(null as double) as label_log_likelihood,
                [0.5 * log_likelihood, 0.3 * log_likelihood, 0.2 * log_likelihood]
                    as token_log_likelihoods,
                cast(1 as integer) as label_token_count,
                cast(3 as integer) as token_count,
                cast(length(choice_text) + 3 as integer) as byte_count,
                0.1 as off_choice_mass,
                false as boundary_merged,
                $moment::timestamptz as scored_at
            from answered
        ) to '{str(target).replace("'", "''")}' (format parquet, compression zstd)
        """,
        {"moment": SCORED_AT},
    ).fetchall()
    return int(written[0][0])
