from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from valuescope_statistics.relations import DESIGN, FINGERPRINT, statistic_of_designs
from valuescope_statistics.variance_components import (
    FACTORS,
    RESULT,
    explained,
    model_components,
)


def varied_designs(designs: pd.DataFrame) -> pd.DataFrame:
    """Return the designs of each model and survey, in the coding with most designs."""
    key = ["model_id", "survey_id"]
    count = designs.groupby([*key, "coding_id"])["prompt_id"].size().rename("designs").reset_index()
    count = count.sort_values([*key, "designs", "coding_id"], ascending=[True, True, False, True])
    chosen = count.drop_duplicates(key)[[*key, "coding_id"]]
    return designs.merge(chosen).sort_values([*key, "prompt_id"], ignore_index=True)


def components(cells: pd.DataFrame, prompts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all models whose cells these are."""
    key = ["model_id", "survey_id", "coding_id"]
    of_model = dict(iter(cells.groupby(key, observed=True)))
    asked = cells[[*key, "prompt_id"]].drop_duplicates().astype(str)
    rows = []
    for name, own in varied_designs(asked.merge(prompts, on="prompt_id")).groupby(key):
        if len(own) == 1:
            nothing = np.zeros((0, 0, *[0] * len(FACTORS)))
            found = explained(nothing, own, 0)
        else:
            varied = of_model[name][of_model[name]["prompt_id"].isin(own["prompt_id"])]
            found = model_components(varied, own.reset_index(drop=True))
        rows += [dict(zip(key, name, strict=True)) | row for row in found]
    return pd.DataFrame(rows, columns=RESULT.names)


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    prompts = dbt.ref("stg_prompts").filter("not is_derived").order("prompt_id").df()
    prompts["template"] = prompts["template_id"] + "/" + prompts["template_text"]
    prompts["wording"] = prompts["wording_set"] + "/" + prompts["language"]
    at = prompts["temperature"].map(" at temperature {:g}".format)
    prompts["elicitation"] += at.where(prompts["temperature"].fillna(1) != 1, "")
    scores = dbt.ref("fct_mean_scores").filter("country_id != 'ZZZ' and llm_mean_score is not null")
    cells = scores.select(
        *DESIGN, "coding_id", "question_id", "country_id", "llm_mean_score", FINGERPRINT
    )
    statistic = partial(components, prompts=prompts[["prompt_id", *FACTORS]])
    # A model's designs are crossed with one another.
    key = ["model_id", "survey_id"]
    return statistic_of_designs(session, dbt.this, cells, statistic, RESULT, key=key)
