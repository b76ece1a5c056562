from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from valuescope_statistics.relations import batches
from valuescope_statistics.variance_components import (
    FACTORS,
    RESULT,
    explained,
    model_components,
)


def varied_designs(scores: Any, prompts: pd.DataFrame) -> pd.DataFrame:
    """Return the designs of each model and survey, in the coding with most designs."""
    designs: pd.DataFrame = (
        scores.select("model_id", "survey_id", "coding_id", "prompt_id").distinct().df()
    )
    designs = designs.merge(prompts, on="prompt_id")
    key = ["model_id", "survey_id"]
    count = designs.groupby([*key, "coding_id"])["prompt_id"].size().rename("designs").reset_index()
    count = count.sort_values([*key, "designs", "coding_id"], ascending=[True, True, False, True])
    chosen = count.drop_duplicates(key)[[*key, "coding_id"]]
    return designs.merge(chosen).sort_values([*key, "prompt_id"], ignore_index=True)


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    scores = dbt.ref("fct_mean_scores").filter("country_id != 'ZZZ' and llm_mean_score is not null")
    prompts = dbt.ref("stg_prompts").filter("not is_derived").order("prompt_id").df()
    prompts["template"] = prompts["template_id"] + "/" + prompts["template_text"]
    prompts["wording"] = prompts["wording_set"] + "/" + prompts["language"]
    at = prompts["temperature"].map(" at temperature {:g}".format)
    prompts["elicitation"] += at.where(prompts["temperature"].fillna(1) != 1, "")
    designs = varied_designs(scores, prompts[["prompt_id", *FACTORS]])
    key = ["model_id", "survey_id", "coding_id"]
    of_model = dict(iter(designs.groupby(key)))
    several = sorted({str(name[0]) for name, own in of_model.items() if len(own) > 1})
    rows = []
    for name, designs_of_model in of_model.items():
        if len(designs_of_model) == 1:
            nothing = np.zeros((0, 0, *[0] * len(FACTORS)))
            found = explained(nothing, designs_of_model, 0)
            rows += [dict(zip(key, name, strict=True)) | row for row in found]
    asked = scores.select(*key, "prompt_id", "question_id", "country_id", "llm_mean_score")
    for cells in batches(asked, several):
        for name, own_cells in cells.df().groupby(key):
            own = of_model.get(name)
            if own is not None and len(own) > 1:
                varied = own_cells[own_cells["prompt_id"].isin(own["prompt_id"])]
                found = model_components(varied, own.reset_index(drop=True))
                rows += [dict(zip(key, name, strict=True)) | row for row in found]
    rows.sort(key=lambda row: (row["model_id"], row["survey_id"]))
    return pa.Table.from_pylist(rows, schema=RESULT)
