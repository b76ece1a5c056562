"""The jackknife of agreement: against batteries dropped one by one, and against its promises."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control
from valuescope_statistics.agreement.cells import Settings
from valuescope_statistics.agreement.jackknife import summary

from tests.dbt_project.agreement_oracle import (
    MEASURES,
    Frames,
    OneByOne,
    Values,
    invented,
    run,
)
from tests.dbt_project.agreement_study import EUROPE, AgreementStudy
from tests.dbt_project.study import build_successfully, read

KEYS = ["model_id", "other_model_id", "area_kind", "area_id", "measure"]
NUMBERS = ["estimate", "ci_low", "ci_high", "standard_error", "p_value"]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(
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


def assert_same(
    row: pd.Series,
    values: Values,
    name: str,
    *,
    is_tested: bool,
    is_r: bool = False,
    is_mean: bool = False,
) -> None:
    for number, value in values.summary(name, is_r=is_r, is_mean=is_mean).items():
        if number == "p_value" and not is_tested:
            assert pd.isna(row[number])
        else:
            assert row[number] == pytest.approx(value, abs=1e-9), number


@pytest.mark.parametrize("measure", MEASURES)
def test_every_country_s_measure_is_that_of_batteries_dropped_one_by_one(
    found: pd.DataFrame, one_by_one: OneByOne, measure: str
) -> None:
    for model_id in ("able", "coarse"):
        values = one_by_one.design(model_id)[measure]
        rows = rows_of(found, model_id=model_id, area_kind="country", measure=measure)
        assert set(rows["area_id"]) == set(values.samples.columns)
        assert len(rows) == 6
        for country_id in values.samples.columns:
            row = row_of(rows, area_id=country_id)
            tested, is_r = measure != "pearson_r", measure in MEASURES[:2]
            assert_same(row, values, country_id, is_tested=tested, is_r=is_r)


@pytest.mark.parametrize("measure", MEASURES)
def test_an_area_s_measure_is_the_mean_of_its_countries_in_each_sample(
    gappy: Frames, found: pd.DataFrame, one_by_one: OneByOne, measure: str
) -> None:
    countries = gappy.countries.set_index("country_id")
    for model_id in ("able", "coarse"):
        own = rows_of(found, model_id=model_id, measure=measure)
        values = one_by_one.design(model_id)[measure]
        known = values.samples.columns
        areas = {("world", "world"): values.mean(known)}
        continents = countries.loc[known, "continent"]
        for continent in set(continents):
            areas["continent", continent] = values.mean(known[continents == continent])
        for membership in ("western_paper", "western_weog"):
            is_western = countries.loc[known, f"is_{membership}"]
            for name, value in (("west", True), ("elsewhere", False)):
                inside = is_western.eq(value).fillna(False).astype(bool)
                areas[membership, name] = values.mean(known[inside])
            gap = row_of(own, area_kind=membership, area_id="west_minus_elsewhere")
            west, elsewhere = areas[membership, "west"], areas[membership, "elsewhere"]
            difference = replace(west.minus(elsewhere), asked=west.asked | elsewhere.asked)
            assert_same(gap, difference, "mean", is_tested=True, is_mean=True)
            assert gap["country_count"] == is_western.notna().sum()
        for (area_kind, area_id), expected in areas.items():
            row = row_of(own, area_kind=area_kind, area_id=area_id)
            tested, is_r = measure != "pearson_r", measure in MEASURES[:2]
            assert_same(row, expected, "mean", is_tested=tested, is_r=is_r, is_mean=True)


@pytest.mark.parametrize("measure", MEASURES[:3])
@pytest.mark.parametrize(("model_id", "other"), [("bright", "able"), ("coarse", "able")])
def test_pairs_are_compared_over_the_cells_that_both_have(
    found: pd.DataFrame, one_by_one: OneByOne, model_id: str, other: str, measure: str
) -> None:
    sides = one_by_one.design(model_id, other)[measure], one_by_one.design(other, model_id)[measure]
    values = sides[0].minus(sides[1])
    pair = {"model_id": model_id, "other_model_id": other, "measure": measure}
    world = row_of(found, area_kind="world", **pair)
    assert_same(world, values.mean(values.samples.columns), "mean", is_tested=True)
    for place, name in enumerate(("model_estimate", "other_estimate")):
        whole = sides[place].samples.iloc[0].mean()
        assert world[name] == pytest.approx(whole, abs=1e-9)
    for country_id in values.samples.columns:
        row = row_of(found, area_kind="country", area_id=country_id, **pair)
        assert_same(row, values, country_id, is_tested=True)
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
    before = run(gappy, settings)
    names = {f"model-{number:02d}": number / 50 for number in range(40)}
    more = invented({**names, "able": 0.8, "bright": 0.5, "coarse": 0.3})
    newcomers = more.cells[more.cells["model_id"].str.startswith("model")]
    shuffled = pd.concat([newcomers, gappy.cells]).sample(frac=1, random_state=1)
    after = run(replace(gappy, cells=shuffled, pairs=more.pairs), settings)
    own = after[~after["model_id"].str.startswith("model")]
    own = own[~own["other_model_id"].astype(str).str.startswith("model")]
    assert len(after) > 5 * len(before)
    pd.testing.assert_frame_equal(
        own.sort_values(KEYS, ignore_index=True),
        before.sort_values(KEYS, ignore_index=True),
        check_exact=True,
    )


def test_a_model_does_not_differ_from_its_copy(settings: Settings) -> None:
    frames = invented({"able": 0.8, "copy": 0.1})
    own = frames.cells[frames.cells["model_id"] == "able"]
    copied = replace(frames, cells=pd.concat([own, own.assign(model_id="copy")]))
    rows = run(copied, settings).dropna(subset="other_model_id")
    assert len(rows) > 20
    for number in ("estimate", "ci_low", "ci_high", "standard_error"):
        assert (rows[number] == 0).all()
    assert (rows["p_value"] == 1).all()


def test_no_interval_leaves_the_range_of_its_measure(settings: Settings) -> None:
    # 5 questions, each a battery of its own: every interval is as wide as can be.
    frames = invented({"able": 0.8, "bright": -0.8}, questions=5, batteries=5)
    found = run(frames, settings)
    is_single_r = found["other_model_id"].isna() & found["measure"].isin(MEASURES[:2])
    largest = np.where(is_single_r & (found["area_id"] != "west_minus_elsewhere"), 1, 2)
    assert (found["ci_high"] == largest).any()
    assert (found["ci_low"].abs().fillna(0) <= largest).all()
    assert (found["ci_high"].abs().fillna(0) <= largest).all()


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


def test_one_battery_of_most_items_leaves_no_interval(settings: Settings) -> None:
    frames = invented({"able": 0.8}, questions=24, batteries=24)
    for size in (16, 18):
        battery = frames.people["question_id"].str[1:].astype(int).clip(lower=size - 1)
        rows = run(
            replace(frames, people=frames.people.assign(battery_id=battery.astype(str))), settings
        ).query("area_kind == 'country'")
        effective = 24**2 / (size**2 + 24 - size)
        assert rows["effective_battery_count"].to_numpy() == pytest.approx(effective)
        assert rows["battery_count"].eq(25 - size).all()
        has_none = effective < 2
        assert rows["interval_null_reason"].eq("one_battery_dominates").eq(has_none).all()
        assert rows["ci_low"].isna().eq(has_none).all()


def test_a_sample_without_a_value_leaves_no_interval() -> None:
    values = np.array([[0.5, 0.1, np.nan, 0.4, -0.2], [np.nan] * 5, [0.5, 0.1, 0.2, 0.4, -0.2]])
    found = summary(values, np.full(3, False), np.full(3, 4.0), np.full(3, 3.0))
    assert np.isnan(found.standard_error).tolist() == [True, True, False]
    assert np.isnan(found.ci_low).tolist() == [True, True, False]


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


def test_computing_again_gives_the_same_intervals_bit_for_bit(agreement: AgreementStudy) -> None:
    query = "select * from intermediate.int_agreement_estimates order by all"
    before = read(agreement.home, query)
    again = ("--full-refresh", "--select", "int_agreement_estimates")
    build_successfully(agreement.home, "run", *again)
    pd.testing.assert_frame_equal(read(agreement.home, query), before, check_exact=True)
