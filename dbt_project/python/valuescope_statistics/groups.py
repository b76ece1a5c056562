"""Agreement of a model with groups of people, and differences between the groups."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from valuescope_statistics.agreement import jackknife
from valuescope_statistics.relations import DESIGN

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

TEXTS = ["country_id", "question_id", "battery_id", "group_id", "division_id"]
MEASURES = ["pearson_r", "deviation_r", "gain", "mean_total_variation", "mean_wasserstein_1"]
# What is known of each measure's certainty.
ENDS = ("_standard_error", "_ci_low", "_ci_high")
GROUP_RESULT = pa.schema(
    [
        *((name, pa.string()) for name in [*DESIGN, "country_id", "group_id"]),
        ("question_count", pa.int64()),
        ("battery_count", pa.int64()),
        ("country_prompt_r", pa.float64()),
        *(
            (name, pa.float64())
            for measure in MEASURES
            for name in (measure, *(measure + end for end in ENDS))
        ),
        ("deviation_question_count", pa.int64()),
        ("null_reason", pa.string()),
        ("deviation_null_reason", pa.string()),
    ]
)
DIVISION_RESULT = pa.schema(
    [
        *((name, pa.string()) for name in [*DESIGN, "division_id"]),
        ("group_count", pa.int64()),
        ("country_count", pa.int64()),
        ("question_count", pa.int64()),
        ("cell_count", pa.int64()),
        *(
            (name, pa.float64())
            for measure in ("deviation_r", "stereotyping")
            for name in (measure, *(measure + end for end in ENDS))
        ),
        ("shuffled_p_value", pa.float64()),
        ("llm_spread", pa.float64()),
        ("human_spread", pa.float64()),
        ("null_reason", pa.string()),
        ("stereotyping_null_reason", pa.string()),
    ]
)
SHUFFLES = 999
# Standard deviations below this, and differences of r, are rounding.
ROUNDING = 1e-12


class Limits(NamedTuple):
    """The build's variables that the result depends on."""

    minimum_questions: int
    minimum_batteries: int
    seed: int


class BatterySums(NamedTuple):
    """Sums over all rows and over those outside each battery: samples x sums."""

    sums: Floats
    batteries: int
    sizes: Floats


def samples_of(values: Floats, battery: Places) -> BatterySums:
    """Return sums of values (rows x sums), first of all rows, then without each battery."""
    places, names = pd.factorize(battery)
    by_battery = np.stack([np.bincount(places, column, len(names)) for column in values.T], axis=1)
    total = by_battery.sum(axis=0)
    sizes = np.bincount(places, minlength=len(names)).astype(float)
    return BatterySums(np.vstack([total, total - by_battery]), len(names), sizes)


def pair_sums(x: Floats, y: Floats) -> Floats:
    """Return what Pearson's r of x and y is made of, rows x 6, about their means."""
    x, y = x - x.mean(), y - y.mean()
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)


def correlations(n: Floats, x: Floats, y: Floats, xx: Floats, yy: Floats, xy: Floats) -> Floats:
    """Return Pearson's r of each sample from its sums, NaN without variance."""
    with np.errstate(invalid="ignore", divide="ignore"):
        x_variance, y_variance = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2
        r = (xy / n - x * y / n**2) / np.sqrt(x_variance * y_variance)
    varies = (n > 1) & (x_variance > ROUNDING**2) & (y_variance > ROUNDING**2)
    return np.where(varies, np.clip(r, -1, 1), np.nan)


def standard_error(values: Floats, batteries: int, limits: Limits) -> float:
    """Return the jackknife's error over batteries.

    NaN below the minimum of batteries, and where a sample lacks a value.
    """
    if batteries < limits.minimum_batteries:
        return np.nan
    return float(jackknife.standard_error(values, np.array(float(batteries))))


def certain(
    name: str, values: Floats, samples: BatterySums, limits: Limits, *, scale: str
) -> dict[str, float]:
    """Return a measure with its standard error and 95% interval, from its values in all samples.

    `scale` is that of the interval: `r` (Fisher's), `difference` or `ratio` (the logarithm). There
    is no interval where one battery dominates.
    """
    error = standard_error(values, samples.batteries, limits)
    effective = jackknife.effective_number(samples.sizes)
    batteries = np.array(float(samples.batteries))
    low = high = np.array(np.nan)
    has_interval = not np.isnan(error) and effective >= jackknife.LEAST_EFFECTIVE_BATTERIES
    if has_interval and scale == "ratio":
        # A model that says the same of all groups has the ratio 0.
        logs = np.log(np.where(values > 0, values, np.nan))
        freedom = np.array(jackknife.freedom_of_batteries(samples.sizes))
        low, high = jackknife.interval_of_ratio(logs, batteries, freedom)
    elif has_interval:
        freedom = np.array(jackknife.freedom_of_items(samples.sizes))
        found = jackknife.summary(values, np.array(scale == "r"), batteries, freedom)
        low, high = found.ci_low, found.ci_high
    return {
        name: float(values[0]),
        f"{name}_standard_error": error,
        f"{name}_ci_low": float(low),
        f"{name}_ci_high": float(high),
    }


