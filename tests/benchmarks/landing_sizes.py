"""Landing zones and surveys of any size: invented answers to the whole instrument."""

from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from warehouse.database import create_raw_tables, open_for_writing
from warehouse.home import SEEDS, Home
from warehouse.landing import ensure_landing_zone, write_shard

SCORED_AT = datetime(2026, 1, 1, tzinfo=UTC)
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
    home.path.mkdir(parents=True, exist_ok=True)
    connection = open_for_writing(home.database)
    create_raw_tables(connection)
    _create_grid(connection, countries)
    connection.execute(
        """
        insert into raw.survey_loads by name
        select
            'generated' as load_id, 'wvs' as survey_id, '7' as wave_selection,
            'within_country' as weighting, 'all' as subgroup_id, 'generated.csv' as file_name,
            'generated' as file_sha256, 1 as file_bytes, 'tidy_counts' as format_id,
            '{}' as options, true as has_counts, true as has_dont_know_codes, 1 as rows_read,
            1 as rows_loaded, $moment::timestamptz as loaded_at, '0' as valuescope_version
        """,
        {"moment": SCORED_AT},
    )
    connection.execute(
        f"""
        insert into raw.human_marginals by name
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
            'generated' as load_id, 'wvs' as survey_id, 7 as wave, country_id, question_id,
            survey_code as code, respondents, 1.0 * respondents as sum_of_weights,
            1.1 * respondents as sum_of_squared_weights
        from counted
        """
    )
    connection.execute(
        """
        insert into raw.survey_fieldwork by name
        select distinct 'generated' as load_id, 7 as wave, country_id, 2018 as first_year,
            2019 as last_year
        from grid where country_id != 'ZZZ'
        """
    )
    connection.close()


def write_answers(home: Home, size: Size) -> int:
    """Land the answers of `size.models` models, one finished run each; returns the choice rows."""
    ensure_landing_zone(home)
    design = {
        "prompt_id": PROMPT_ID,
        "template_id": "paper",
        "template_text": "{question}",
        "coding_id": "native",
        "wording_set": "valuescope",
        "language": "en",
        "answer_style": "label_text",
        "choice_order": "forward",
        "chat_mode": "template",
    }
    write_shard(home, "prompts", [design], f"{PROMPT_ID}.parquet")
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
    model = {
        "model_id": model_id,
        "model_name": name,
        "is_in_registry": False,
        "file_name": f"{name}.gguf",
        "file_bytes": 1,
        "is_chat": False,
        "described_at": SCORED_AT,
    }
    run = {
        "run_id": run_id,
        "model_id": model_id,
        "prompt_id": PROMPT_ID,
        "numerics_id": "n1",
        "status": "finished",
        "scoring_path": "tree",
        "compute_type": "f32",
        "kv_cache_type": "f32",
        "flash_attention": False,
        "batch_size": 128,
        "context_size": 1024,
        "gpu_layers": 0,
        "threads": 2,
        "engine_version": "0",
        "valuescope_version": "0",
        "path_difference": 1e-5,
        "cells_planned": 1,
        "cells_already_done": 0,
        "cells_scored": 1,
        "tokens_decoded": 1,
        "started_at": SCORED_AT,
        "finished_at": SCORED_AT,
    }
    write_shard(home, "models", [model], f"{model_id}.parquet")
    write_shard(home, "runs", [run], f"{run_id}.parquet")
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
