"""Which questions go together: against pandas, and against patterns of known truth."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import kstest, pearsonr, t
from valuescope_statistics.item_structure import RESULT, Limits, item_structure

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import read

Floats = npt.NDArray[np.float64]
COUNTRIES, QUESTIONS, BATTERIES = 30, 24, 8
BATTERY = np.arange(QUESTIONS) // 3
LIMITS = Limits(draws=99, seed=1, minimum_countries=10, minimum_questions=5, minimum_batteries=5)


def survey(seed: int) -> tuple[Floats, Floats]:
    """Return what countries differ in (countries x 3), and people's scores."""
    random = np.random.default_rng(seed)
    traits = random.normal(size=(COUNTRIES, 3))
    loadings = random.normal(size=(3, QUESTIONS))
    return traits, traits @ loadings + random.normal(0, 0.5, (COUNTRIES, QUESTIONS))


def cells(human: Floats, model: Floats, name: str = "m") -> pd.DataFrame:
    rows = [
        (name, "p", "wvs", f"C{c:02d}", f"Q{q:02d}", f"b{BATTERY[q]}", model[c, q], human[c, q])
        for c in range(len(human))
        for q in range(human.shape[1])
    ]
    names = ["model_id", "prompt_id", "survey_id", "country_id", "question_id", "battery_id"]
    return pd.DataFrame(rows, columns=[*names, "llm_mean_score", "human_mean_score"])


def alone(seed: int) -> Floats:
    """Return a model whose countries differ, by chance, and alike within a battery."""
    random = np.random.default_rng([7, seed])
    together = random.normal(size=(COUNTRIES, BATTERIES))[:, BATTERY]
    return together + random.normal(0, 0.3, (COUNTRIES, QUESTIONS))


def by_pandas(scores: Floats) -> Floats:
    r = pd.DataFrame(scores).corr()
    pairs = combinations(range(scores.shape[1]), 2)
    return np.array([r.iloc[one, other] for one, other in pairs if BATTERY[one] != BATTERY[other]])


def test_r_of_patterns_is_that_of_pandas_and_scipy() -> None:
    _, human = survey(1)
    model = 0.3 * human + alone(1)
    (row,) = item_structure(cells(human, model), LIMITS).to_dict("records")
    expected = pearsonr(by_pandas(human), by_pandas(model)).statistic
    assert row["structure_r"] == pytest.approx(expected, abs=1e-12)
    assert row["pair_count"] == QUESTIONS * (QUESTIONS - 3) / 2
    assert (row["country_count"], row["question_count"]) == (COUNTRIES, QUESTIONS)
    assert 0.3 < row["structure_r"] < 1
    assert row["shuffled_p_value"] == 0.01
    assert row["shuffled_low"] < 0 < row["shuffled_high"] < row["structure_r"]


def test_its_interval_leaves_out_the_pairs_of_one_battery_after_another() -> None:
    _, human = survey(1)
    model = 0.3 * human + alone(1)
    (row,) = item_structure(cells(human, model), LIMITS).to_dict("records")
    pairs = [
        (BATTERY[one], BATTERY[other])
        for one, other in combinations(range(QUESTIONS), 2)
        if BATTERY[one] != BATTERY[other]
    ]
    sides = by_pandas(human), by_pandas(model)
    z = [np.arctanh(row["structure_r"])]
    for battery in range(BATTERIES):
        kept = [battery not in pair for pair in pairs]
        z.append(np.arctanh(pearsonr(*(side[kept] for side in sides)).statistic))
    moves = np.array(z[1:]) - z[0]
    half = t.ppf(0.975, BATTERIES - 1) * np.sqrt((BATTERIES - 1) / BATTERIES * (moves**2).sum())
    assert row["structure_ci_low"] == pytest.approx(np.tanh(z[0] - half))
    assert row["structure_ci_high"] == pytest.approx(np.tanh(z[0] + half))
    assert row["effective_battery_count"] == row["battery_count"] == BATTERIES


def test_its_intervals_cover_what_more_batteries_show() -> None:
    """40 sets of batteries in the same kind of countries; the truth is that of 20 times as many."""
    covered = []
    for seed in range(40):
        random = np.random.default_rng([11, seed])
        traits = random.normal(size=(COUNTRIES, 3))
        many = 20 * QUESTIONS
        loadings = random.normal(size=(3, many))
        people, own = (
            traits @ loadings + noise * random.normal(size=(COUNTRIES, many)) for noise in (0.5, 2)
        )
        apart = np.triu_indices(many, 1)
        of_all = [pd.DataFrame(side).corr().to_numpy()[apart] for side in (people, own)]
        truth = pearsonr(*of_all).statistic
        few = people[:, :QUESTIONS], own[:, :QUESTIONS]
        (row,) = item_structure(cells(*few), LIMITS._replace(draws=1)).to_dict("records")
        covered.append(row["structure_ci_low"] <= truth <= row["structure_ci_high"])
    # Two of the binomial's standard errors below .93.
    assert np.mean(covered) >= 0.93 - 2 * np.sqrt(0.95 * 0.05 / 40)


