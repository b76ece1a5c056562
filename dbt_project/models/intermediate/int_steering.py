from functools import partial
from typing import Any

import pyarrow as pa
from valuescope_statistics.relations import statistic_of_designs
from valuescope_statistics.steering import RESULT, Limits, steering_of_designs


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    limits = Limits(
        minimum_names=int(dbt.config.get("minimum_countries")),
        seed=int(dbt.config.get("random_answers_seed")),
    )
    cells = dbt.ref("int_named_cells")
    statistic = partial(steering_of_designs, limits=limits)
    return statistic_of_designs(session, dbt.this, cells, statistic, RESULT)
