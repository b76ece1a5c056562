from typing import Any

import pandas as pd
import pyarrow as pa
from valuescope_statistics.item_structure import DESIGN, RESULT, Limits, item_structure

CELL = [
    *DESIGN,
    "country_id",
    "question_id",
    "battery_id",
    "llm_mean_score",
    "human_mean_score",
]
MODELS_AT_ONCE = 10


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    limits = Limits(
        draws=int(dbt.config.get("random_answers")),
        seed=int(dbt.config.get("random_answers_seed")),
        minimum_countries=int(dbt.config.get("minimum_reference_countries")),
        minimum_questions=int(dbt.config.get("minimum_questions")),
    )
    cells = dbt.ref("int_comparable_cells").select(*CELL)
    found = cells.select("model_id").distinct().order("model_id").fetchall()
    model_ids = [model_id for (model_id,) in found]
    tables = [RESULT.empty_table()]
    for start in range(0, len(model_ids), MODELS_AT_ONCE):
        some = model_ids[start : start + MODELS_AT_ONCE]
        of_some = cells.filter(f"model_id between '{some[0]}' and '{some[-1]}'").to_arrow_table()
        own: pd.DataFrame = of_some.to_pandas(strings_to_categorical=True)
        rows = item_structure(own, limits)
        tables.append(pa.Table.from_pandas(rows, schema=RESULT, preserve_index=False))
    return pa.concat_tables(tables)
