from typing import Any

import pyarrow as pa
from valuescope_statistics.groups import DIVISION_RESULT, Limits, division_rows, rows_of_designs

MODELS_AT_ONCE = 20


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    limits = Limits(
        minimum_questions=int(dbt.config.get("minimum_questions")),
        minimum_batteries=int(dbt.config.get("minimum_batteries")),
        seed=int(dbt.config.get("random_answers_seed")),
    )
    cells = dbt.ref("int_group_cells")
    found = cells.select("model_id").distinct().order("model_id").fetchall()
    model_ids = [model_id for (model_id,) in found]
    tables = [DIVISION_RESULT.empty_table()]
    for start in range(0, len(model_ids), MODELS_AT_ONCE):
        some = ", ".join(f"'{name}'" for name in model_ids[start : start + MODELS_AT_ONCE])
        own = cells.filter(f"model_id in ({some})").df()
        tables.append(rows_of_designs(own, division_rows, DIVISION_RESULT, limits))
    return pa.concat_tables(tables)
