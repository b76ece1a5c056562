"""Jackknife intervals of a category's agreement above the blind baseline, a battery at a time.

A category has few batteries, too few to draw from; leaving each out in turn tells how much one of
them carries. Student's t, with one degree of freedom less than there are batteries, makes the
interval as wide as so few deserve.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import false_discovery_control, t

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
        ("null_reason", pa.string()),
    ]
)
# Below this the products' sums are rounding.
DUST = 1e-12


def above_blind(sums: pd.DataFrame) -> pd.Series:
    """rho0 of the model minus rho0 of the blind baseline, from the sums of products."""
    rho0: pd.Series = sums["model_human"] / np.sqrt(sums["model_model"] * sums["human_human"])
    blind: pd.Series = sums["blind_human"] / np.sqrt(sums["blind_blind"] * sums["human_human"])
    return (rho0 - blind).where((sums[PRODUCTS[1:3] + PRODUCTS[4:]] > DUST).all(axis=1))


def jackknife(batteries: pd.DataFrame, minimum_batteries: int) -> pd.DataFrame:
    """Estimates of all categories from one row a category and battery; KEYS are the index."""
    groups = batteries.groupby(level=KEYS, sort=True)
    totals = groups[[*PRODUCTS, "cells_without_blind_score"]].sum()
    without_one = totals.loc[batteries.index, PRODUCTS] - batteries[PRODUCTS]
    left_out = above_blind(without_one).groupby(level=KEYS, sort=True)
    count = groups.size()
    estimate = above_blind(totals).where(totals["cells_without_blind_score"] == 0)
    # (n - 1) / n times the sum of squares is (n - 1) times the variance.
    error = ((count - 1) * left_out.var(ddof=0)) ** 0.5
    is_known = (count >= minimum_batteries) & (left_out.count() == count) & estimate.notna()
    error = error.where(is_known)
    half_width = error * t.ppf(0.975, np.maximum(count - 1, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = pd.Series(
            2 * t.sf(np.abs(estimate) / error, np.maximum(count - 1, 1)), index=count.index
        )
    # The blind baseline itself is neither above nor below.
    p_value = p_value.mask(np.abs(estimate) < DUST, 1.0).where(is_known)
    q_value = pd.Series(np.nan, index=count.index)
    for _, family in p_value.dropna().groupby(level=KEYS[:3]):
        q_value.loc[family.index] = false_discovery_control(family)
    reason = pd.Series(None, index=count.index, dtype=object)
    reason = reason.mask(~is_known, "no_variance")
    reason = reason.mask(count < minimum_batteries, "too_few_batteries")
    reason = reason.mask(
        totals["cells_without_blind_score"] > 0, "question_without_other_countries"
    )
    return pd.DataFrame(
        {
            "rho0_above_blind": estimate,
            "standard_error": error,
            "ci_low": estimate - half_width,
            "ci_high": estimate + half_width,
            "p_value": p_value,
            "q_value": q_value,
            "battery_count": count,
            "null_reason": reason,
        }
    )
