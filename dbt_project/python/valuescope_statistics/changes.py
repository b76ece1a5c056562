"""How a model's answers change from year to year, against how people's did."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from valuescope_statistics.agreement.jackknife import (
    LEAST_EFFECTIVE_BATTERIES,
    effective_number,
    summary,
)
from valuescope_statistics.groups import (
    ROUNDING,
    Floats,
    Limits,
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
        row |= _r("change_r", model, people, cells, limits)
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
        row |= _r("demeaned_change_r", model, people, several, limits)
    return row


def _reason(model: Floats, people: Floats) -> str | None:
    """Return why there is no r of changes about 0; None where there is."""
    if np.abs(model).max() < ROUNDING:
        return "no_variance_in_model"
    return "no_variance_in_survey" if np.abs(people).max() < ROUNDING else None


def _r(
    name: str, model: Floats, people: Floats, cells: pd.DataFrame, limits: Limits
) -> dict[str, float]:
    """Return r about 0, its interval, and its p when years are exchanged within countries.

    A change is a change back when the years are exchanged, so that its mean is 0.
    """
    country, battery = (pd.factorize(cells[f"{key}_id"])[0] for key in ("country", "battery"))
    sums, batteries = samples_of(np.stack([model * people, model**2, people**2], axis=1), battery)
    product, own, theirs = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        r = product / np.sqrt(own * theirs)
    # As deviations of two years from their mean.
    of_model, of_people = (np.stack([-side, side], axis=1) / 2 for side in (model, people))
    found = {name: float(r[0]), f"{name}_p_value": shuffled_p(of_model, of_people, country, limits)}
    effective = effective_number(np.bincount(battery))
    if batteries < limits.minimum_batteries or effective < LEAST_EFFECTIVE_BATTERIES:
        return found
    certainty = summary(
        r[None], np.array([True]), np.array([float(batteries)]), np.array([effective - 1])
    )
    ends = {"ci_low": certainty.ci_low[0], "ci_high": certainty.ci_high[0]}
    return found | {f"{name}_{end}": float(value) for end, value in ends.items()}


def changes_of_designs(cells: pd.DataFrame, limits: Limits, minimum_countries: int) -> pd.DataFrame:
    """Return the columns of `RESULT` of all designs."""
    rows = []
    for design, of_design in cells.groupby(DESIGN, observed=True, sort=True):
        # Texts, because the order of categories depends on what else was read.
        texts = {name: of_design[name].astype(str) for name in TEXTS}
        own = of_design.assign(**texts).sort_values(["country_id", "question_id", *YEARS])
        rows += [
            dict(zip(DESIGN, design, strict=True)) | row
            for row in change_rows(own, limits, minimum_countries)
        ]
    return pd.DataFrame(rows, columns=RESULT.names)
