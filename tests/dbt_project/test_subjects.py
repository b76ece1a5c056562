"""Answers about groups and invented countries in a built warehouse, by pandas from what landed."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from tests.dbt_project.study import (
    WITHOUT_TESTS,
    Instrument,
    add_load,
    build_successfully,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
    read,
)
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.subjects import invented_names

COUNTRIES = ["AND", "CYP", "CZE", "DEU", "GBR", "GRC"]
NOT_DIVIDED = "GRC"
GROUPS = ["sex=female", "sex=male"]
# Of seven batteries.
QUESTIONS = [
    f"Q{number}" for number in (*range(1, 4), *range(27, 31), *range(177, 181), 57, 122, 149, 199, 42)
]
NOMINAL = "Q42"
NAMES = invented_names()[:6]
MARTS = ("agg_steering", "agg_question_steering", "agg_group_correlations", "agg_group_differences")
DESIGNS = {"forward": "forward", "backward": "reverse"}
CELL = ["model_id", "prompt_id", "question_id", "country_id", "group_id", "placebo_id"]


@dataclass(frozen=True)
class SubjectStudy:
    """A built warehouse, and the landed answers as probabilities with scores and people's shares."""

    home: Home
    answers: pd.DataFrame
    people: pd.DataFrame


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, instrument: Instrument) -> SubjectStudy:
    home = Home(tmp_path_factory.mktemp("subjects"))
    people = _load_people(home, instrument)
    answers = _land_answers(home, instrument)
    build_successfully(
        home,
        *WITHOUT_TESTS,
        "--select",
        "+fct_choice_probabilities",
        *(f"+{mart}" for mart in MARTS),
    )
    return SubjectStudy(home, answers, people)


def _load_people(home: Home, instrument: Instrument) -> pd.DataFrame:
    """Load all people and, but for one country, women and men; return shares."""
    found = []
    for seed, (subgroup, breakdown) in enumerate(
        [("all", "all"), *((group, "sex") for group in GROUPS)]
    ):
        countries = [c for c in COUNTRIES if subgroup == "all" or c != NOT_DIVIDED]
        counts = random_counts(instrument, QUESTIONS, countries, seed=seed)
        add_load(home, f"load-{seed}", counts, subgroup_id=subgroup, breakdown=breakdown)
        found.append(counts.assign(subgroup_id=subgroup))
    native = instrument.choices[
        (instrument.choices["coding_id"] == "native") & instrument.choices["is_on_scale"]
    ]
    codes = native.assign(code=native["survey_codes"].str.split("|")).explode("code")
    codes = codes.astype({"code": int})[["question_id", "choice_index", "code"]]
    keys = ["subgroup_id", "country_id", "question_id", "choice_index"]
    shares = pd.concat(found).merge(codes, on=["question_id", "code"])
    shares = shares.groupby(keys, as_index=False)["sum_of_weights"].sum()
    total = shares.groupby(keys[:3])["sum_of_weights"].transform("sum")
    return shares.assign(human_share=shares["sum_of_weights"] / total)


def _land_answers(home: Home, instrument: Instrument) -> pd.DataFrame:
    random = np.random.default_rng(5)
    land_model(home, "m")
    subjects = [
        *((country, None, None) for country in [*COUNTRIES, "ZZZ"]),
        *((country, group, None) for country, group in product(COUNTRIES, GROUPS)),
        *(("ZZZ", None, name) for name in NAMES),
    ]
    rows = []
    for prompt_id, order in DESIGNS.items():
        land_design(home, prompt_id, choice_order=order, order_family_id="averaged-design")
        land_run(home, prompt_id, "m", prompt_id)
        cells = []
        for question_id, (country_id, group_id, placebo_id) in product(QUESTIONS, subjects):
            size = instrument.choice_count(question_id)
            values = list(random.normal(-6, 1 if placebo_id is None else 0.4, size))
            cell = dict(
                zip(CELL, ("m", prompt_id, question_id, country_id, group_id, placebo_id),
                    strict=True)
            )
            sha = {"text_sha256": f"{country_id} {group_id} {placebo_id}", "run_id": prompt_id}
            cells.append(({**cell, **sha}, values))
            odds = np.exp(values)
            rows += [
                {**cell, "choice_index": index, "p": p, "size": size}
                for index, p in enumerate(odds / odds.sum(), start=1)
            ]
        land_cells(home, cells)
        # A compaction that was stopped between its rename and its deletes.
        land_cells(home, cells[::3], "compacted.parquet")
    found = pd.DataFrame(rows)
    averaged = found.groupby(
        [*(name for name in CELL if name != "prompt_id"), "choice_index", "size"],
        dropna=False,
        as_index=False,
    )["p"].mean()
    found = pd.concat([found, averaged.assign(prompt_id="averaged-design")])
    found["score"] = -1 + 2 * (found["choice_index"] - 1) / (found["size"] - 1)
    return found


