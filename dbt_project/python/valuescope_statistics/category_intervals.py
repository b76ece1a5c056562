"""Agreement of a category above the blind baseline: interval and test by the same jackknife.

Here rho0 is pooled over the countries, so that sums over the cells of a battery are enough.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import false_discovery_control

from valuescope_statistics.agreement.jackknife import (
    DUST,
    LEAST_EFFECTIVE_BATTERIES,
    effective_number,
    summary,
)

KEYS = ["model_id", "prompt_id", "survey_id", "category_id"]
# Sums over the cells of a battery; people's side h, the model's m, the blind baseline's b.
PRODUCTS = ["model_human", "model_model", "human_human", "blind_human", "blind_blind"]
RESULT = pa.schema(
    [
        *((key, pa.string()) for key in KEYS),
        ("rho0_above_blind", pa.float64()),
        ("standard_error", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("p_value", pa.float64()),
        ("q_value", pa.float64()),
        ("battery_count", pa.int64()),
        ("effective_battery_count", pa.float64()),
        ("null_reason", pa.string()),
    ]
)


def above_blind(sums: pd.DataFrame) -> pd.Series:
    """Return rho0 of the model minus rho0 of the blind baseline, from the sums of products."""
    rho0: pd.Series = sums["model_human"] / np.sqrt(sums["model_model"] * sums["human_human"])
    blind: pd.Series = sums["blind_human"] / np.sqrt(sums["blind_blind"] * sums["human_human"])
    return (rho0 - blind).where((sums[PRODUCTS[1:3] + PRODUCTS[4:]] > DUST).all(axis=1))


def jackknife(batteries: pd.DataFrame, minimum_batteries: int) -> pd.DataFrame:
    """Return one row per category, from one row per category and battery; KEYS are the index."""
    groups = batteries.groupby(level=KEYS, sort=True)
    totals = groups[[*PRODUCTS, "cells_without_blind_score"]].sum()
    count = groups.size()
    effective = groups["question_count"].agg(effective_number)
    estimate = above_blind(totals).where(totals["cells_without_blind_score"] == 0)
    # A sample that leaves out no battery of the category has the estimate itself.
    values = np.tile(estimate.to_numpy()[:, None], 1 + count.max())
    without_one = totals.loc[batteries.index, PRODUCTS] - batteries[PRODUCTS]
    values[groups.ngroup(), 1 + groups.cumcount()] = above_blind(without_one)
    found = pd.DataFrame(
        summary(
            values,
            np.full(len(values), False),
            count.to_numpy().astype(np.float64),
            effective.to_numpy() - 1.0,
        )._asdict(),
        index=count.index,
    )
    reason = pd.Series(None, index=count.index, dtype=object)
    reason = reason.mask(found["standard_error"].isna(), "no_variance")
    reason = reason.mask(effective < LEAST_EFFECTIVE_BATTERIES, "one_battery_dominates")
    reason = reason.mask(count < minimum_batteries, "too_few_batteries")
    reason = reason.mask(
        totals["cells_without_blind_score"] > 0, "question_without_other_countries"
    )
    found = found.where(reason.isna(), axis=0)
    p_value = found["p_value"]
    q_value = pd.Series(np.nan, index=count.index)
    for _, family in p_value.dropna().groupby(level=KEYS[:3]):
        q_value.loc[family.index] = false_discovery_control(family)
    return found.assign(
        rho0_above_blind=estimate,
        q_value=q_value,
        battery_count=count,
        effective_battery_count=effective,
        null_reason=reason,
    )
