from functools import partial
from typing import Any

import pyarrow as pa
from valuescope_statistics.item_structure import RESULT, Limits, item_structure
from valuescope_statistics.relations import DESIGN, FINGERPRINT, statistic_of_designs

CELL = [
    *DESIGN,
    "country_id",
    "question_id",
    "battery_id",
    "llm_mean_score",
    "human_mean_score",
]


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    limits = Limits(
        draws=int(dbt.config.get("random_answers")),
        seed=int(dbt.config.get("random_answers_seed")),
        minimum_countries=int(dbt.config.get("minimum_reference_countries")),
        minimum_questions=int(dbt.config.get("minimum_questions")),
        minimum_batteries=int(dbt.config.get("minimum_batteries")),
    )
    cells = dbt.ref("int_comparable_cells").select(*CELL, FINGERPRINT)
    statistic = partial(item_structure, limits=limits)
    return statistic_of_designs(session, dbt.this, cells, statistic, RESULT)
