"""The bootstrap of agreement: against one draw at a time, and against its promises."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control
from valuescope_statistics.bootstrap.cells import (
    PAIR_KEYS,
    Settings,
    cell_sets,
    read_answers,
    read_people,
)
from valuescope_statistics.bootstrap.draws import (
    Drawn,
    HumanDraws,
    battery_weights,
    moved_scores,
    noise_of_correlations,
)
from valuescope_statistics.bootstrap.measures import (
    CountryMeasures,
)
from valuescope_statistics.bootstrap.summaries import (
    summary,
)

from tests.dbt_project.agreement_study import EUROPE, AgreementStudy
from tests.dbt_project.bootstrap_oracle import (
    MEASURES,
    MEMBERSHIPS,
    Frames,
    OneByOne,
    invented,
    run,
    summary_of,
)
from tests.dbt_project.study import build_successfully, read

KEYS = ["model_id", "other_model_id", "area_kind", "area_id", "measure"]
NUMBERS = ["estimate", "ci_low", "ci_high", "standard_error", "p_value"]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(
        replicates=40,
        seed=7,
        minimum_questions=5,
        minimum_batteries=5,
        minimum_countries=2,
        minimum_reference_countries=3,
    )


@pytest.fixture(scope="module")
def gappy() -> Frames:
    """Two designs with the same cells, one with others, a country that nobody was asked about."""
    frames = invented({"able": 0.8, "bright": 0.5, "coarse": 0.3})
    cells, random = frames.cells, np.random.default_rng(3)
    dropped = (cells["country_id"] == "C07") | (
        (cells["model_id"] == "coarse") & (random.uniform(size=len(cells)) < 0.2)
    )
    # Questions of too few reference countries for the demeaned r, and a country with few questions.
    dropped |= cells["question_id"].isin(["Q003", "Q004"]) & (cells["country_id"] > "C02")
    dropped |= (cells["country_id"] == "C06") & (cells["question_id"] > "Q003")
    return replace(frames, cells=cells[~dropped])


@pytest.fixture(scope="module")
def found(gappy: Frames, settings: Settings) -> pd.DataFrame:
    return run(gappy, settings).fillna({"other_model_id": ""})


@pytest.fixture(scope="module")
def one_by_one(gappy: Frames, settings: Settings) -> OneByOne:
    return OneByOne(gappy, settings)


def rows_of(found: pd.DataFrame, **keys: str) -> pd.DataFrame:
    """The rows with these keys; those of a design by itself have no other model."""
    for name, value in {"other_model_id": "", **keys}.items():
        found = found[found[name] == value]
    return found


def row_of(found: pd.DataFrame, **keys: str) -> pd.Series:
    """The one row with these keys."""
    rows = rows_of(found, **keys)
    assert len(rows) == 1
    return rows.iloc[0]


def assert_same(row: pd.Series, draws: pd.Series, *, is_tested: bool) -> None:
    expected = summary_of(draws.to_numpy())
    for name, value in expected.items():
        if name == "p_value" and not is_tested:
            assert pd.isna(row[name])
        else:
            assert row[name] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("measure", MEASURES)
def test_every_country_s_measure_is_that_of_draws_made_one_by_one(
    found: pd.DataFrame, one_by_one: OneByOne, measure: str
) -> None:
    for model_id in ("able", "coarse"):
        draws = one_by_one.design(model_id)[measure]
        rows = rows_of(found, model_id=model_id, area_kind="country", measure=measure)
        assert set(rows["area_id"]) == set(draws.columns)
        assert len(rows) == 6
        for country_id in draws.columns:
            row = row_of(rows, area_id=country_id)
            assert_same(row, draws[country_id], is_tested=measure != "pearson_r")


@pytest.mark.parametrize("measure", MEASURES)
def test_an_area_s_measure_is_the_mean_of_its_countries_in_each_draw(
    gappy: Frames, found: pd.DataFrame, one_by_one: OneByOne, measure: str
) -> None:
    countries = gappy.countries.set_index("country_id")
    for model_id in ("able", "coarse"):
        own = rows_of(found, model_id=model_id, measure=measure)
        draws = one_by_one.design(model_id)[measure]
        areas = {("world", "world"): draws.mean(axis=1)}
        continents = countries.loc[draws.columns, "continent"]
        for continent in set(continents):
            areas["continent", continent] = draws.loc[:, continents == continent].mean(axis=1)
        for membership in ("western_paper", "western_weog"):
            is_western = countries.loc[draws.columns, f"is_{membership}"]
            for name, value in (("west", True), ("elsewhere", False)):
                inside = is_western.eq(value).fillna(False).astype(bool)
                areas[membership, name] = draws.loc[:, inside].mean(axis=1)
            gap = row_of(own, area_kind=membership, area_id="west_minus_elsewhere")
            difference = areas[membership, "west"] - areas[membership, "elsewhere"]
            assert_same(gap, difference, is_tested=True)
            assert gap["country_count"] == is_western.notna().sum()
        for (area_kind, area_id), expected in areas.items():
            row = row_of(own, area_kind=area_kind, area_id=area_id)
            assert_same(row, expected, is_tested=measure != "pearson_r")


@pytest.mark.parametrize("measure", MEASURES[:3])
@pytest.mark.parametrize(("model_id", "other"), [("bright", "able"), ("coarse", "able")])
def test_pairs_are_compared_over_the_cells_that_both_have(
    found: pd.DataFrame, one_by_one: OneByOne, model_id: str, other: str, measure: str
) -> None:
    sides = one_by_one.design(model_id, other)[measure], one_by_one.design(other, model_id)[measure]
    draws = sides[0] - sides[1]
    pair = {"model_id": model_id, "other_model_id": other, "measure": measure}
    world = row_of(found, area_kind="world", **pair)
    assert_same(world, draws.mean(axis=1), is_tested=True)
    for place, name in enumerate(("model_estimate", "other_estimate")):
        assert world[name] == pytest.approx(sides[place].iloc[0].mean(), abs=1e-9)
    for country_id in draws.columns:
        row = row_of(found, area_kind="country", area_id=country_id, **pair)
        assert_same(row, draws[country_id], is_tested=True)
    kinds = rows_of(found, **pair)["area_kind"]
    assert set(kinds) == {"country", "continent", "world"}


def test_pairs_differ_in_r_as_they_differ_above_the_blind_baseline(found: pd.DataFrame) -> None:
    pair = {"model_id": "coarse", "other_model_id": "able"}
    r, above_blind = (
        rows_of(found, measure=measure, **pair).sort_values(KEYS)[NUMBERS].astype(float)
        for measure in ("pearson_r", "r_above_blind")
    )
    assert len(r) > 5
    np.testing.assert_allclose(r, above_blind, rtol=0, atol=1e-12)


def test_another_model_moves_nobody_else_s_numbers(gappy: Frames, settings: Settings) -> None:
    noisy = replace(gappy, noise=gappy.noise.assign(log_likelihood_noise=0.2))
    before = run(noisy, settings)
    names = {f"model-{number:02d}": number / 50 for number in range(40)}
    more = invented({**names, "able": 0.8, "bright": 0.5, "coarse": 0.3})
    newcomers = more.cells[more.cells["model_id"].str.startswith("model")]
    shuffled = pd.concat([newcomers, noisy.cells]).sample(frac=1, random_state=1)
    noise = pd.DataFrame({"model_id": [*names], "prompt_id": "p", "log_likelihood_noise": 0.1})
    larger = replace(noisy, cells=shuffled, noise=pd.concat([noise, noisy.noise]), pairs=more.pairs)
    after = run(larger, settings)
    own = after[~after["model_id"].str.startswith("model")]
    own = own[~own["other_model_id"].astype(str).str.startswith("model")]
    assert len(after) > 5 * len(before)
    pd.testing.assert_frame_equal(
        own.sort_values(KEYS, ignore_index=True),
        before.sort_values(KEYS, ignore_index=True),
        check_exact=True,
    )


def test_the_seed_alone_decides_the_draws(gappy: Frames, settings: Settings) -> None:
    once, again = (run(gappy, settings) for _ in range(2))
    pd.testing.assert_frame_equal(once, again, check_exact=True)
    other = run(gappy, settings._replace(seed=8))
    np.testing.assert_array_equal(other["estimate"], once["estimate"])
    assert (other["ci_low"] != once["ci_low"]).mean() > 0.9


def test_a_model_does_not_differ_from_its_copy(settings: Settings) -> None:
    frames = invented({"able": 0.8, "copy": 0.1})
    own = frames.cells[frames.cells["model_id"] == "able"]
    copied = replace(frames, cells=pd.concat([own, own.assign(model_id="copy")]))
    rows = run(copied, settings).dropna(subset="other_model_id")
    assert len(rows) > 20
    for number in ("estimate", "ci_low", "ci_high", "standard_error"):
        assert (rows[number] == 0).all()
    assert (rows["p_value"] == 1).all()


def test_a_draw_takes_whole_batteries(gappy: Frames, settings: Settings) -> None:
    people = read_people("wvs", gappy.people, "native", gappy.countries)
    weights = battery_weights(people, settings)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 8).all()
    questions = HumanDraws(people, settings).drawn(np.arange(24))
    battery_of = gappy.people.drop_duplicates("question_id").set_index("question_id")["battery_id"]
    for _, own in pd.DataFrame(questions.weights.T).groupby(
        battery_of[people.questions].to_numpy()
    ):
        assert (own == own.iloc[0]).all(axis=None)


def test_codings_share_people_s_sampling_error(gappy: Frames, settings: Settings) -> None:
    folded = gappy.people.assign(
        coding_id="paper", human_mean_score=gappy.people["human_mean_score"] / 2
    ).query("question_id > 'Q009'")
    both = pd.concat([folded, gappy.people])
    deviates = []
    for coding_id in ("native", "paper"):
        people = read_people("wvs", both, coding_id, gappy.countries)
        moved = moved_scores(people, 3, settings)
        deviates.append((moved - moved[0]) / people.error[3])
    asked = np.isfinite(deviates[1][0])
    assert asked.sum() == 14
    np.testing.assert_allclose(deviates[0][:, asked], deviates[1][:, asked], atol=1e-9)
    assert np.std(deviates[0][1:]) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("has_one_variance", [True, False])
def test_noise_moves_r_as_much_as_noise_made_by_hand(has_one_variance: bool) -> None:
    random = np.random.default_rng(2)
    times = np.array([2, 0, 1, 1, 3, 1, 2, 0, 1, 1])
    questions = np.repeat(np.arange(10), 4)
    human = random.normal(size=40)
    score = 0.6 * human + 0.5 * random.normal(size=40)
    variance = np.full(40, 0.04) if has_one_variance else random.uniform(0, 0.08, 40) ** 1.5
    weights = times[questions].astype(float)[None]
    drawn = Drawn(weights, times[None].astype(float), np.arange(0, 40, 4), weights.sum(axis=1))
    deviation = noise_of_correlations(drawn, human, score[None], variance[None]).item()

    repeats = np.repeat(np.arange(40), times[questions])
    noise = random.normal(size=(40000, len(repeats))) * np.sqrt(variance[repeats])
    moved = score[repeats] + noise
    moved -= moved.mean(axis=1, keepdims=True)
    centred = human[repeats] - human[repeats].mean()
    r = moved @ centred / np.linalg.norm(moved, axis=1) / np.linalg.norm(centred)
    assert deviation == pytest.approx(r.std(), rel=0.05)
    if has_one_variance:
        exact = np.corrcoef(human[repeats], score[repeats])[0, 1]
        expected = 0.04 * (1 - exact**2) / (len(repeats) * np.var(score[repeats]))
        assert deviation == pytest.approx(np.sqrt(expected), rel=1e-9)


def test_noise_is_in_every_measure_s_draws(settings: Settings) -> None:
    """Nothing is drawn but noise; by hand it is added to every score before anything else."""
    frames = invented({"able": 0.8}, countries=5)
    frames.people["human_standard_error"] = 0.0
    frames.noise["log_likelihood_noise"] = 0.1
    still = settings._replace(replicates=4000)
    people = read_people("wvs", frames.people, "native", frames.countries)
    human = HumanDraws(people, still)
    human.battery_weights[:] = 1
    answers = read_answers(frames.cells, frames.noise, frames.without_demeaned, people)
    (cell_set,) = cell_sets(answers, [])
    draws, _ = CountryMeasures(human, answers, cell_set).draws(1)

    random = np.random.default_rng(4)
    score, variance = answers.score[0], answers.variance[0]
    by_hand: dict[str, list[float]] = {measure: [] for measure in MEASURES}
    blind = people.mean[[0, 2, 3, 4]].mean(axis=0)
    for _ in range(4000):
        moved = score + random.normal(size=score.shape) * np.sqrt(variance)
        r = np.corrcoef(moved[1], people.mean[1])[0, 1]
        by_hand["pearson_r"].append(r)
        by_hand["r_above_blind"].append(r - np.corrcoef(blind, people.mean[1])[0, 1])
        mean = moved.mean(axis=0)
        by_hand["country_gain"].append(r - np.corrcoef(mean, people.mean[1])[0, 1])
        reference = [0, 1, 3, 4]
        demeaned = moved[1] - moved[reference].mean(axis=0)
        centred = people.mean[1] - people.mean[reference].mean(axis=0)
        by_hand["demeaned_pearson_r"].append(np.corrcoef(demeaned, centred)[0, 1])
    for place, measure in enumerate(MEASURES):
        assert draws[place, 0, 1:].std() == pytest.approx(np.std(by_hand[measure]), rel=0.07)


def test_no_interval_leaves_the_range_of_its_measure(settings: Settings) -> None:
    frames = invented({"able": 0.8, "bright": 0.5})
    # People's errors are as large as the differences between questions, so draws of r are wild.
    people = frames.people.assign(human_standard_error=0.6)
    found = run(replace(frames, people=people), settings)
    is_single_r = found["other_model_id"].isna() & found["measure"].isin(MEASURES[:2])
    largest = np.where(is_single_r & (found["area_id"] != "west_minus_elsewhere"), 1, 2)
    assert (found["ci_high"] == largest).any()
    assert (found["ci_low"].abs().fillna(0) <= largest).all()
    assert (found["ci_high"].abs().fillna(0) <= largest).all()


def test_what_is_in_an_interval_is_named(settings: Settings) -> None:
    frames = invented({"able": 0.8, "bright": 0.5})
    people = frames.people
    people.loc[people["country_id"] == "C00", "human_standard_error"] = np.nan
    unknown = (people["country_id"] == "C01") & (people["question_id"] == "Q005")
    people.loc[unknown, "human_standard_error"] = np.nan
    frames.noise.loc[frames.noise["model_id"] == "able", "log_likelihood_noise"] = 0.1
    rows = run(frames, settings).fillna({"other_model_id": ""})
    rows = rows[rows["measure"] == "pearson_r"].set_index("area_id")
    able, bright = (rows_of(rows, model_id=name)["interval_basis"] for name in ("able", "bright"))
    assert able["C00"] == "batteries + numerical_noise"
    assert able["C01"] == "batteries + partial_human_error + numerical_noise"
    assert bright["C02"] == "batteries + human_error"
    assert bright["world"] == "batteries + partial_human_error"
    pair = rows_of(rows, model_id="bright", other_model_id="able")["interval_basis"]
    assert pair["C02"] == "batteries + human_error + partial_numerical_noise"


@pytest.mark.parametrize(
    ("batteries", "replaced", "reason"),
    [
        (4, {}, "too_few_batteries"),
        (8, {"minimum_countries": 9}, "too_few_countries"),
        (8, {}, None),
    ],
)
def test_an_interval_on_too_little_is_null_with_its_reason(
    settings: Settings, batteries: int, replaced: dict[str, int], reason: str
) -> None:
    frames = invented({"able": 0.8, "bright": 0.5}, batteries=batteries)
    rows = run(frames, settings._replace(**replaced)).query("area_kind == 'world'")
    assert len(rows) == 2 * 4 + 3
    assert rows["estimate"].notna().all()
    assert set(rows["interval_null_reason"]) == {reason}
    assert (rows["ci_low"].isna() == (reason is not None)).all()
    assert (rows["standard_error"].isna() == (reason is not None)).all()
    if reason:
        assert rows["p_value"].isna().all()


def test_draws_without_a_value_are_counted_and_too_many_leave_no_interval() -> None:
    draws = np.array([[0.5, 0.1, np.nan, 0.4, -0.2], [np.nan] * 5])
    found = summary(draws)
    assert found.replicates_used.tolist() == [3, 0]
    assert found.ci_low[0] == pytest.approx(np.quantile([0.1, 0.4, -0.2], 0.025))
    assert found.standard_error[0] == pytest.approx(np.std([0.1, 0.4, -0.2], ddof=1))
    assert found.p_value[0] == pytest.approx(2 * (1 + 1) / (1 + 3))
    assert np.isnan(found.ci_low[1])


def test_a_model_without_variance_has_no_rows(settings: Settings) -> None:
    frames = invented({"able": 0.8, "flat": 0.5})
    flat = frames.cells["model_id"] == "flat"
    frames.cells.loc[flat, "llm_mean_score"] = 0.1 + 0.2
    frames.cells.loc[flat & (frames.cells["question_id"] == "Q001"), "llm_mean_score"] = 0.3
    rows = run(frames, settings)
    assert set(rows["model_id"]) == {"able"}
    assert rows["other_model_id"].isna().all()


def test_a_country_without_a_demeaned_r_is_in_no_mean_of_it(settings: Settings) -> None:
    frames = invented({"able": 0.8, "bright": 0.5})
    without = [("wvs", "able", "p", "C03"), ("wvs", "unknown", "p", "C03")]
    columns = ["survey_id", "model_id", "prompt_id", "country_id"]
    lacking = replace(frames, without_demeaned=pd.DataFrame(without, columns=columns))
    rows = run(lacking, settings).fillna({"other_model_id": ""})
    for pair in (
        {"model_id": "able"},
        {"model_id": "bright", "other_model_id": "able"},
    ):
        for measure, count in (("demeaned_pearson_r", 7), ("pearson_r", 8)):
            world = row_of(rows, area_kind="world", measure=measure, **pair)
            assert world["country_count"] == count
    country = {"area_id": "C03", "measure": "demeaned_pearson_r"}
    assert len(rows_of(rows, model_id="able", **country)) == 0
    assert len(rows_of(rows, model_id="bright", **country)) == 1


def test_nothing_scored_gives_no_rows(settings: Settings) -> None:
    frames = invented({"able": 0.8})
    rows = run(replace(frames, cells=frames.cells.head(0)), settings)
    assert len(rows) == 0


def test_intervals_over_batteries_cover_the_true_r() -> None:
    """150 countries of 60 batteries each, whose items hang together; the true r is 0.6.

    Drawn question by question the same data give intervals that are too narrow.
    """
    random = np.random.default_rng(8)
    studies, batteries, items, true_r = 150, 60, 4, 0.6
    shape = (studies, batteries, items, 2)
    together = random.normal(size=(studies, batteries, 1, 2))
    normal = np.sqrt(0.5) * together + np.sqrt(0.5) * random.normal(size=shape)
    human = normal[..., 0]
    score = true_r * human + np.sqrt(1 - true_r**2) * normal[..., 1]
    places = pd.MultiIndex.from_product(
        [range(studies), range(batteries), range(items)], names=["study", "battery", "item"]
    ).to_frame(index=False)
    base = pd.DataFrame(
        {
            "survey_id": "wvs",
            "coding_id": "native",
            "country_id": [f"C{study:03d}" for study in places["study"]],
            "question_id": [
                f"Q{battery:02d}-{item}"
                for battery, item in zip(places["battery"], places["item"], strict=True)
            ],
        }
    )
    people = base.assign(
        human_mean_score=human.ravel(),
        human_standard_error=0.05,
        battery_id=base["question_id"].str[:3],
    )
    cells = base.assign(
        model_id="m", prompt_id="p", llm_mean_score=score.ravel(), noise_sensitivity=np.nan
    )
    countries = base[["country_id"]].drop_duplicates().assign(is_reference_country=True)
    countries = countries.assign(continent="Asia", **{f"is_{name}": False for name in MEMBERSHIPS})
    noise = pd.DataFrame(columns=["model_id", "prompt_id", "log_likelihood_noise"])
    pairs = pd.DataFrame(columns=["survey_id", *PAIR_KEYS])
    settings = Settings(400, 1, 5, 5, 5, 5)
    coverage = {}
    for unit in ("battery_id", "question_id"):
        drawn = people.assign(battery_id=people[unit])
        rows = run(Frames(cells, noise, drawn, countries, pairs), settings)
        rows = rows.query("area_kind == 'country' and measure == 'pearson_r'")
        assert len(rows) == studies
        coverage[unit] = rows["ci_low"].le(true_r).mul(rows["ci_high"].ge(true_r)).mean()
    # 0.95 within three binomial standard errors.
    assert abs(coverage["battery_id"] - 0.95) < 3 * np.sqrt(0.95 * 0.05 / studies)
    assert coverage["question_id"] < coverage["battery_id"] - 0.05


def test_estimates_are_the_marts_numbers(agreement: AgreementStudy) -> None:
    estimates = read(
        agreement.home,
        """select * from intermediate.int_correlation_intervals where area_kind = 'country'""",
    )
    wide = estimates.pivot(
        index=["model_id", "prompt_id", "survey_id", "area_id"],
        columns="measure",
        values="estimate",
    )
    mart = read(
        agreement.home,
        """select *, pearson_r - blind_baseline_r as r_above_blind
        from marts.agg_country_correlations where pearson_r is not null""",
    ).set_index(["model_id", "prompt_id", "survey_id", "country_id"])
    assert len(mart) > 30
    assert len(wide) == len(mart)
    for measure in MEASURES:
        np.testing.assert_allclose(
            wide[measure].reindex(mart.index), mart[measure], rtol=0, atol=1e-9, err_msg=measure
        )


def test_a_continent_s_interval_is_about_its_r(agreement: AgreementStudy) -> None:
    mart = read(
        agreement.home,
        """select * from marts.agg_continent_correlations
        where model_id = 'guessing' and prompt_id = 'native'""",
    )
    europe = mart[mart["continent"] == "Europe"].iloc[0]
    assert europe["country_count"] == len(EUROPE)
    assert europe["ci_low"] < europe["pearson_r"] < europe["ci_high"]
    few = mart[mart["country_count"].between(1, 4)]
    assert len(few) >= 2
    assert few["ci_low"].isna().all()
    assert few["ci_high"].isna().all()


def test_q_values_are_scipy_s(agreement: AgreementStudy) -> None:
    rows = read(
        agreement.home,
        "select * from intermediate.int_correlation_intervals where q_value is not null",
    )
    assert rows["family"].nunique() > 10
    assert rows["family_test_count"].max() > 10
    for _, own in rows.groupby("family"):
        expected = false_discovery_control(own["p_value"])
        np.testing.assert_allclose(own["q_value"], expected, atol=1e-12)
        assert set(own["family_test_count"]) == {len(own)}


def test_drawing_again_gives_the_same_intervals_bit_for_bit(agreement: AgreementStudy) -> None:
    query = "select * from intermediate.int_bootstrap_estimates order by all"
    before = read(agreement.home, query)
    build_successfully(agreement.home, "run", "--select", "int_bootstrap_estimates")
    pd.testing.assert_frame_equal(read(agreement.home, query), before, check_exact=True)
