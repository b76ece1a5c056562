from typing import Any

import pandas as pd
import pyarrow as pa
from valuescope_statistics.agreement.distances import KEYS, RESULT, distances
from valuescope_statistics.relations import statistic_of_designs


def batteries(sums: Any) -> pd.DataFrame:
    """Return the sums of each battery, in order."""
    ordered: pd.DataFrame = sums.order(", ".join([*KEYS, "battery_id"])).df()
    return ordered.set_index(KEYS)


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    minimum_batteries = int(dbt.config.get("minimum_batteries"))
    sums = dbt.ref("int_distance_sums")

    def of_batteries(sums: pd.DataFrame) -> pd.DataFrame:
        return distances(sums, minimum_batteries).reset_index()

    return statistic_of_designs(session, dbt.this, sums, of_batteries, RESULT, read=batteries)
