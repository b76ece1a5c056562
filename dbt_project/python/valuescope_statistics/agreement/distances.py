"""Mean distances between a model's and people's distributions, with intervals by a jackknife.

Every number is a ratio of sums over cells, so that each battery's sums are enough to leave it out.
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from valuescope_statistics.agreement.jackknife import (
    LEAST_EFFECTIVE_BATTERIES,
    freedom_of_batteries,
    interval_of_ratio,
)

KEYS = ["model_id", "prompt_id", "survey_id", "stratum"]
MEANS = ("absolute_error", "wasserstein_1", "total_variation", "jensen_shannon_distance")
# Each number is made of the logarithm of a ratio of sums, on whose scale its interval is.
RATIOS = {
    **{f"mean_{name}": (name, "cells") for name in MEANS},
    "total_variation_score": ("total_variation", "uniform_total_variation"),
    "effective_respondents": ("human_variance", "squared_error"),
}
SUMS = sorted({name for ratio in RATIOS.values() for name in ratio})
RESULT = pa.schema(
    [
        *((key, pa.string()) for key in KEYS),
        *(
            (f"{number}{end}", pa.float64())
            for number in RATIOS
            for end in ("", "_ci_low", "_ci_high")
        ),
        ("battery_count", pa.int64()),
        ("degrees_of_freedom", pa.float64()),
        ("interval_null_reason", pa.string()),
    ]
)


def distances(batteries: pd.DataFrame, minimum_batteries: int) -> pd.DataFrame:
    """Return one row per KEYS, from one row per KEYS (the index) and battery.

    `batteries` has SUMS over its cells, cells being their number; see RESULT. Only all cells
    together have an interval: what is in a third of them depends on all batteries.
    """
    groups = batteries.groupby(level=KEYS, sort=True)
    totals = groups[SUMS].sum(min_count=1)
    count = groups.size()
    freedom = groups["cells"].agg(lambda sizes: freedom_of_batteries(sizes.to_numpy(np.float64)))
    stratum = totals.index.get_level_values("stratum")
    reason = pd.Series(None, index=totals.index, dtype=object)
    reason = reason.mask(freedom + 1 < LEAST_EFFECTIVE_BATTERIES, "one_battery_dominates")
    reason = reason.mask(count < minimum_batteries, "too_few_batteries")
    reason = reason.mask(stratum != "all", "thirds_depend_on_all_batteries")
    without_one = totals.loc[batteries.index] - batteries[SUMS]
    columns: dict[str, pd.Series] = {}
    for number, (numerator, denominator) in RATIOS.items():
        ratio = totals[numerator] / totals[denominator].where(totals[denominator] > 0)
        log = _logarithm(totals, numerator, denominator)
        # A sample that leaves out no battery of the stratum has the value itself.
        samples = np.tile(log.to_numpy()[:, None], 1 + int(count.max()))
        left = _logarithm(without_one, numerator, denominator)
        samples[groups.ngroup(), 1 + groups.cumcount()] = left
        interval = interval_of_ratio(
            samples, count.to_numpy().astype(np.float64), freedom.to_numpy(np.float64)
        )
        of_number = [ratio, *(pd.Series(end, index=log.index) for end in interval)]
        if number == "total_variation_score":
            # The larger the ratio, the lower the score.
            score, high, low = (100 * (1 - value) for value in of_number)
            of_number = [score, low, high]
        names = (number, f"{number}_ci_low", f"{number}_ci_high")
        columns |= dict(zip(names, of_number, strict=True))
    found = pd.DataFrame(columns)
    has_none = found[[f"mean_{name}_ci_low" for name in MEANS]].isna().any(axis=1)
    reason = reason.mask(reason.isna() & has_none, "no_variance")
    ends = [f"{number}_ci_{end}" for number in RATIOS for end in ("low", "high")]
    found[ends] = found[ends].where(reason.isna(), np.nan)
    return found.assign(
        battery_count=count, degrees_of_freedom=freedom, interval_null_reason=reason
    )


def _logarithm(sums: pd.DataFrame, numerator: str, denominator: str) -> pd.Series:
    """Return the logarithm of a ratio of sums, NaN where one of them is not positive."""
    logs = [np.log(sums[name].where(sums[name] > 0)) for name in (numerator, denominator)]
    ratio: pd.Series = logs[0] - logs[1]
    return ratio
