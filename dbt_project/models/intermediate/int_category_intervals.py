from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
from valuescope_statistics.category_intervals import KEYS, RESULT, jackknife
from valuescope_statistics.relations import statistic_of_designs

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


def sums(cells: Any) -> pd.DataFrame:
    """Return the sums of products over the cells of each battery."""
    of_batteries: pd.DataFrame = cells.aggregate(SUMS).df()
    return of_batteries


def intervals(sums: pd.DataFrame, minimum_batteries: int) -> pd.DataFrame:
    """Return the intervals of all categories of some designs."""
    batteries = sums.astype(dict.fromkeys(KEYS, str)).sort_values([*KEYS, "battery_id"])
    return jackknife(batteries.set_index(KEYS), minimum_batteries).reset_index()


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    minimum_batteries = int(dbt.config.get("minimum_batteries"))
    cells = dbt.ref("int_comparable_cells")
    statistic = partial(intervals, minimum_batteries=minimum_batteries)
    return statistic_of_designs(session, dbt.this, cells, statistic, RESULT, read=sums)
