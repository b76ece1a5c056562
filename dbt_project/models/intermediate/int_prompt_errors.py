from typing import Any

import pandas as pd
import pyarrow as pa
from valuescope_statistics.agreement.cells import Settings
from valuescope_statistics.agreement.prompt_errors import RESULT, prompt_errors
from valuescope_statistics.relations import DESIGN, FINGERPRINT, frame, statistic_of_designs
from valuescope_statistics.variance_components import FACTORS

CELL = ["coding_id", "question_id", "country_id"]


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    settings = Settings(
        minimum_questions=int(dbt.config.get("minimum_questions")),
        minimum_batteries=int(dbt.config.get("minimum_batteries")),
        minimum_countries=int(dbt.config.get("minimum_interval_countries")),
        minimum_reference_countries=int(dbt.config.get("minimum_reference_countries")),
    )
    prompts = dbt.ref("stg_prompts").filter("not is_derived").order("prompt_id").df()
    prompts["template"] = prompts["template_id"] + "/" + prompts["template_text"]
    prompts["wording"] = prompts["wording_set"] + "/" + prompts["language"]
    people = dbt.ref("fct_human_mean_scores").filter("human_mean_score is not null")
    batteries = frame(dbt.ref("stg_questions").select("question_id", "battery_id"))
    countries = dbt.ref("dim_countries").filter("not is_country_free").df()
    lacking = dbt.ref("int_country_correlations").filter("demeaned_null_reason is not null")

    def errors(cells: pd.DataFrame) -> pd.DataFrame:
        cells = cells[cells["prompt_id"].isin(prompts["prompt_id"])]
        compared = frame(people.select("survey_id", *CELL, "human_mean_score", "population_id"))
        compared = compared[compared["population_id"].isin(cells["population_id"].unique())]
        return prompt_errors(
            cells,
            prompts[["prompt_id", *FACTORS]],
            compared.merge(batteries, on="question_id"),
            countries,
            frame(lacking.select(*DESIGN, "country_id")),
            int(dbt.config.get("minimum_designs")),
            settings,
        )

    cells = dbt.ref("int_comparable_cells").select(
        *DESIGN, *CELL, "llm_mean_score", "population_id", FINGERPRINT
    )
    # A model's designs are crossed with one another.
    key = ["model_id", "survey_id"]
    return statistic_of_designs(session, dbt.this, cells, errors, RESULT, key=key)
