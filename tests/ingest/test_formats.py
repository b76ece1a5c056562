"""Random respondents, written as each file of the survey's site, give the same marginals."""

import csv
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingest import survey_files as files
from tests.ingest.survey_oracle import Cell, Marginal, marginals
from tests.ingest.survey_strategies import csv_styles, surveys
from valuescope.ingest import LoadOptions, load_file, parse_breakdown, split_halves
from valuescope.ingest.readers import DEFAULT_OPTIONS
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.home import SEEDS, Home
from valuescope.warehouse.instruments.seeds import load_instrument

EXAMPLES = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Write = Callable[[files.Survey, Path], Path]


def read_back(
    write: Write, survey: files.Survey, options: LoadOptions = DEFAULT_OPTIONS
) -> dict[Cell, Marginal]:
    """Write the survey, load the file into a new home and return what is in raw of everybody."""
    return read_groups_back(write, survey, options)["all"]


def read_groups_back(
    write: Write, survey: files.Survey, options: LoadOptions
) -> dict[str, dict[Cell, Marginal]]:
    """The same for every subgroup that was loaded, and empty for any other."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        file = write(survey, Path(folder))
        load_file(file, home, load_instrument(), options)
        with open_for_reading(home) as connection:
            rows = connection.execute(
                """
                select
                    subgroup_id, wave, country_id, question_id, code,
                    respondents, sum_of_weights, sum_of_squared_weights
                from raw.human_marginals
                inner join raw.survey_loads using (load_id)
                """
            ).fetchall()
    groups: dict[str, dict[Cell, Marginal]] = defaultdict(dict)
    for subgroup, *row in rows:
        groups[subgroup][Cell(*row[:4])] = Marginal(*row[4:])
    return groups


def assert_same(found: dict[Cell, Marginal], expected: dict[Cell, Marginal]) -> None:
    assert found.keys() == expected.keys()
    for cell, marginal in expected.items():
        assert found[cell].respondents == marginal.respondents, cell
        assert found[cell][1:] == pytest.approx(marginal[1:], rel=1e-12, abs=0), cell


@EXAMPLES
@given(survey=surveys(blanks=True), style=csv_styles())
def test_csv_of_any_style(survey: files.Survey, style: files.CsvStyle) -> None:
    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_wave7_csv(survey, folder / "survey.csv", **style)

    assert_same(read_back(write, survey), marginals(survey))


@EXAMPLES
@given(survey=surveys(), style=csv_styles())
def test_unweighted_every_respondent_counts_once(
    survey: files.Survey, style: files.CsvStyle
) -> None:
    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_wave7_csv(survey, folder / "survey.csv", **style)

    found = read_back(write, survey, LoadOptions(weighting="unweighted"))
    assert_same(found, marginals(survey, weighted=False))


@EXAMPLES
@given(survey=surveys(blanks=True), data=st.data())
def test_scales_that_an_edition_turned_round_are_turned_back(
    survey: files.Survey, data: st.DataObject
) -> None:
    with (SEEDS / "inverted_items.csv").open(newline="") as file:
        known = {row["question_id"] for row in csv.DictReader(file)}
    clear = [question for question in survey.questions if question in known]
    inverted = data.draw(st.sets(st.sampled_from(clear))) if clear else set()

    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_inverted_csv(survey, folder / "survey.csv", inverted)

    assert_same(read_back(write, survey), marginals(survey))


@EXAMPLES
@given(survey=surveys(blanks=True), user_missing=st.booleans(), compressed=st.booleans())
def test_spss(survey: files.Survey, user_missing: bool, compressed: bool) -> None:
    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_sav(
            survey, folder / "survey.sav", user_missing=user_missing, compressed=compressed
        )

    assert_same(read_back(write, survey), marginals(survey))


@EXAMPLES
@given(survey=surveys(blanks=True), extended=st.booleans(), version=st.sampled_from([10, 13, 15]))
def test_stata(survey: files.Survey, extended: bool, version: int) -> None:
    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_dta(
            survey, folder / "survey.dta", extended_missing=extended, version=version
        )

    assert_same(read_back(write, survey), marginals(survey))


@EXAMPLES
@given(
    survey=surveys(blanks=True, max_countries=1),
    dirt=st.lists(st.sampled_from(files.DIRT), min_size=1),
)
def test_excel_with_labels(survey: files.Survey, dirt: list[str]) -> None:
    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_excel(survey, folder / "survey.xlsx", dirt=dirt)

    assert_same(read_back(write, survey), marginals(survey))


def trends() -> dict[str, tuple[str, dict[int, int]]]:
    """The seed's variables as the writer wants them: the question's codes to the variable's."""
    found = {}
    with (SEEDS / "trend_items.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            question = load_instrument().question(row["question_id"])
            codes = {code: code for code in question.known_codes}
            if row["recodes"]:
                pairs = [pair.split(">") for pair in row["recodes"].split("|")]
                codes = {int(new): int(old) for old, new in pairs}
            found[row["trend_variable"]] = (row["question_id"], codes)
    return found


@EXAMPLES
@given(survey=surveys(waves=(1, 3, 5, 7), blanks=True), style=csv_styles())
def test_time_series_of_several_waves(survey: files.Survey, style: files.CsvStyle) -> None:
    known = trends()
    mapped = {
        variable: (question, codes)
        for variable, (question, codes) in known.items()
        if question in survey.questions
        and all(
            code < 0 or code in codes
            for person in survey.respondents
            if (code := person.answers.get(question, -5)) is not None
        )
    }
    if not mapped:
        return

    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_time_series_csv(survey, folder / "series.csv", mapped, **style)

    held = {question for question, _ in mapped.values()}
    expected = {cell: m for cell, m in marginals(survey).items() if cell.question_id in held}
    assert_same(read_back(write, survey), expected)


@EXAMPLES
@given(survey=surveys())
def test_every_format_in_the_archive_it_came_in(survey: files.Survey) -> None:
    def csv_file(survey: files.Survey, folder: Path) -> Path:
        return files.zipped(files.write_wave7_csv(survey, folder / "survey.csv"))

    def sav_file(survey: files.Survey, folder: Path) -> Path:
        return files.zipped(
            files.write_sav(survey, folder / "survey.sav"), extra=[("read me.pdf", b"%PDF")]
        )

    def dta_file(survey: files.Survey, folder: Path) -> Path:
        return files.zipped(files.write_dta(survey, folder / "survey.dta"))

    expected = marginals(survey)
    for write in (csv_file, sav_file, dta_file):
        assert_same(read_back(write, survey), expected)


AGES = {"under-30": range(30), "30-49": range(30, 50), "50-and-over": range(50, 200)}
SEXES = {"male": 1, "female": 2}


@EXAMPLES
@given(survey=surveys(max_countries=2))
def test_cells_of_respondents_are_counted_on_their_own(survey: files.Survey) -> None:
    breakdown = parse_breakdown("age, sex")

    def write(survey: files.Survey, folder: Path) -> Path:
        return files.write_wave7_csv(survey, folder / "survey.csv")

    groups = read_groups_back(write, survey, LoadOptions(breakdowns=(breakdown,), minimum_cell=1))
    for sex, age in (("male", "under-30"), ("female", "50-and-over")):
        expected = marginals(
            survey,
            among=lambda person, sex=sex, age=age: (  # type: ignore[misc]
                person.sex == SEXES[sex] and person.age in AGES[age]
            ),
        )
        assert_same(groups[f"sex={sex},age={age}"], expected)


@EXAMPLES
@given(survey=surveys(), seed=st.integers(0, 2**31))
def test_halves_are_equal_in_size_and_together_everybody(survey: files.Survey, seed: int) -> None:
    (split,) = split_halves(1, seed)
    options = LoadOptions(breakdowns=(split,), minimum_cell=1)

    def csv_file(survey: files.Survey, folder: Path) -> Path:
        return files.write_wave7_csv(survey, folder / "survey.csv")

    def sav_file(survey: files.Survey, folder: Path) -> Path:
        backwards = files.Survey(survey.respondents[::-1], survey.questions)
        return files.write_sav(backwards, folder / "survey.sav")

    groups = read_groups_back(csv_file, survey, options)
    first, second = (groups[cell] for cell in split.cells())

    whole = marginals(survey)
    for cell, marginal in whole.items():
        halves = [half[cell] for half in (first, second) if cell in half]
        assert sum(half.respondents for half in halves) == marginal.respondents
        assert sum(half.sum_of_weights for half in halves) == pytest.approx(marginal.sum_of_weights)
    for country in {person.country_id for person in survey.respondents}:
        question = survey.questions[0]
        sizes = [
            sum(m.respondents for c, m in half.items() if c[1:3] == (country, question))
            for half in (first, second)
        ]
        assert sizes[0] - sizes[1] in (0, 1)
    # The same respondents whatever the format and the order of the rows.
    assert_same(read_groups_back(sav_file, survey, options)[split.cells()[0]], first)
