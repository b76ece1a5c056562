"""Answers about groups, years and invented countries in a warehouse, by pandas from what landed."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy.stats import pearsonr

from tests.dbt_project.pairs_study import ASKED_MORE, COUNTRIES, PLACEBOS, QUESTIONS, YEARS
from tests.dbt_project.study import Instrument, read
from valuescope.warehouse.home import Home

MODEL = ASKED_MORE[0]
SUBJECT = ["question_id", "country_id", "group_id", "placebo_id"]
CELL = ["prompt_id", *SUBJECT]


@dataclass(frozen=True)
class Landed:
    """The model's answers by themselves: probabilities with scores, orders averaged."""

    home: Home
    answers: pd.DataFrame
    people: pd.DataFrame
    averaged: str


@pytest.fixture(scope="module")
def landed(pairs: Home, instrument: Instrument) -> Landed:
    shards = pq.read_table(pairs.landing / "choice_log_likelihoods", partitioning=None).to_pandas()
    own = shards[(shards["model_id"] == MODEL) & shards["prompt_id"].str.endswith("-template")]
    own = own.drop_duplicates([*CELL, "choice_index"])
    odds = np.exp(own["log_likelihood"])
    cell = own.groupby(CELL, dropna=False)
    own = own.assign(
        p=odds / odds.groupby([own[name] for name in CELL], dropna=False).transform("sum"),
        size=cell["choice_index"].transform("max"),
    )
    keys = [*SUBJECT, "choice_index", "size"]
    (averaged,) = read(
        pairs,
        f"""
        select distinct prompt_id from marts.fct_mean_scores inner join marts.dim_prompts
            using (prompt_id)
        where model_id = '{MODEL}' and is_derived and chat_mode = 'template'
        """,
    )["prompt_id"]
    mean = own.groupby(keys, dropna=False, as_index=False)["p"].mean()
    answers = pd.concat([own[["prompt_id", *keys, "p"]], mean.assign(prompt_id=averaged)])
    answers["score"] = -1 + 2 * (answers["choice_index"] - 1) / (answers["size"] - 1)
    kinds = instrument.questions.set_index("question_id")["scale_kind"]
    answers["is_scaled"] = answers["question_id"].map(kinds).isin(["ordinal", "binary"])
    return Landed(pairs, answers, _shares(pairs, instrument), averaged)


def _shares(home: Home, instrument: Instrument) -> pd.DataFrame:
    """Return people's weighted shares of each group's choices, and of all in each year's wave."""
    waves = " ".join(f"when {wave} then '{year}'" for year, (wave, _) in YEARS.items())
    marginals = read(
        home,
        f"""
        select
            case subgroup_id when 'all' then case wave {waves} end else subgroup_id end as group_id,
            country_id, question_id, code, sum_of_weights
        from raw.human_marginals inner join raw.survey_loads using (load_id)
        """,
    )
    native = instrument.choices[
        (instrument.choices["coding_id"] == "native") & instrument.choices["is_on_scale"]
    ]
    codes = native.assign(code=native["survey_codes"].str.split("|")).explode("code")
    codes = codes.astype({"code": int})[["question_id", "choice_index", "code"]]
    keys = ["group_id", "country_id", "question_id", "choice_index"]
    shares = marginals.merge(codes, on=["question_id", "code"])
    shares = shares.groupby(keys)["sum_of_weights"].sum().reset_index()
    total = shares.groupby(keys[:3])["sum_of_weights"].transform("sum")
    return shares.assign(human_share=shares["sum_of_weights"] / total).drop(
        columns="sum_of_weights"
    )