def r_reason(x: Floats, y: Floats, limits: Limits) -> str | None:
    """Return why there is no r of a model's values x with people's y; None where there is."""
    if len(x) < limits.minimum_questions:
        return "too_few_questions"
    if x.std() < ROUNDING:
        return "no_variance_in_model"
    return "no_variance_in_survey" if y.std() < ROUNDING else None


def group_rows(cells: pd.DataFrame, limits: Limits) -> list[dict[str, Any]]:
    """Return a row for each country and group of one design.

    `cells` has `country_id`, `group_id`, `question_id`, `battery_id`, `llm_mean_score`,
    `human_mean_score`, `total_variation`, `wasserstein_1`, `country_llm_mean_score` (what the model
    says of the country as a whole), and, where all groups of the division can be compared,
    `llm_deviation` and `human_deviation` from the mean of the groups.
    """
    rows = []
    for (country_id, group_id), own in cells.groupby(["country_id", "group_id"], sort=True):
        row: dict[str, Any] = {"country_id": country_id, "group_id": group_id}
        rows.append(row)
        compared = own[own["llm_mean_score"].notna() & own["human_mean_score"].notna()]
        model = compared["llm_mean_score"].to_numpy()
        people = compared["human_mean_score"].to_numpy()
        row |= {
            "question_count": len(compared),
            "battery_count": compared["battery_id"].nunique(),
            "null_reason": r_reason(model, people, limits)
            if own["human_mean_score"].notna().any()
            else "group_not_surveyed",
        }
        if row["null_reason"] is None:
            row |= _agreement(compared, limits)
        apart = own[own["human_deviation"].notna()]
        deviations = (apart[f"{side}_deviation"].to_numpy() for side in ("llm", "human"))
        model, people = deviations
        row["deviation_question_count"] = len(apart)
        row["deviation_null_reason"] = r_reason(model, people, limits)
        if row["null_reason"] == "group_not_surveyed":
            row["deviation_null_reason"] = "group_not_surveyed"
        if row["deviation_null_reason"] is None:
            samples = samples_of(pair_sums(model, people), apart["battery_id"].to_numpy())
            r = correlations(*samples.sums.T)
            row |= certain("deviation_r", r, samples, limits, scale="r")
    return rows


def _agreement(cells: pd.DataFrame, limits: Limits) -> dict[str, Any]:
    battery = cells["battery_id"].to_numpy()
    people = cells["human_mean_score"].to_numpy()
    samples = samples_of(pair_sums(cells["llm_mean_score"].to_numpy(), people), battery)
    r = correlations(*samples.sums.T)
    found: dict[str, Any] = dict(certain("pearson_r", r, samples, limits, scale="r"))
    for name in ("total_variation", "wasserstein_1"):
        values = cells[name].to_numpy()
        means = samples_of(np.stack([np.ones_like(values), values], axis=1), battery)
        mean = means.sums[:, 1] / means.sums[:, 0]
        found |= certain(f"mean_{name}", mean, means, limits, scale="ratio")
    country = cells["country_llm_mean_score"].to_numpy()
    if np.isfinite(country).all():
        own = correlations(*samples_of(pair_sums(country, people), battery).sums.T)
        if np.isfinite(own[0]):
            found["country_prompt_r"] = float(own[0])
            found |= certain("gain", r - own, samples, limits, scale="difference")
    return found


def division_rows(cells: pd.DataFrame, limits: Limits) -> list[dict[str, Any]]:
    """Return a row for each division of people of one design.

    `cells` are as for `group_rows`, with `division_id` and `human_standard_error`.
    """
    return [
        {"division_id": division_id, **_division(own, limits)}
        for division_id, own in cells.groupby("division_id", sort=True)
    ]


