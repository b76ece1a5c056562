from typing import Any

import pyarrow as pa
from valuescope_statistics.category_intervals import KEYS, RESULT, jackknife

SUMS = f"""
    {", ".join(KEYS)},
    battery_id,
    sum(llm_mean_score * human_mean_score) as model_human,
    sum(llm_mean_score * llm_mean_score) as model_model,
    sum(human_mean_score * human_mean_score) as human_human,
    sum(blind_mean_score * human_mean_score) as blind_human,
    sum(blind_mean_score * blind_mean_score) as blind_blind,
    count(distinct question_id) as question_count,
    count(*) - count(blind_mean_score) as cells_without_blind_score
"""


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    minimum_batteries = int(dbt.config.get("minimum_batteries"))
    sums = dbt.ref("int_comparable_cells").aggregate(SUMS).order(", ".join([*KEYS, "battery_id"]))
    batteries = sums.df().set_index(KEYS)
    if batteries.empty:
        return RESULT.empty_table()
    result = jackknife(batteries, minimum_batteries).reset_index()
    return pa.Table.from_pandas(result, schema=RESULT, preserve_index=False)
