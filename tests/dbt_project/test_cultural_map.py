"""The Inglehart-Welzel map: from invented respondents with two values each, to places of models.

Every number is calculated a second time, from the respondents themselves.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from valuescope_statistics.cultural_axes import cultural_axes, null_reason, varimax_angle

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.map_study import (
    COMPLETE,
    COUNTRIES,
    EXPRESSIVE,
    INDICATORS,
    NOT_ASKED,
    PEOPLE,
    SECULAR,
    Floats,
    MapStudy,
    by_search,
    turned,
    varimax_criterion,
)
from tests.dbt_project.study import read


def weighted_mean(values: pd.Series, weights: pd.Series) -> float:
    known = values.notna()
    return float(np.average(values[known], weights=weights[known]))


def pooled(people: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Correlations, means and standard deviations, every country with a total weight of one."""

    def balanced(columns: list[str]) -> tuple[pd.DataFrame, Floats]:
        known = people.dropna(subset=columns)
        weights = known["weight"] / known.groupby("country_id")["weight"].transform("sum")
        return known[columns], weights.to_numpy()

    correlations = pd.DataFrame(1.0, index=INDICATORS, columns=INDICATORS)
    means, deviations = {}, {}
    for one in INDICATORS:
        values, weights = balanced([one])
        means[one] = np.average(values[one], weights=weights)
        deviations[one] = np.sqrt(np.average((values[one] - means[one]) ** 2, weights=weights))
        for other in INDICATORS:
            if one != other:
                values, weights = balanced([one, other])
                covariance = np.cov(values.T, aweights=weights, ddof=0)
                correlations.loc[one, other] = covariance[0, 1] / np.sqrt(
                    covariance[0, 0] * covariance[1, 1]
                )
    return correlations, pd.Series(means), pd.Series(deviations)


@pytest.fixture(scope="module")
def axes(cultural_map: MapStudy) -> pd.DataFrame:
    return read(cultural_map.home, "select * from marts.dim_cultural_axes").set_index(
        ["indicator_id", "axis_id"]
    )


@pytest.fixture(scope="module")
def points(cultural_map: MapStudy) -> pd.DataFrame:
    return read(cultural_map.home, "select * from marts.fct_cultural_map")


def of_people(points: pd.DataFrame, population_id: str = PEOPLE) -> pd.DataFrame:
    return points.query("source_kind == 'human' and population_id == @population_id").set_index(
        "country_id"
    )


def of_model(points: pd.DataFrame, model_id: str, prompt_id: str = "native") -> pd.DataFrame:
    return points.query("model_id == @model_id and prompt_id == @prompt_id").set_index("country_id")


def test_axes_are_those_of_a_second_calculation_from_the_respondents(
    cultural_map: MapStudy, axes: pd.DataFrame
) -> None:
    correlations, means, deviations = pooled(cultural_map.people)
    loadings, coefficients = by_search(correlations.to_numpy())
    for column, axis in enumerate(["secular_rational", "self_expression"]):
        found = axes.xs(axis, level="axis_id").loc[INDICATORS]
        np.testing.assert_allclose(found["loading"], loadings[:, column], atol=1e-6)
        np.testing.assert_allclose(found["score_coefficient"], coefficients[:, column], atol=1e-6)
        np.testing.assert_allclose(found["mean_value"], means, atol=1e-12)
        np.testing.assert_allclose(found["standard_deviation"], deviations, atol=1e-12)
        assert found["explained_variance"].iloc[0] == pytest.approx(
            (loadings[:, column] ** 2).mean(), abs=1e-6
        )


def test_the_two_values_that_people_were_given_come_out(axes: pd.DataFrame) -> None:
    for markers, axis in ((SECULAR, "secular_rational"), (EXPRESSIVE, "self_expression")):
        found = axes.xs(axis, level="axis_id")
        assert (found.loc[markers, "loading"] > 0.4).all()
        assert (found.drop(markers)["loading"].abs() < 0.35).all()
        assert found.loc[markers, "is_marker"].all()


