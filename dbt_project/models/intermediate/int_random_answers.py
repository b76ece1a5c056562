from typing import Any

import pandas as pd
import pyarrow as pa
from valuescope_statistics.agreement.cells import read_areas
from valuescope_statistics.random_answers import (
    DESIGN,
    RESULT,
    SCORES,
    RandomAnswerSettings,
    random_answers,
)

CELL = [
    *DESIGN,
    "country_id",
    "question_id",
    "category_id",
    "battery_id",
    "human_mean_score",
    "blind_mean_score",
    *SCORES,
]
MODELS_AT_ONCE = 10


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    settings = RandomAnswerSettings(
        draws=int(dbt.config.get("random_answers")),
        seed=int(dbt.config.get("random_answers_seed")),
        minimum_questions=int(dbt.config.get("minimum_questions")),
        minimum_ranked=int(dbt.config.get("minimum_ranked")),
        minimum_batteries=int(dbt.config.get("minimum_batteries")),
        minimum_units=int(dbt.config.get("minimum_interval_countries")),
    )
    areas = read_areas(dbt.ref("dim_countries").filter("not is_country_free").df())
    cells = dbt.ref("int_comparable_cells").select(*CELL)
    found = cells.select("model_id").distinct().order("model_id").fetchall()
    model_ids = [model_id for (model_id,) in found]
    tables = [RESULT.empty_table()]
    for start in range(0, len(model_ids), MODELS_AT_ONCE):
        some = model_ids[start : start + MODELS_AT_ONCE]
        of_some = cells.filter(f"model_id between '{some[0]}' and '{some[-1]}'").to_arrow_table()
        own: pd.DataFrame = of_some.to_pandas(strings_to_categorical=True)
        rows = random_answers(own, areas, settings)
        tables.append(pa.Table.from_pandas(rows, schema=RESULT, preserve_index=False))
    return pa.concat_tables(tables)
