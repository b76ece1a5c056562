from typing import Any

import pyarrow as pa
from valuescope_statistics.distance_intervals import KEYS, RESULT, distances


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    minimum_batteries = int(dbt.config.get("minimum_batteries"))
    sums = dbt.ref("int_distance_sums").order(", ".join([*KEYS, "battery_id"]))
    batteries = sums.df().set_index(KEYS)
    if batteries.empty:
        return RESULT.empty_table()
    result = distances(batteries, minimum_batteries).reset_index()
    return pa.Table.from_pandas(result, schema=RESULT, preserve_index=False)