def test_people_lie_where_their_standardised_means_put_them(
    cultural_map: MapStudy, axes: pd.DataFrame, points: pd.DataFrame
) -> None:
    groups = {
        PEOPLE: cultural_map.people,
        "wvs:7:within_country:sex=female": cultural_map.people.query("sex==2"),
    }
    for population_id, people in groups.items():
        found = of_people(points, population_id)
        for country in COUNTRIES:
            own = people[people["country_id"] == country]
            for axis in ("secular_rational", "self_expression"):
                weights = axes.xs(axis, level="axis_id").loc[INDICATORS]
                means = np.array([weighted_mean(own[name], own["weight"]) for name in INDICATORS])
                z = (means - weights["mean_value"]) / weights["standard_deviation"]
                assert found.loc[country, axis] == pytest.approx(
                    weights["score_coefficient"] @ z, abs=1e-9
                )
                whole = own.dropna()
                means = np.average(whole[INDICATORS], weights=whole["weight"], axis=0)
                z = (means - weights["mean_value"]) / weights["standard_deviation"]
                assert found.loc[country, f"complete_{axis}"] == pytest.approx(
                    weights["score_coefficient"] @ z, abs=1e-9
                )
                assert found.loc[country, "complete_respondents"] == len(whole)


def test_the_sampling_error_is_that_of_the_mean_of_the_respondents_scores(
    cultural_map: MapStudy, axes: pd.DataFrame, points: pd.DataFrame
) -> None:
    for country, tolerance in ((COMPLETE, 1e-9), ("DEU", 0.02)):
        own = cultural_map.people[cultural_map.people["country_id"] == country]
        for axis in ("secular_rational", "self_expression"):
            weights = axes.xs(axis, level="axis_id").loc[INDICATORS]
            slope = (weights["score_coefficient"] / weights["standard_deviation"]).to_numpy()
            values, weight = own[INDICATORS].to_numpy(), own["weight"].to_numpy()[:, None]
            total = (weight * ~np.isnan(values)).sum(axis=0)
            mean = np.nansum(weight * values, axis=0) / total
            influence = np.nan_to_num(weight * (values - mean) / total) @ slope
            count = len(own)
            expected = np.sqrt((influence**2).sum() * count / (count - 1))
            found = of_people(points).loc[country, f"{axis}_standard_error"]
            assert found == pytest.approx(expected, rel=tolerance)


def test_a_copy_of_the_people_lands_on_the_people(
    cultural_map: MapStudy, points: pd.DataFrame
) -> None:
    people, copies = of_people(points).loc[COUNTRIES], of_model(points, "copy").loc[COUNTRIES]
    # Autonomy needs all four of its answers, so only these people's mean is that of the questions.
    exact = COMPLETE
    for axis in ("secular_rational", "self_expression"):
        assert copies.loc[exact, axis] == pytest.approx(people.loc[exact, axis], abs=1e-12)
        assert (copies[axis] - people[axis]).abs().max() < 0.05
    np.testing.assert_allclose(copies["self_expression"] - people["self_expression"], 0, atol=0.02)
    distances = read(
        cultural_map.home,
        "select * from marts.agg_cultural_distances "
        "where model_id = 'copy' and prompt_id = 'native'",
    )
    assert (distances["own_country_rank"] == 1).all()
    assert (distances["closest_country_id"] == distances["country_id"]).all()
    assert (distances["distance"] < distances["blind_distance"]).all()


def test_one_answer_for_all_countries_is_one_place(
    cultural_map: MapStudy, points: pd.DataFrame
) -> None:
    everywhere = of_model(points, "japan-everywhere")
    japan = of_people(points).loc["JPN"]
    assert len(everywhere) == len(COUNTRIES) + 1
    for axis in ("secular_rational", "self_expression"):
        np.testing.assert_allclose(everywhere[axis], japan[axis], atol=1e-12)
    distances = read(
        cultural_map.home,
        "select * from marts.agg_cultural_distances where model_id = 'japan-everywhere'",
    ).set_index("country_id")
    assert (distances["closest_country_id"] == "JPN").all()
    free = distances.loc["ZZZ"]
    assert free["null_reason"] == "country_free"
    assert np.isnan(free["distance"])
    people = of_people(points).loc[COUNTRIES, ["secular_rational", "self_expression"]]
    for country in COUNTRIES:
        others = people.drop(country).mean()
        assert distances.loc[country, "blind_distance"] == pytest.approx(
            np.linalg.norm(people.loc[country] - others), abs=1e-9
        )
        assert distances.loc[country, "distance"] == pytest.approx(
            np.linalg.norm(people.loc[country] - people.loc["JPN"]), abs=1e-9
        )


