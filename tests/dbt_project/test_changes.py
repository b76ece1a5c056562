"""Changes from year to year: against scipy and exchanges by hand, and where nothing is known."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import kstest, t
from valuescope_statistics.changes import RESULT, TEXTS, change_rows, changes_of_designs
from valuescope_statistics.groups import Limits
from valuescope_statistics.relations import DESIGN

from tests.dbt_project.test_groups import jackknife

LIMITS = Limits(minimum_questions=5, minimum_batteries=5, seed=1)
COUNTRIES = [f"C{number:02d}" for number in range(12)]


def cells(
    seed: int,
    *,
    knowledge: float = 0.0,
    trend: float = 0.0,
    error: float = 0.05,
    questions: int = 40,
) -> pd.DataFrame:
    """Return changes of one design; the model repeats `knowledge` of people's.

    With a `trend` both sides change alike in all countries, each question in a way of its own that
    is the same for model and people.
    """
    random = np.random.default_rng(seed)
    rows = pd.DataFrame(
        product(COUNTRIES, range(questions)), columns=["country_id", "number"]
    ).assign(earlier_year=1995, later_year=2018, human_standard_error=error)
    rows["question_id"] = [f"Q{number:02d}" for number in rows["number"]]
    rows["battery_id"] = [f"b{number % 12:02d}" for number in rows.pop("number")]
    common = np.tile(trend * random.normal(size=questions), len(COUNTRIES))
    true = 0.1 * random.normal(size=len(rows))
    rows["human_change"] = common + true + error * random.normal(size=len(rows))
    rows["llm_change"] = common + knowledge * true + 0.1 * random.normal(size=len(rows))
    return rows


def of_years(rows: pd.DataFrame) -> dict[str, Any]:
    (row,) = change_rows(rows, LIMITS, 5)
    return row


def r_about_0(rows: pd.DataFrame) -> float:
    """Return Pearson's r of both ways to see each change: from either year to the other."""
    both = pd.concat([rows, -rows[["llm_change", "human_change"]]])
    return float(np.corrcoef(both["llm_change"], both["human_change"])[0, 1])


def demeaned(rows: pd.DataFrame) -> pd.DataFrame:
    sides = ["llm_change", "human_change"]
    mean = rows.groupby("question_id")[sides].transform("mean")
    return rows.assign(**{name: rows[name] - mean[name] for name in sides})


def exchanged(rows: pd.DataFrame, unit: str) -> float:
    """Return the exact p over all exchanges of years within units."""
    products = (rows["llm_change"] * rows["human_change"]).groupby(rows[unit]).sum()
    signs = np.array(list(product([1, -1], repeat=len(products))))
    return float((signs @ products.to_numpy() >= products.sum() - 1e-12).mean())


def test_r_signs_and_sizes_are_those_of_all_changes() -> None:
    rows = cells(1, knowledge=0.3, trend=0.05)
    missing = rows["country_id"].eq("C03") & rows["question_id"].gt("Q30")
    rows.loc[missing, "human_change"] = np.nan
    found, known = of_years(rows), rows[~missing]
    for name, own in (("change_r", known), ("demeaned_change_r", demeaned(known))):
        assert found[name] == pytest.approx(r_about_0(own), abs=1e-12)
        error = jackknife(own, lambda rows: np.arctanh(r_about_0(rows)))
        # Kish's effective number of batteries less 1.
        sizes = own["battery_id"].value_counts()
        half = t.ppf(0.975, sizes.sum() ** 2 / (sizes**2).sum() - 1) * error
        ends = [found[f"{name}_ci_{end}"] for end in ("low", "high")]
        centre = np.arctanh(r_about_0(own))
        assert ends == pytest.approx(np.tanh([centre - half, centre + half]), abs=1e-12)
        units = ["country_id"] if own is not known else ["country_id", "battery_id"]
        exact = max(exchanged(own, unit) for unit in units)
        assert found[f"{name}_p_value"] == pytest.approx(exact, abs=0.03)
    clear = known[known["human_change"].abs() > 1.96 * 0.05]
    assert 0 < found["clear_cell_count"] == len(clear) < found["cell_count"] == len(known)
    right = np.sign(clear["llm_change"]) == np.sign(clear["human_change"])
    assert found["right_sign_share"] == pytest.approx(right.mean())
    counts = [found[f"{name}_count"] for name in ("country", "question", "battery")]
    assert counts == [12, 40, 12]
    assert found["llm_change_size"] == pytest.approx(np.sqrt((known["llm_change"] ** 2).mean()))
    true = (known["human_change"] ** 2).mean() - 0.05**2
    assert found["human_change_size"] == pytest.approx(np.sqrt(true))


