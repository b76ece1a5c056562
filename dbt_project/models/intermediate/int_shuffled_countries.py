from typing import Any

import pyarrow as pa
from valuescope_statistics.shuffled_countries import DESIGN, RESULT, shuffled_designs

CELL = [*DESIGN, "country_id", "question_id"]
# Lists of all cells of a thousand models would take more than 16 GB.
MODELS_AT_ONCE = 20


def lists_of_cells(model_ids: list[str], answers: Any, cells: Any) -> pa.Table:
    # One row per design and country: long tables of text would not fit into memory.
    quoted = ", ".join("'" + model_id.replace("'", "''") + "'" for model_id in model_ids)
    answers, cells = (rows.filter(f"model_id in ({quoted})") for rows in (answers, cells))
    return (
        answers.join(cells, ", ".join(CELL), how="left")
        .aggregate(
            f"{', '.join(DESIGN)}, country_id, "
            "list(question_id order by question_id) as questions, "
            "list(llm_mean_score order by question_id) as answers, "
            "list(human_mean_score order by question_id) as people",
        )
        .order(f"{', '.join(DESIGN)}, country_id")
        .to_arrow_table()
    )


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    minimum = int(dbt.config.get("minimum_questions"))
    cells = dbt.ref("int_comparable_cells").select(*CELL, "human_mean_score")
    # Another country's answer counts whether or not its people were asked: the null is about the
    # model's answers, to which it makes no difference.
    answers = (
        dbt.ref("fct_mean_scores")
        .filter("country_id != 'ZZZ' and llm_mean_score is not null")
        .select(*CELL, "llm_mean_score")
    )
    found = answers.select("model_id").distinct().order("model_id").fetchall()
    model_ids = [model_id for (model_id,) in found]
    nulls = [
        shuffled_designs(lists_of_cells(some, answers, cells), minimum)
        for some in (
            model_ids[first : first + MODELS_AT_ONCE]
            for first in range(0, len(model_ids), MODELS_AT_ONCE)
        )
    ]
    return pa.concat_tables([RESULT.empty_table(), *nulls])
