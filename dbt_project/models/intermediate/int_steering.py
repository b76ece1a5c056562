from typing import Any

import pandas as pd
import pyarrow as pa
from valuescope_statistics.steering import DESIGN, RESULT, Limits, steering_of_designs

CELL = ", ".join([*DESIGN, "question_id", "llm_mean_score"])
MODELS_AT_ONCE = 20


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    limits = Limits(
        minimum_names=int(dbt.config.get("minimum_countries")),
        seed=int(dbt.config.get("random_answers_seed")),
    )
    invented = dbt.ref("int_subject_mean_scores").filter(
        "placebo_id is not null and llm_mean_score is not null"
    )
    real = dbt.ref("fct_mean_scores").filter("country_id != 'ZZZ' and llm_mean_score is not null")
    names = invented.select("model_id").distinct().order("model_id").fetchall()
    model_ids = [model_id for (model_id,) in names]
    tables = [RESULT.empty_table()]
    for start in range(0, len(model_ids), MODELS_AT_ONCE):
        some = ", ".join(f"'{name}'" for name in model_ids[start : start + MODELS_AT_ONCE])
        of_some = (
            side.filter(f"model_id in ({some})").select(
                f"{CELL}, {name} as name, {is_real} as is_real"
            )
            for side, name, is_real in (
                (invented, "placebo_id", "false"),
                (real, "country_id", "true"),
            )
        )
        cells: pd.DataFrame = pd.concat([side.df() for side in of_some])
        # Designs that were asked about invented countries.
        asked = cells.loc[~cells["is_real"], DESIGN].drop_duplicates()
        tables.append(steering_of_designs(cells.merge(asked, on=DESIGN), limits))
    return pa.concat_tables(tables)
