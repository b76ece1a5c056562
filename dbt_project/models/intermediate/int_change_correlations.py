from functools import partial
from typing import Any

import pyarrow as pa
from valuescope_statistics.changes import RESULT, changes_of_designs
from valuescope_statistics.groups import Limits
from valuescope_statistics.relations import statistic_of_designs


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    limits = Limits(
        minimum_questions=int(dbt.config.get("minimum_questions")),
        minimum_batteries=int(dbt.config.get("minimum_batteries")),
        seed=int(dbt.config.get("random_answers_seed")),
    )
    minimum_countries = int(dbt.config.get("minimum_countries"))
    cells = dbt.ref("int_changes")
    statistic = partial(changes_of_designs, limits=limits, minimum_countries=minimum_countries)
    return statistic_of_designs(session, dbt.this, cells, statistic, RESULT)