def mean_scores(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the mean score of each cell of a question with a scale."""
    weighted = answers.assign(llm_mean_score=answers["p"] * answers["score"])
    scaled = weighted[weighted["is_scaled"]]
    return scaled.groupby(CELL, dropna=False)["llm_mean_score"].sum().reset_index()


def compared(landed: Landed) -> pd.DataFrame:
    """Return both sides' mean scores and distances of each cell about a group or a year."""
    groups = landed.answers[landed.answers["group_id"].notna() & landed.answers["is_scaled"]]
    keys = ["group_id", "country_id", "question_id", "choice_index"]
    # A choice that nobody took has no row.
    both = groups.merge(landed.people, on=keys, how="left").fillna({"human_share": 0.0})
    cell = ["prompt_id", "question_id", "country_id", "group_id"]
    both = both.sort_values([*cell, "choice_index"])
    both["human"] = both["human_share"] * both["score"]
    both["llm"] = both["p"] * both["score"]
    difference = both["p"] - both["human_share"]
    both["apart"] = difference.abs() / 2
    both["steps"] = difference.groupby([both[name] for name in cell]).cumsum().abs()
    both["steps"] *= 2 / (both["size"] - 1)
    return both.groupby(cell, as_index=False)[["human", "llm", "apart", "steps"]].sum()


def test_marts_about_countries_hold_countries_alone(landed: Landed) -> None:
    is_country = landed.answers[["group_id", "placebo_id"]].isna().all(axis=1)
    expected = landed.answers[is_country]
    assert 0 < len(expected) < len(landed.answers)
    prompts = ", ".join(f"'{name}'" for name in expected["prompt_id"].unique())
    chosen = f"where model_id = '{MODEL}' and prompt_id in ({prompts})"
    rows = read(landed.home, f"select * from marts.fct_choice_probabilities {chosen}")
    keys = ["prompt_id", "question_id", "country_id", "choice_index"]
    both = rows.merge(expected, on=keys, validate="one_to_one")
    assert len(rows) == len(both) == len(expected)
    assert both["llm_probability"].to_numpy() == pytest.approx(both["p"].to_numpy(), abs=1e-12)
    scores = read(landed.home, f"select * from marts.fct_mean_scores {chosen}")
    assert len(scores) == len(expected.drop_duplicates(CELL))


def test_steering_is_of_what_landed(landed: Landed) -> None:
    scores = mean_scores(landed.answers)
    whole = read(landed.home, "select * from marts.agg_steering").set_index("prompt_id")
    by_question = read(landed.home, "select * from marts.agg_question_steering")
    assert set(whole.index) == set(scores["prompt_id"])
    for prompt_id, row in whole.iterrows():
        own = scores[scores["prompt_id"] == prompt_id]
        real = own[own["group_id"].isna() & (own["country_id"] != "ZZZ")]
        invented = own[own["placebo_id"].notna()]
        variances = [
            side.groupby("question_id")["llm_mean_score"].var() for side in (real, invented)
        ]
        expected = np.sqrt([side.mean() for side in variances])
        found = row[["country_spread", "placebo_spread"]].to_numpy(float)
        assert found == pytest.approx(expected, rel=1e-9)
        assert row["steering_ratio"] == pytest.approx(expected[0] / expected[1], rel=1e-9)
        # The model says much the same of invented countries.
        assert row["p_value"] < 0.01
        assert (row["country_count"], row["placebo_count"]) == (len(COUNTRIES), len(PLACEBOS))
        assert row["question_count"] == own["question_id"].nunique() < len(QUESTIONS)
        rows = by_question[by_question["prompt_id"] == prompt_id].set_index("question_id")
        ratio = (variances[0] / variances[1]).pow(0.5)
        pd.testing.assert_series_equal(
            rows["steering_ratio"].sort_index(), ratio.sort_index(), check_names=False, rtol=1e-9
        )
        ordered = rows.sort_values("p_value")
        q = ordered["p_value"] * len(rows) / np.arange(1, len(rows) + 1)
        expected_q = q[::-1].cummin()[::-1].clip(upper=1)
        assert ordered["q_value"].to_numpy() == pytest.approx(expected_q.to_numpy())
        assert set(rows["family_test_count"]) == {len(rows)}


def test_groups_are_compared_with_their_own_people(landed: Landed) -> None:
    country = mean_scores(landed.answers)
    country = country[country["group_id"].isna() & country["placebo_id"].isna()]
    cells = compared(landed).merge(
        country[["prompt_id", "question_id", "country_id", "llm_mean_score"]],
        on=["prompt_id", "question_id", "country_id"],
    )
    rows = read(landed.home, "select * from marts.agg_group_correlations")
    assert len(rows) == 3 * len(COUNTRIES) * 2
    for _, row in rows.iterrows():
        own = cells
        for name in ("prompt_id", "country_id", "group_id"):
            own = own[own[name] == row[name]]
        assert row["question_count"] == len(own) < len(QUESTIONS)
        r = pearsonr(own["llm"], own["human"]).statistic
        of_country = pearsonr(own["llm_mean_score"], own["human"]).statistic
        assert row["pearson_r"] == pytest.approx(r, abs=1e-9)
        assert row["gain"] == pytest.approx(r - of_country, abs=1e-9)
        assert row["mean_total_variation"] == pytest.approx(own["apart"].mean(), abs=1e-9)
        assert row["mean_wasserstein_1"] == pytest.approx(own["steps"].mean(), abs=1e-9)
        assert row["pearson_r_standard_error"] > 0


def test_divisions_are_over_all_groups_that_have_people(landed: Landed) -> None:
    cells = compared(landed)
    cells = cells[~cells["group_id"].isin(YEARS)]
    rows = read(landed.home, "select * from marts.agg_group_differences")
    assert set(rows["prompt_id"]) == set(cells["prompt_id"])
    for _, row in rows.iterrows():
        own = cells[cells["prompt_id"] == row["prompt_id"]]
        mean = own.groupby(["country_id", "question_id"])[["llm", "human"]].transform("mean")
        apart = own[["llm", "human"]] - mean
        r = pearsonr(apart["llm"].to_numpy(), apart["human"].to_numpy()).statistic
        assert row["deviation_r"] == pytest.approx(r, abs=1e-9)
        # It knows half of what people said.
        assert row["shuffled_p_value"] < 0.01
        assert row["division_id"] == "sex"
        assert (row["group_count"], row["country_count"]) == (2, len(COUNTRIES))
        assert row["cell_count"] == len(own)
        variance = own.groupby(["country_id", "question_id"])["llm"].var().mean()
        assert row["llm_spread"] == pytest.approx(np.sqrt(variance), rel=1e-9)
        assert 0 < row["stereotyping"] < 2


def test_changes_are_between_years_and_the_waves_near_them(landed: Landed) -> None:
    """Each country's change is that of its own people; r, signs and sizes are over all of them."""
    cells = compared(landed)
    cell = ["prompt_id", "question_id", "country_id"]
    earlier, later = (cells[cells["group_id"] == year].set_index(cell) for year in YEARS)
    expected = later[["llm", "human"]] - earlier[["llm", "human"]]
    rows = read(landed.home, "select * from marts.fct_changes").set_index(cell)
    assert len(rows) == len(expected) > 1000
    both = rows.join(expected)
    for side in ("llm", "human"):
        assert both[f"{side}_change"].to_numpy() == pytest.approx(both[side].to_numpy(), abs=1e-9)
    people = read(
        landed.home,
        "select * from marts.fct_human_mean_scores where coding_id = 'native' and "
        "population_id in ('wvs:6:within_country:all', 'wvs:7:within_country:all')",
    ).pivot(index=["question_id", "country_id"], columns="wave", values="human_standard_error")
    errors = both.join(people)
    expected_error = np.hypot(errors[6].to_numpy(), errors[7].to_numpy())
    assert errors["human_standard_error"].to_numpy() == pytest.approx(expected_error)
    facts = rows[["earlier_year", "later_year", "earlier_fieldwork_year", "later_fieldwork_year"]]
    assert facts.drop_duplicates().to_numpy().tolist() == [[2010, 2018, 2011, 2017]]

    correlations = read(landed.home, "select * from marts.agg_change_correlations")
    assert set(correlations["prompt_id"]) == set(both.index.get_level_values("prompt_id"))
    for _, row in correlations.iterrows():
        own = both.xs(row["prompt_id"], level="prompt_id")
        product = (own["llm"] * own["human"]).sum()
        r = product / np.sqrt((own["llm"] ** 2).sum() * (own["human"] ** 2).sum())
        assert row["change_r"] == pytest.approx(r, abs=1e-9)
        apart = own[["llm", "human"]]
        apart = apart - apart.groupby("question_id").transform("mean")
        expected_r = pearsonr(*apart.to_numpy().T).statistic
        assert row["demeaned_change_r"] == pytest.approx(expected_r, abs=1e-9)
        # It knows half of what people said.
        assert max(row["change_r_p_value"], row["demeaned_change_r_p_value"]) < 0.01
        assert 0.5 < row["right_sign_share"] < 1
        assert row["change_r_ci_low"] < row["change_r"] < row["change_r_ci_high"]
        assert (row["country_count"], row["cell_count"]) == (len(COUNTRIES), len(own))