def test_the_mean_of_the_countries_that_were_asked_all_lies_near_the_origin(
    points: pd.DataFrame,
) -> None:
    people = of_people(points).loc[COUNTRIES, ["secular_rational", "self_expression"]]
    assert (people.mean().abs() < 0.1).all()


def test_who_has_no_place_is_there_with_a_reason(points: pd.DataFrame) -> None:
    assert of_people(points).loc[NOT_ASKED, "null_reason"] == "indicator_not_asked"
    assert of_people(points).loc[NOT_ASKED, "indicator_count"] == 9
    assert set(of_model(points, "forgetful")["null_reason"]) == {"question_not_scored"}
    assert set(of_model(points, "copy", "folded")["null_reason"]) == {"not_native_coding"}
    unplaced = points[points["null_reason"].notna()]
    assert unplaced["secular_rational"].isna().all()
    assert points[points["null_reason"].isna()]["self_expression"].notna().all()


def test_shares_alone_make_no_axes_and_say_so(agreement: AgreementStudy) -> None:
    axes = read(agreement.home, "select * from marts.dim_cultural_axes")
    assert len(axes) == 20
    assert axes["loading"].isna().all()
    assert set(axes["null_reason"]) == {"no_respondents"}
    points = read(agreement.home, "select * from marts.fct_cultural_map")
    assert set(points["source_kind"]) == {"human", "model"}
    assert set(points["null_reason"]) == {"no_respondents"}
    assert points["secular_rational"].isna().all()


IS_MARKER = np.repeat(np.eye(2), 5, axis=0)


def test_two_blocks_that_have_nothing_in_common_are_the_two_axes() -> None:
    """r = 1/2 within a block: both eigenvalues are 3, loadings sqrt(3/5), coefficients 1/sqrt(15).

    Equal eigenvalues leave open which components an algorithm finds; varimax undoes that.
    """
    block = np.full((5, 5), 0.5) + 0.5 * np.eye(5)
    correlations = np.kron(np.eye(2), block)
    loadings, coefficients = cultural_axes(np.asarray(correlations, np.float64), IS_MARKER)
    np.testing.assert_allclose(loadings, IS_MARKER * np.sqrt(3 / 5), atol=1e-12)
    np.testing.assert_allclose(coefficients, IS_MARKER / np.sqrt(15), atol=1e-12)


def test_the_closed_form_finds_the_best_angle() -> None:
    random = np.random.default_rng(8)
    for _ in range(50):
        loadings = random.normal(size=(10, 2))
        found = varimax_criterion(turned(loadings, varimax_angle(loadings)))
        grid = np.linspace(0, np.pi / 2, 2001)
        best = max(varimax_criterion(turned(loadings, angle)) for angle in grid)
        assert best - 1e-12 <= found <= best + 1e-5


def test_axes_do_not_depend_on_the_signs_and_order_that_an_algorithm_gives() -> None:
    random = np.random.default_rng(9)
    answers = random.normal(size=(500, 2)) @ IS_MARKER.T + random.normal(size=(500, 10))
    correlations = np.asarray(np.corrcoef(answers.T), np.float64)
    loadings, coefficients = cultural_axes(correlations, IS_MARKER)
    expected_loadings, expected_coefficients = by_search(correlations)
    np.testing.assert_allclose(loadings, expected_loadings, atol=1e-6)
    np.testing.assert_allclose(coefficients, expected_coefficients, atol=1e-6)
    # Scores have variance one and do not hang together.
    np.testing.assert_allclose(coefficients.T @ correlations @ coefficients, np.eye(2), atol=1e-12)
    swapped, _ = cultural_axes(correlations, IS_MARKER[:, ::-1])
    np.testing.assert_allclose(swapped, loadings[:, ::-1], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frame: frame.iloc[:0], "no_respondents"),
        (lambda frame: frame.iloc[1:], "indicator_not_asked"),
        (lambda frame: frame.assign(country_count=9), "too_few_countries"),
        (lambda frame: frame.assign(pearson_r=None), "no_variance"),
        (lambda frame: frame, None),
    ],
)
def test_axes_that_cannot_be_are_told_apart(
    change: Callable[[pd.DataFrame], pd.DataFrame], reason: str | None
) -> None:
    frame = pd.DataFrame({"country_count": [10] * 100, "pearson_r": [0.5] * 100})
    assert null_reason(change(frame), size=10, minimum=10) == reason
