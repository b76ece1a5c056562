from typing import Any

import pyarrow as pa
from valuescope_statistics.agreement.distances import KEYS, RESULT, distances
from valuescope_statistics.relations import table


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    minimum_batteries = int(dbt.config.get("minimum_batteries"))
    batteries = dbt.ref("int_distance_sums").order(", ".join([*KEYS, "battery_id"])).df()
    if batteries.empty:
        return RESULT.empty_table()
    return table([distances(batteries.set_index(KEYS), minimum_batteries).reset_index()], RESULT)
