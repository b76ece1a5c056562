from typing import Any

import pyarrow as pa
from valuescope_statistics.agreement.cells import PAIR_KEYS, Settings
from valuescope_statistics.agreement.estimates import RESULT, estimates
from valuescope_statistics.relations import frame, table

CELL_COLUMNS = [
    "model_id",
    "prompt_id",
    "survey_id",
    "coding_id",
    "question_id",
    "country_id",
    "llm_mean_score",
]
PEOPLE_COLUMNS = [
    "survey_id",
    "coding_id",
    "question_id",
    "country_id",
    "human_mean_score",
]


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    settings = Settings(
        minimum_questions=int(dbt.config.get("minimum_questions")),
        minimum_batteries=int(dbt.config.get("minimum_batteries")),
        minimum_countries=int(dbt.config.get("minimum_interval_countries")),
        minimum_reference_countries=int(dbt.config.get("minimum_reference_countries")),
    )
    cells = frame(dbt.ref("int_comparable_cells").select(*CELL_COLUMNS, "population_id"))
    without_demeaned = dbt.ref("int_country_correlations").filter(
        "demeaned_null_reason is not null"
    )
    populations = cells.drop_duplicates("population_id")["population_id"]
    people = frame(dbt.ref("fct_human_mean_scores").select(*PEOPLE_COLUMNS, "population_id"))
    people = people[people["human_mean_score"].notna() & people["population_id"].isin(populations)]
    batteries = frame(dbt.ref("stg_questions").select("question_id", "battery_id"))
    result = estimates(
        cells,
        frame(without_demeaned.select("survey_id", "model_id", "prompt_id", "country_id")),
        people.merge(batteries, on="question_id"),
        dbt.ref("dim_countries").filter("not is_country_free").df(),
        frame(dbt.ref("int_compared_pairs").select("survey_id", *PAIR_KEYS)),
        settings,
    )
    return table([result], RESULT)
