from functools import partial
from typing import Any

import pyarrow as pa
from valuescope_statistics.groups import GROUP_RESULT, Limits, group_rows, rows_of_designs
from valuescope_statistics.relations import statistic_of_designs


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    limits = Limits(
        minimum_questions=int(dbt.config.get("minimum_questions")),
        minimum_batteries=int(dbt.config.get("minimum_batteries")),
        seed=int(dbt.config.get("random_answers_seed")),
    )
    cells = dbt.ref("int_group_cells")
    statistic = partial(rows_of_designs, rows_of=group_rows, result=GROUP_RESULT, limits=limits)
    return statistic_of_designs(session, dbt.this, cells, statistic, GROUP_RESULT)