def mean_scores(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the mean score of each cell of a question with a scale."""
    scaled = answers[answers["question_id"] != NOMINAL]
    weighted = scaled.assign(llm_mean_score=scaled["p"] * scaled["score"])
    return weighted.groupby(CELL, dropna=False, as_index=False)["llm_mean_score"].sum()


def test_marts_about_countries_hold_countries_alone(study: SubjectStudy) -> None:
    expected = study.answers[study.answers[["group_id", "placebo_id"]].isna().all(axis=1)]
    keys = ["prompt_id", "question_id", "country_id", "choice_index"]
    rows = read(study.home, "select * from marts.fct_choice_probabilities")
    both = rows.merge(expected, on=keys, validate="one_to_one")
    assert len(rows) == len(both) == len(expected)
    assert both["llm_probability"].to_numpy() == pytest.approx(both["p"].to_numpy(), abs=1e-12)
    scores = read(study.home, "select * from marts.fct_mean_scores")
    cells = expected.drop_duplicates(CELL)
    assert len(scores) == len(cells)


def test_steering_is_of_what_landed(study: SubjectStudy) -> None:
    scores = mean_scores(study.answers)
    whole = read(study.home, "select * from marts.agg_steering").set_index("prompt_id")
    by_question = read(study.home, "select * from marts.agg_question_steering")
    assert sorted(whole.index) == sorted([*DESIGNS, "averaged-design"])
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
        # Real names are 2.5 times as far apart in log-likelihoods.
        assert row["p_value"] < 0.01
        assert row["question_count"] == len(QUESTIONS) - 1
        rows = by_question[by_question["prompt_id"] == prompt_id].set_index("question_id")
        ratio = np.sqrt(variances[0] / variances[1])
        pd.testing.assert_series_equal(
            rows["steering_ratio"].sort_index(), ratio.sort_index(), check_names=False, rtol=1e-9
        )
        ordered = rows.sort_values("p_value")
        q = ordered["p_value"] * len(rows) / np.arange(1, len(rows) + 1)
        expected_q = q[::-1].cummin()[::-1].clip(upper=1)
        assert ordered["q_value"].to_numpy() == pytest.approx(expected_q.to_numpy())
        assert set(rows["family_test_count"]) == {len(QUESTIONS) - 1}


def compared(study: SubjectStudy) -> pd.DataFrame:
    """Return both sides' mean scores and distances of each cell about a group."""
    groups = study.answers[
        study.answers["group_id"].notna() & (study.answers["question_id"] != NOMINAL)
    ]
    people = study.people.rename(columns={"subgroup_id": "group_id"})
    keys = ["group_id", "country_id", "question_id", "choice_index"]
    # A choice that nobody took has no row; a group that nobody asked has none at all.
    both = groups.merge(people[[*keys, "human_share"]], on=keys, how="left")
    both = both[both["country_id"] != NOT_DIVIDED].fillna({"human_share": 0.0})
    both = both.sort_values([*CELL[:5], "choice_index"])
    both["human"] = both["human_share"] * both["score"]
    both["llm"] = both["p"] * both["score"]
    both["apart"] = (both["p"] - both["human_share"]).abs() / 2
    steps = (both["p"] - both["human_share"]).groupby([both[n] for n in CELL[:5]]).cumsum().abs()
    both["steps"] = steps * 2 / (both["size"] - 1)
    cells = both.groupby(CELL[:5], as_index=False)[["human", "llm", "apart", "steps"]].sum()
    return cells


def test_groups_are_compared_with_their_own_people(study: SubjectStudy) -> None:
    cells = compared(study)
    country = mean_scores(study.answers)
    country = country[country["group_id"].isna() & country["placebo_id"].isna()]
    cells = cells.merge(
        country[["prompt_id", "question_id", "country_id", "llm_mean_score"]],
        on=["prompt_id", "question_id", "country_id"],
    )
    rows = read(study.home, "select * from marts.agg_group_correlations")
    assert len(rows) == 3 * len(COUNTRIES) * len(GROUPS)
    missing = rows[rows["country_id"] == NOT_DIVIDED]
    assert set(missing["null_reason"]) == {"group_not_surveyed"}
    for _, row in rows[rows["country_id"] != NOT_DIVIDED].iterrows():
        own = cells
        for name in ("prompt_id", "country_id", "group_id"):
            own = own[own[name] == row[name]]
        assert row["question_count"] == len(own) == len(QUESTIONS) - 1
        r = pearsonr(own["llm"], own["human"]).statistic
        of_country = pearsonr(own["llm_mean_score"], own["human"]).statistic
        assert row["pearson_r"] == pytest.approx(r, abs=1e-9)
        assert row["gain"] == pytest.approx(r - of_country, abs=1e-9)
        assert row["mean_total_variation"] == pytest.approx(own["apart"].mean(), abs=1e-9)
        assert row["mean_wasserstein_1"] == pytest.approx(own["steps"].mean(), abs=1e-9)
        assert row["pearson_r_standard_error"] > 0


def test_divisions_are_over_all_groups_that_have_people(study: SubjectStudy) -> None:
    cells = compared(study)
    rows = read(study.home, "select * from marts.agg_group_differences")
    assert sorted(rows["prompt_id"]) == sorted([*DESIGNS, "averaged-design"])
    for _, row in rows.iterrows():
        own = cells[cells["prompt_id"] == row["prompt_id"]]
        mean = own.groupby(["country_id", "question_id"])[["llm", "human"]].transform("mean")
        apart = own[["llm", "human"]] - mean
        r = pearsonr(apart["llm"], apart["human"]).statistic
        assert row["deviation_r"] == pytest.approx(r, abs=1e-9)
        assert row["division_id"] == "sex"
        assert (row["group_count"], row["country_count"]) == (2, len(COUNTRIES) - 1)
        assert row["cell_count"] == len(own)
        variance = own.groupby(["country_id", "question_id"])["llm"].var().mean()
        assert row["llm_spread"] == pytest.approx(np.sqrt(variance), rel=1e-9)
