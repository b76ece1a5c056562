from functools import partial
from typing import Any

import pyarrow as pa
from valuescope_statistics.agreement.cells import read_areas
from valuescope_statistics.random_answers import (
    RESULT,
    SCORES,
    RandomAnswerSettings,
    random_answers,
)
from valuescope_statistics.relations import DESIGN, FINGERPRINT, statistic_of_designs

CELL = [
    *DESIGN,
    "country_id",
    "question_id",
    "category_id",
    "battery_id",
    "human_mean_score",
    "blind_mean_score",
    *SCORES,
]


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    settings = RandomAnswerSettings(
        draws=int(dbt.config.get("random_answers")),
        seed=int(dbt.config.get("random_answers_seed")),
        minimum_questions=int(dbt.config.get("minimum_questions")),
        minimum_ranked=int(dbt.config.get("minimum_ranked")),
        minimum_batteries=int(dbt.config.get("minimum_batteries")),
        minimum_units=int(dbt.config.get("minimum_interval_countries")),
    )
    areas = read_areas(dbt.ref("dim_countries").filter("not is_country_free").df())
    cells = dbt.ref("int_comparable_cells").select(*CELL, FINGERPRINT)
    return statistic_of_designs(
        session,
        dbt.this,
        cells,
        partial(random_answers, areas=areas, settings=settings),
        RESULT,
    )
