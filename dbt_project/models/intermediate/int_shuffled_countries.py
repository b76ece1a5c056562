from typing import Any

import pyarrow as pa
from valuescope_statistics.relations import FINGERPRINT, batches, kept_rows, without
from valuescope_statistics.shuffled_countries import DESIGN, RESULT, shuffled_designs

CELL = [*DESIGN, "country_id", "question_id"]


def lists_of_cells(answers: Any, cells: Any) -> pa.Table:
    # One row per design and country: long tables of text would not fit into memory.
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
    current = answers.select(FINGERPRINT).distinct().df()[FINGERPRINT]
    kept = kept_rows(session, dbt.this, RESULT, current)
    new = batches(without(answers, kept))
    nulls = (shuffled_designs(lists_of_cells(own, cells), minimum) for own in new)
    return pa.concat_tables([kept, *nulls])