def test_a_trend_that_all_countries_share_is_in_r_and_not_in_the_demeaned_r() -> None:
    found = [of_years(cells(seed, trend=0.3)) for seed in range(10)]
    assert min(row["change_r"] for row in found) > 0.7
    demeaned_rs = np.array([row["demeaned_change_r"] for row in found])
    assert abs(demeaned_rs.mean()) < 0.05
    assert (np.array([row["demeaned_change_r_p_value"] for row in found]) < 0.05).sum() <= 2
    knowing = of_years(cells(3, knowledge=1, trend=0.3))
    assert knowing["demeaned_change_r_p_value"] == 0.001
    assert knowing["demeaned_change_r_ci_low"] > 0.5


def test_a_model_without_knowledge_has_any_p_and_an_interval_around_0() -> None:
    found = pd.DataFrame([of_years(cells(seed)) for seed in range(60)])
    for name in ("change_r", "demeaned_change_r"):
        assert kstest(found[f"{name}_p_value"], "uniform").pvalue > 0.01
        covered = (found[f"{name}_ci_low"] < 0) & (found[f"{name}_ci_high"] > 0)
        assert 0.88 < covered.mean() < 1


def test_a_guess_that_all_countries_share_is_seldom_taken_for_knowledge() -> None:
    p_values = []
    for seed in range(60):
        rows, random = cells(seed), np.random.default_rng(seed)
        for side in ("llm_change", "human_change"):
            shared = dict(zip(rows["question_id"].unique(), random.normal(size=40), strict=True))
            rows[side] += 0.3 * rows["question_id"].map(shared)
        p_values.append(of_years(rows)["change_r_p_value"])
    assert np.mean(np.array(p_values) < 0.05) < 0.12


def test_each_pair_of_years_has_a_row() -> None:
    both = pd.concat([cells(1), cells(2).assign(earlier_year=2005)])
    first, second = change_rows(both, LIMITS, 5)
    assert (first["earlier_year"], second["earlier_year"]) == (1995, 2005)
    assert {**first, "earlier_year": 2005} == change_rows(
        cells(1).assign(earlier_year=2005), LIMITS, 5
    )[0]
    assert second["change_r"] != first["change_r"]


def test_what_cannot_be_compared_has_a_reason() -> None:
    def reasons(rows: pd.DataFrame) -> tuple[str | None, str | None]:
        found = of_years(rows)
        for reason, name in (
            ("null_reason", "change_r"),
            ("demeaned_null_reason", "demeaned_change_r"),
        ):
            assert (found[reason] is None) == (name in found)
        return found["null_reason"], found["demeaned_null_reason"]

    rows = cells(5)
    assert reasons(rows) == (None, None)
    assert reasons(rows.assign(human_change=np.nan)) == ("year_not_surveyed",) * 2
    assert reasons(rows[rows["question_id"] < "Q04"]) == ("too_few_questions", None)
    assert reasons(rows[rows["country_id"] < "C04"]) == (None, "too_few_countries")
    assert reasons(rows.assign(llm_change=0.0)) == ("no_variance_in_model",) * 2
    assert reasons(rows.assign(llm_change=0.1)) == (None, "no_variance_in_model")
    assert reasons(rows.assign(human_change=0.0)) == ("no_variance_in_survey",) * 2
    nobody = of_years(rows.assign(human_change=0.01))
    assert (nobody["clear_cell_count"], nobody["human_change_size"]) == (0, 0.0)
    assert "right_sign_share" not in nobody


def test_few_batteries_or_one_that_dominates_give_no_interval() -> None:
    rows = cells(7)
    number = rows["question_id"].str[1:].astype(int)
    for battery in (number % 4, (number - 34).clip(lower=0)):
        found = of_years(rows.assign(battery_id=battery.astype(str)))
        assert "change_r" in found
        assert np.isnan(found["change_r_ci_low"])


def test_designs_are_apart_and_fit_their_table() -> None:
    both = pd.concat(
        cells(seed).assign(**dict.fromkeys(DESIGN, name)) for seed, name in ((1, "a"), (2, "b"))
    )
    found = changes_of_designs(both, LIMITS, 5)
    own = found[found["model_id"] == "b"].reset_index(drop=True)
    mixed = both[both["model_id"] == "b"].sample(frac=1, random_state=1)
    for name in TEXTS:
        mixed[name] = pd.Categorical(mixed[name], categories=mixed[name].unique())
    alone = changes_of_designs(mixed, LIMITS, 5)
    assert pa.Table.from_pandas(alone, RESULT, preserve_index=False).num_rows == len(own) == 1
    pd.testing.assert_frame_equal(own, alone, check_exact=True)
