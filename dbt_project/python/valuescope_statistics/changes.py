"""How a model's answers change from year to year, against how people's did."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from valuescope_statistics.groups import (
    ROUNDING,
    Floats,
    Limits,
    certain,
    rows_of_designs,
    samples_of,
    shuffled_p,
)
from valuescope_statistics.relations import DESIGN

YEARS = ["earlier_year", "later_year"]
TEXTS = ["country_id", "question_id", "battery_id"]
RESULT = pa.schema(
    [
        *((name, pa.string()) for name in DESIGN),
        *((name, pa.int32()) for name in YEARS),
        *(
            (name, pa.int64())
            for name in ("country_count", "question_count", "battery_count", "cell_count")
        ),
        *(
            (name, pa.float64())
            for r in ("change_r", "demeaned_change_r")
            for name in (r, f"{r}_ci_low", f"{r}_ci_high", f"{r}_p_value")
        ),
        ("clear_cell_count", pa.int64()),
        ("right_sign_share", pa.float64()),
        ("llm_change_size", pa.float64()),
        ("human_change_size", pa.float64()),
        ("null_reason", pa.string()),
        ("demeaned_null_reason", pa.string()),
    ]
)
# A change of people that is further from 0 than 95% of samples would be without one.
CLEAR = 1.96


def change_rows(
    cells: pd.DataFrame, limits: Limits, minimum_countries: int
) -> list[dict[str, Any]]:
    """Return a row for each pair of years of one design.

    `cells` has `YEARS`, `TEXTS`, `llm_change`, `human_change` and `human_standard_error`; people's
    change is NaN where it is not known. Questions of fewer than `minimum_countries` are not in the
    demeaned r.
    """
    rows = []
    for (earlier, later), own in cells.groupby(YEARS, sort=True):
        row: dict[str, Any] = {"earlier_year": earlier, "later_year": later}
        compared = own[own["human_change"].notna()]
        rows.append(row | _of_years(compared, limits, minimum_countries))
    return rows


def _of_years(cells: pd.DataFrame, limits: Limits, minimum_countries: int) -> dict[str, Any]:
    model, people, error = (
        cells[name].to_numpy() for name in ("llm_change", "human_change", "human_standard_error")
    )
    clear = np.abs(people) > CLEAR * error
    row: dict[str, Any] = {
        **{
            f"{name}_count": cells[f"{name}_id"].nunique()
            for name in ("country", "question", "battery")
        },
        "cell_count": len(cells),
        "clear_cell_count": int(clear.sum()),
    }
    if not len(cells):
        return row | dict.fromkeys(["null_reason", "demeaned_null_reason"], "year_not_surveyed")
    if clear.any():
        row["right_sign_share"] = float((model[clear] * people[clear] > 0).mean())
    row["llm_change_size"] = float(np.sqrt((model**2).mean()))
    true = (people**2 - np.nan_to_num(error**2)).mean()
    row["human_change_size"] = float(np.sqrt(max(true, 0.0)))
    is_few = row["question_count"] < limits.minimum_questions
    row["null_reason"] = "too_few_questions" if is_few else _reason(model, people)
    if row["null_reason"] is None:
        # A model may say the same of a year in all countries, and people change alike in many.
        # Exchanged in countries alone, p is below .05 in 23 to 33% of simulated guesses.
        row |= _r("change_r", model, people, cells, ("battery_id", "country_id"), limits)
    # Which countries changed more than others: what a question's change has in common comes off.
    countries = cells.groupby("question_id")["country_id"].transform("count")
    several = cells[countries >= minimum_countries]
    if several.empty:
        return row | {"demeaned_null_reason": "too_few_countries"}
    question = several["question_id"]
    model, people = (
        (several[name] - several[name].groupby(question).transform("mean")).to_numpy()
        for name in ("llm_change", "human_change")
    )
    row["demeaned_null_reason"] = _reason(model, people)
    if row["demeaned_null_reason"] is None:
        row |= _r("demeaned_change_r", model, people, several, ("country_id",), limits)
    return row


def _reason(model: Floats, people: Floats) -> str | None:
    """Return why there is no r of changes about 0; None where there is."""
    if np.abs(model).max() < ROUNDING:
        return "no_variance_in_model"
    return "no_variance_in_survey" if np.abs(people).max() < ROUNDING else None


def _r(
    name: str,
    model: Floats,
    people: Floats,
    cells: pd.DataFrame,
    units: tuple[str, ...],
    limits: Limits,
) -> dict[str, float]:
    """Return r about 0, its interval, and its p when years are exchanged within units.

    A change is a change back when the years are exchanged, so that its mean is 0. Of several kinds
    of `units` (columns of `cells`) the largest p counts.
    """
    sums = np.stack([model * people, model**2, people**2], axis=1)
    samples = samples_of(sums, pd.factorize(cells["battery_id"])[0])
    product, own, theirs = samples.sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        r = product / np.sqrt(own * theirs)
    # As deviations of two years from their mean.
    of_model, of_people = (np.stack([-side, side], axis=1) / 2 for side in (model, people))
    found = certain(name, r, samples, limits, scale="r")
    del found[f"{name}_standard_error"]
    exchanged = (pd.factorize(cells[unit])[0] for unit in units)
    found[f"{name}_p_value"] = max(
        shuffled_p(of_model, of_people, unit, limits) for unit in exchanged
    )
    return found


def changes_of_designs(cells: pd.DataFrame, limits: Limits, minimum_countries: int) -> pd.DataFrame:
    """Return the columns of `RESULT` of all designs."""
    rows_of = partial(change_rows, minimum_countries=minimum_countries)
    return rows_of_designs(cells, rows_of, RESULT, limits, texts=TEXTS, compared=YEARS)