def test_few_batteries_give_no_interval() -> None:
    _, human = survey(2)
    some = slice(0, 4 * 3)
    (row,) = item_structure(cells(human[:, some], alone(2)[:, some]), LIMITS).to_dict("records")
    assert row["interval_null_reason"] == "too_few_batteries"
    assert np.isfinite(row["structure_r"])
    assert np.isnan(row["structure_ci_low"])


def test_the_pattern_of_the_same_traits_in_other_countries_reaches_the_ceiling() -> None:
    """The value stated for one sample of countries is the one that another sample shows."""
    stated, reached = [], []
    for seed in range(40):
        random = np.random.default_rng([3, seed])
        loadings = random.normal(size=(3, QUESTIONS))
        sides = [
            random.normal(size=(size, 3)) @ loadings + random.normal(0, 0.5, (size, QUESTIONS))
            for size in (COUNTRIES, 4000)
        ]
        (row,) = item_structure(cells(sides[0], sides[0]), LIMITS).to_dict("records")
        stated.append(row["structure_ceiling"])
        reached.append(pearsonr(*map(by_pandas, sides)).statistic)
        assert row["structure_r"] == pytest.approx(1)
    assert np.mean(stated) == pytest.approx(np.mean(reached), abs=0.02)


def test_a_model_that_knows_nothing_has_any_place_among_shuffled_countries() -> None:
    found = [
        item_structure(cells(survey(seed)[1], alone(seed)), LIMITS).iloc[0] for seed in range(50)
    ]
    p_values = pd.DataFrame(found)["shuffled_p_value"].astype(float)
    assert kstest(p_values, "uniform").pvalue > 0.01
    assert (p_values <= 0.05).mean() < 0.13


@pytest.mark.parametrize(
    ("countries", "questions", "scale", "reason"),
    [
        (9, QUESTIONS, 1.0, "too_few_countries"),
        (COUNTRIES, 4, 1.0, "too_few_questions"),
        (COUNTRIES, QUESTIONS, 0.0, "no_country_variation"),
    ],
)
def test_too_little_gives_a_reason(
    countries: int, questions: int, scale: float, reason: str
) -> None:
    _, human = survey(2)
    model = 0.2 + scale * alone(2)
    rows = item_structure(
        cells(human[:countries, :questions], model[:countries, :questions]), LIMITS
    )
    assert list(rows["null_reason"]) == [reason]
    assert rows["structure_r"].isna().all()
    assert pa.Table.from_pandas(rows, RESULT, preserve_index=False).num_rows == 1


def test_one_model_does_not_change_another_s_pattern() -> None:
    _, human = survey(3)
    one, other = cells(human, alone(3), "one"), cells(human, alone(4), "other")
    mixed = pd.concat([other, one]).sample(frac=1, random_state=1)
    for name in ("country_id", "question_id", "battery_id"):
        mixed[name] = pd.Categorical(mixed[name], categories=mixed[name].unique())
    both = item_structure(mixed, LIMITS)
    own = both[both["model_id"] == "one"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, item_structure(one, LIMITS), check_exact=True)


def test_the_mart_is_over_questions_that_all_full_countries_have(agreement: AgreementStudy) -> None:
    rows = read(agreement.home, "select * from marts.agg_item_structure")
    used = read(
        agreement.home,
        """
        select model_id, prompt_id, country_id, question_id, llm_mean_score, human_mean_score,
            battery_id
        from intermediate.int_comparable_cells
        """,
    )
    known = rows[rows["structure_r"].notna()]
    assert len(known) > 0
    assert rows["structure_r"].isna().eq(rows["null_reason"].notna()).all()
    for _, row in known.iterrows():
        own = used[(used["model_id"] == row["model_id"]) & (used["prompt_id"] == row["prompt_id"])]
        counts = own["country_id"].value_counts()
        own = own[own["country_id"].map(counts) >= counts.max() / 2]
        countries = own.groupby("question_id")["country_id"].transform("nunique")
        own = own[countries == own["country_id"].nunique()]
        assert row["country_count"] == own["country_id"].nunique()
        sides = [
            own.pivot(index="country_id", columns="question_id", values=f"{side}_mean_score").corr()
            for side in ("llm", "human")
        ]
        battery = own.drop_duplicates("question_id").set_index("question_id")["battery_id"]
        pairs = [
            (one, other)
            for one, other in combinations(battery.index, 2)
            if battery[one] != battery[other]
        ]
        values = [[side.loc[pair] for pair in pairs] for side in sides]
        assert row["structure_r"] == pytest.approx(pearsonr(*values).statistic, abs=1e-9)
        assert row["pair_count"] == len(pairs)