def _division(cells: pd.DataFrame, limits: Limits) -> dict[str, Any]:
    own = cells[cells["human_deviation"].notna()].sort_values(
        ["country_id", "question_id", "group_id"]
    )
    size = cells["group_id"].nunique()
    # Country and question x group.
    model, people, errors = (
        own[name].to_numpy().reshape(-1, size)
        for name in ("llm_deviation", "human_deviation", "human_standard_error")
    )
    first = own.iloc[::size]
    row: dict[str, Any] = {
        "group_count": size,
        "country_count": first["country_id"].nunique(),
        "question_count": first["question_id"].nunique(),
        "cell_count": len(own),
        "null_reason": r_reason(model.ravel(), people.ravel(), limits),
    }
    if first["question_id"].nunique() < limits.minimum_questions:
        row["null_reason"] = "too_few_questions"
    if not cells["human_mean_score"].notna().any():
        row["null_reason"] = "group_not_surveyed"
    row["stereotyping_null_reason"] = row["null_reason"]
    if row["null_reason"] == "no_variance_in_model":
        row["stereotyping_null_reason"] = None
    if row["null_reason"] in ("too_few_questions", "group_not_surveyed"):
        return row
    battery = first["battery_id"].to_numpy()
    # Variances between groups; people's has their sampling error in it, which comes off.
    between = [(side**2).sum(axis=1) / (size - 1) for side in (model, people)]
    error = np.nan_to_num(errors**2).mean(axis=1)
    values = [np.ones(len(model)), (model * people).sum(axis=1), *between, error]
    samples = samples_of(np.stack(values, axis=1), battery)
    count, product, llm, human, sampling = samples.sums.T
    if row["null_reason"] is None:
        # Deviations have the mean 0 in every country and question.
        r = product / ((size - 1) * np.sqrt(llm * human))
        row |= certain("deviation_r", r, samples, limits, scale="r")
        row["shuffled_p_value"] = shuffled_p(model, people, pd.factorize(battery)[0], limits)
    true = human - sampling
    row["llm_spread"] = float(np.sqrt(llm[0] / count[0]))
    row["human_spread"] = float(np.sqrt(max(true[0], 0.0) / count[0]))
    if true[0] / count[0] <= ROUNDING**2:
        row["stereotyping_null_reason"] = "no_spread_in_people"
    if row["stereotyping_null_reason"] is None:
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.sqrt(llm / np.where(true > 0, true, np.nan))
        row |= certain("stereotyping", ratio, samples, limits, scale="ratio")
    return row


def shuffled_p(model: Floats, people: Floats, unit: Places, limits: Limits) -> float:
    """Return the share of 1 + shuffles of groups within units that reach the product.

    `model` and `people` are deviations from the mean of the groups, cells x groups; `unit` is what
    shuffles a cell's groups together, such as its battery.

    The labels of the model's groups are shuffled in each battery, in one way for its questions and
    all countries: what a model says of women it says in every country, and people, too, differ
    alike in many. Shuffled in each country, labels that mean nothing would reach the r far less
    often than such a model does by chance (docs/calibration.md). The spreads stay, so that the sum
    of products is as good as r.
    """
    size = model.shape[1]
    # Each of the model's groups times each of people's, summed over a unit's cells.
    products = np.zeros((unit.max() + 1, size, size))
    np.add.at(products, unit, model[:, :, None] * people[:, None, :])
    observed = np.trace(products, axis1=1, axis2=2).sum()
    random = np.random.default_rng(limits.seed)
    groups = np.tile(np.arange(size), (SHUFFLES, len(products), 1))
    order = random.permuted(groups, axis=2)
    shuffled = products[np.arange(len(products))[None, :, None], order, np.arange(size)].sum(
        axis=(1, 2)
    )
    tolerance = ROUNDING * np.abs(products).sum()
    return float((1 + (shuffled >= observed - tolerance).sum()) / (1 + SHUFFLES))


def rows_of_designs(
    cells: pd.DataFrame,
    rows_of: Callable[[pd.DataFrame, Limits], list[dict[str, Any]]],
    result: pa.Schema,
    limits: Limits,
    texts: Sequence[str] = TEXTS,
    compared: Sequence[str] = ("group_id",),
) -> pd.DataFrame:
    """Return what `rows_of` finds, of all designs.

    Of a country and question `cells` has a row for each value of `compared`; `texts` are columns.
    """
    rows = []
    for design, of_design in cells.groupby(DESIGN, observed=True, sort=True):
        # Texts, because the order of categories depends on what else was read.
        named = {name: of_design[name].astype(str) for name in texts}
        own = of_design.assign(**named).sort_values(["country_id", "question_id", *compared])
        rows += [dict(zip(DESIGN, design, strict=True)) | row for row in rows_of(own, limits)]
    return pd.DataFrame(rows, columns=result.names)
