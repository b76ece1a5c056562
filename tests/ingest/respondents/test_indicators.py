"""Moments of the cultural map's indicators: the same from every file of the same respondents."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingest import survey_files as files
from tests.ingest.survey_oracle import Moments, Pair, indicators, moments
from tests.ingest.survey_strategies import csv_styles, surveys
from tests.ingest.test_formats import trends
from valuescope.ingest import LoadOptions, check_file, load_file, parse_breakdown
from valuescope.ingest.readers import DEFAULT_OPTIONS
from valuescope.ingest.respondents.indicators import moments as sums
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument

QUESTIONS = (
    *("Q8", "Q14", "Q15", "Q17", "Q45", "Q46", "Q57", "Q154", "Q155"),
    *("Q164", "Q182", "Q184", "Q209", "Q254"),
)
EXAMPLES = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Write = Callable[[files.Survey, Path], Path]


def read_back(
    write: Write,
    survey: files.Survey,
    subgroup: str = "all",
    options: LoadOptions = DEFAULT_OPTIONS,
) -> dict[Pair, Moments]:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        load_file(write(survey, Path(folder)), home, load_instrument(), options)
        with open_for_reading(home) as connection:
            rows = connection.execute(
                """
                select
                    wave, country_id, deletion, indicator_id, other_indicator_id,
                    indicator_moments.respondents, sum_of_weights, sum_of_values, sum_of_squares,
                    sum_of_products, sum_of_squared_weights, squared_weight_values,
                    squared_weight_products
                from raw.indicator_moments
                inner join raw.survey_loads using (load_id)
                where subgroup_id = ?
                """,
                [subgroup],
            ).fetchall()
    return {Pair(*row[:5]): Moments(*row[5:]) for row in rows}


def assert_same(found: dict[Pair, Moments], expected: dict[Pair, Moments]) -> None:
    assert found.keys() == expected.keys()
    for pair, exact in expected.items():
        assert found[pair].respondents == exact.respondents, pair
        assert found[pair][1:-1] == pytest.approx(
            exact[1:-1], rel=1e-12, abs=1e-12 * exact.magnitude
        ), pair


def csv_file(survey: files.Survey, folder: Path) -> Path:
    return files.write_wave7_csv(survey, folder / "survey.csv")


@EXAMPLES
@given(
    survey=surveys(question_ids=QUESTIONS, blanks=True, max_countries=2),
    style=csv_styles(),
    data=st.data(),
)
def test_every_edition_of_wave_7_gives_the_same_moments(
    survey: files.Survey, style: files.CsvStyle, data: st.DataObject
) -> None:
    # Pride keeps an answer outside its scale, and the two choices of aims are not turned round.
    turned = data.draw(st.sets(st.sampled_from(sorted({*QUESTIONS} - {"Q154", "Q155", "Q254"}))))
    editions: list[Write] = [
        lambda people, folder: files.write_wave7_csv(people, folder / "a.csv", **style),
        lambda people, folder: files.write_inverted_csv(people, folder / "a.csv", turned),
        lambda people, folder: files.write_sav(people, folder / "a.sav", user_missing=True),
        lambda people, folder: files.write_dta(people, folder / "a.dta", extended_missing=True),
    ]
    expected = moments(survey)
    for write in editions:
        assert_same(read_back(write, survey), expected)


@EXAMPLES
@given(survey=surveys(question_ids=QUESTIONS, blanks=True, max_countries=1))
def test_labels_in_excel_give_the_same_moments(survey: files.Survey) -> None:
    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_excel(survey, folder / "survey.xlsx")

    assert_same(read_back(write, survey), moments(survey))


@EXAMPLES
@given(survey=surveys(question_ids=QUESTIONS, waves=(5, 6, 7)))
def test_the_time_series_gives_the_same_moments_of_each_wave(survey: files.Survey) -> None:
    mapped = {variable: known for variable, known in trends().items() if known[0] in QUESTIONS}
    # The series knows no answer "not of this nationality".
    people = tuple(person for person in survey.respondents if person.answers["Q254"] != 5)
    survey = files.Survey(people or survey.respondents, survey.questions)

    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_time_series_csv(survey, folder / "series.csv", mapped)

    assert_same(read_back(write, survey), moments(survey))


@EXAMPLES
@given(survey=surveys(question_ids=QUESTIONS, max_countries=2))
def test_groups_have_moments_of_their_own_and_unweighted_everybody_counts_once(
    survey: files.Survey,
) -> None:
    by_sex = LoadOptions(breakdowns=(parse_breakdown("sex"),), minimum_cell=1)
    found = read_back(csv_file, survey, "sex=female", by_sex)
    assert_same(found, moments(survey, among=lambda person: person.sex == 2))
    unweighted = read_back(csv_file, survey, options=LoadOptions(weighting="unweighted"))
    assert_same(unweighted, moments(survey, weighted=False))


PERSON = files.Respondent(
    country_id="DEU",
    wave=7,
    year=2018,
    weight=2.0,
    interview=1,
    mode=None,
    sex=1,
    age=40,
    education=2,
    urban=1,
    answers={
        **{"Q8": 1, "Q14": 2, "Q15": 2, "Q17": 2, "Q45": 2, "Q46": 1, "Q57": 1},
        **{"Q154": 4, "Q155": 1, "Q164": 10, "Q182": 7, "Q184": 3, "Q209": 1, "Q254": 4},
    },
)


def test_indicators_point_to_the_upper_end_of_their_axis() -> None:
    """One respondent worked out by hand, against the oracle of the tests above."""
    assert indicators(PERSON.answers) == {
        "importance_of_god": 1,
        "autonomy": 1,
        "abortion": 3,
        "national_pride": 4,
        "respect_for_authority": 2,
        "postmaterialism": 1,
        "happiness": 4,
        "petition": 3,
        "homosexuality": 7,
        "trust": 1,
    }
    found = read_back(csv_file, files.Survey((PERSON,), QUESTIONS))
    assert len(found) == 2 * 10 * 10
    assert found[Pair(7, "DEU", "pairwise", "homosexuality", "abortion")][:-1] == (
        *(1, 2.0, 14.0, 98.0, 42.0),
        *(4.0, 28.0, 84.0),
    )


def test_without_a_question_only_its_indicator_is_lacking_and_nobody_answered_all() -> None:
    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_wave7_csv(survey, folder / "survey.csv", without=["Q15"])

    found = read_back(write, files.Survey((PERSON,), QUESTIONS))
    assert {pair.deletion for pair in found} == {"pairwise"}
    assert "autonomy" not in {pair.indicator_id for pair in found}
    assert len(found) == 9 * 9


def test_a_look_at_a_file_with_faults_still_tells_them(tmp_path: Path) -> None:
    nobody = files.Survey((PERSON.__class__(**{**vars(PERSON), "weight": -1.0}),), QUESTIONS)
    report = check_file(csv_file(nobody, tmp_path), Home(tmp_path / "home"), load_instrument())
    assert any("unusable weights" in problem.what for problem in report.refusals)


def test_moments_are_what_numpy_s_weighted_covariance_is_made_of() -> None:
    random = np.random.default_rng(5)
    values, weights = random.normal(size=(300, 3)), random.uniform(0.2, 3, size=300)
    found = sums(values, weights)
    mean = found["sum_of_values"] / found["sum_of_weights"]
    covariance = found["sum_of_products"] / found["sum_of_weights"] - mean * mean.T
    np.testing.assert_allclose(
        covariance, np.cov(values.T, aweights=weights, ddof=0), rtol=0, atol=1e-12
    )
