from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from valuescope_statistics.agreement.cells import PAIR_KEYS, Settings
from valuescope_statistics.agreement.estimates import RESULT, estimates, with_ranks_of_models
from valuescope_statistics.relations import (
    DESIGN,
    FINGERPRINT,
    frame,
    kept_rows,
    of_fingerprints,
    table,
)

CELL_COLUMNS = [*DESIGN, "coding_id", "question_id", "country_id", "llm_mean_score", FINGERPRINT]
PEOPLE_COLUMNS = ["survey_id", "coding_id", "question_id", "country_id", "human_mean_score"]
OTHER = ["other_model_id", "other_prompt_id", "survey_id"]
WITH_FINGERPRINT = RESULT.append(pa.field(FINGERPRINT, pa.string()))


def of_both(pairs: pd.DataFrame, designs: pd.DataFrame) -> pd.DataFrame:
    """Return pairs with the fingerprints of both designs, and with one of the pair's own."""
    other = designs.rename(columns=dict(zip(DESIGN[:2], PAIR_KEYS[2:], strict=True)))
    pairs = pairs.merge(designs, on=DESIGN).merge(other, on=OTHER, suffixes=("_own", "_other"))
    both = pairs[f"{FINGERPRINT}_own"] + pairs[f"{FINGERPRINT}_other"]
    # The same designs may be paired in one survey and not in another.
    pairs[FINGERPRINT] = both + pairs["survey_id"]
    return pairs


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    settings = Settings(
        minimum_questions=int(dbt.config.get("minimum_questions")),
        minimum_batteries=int(dbt.config.get("minimum_batteries")),
        minimum_countries=int(dbt.config.get("minimum_interval_countries")),
        minimum_reference_countries=int(dbt.config.get("minimum_reference_countries")),
    )
    countries = dbt.ref("dim_countries").filter("not is_country_free").order("country_id").df()
    cells = dbt.ref("int_comparable_cells").select(*CELL_COLUMNS, "population_id")
    designs = cells.select(*DESIGN, FINGERPRINT).distinct().df()
    pairs = dbt.ref("int_compared_pairs").select("survey_id", *PAIR_KEYS).distinct().df()
    pairs = of_both(pairs, designs)
    current = pd.concat([designs[FINGERPRINT], pairs[FINGERPRINT]])
    kept = kept_rows(session, dbt.this, WITH_FINGERPRINT, current)
    done = set(kept[FINGERPRINT].unique().to_pylist())
    new_pairs = pairs[~pairs[FINGERPRINT].isin(done)]
    is_new = ~designs[FINGERPRINT].isin(done)
    of_new_pairs = pd.concat([new_pairs[f"{FINGERPRINT}_{side}"] for side in ("own", "other")])
    needed = frame(of_fingerprints(cells, {*designs.loc[is_new, FINGERPRINT], *of_new_pairs}))
    people = frame(dbt.ref("fct_human_mean_scores").select(*PEOPLE_COLUMNS, "population_id"))
    people = people[
        people["human_mean_score"].notna()
        & people["population_id"].isin(needed["population_id"].unique())
    ]
    batteries = frame(dbt.ref("stg_questions").select("question_id", "battery_id"))
    lacking = dbt.ref("int_country_correlations").filter("demeaned_null_reason is not null")
    found = estimates(
        needed,
        frame(lacking.select(*DESIGN, "country_id")),
        people.merge(batteries, on="question_id"),
        countries,
        new_pairs,
        settings,
        set(designs.loc[~is_new, DESIGN].itertuples(index=False, name=None)),
    )
    # A column without values would not be text.
    found = found.astype(dict.fromkeys([*PAIR_KEYS, *DESIGN], object))
    is_pair = found["other_model_id"].notna()
    new = table(
        [
            found[~is_pair].merge(designs, on=DESIGN),
            found[is_pair].merge(new_pairs[[*PAIR_KEYS, "survey_id", FINGERPRINT]]),
        ],
        WITH_FINGERPRINT,
    )
    rows = pa.concat_tables([kept, new])
    has_samples = pc.is_valid(rows["samples"])
    ranked = with_ranks_of_models(rows.filter(has_samples).to_pandas(), settings)
    return pa.concat_tables(
        [rows.filter(pc.invert(has_samples)), table([ranked], WITH_FINGERPRINT)]
    )
