"""Bootstrap intervals of the country and continent correlations.

A draw takes batteries with replacement and moves every human mean score by its sampling error.
Models, prompts and countries of a survey share the draws, so their differences can be compared.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Floats = npt.NDArray[np.float64]

RESULT = pa.schema(
    [
        ("model_id", pa.string()),
        ("prompt_id", pa.string()),
        ("survey_id", pa.string()),
        ("area_kind", pa.string()),
        ("area_id", pa.string()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("replicates_used", pa.int64()),
    ]
)
KEYS = ["model_id", "prompt_id"]
DRAWS_AT_ONCE = 50
DESIGNS_AT_ONCE = 100


def draws(
    battery_of_question: npt.NDArray[np.intp], country_count: int, replicates: int, seed: int
) -> Iterator[tuple[Floats, Floats]]:
    """Yield blocks of draws, the same for the same arguments.

    A block is the weight of each question (draws x questions) and the standard normal deviates of
    the human scores (countries x draws x questions).
    """
    random = np.random.default_rng(seed)
    question_count = len(battery_of_question)
    battery_count = int(battery_of_question.max()) + 1
    even = np.full(battery_count, 1 / battery_count)
    for first in range(0, replicates, DRAWS_AT_ONCE):
        size = min(DRAWS_AT_ONCE, replicates - first)
        times_drawn = random.multinomial(battery_count, even, size=size).astype(np.float64)
        deviates = random.standard_normal((size, country_count, question_count))
        yield times_drawn[:, battery_of_question], deviates.transpose(1, 0, 2)


def weighted_correlations(weights: Floats, human: Floats, model: Floats, present: Floats) -> Floats:
    """Pearson's r of every draw, country and design from weighted moments.

    `weights` is draws x questions, `human` countries x draws x questions, `model` and `present`
    (0 or 1) countries x questions x designs, zero where absent. Returns countries x draws x
    designs, NaN where a draw has no variance.
    """
    weighted_human = weights * human
    total = weights @ present
    sum_model = weights @ model
    sum_human = weighted_human @ present
    with np.errstate(invalid="ignore", divide="ignore"):
        model_variance = weights @ model**2 / total - (sum_model / total) ** 2
        human_variance = (weighted_human * human) @ present / total - (sum_human / total) ** 2
        covariance = weighted_human @ model / total - sum_model * sum_human / total**2
        # The moments are exact to about 1e-16; a smaller variance is their rounding.
        dust = (model_variance < 1e-14) | (human_variance < 1e-14)
        r = covariance / np.sqrt(model_variance * human_variance)
    return np.where(dust, np.nan, np.clip(r, -1, 1))


def dense(
    cells: pd.DataFrame, column: str, countries: pd.Index, questions: pd.Index, designs: pd.Index
) -> Floats:
    """One column as countries x questions x designs, NaN where there is no cell."""
    values = np.full((len(countries), len(questions), len(designs)), np.nan)
    design_of_cell = designs.get_indexer(pd.MultiIndex.from_frame(cells[KEYS]))
    values[
        countries.get_indexer(cells["country_id"]),
        questions.get_indexer(cells["question_id"]),
        design_of_cell,
    ] = cells[column]
    return values


def centred(values: Floats) -> Floats:
    """Each country's and design's values about their mean, 0 where absent; r stays the same."""
    count = np.maximum(np.isfinite(values).sum(axis=1, keepdims=True), 1)
    return np.nan_to_num(values - np.nansum(values, axis=1, keepdims=True) / count)


def bootstrap_correlations(
    cells: pd.DataFrame,
    countries: pd.Index,
    questions: pd.Index,
    designs: pd.Index,
    battery_of_question: npt.NDArray[np.intp],
    replicates: int,
    seed: int,
) -> Floats:
    """Correlations of all draws (countries x draws x designs) for designs of one coding."""
    model = dense(cells, "llm_mean_score", countries, questions, designs)
    present = np.isfinite(model).astype(np.float64)
    # People's scores are the same under every design that has the cell.
    people = cells.drop_duplicates(["country_id", "question_id"]).assign(
        **{key: designs[0][level] for level, key in enumerate(KEYS)}
    )
    first = designs[:1]
    human = centred(dense(people, "human_mean_score", countries, questions, first))[:, None, :, 0]
    error = np.nan_to_num(dense(people, "human_standard_error", countries, questions, first))
    error = error[:, None, :, 0]
    model = centred(model)
    return np.concatenate(
        [
            weighted_correlations(weights, human + error * deviates, model, present)
            for weights, deviates in draws(battery_of_question, len(countries), replicates, seed)
        ],
        axis=1,
    )


def mean_of_finite(correlations: Floats) -> Floats:
    """The mean over countries in each draw, NaN where no country has a value."""
    finite = np.isfinite(correlations)
    with np.errstate(invalid="ignore"):
        return np.where(finite, correlations, 0).sum(axis=0) / finite.sum(axis=0)


def interval(correlations: Floats) -> tuple[float, float, int]:
    """The 2.5 and 97.5 percentiles of the finite values, and how many they are."""
    finite = correlations[np.isfinite(correlations)]
    if not finite.size:
        return np.nan, np.nan, 0
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high), int(finite.size)


def survey_intervals(
    cells: pd.DataFrame,
    measured: pd.DataFrame,
    replicates: int,
    seed: int,
    minimums: dict[str, int],
) -> list[dict[str, Any]]:
    """Intervals of one survey's countries and continents, one mapping a row of the result."""
    questions = pd.Index(sorted(cells["question_id"].unique()))
    countries = pd.Index(sorted(cells["country_id"].unique()))
    batteries = cells.drop_duplicates("question_id").set_index("question_id")["battery_id"]
    battery_of_question = pd.factorize(batteries.loc[questions], sort=True)[0]
    rows: list[dict[str, Any]] = []
    for _, coded in cells.groupby("coding_id"):
        all_designs = pd.MultiIndex.from_frame(coded[KEYS]).unique().sort_values()
        of_design = coded.set_index(KEYS)
        measured_by_design = measured.set_index(KEYS).sort_index()
        for start in range(0, len(all_designs), DESIGNS_AT_ONCE):
            designs = all_designs[start : start + DESIGNS_AT_ONCE]
            correlations = bootstrap_correlations(
                of_design.loc[of_design.index.isin(designs)].reset_index(),
                countries,
                questions,
                designs,
                battery_of_question,
                replicates,
                seed,
            )
            for position, design in enumerate(designs):
                if design not in measured_by_design.index:
                    continue
                known = measured_by_design.loc[[design]]
                of_country = dict(zip(countries, correlations[:, :, position], strict=True))
                areas = [
                    ("country", country, of_country[country])
                    for country, count in zip(
                        known["country_id"], known["battery_count"], strict=True
                    )
                    if count >= minimums["batteries"]
                ]
                for continent, members in known.groupby("continent")["country_id"]:
                    if len(members) >= minimums["countries"]:
                        together = np.stack([of_country[country] for country in members])
                        areas.append(("continent", continent, mean_of_finite(together)))
                for area_kind, area_id, values in areas:
                    low, high, used = interval(values)
                    rows.append(
                        {
                            "model_id": design[0],
                            "prompt_id": design[1],
                            "area_kind": area_kind,
                            "area_id": area_id,
                            "ci_low": low,
                            "ci_high": high,
                            "replicates_used": used,
                        }
                    )
    return rows


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    replicates = int(dbt.config.get("bootstrap_replicates"))
    seed = int(dbt.config.get("bootstrap_seed"))
    minimums = {
        "batteries": int(dbt.config.get("minimum_batteries")),
        "countries": int(dbt.config.get("minimum_interval_countries")),
    }
    # Ordered, because results would otherwise differ between builds.
    order = "survey_id, model_id, prompt_id, country_id"
    cells = dbt.ref("int_comparable_cells").order(f"{order}, question_id").df()
    correlations = dbt.ref("int_country_correlations").order(order).df()
    countries = dbt.ref("countries").order("country_id").df()
    measured = correlations[correlations["pearson_r"].notna()].merge(
        countries[["country_id", "continent"]], on="country_id", how="left"
    )
    rows = [
        {"survey_id": survey_id, **row}
        for survey_id, of_survey in cells.groupby("survey_id")
        for row in survey_intervals(
            of_survey,
            measured[measured["survey_id"] == survey_id],
            replicates,
            seed,
            minimums,
        )
    ]
    return pa.Table.from_pylist(rows, schema=RESULT)
