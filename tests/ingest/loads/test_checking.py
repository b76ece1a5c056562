"""A look before loading: everything wrong with a file in one report, and nothing is loaded."""

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pyreadstat
import pytest

from tests.ingest import survey_files as files
from tests.ingest.conftest import Query
from valuescope.ingest import LoadOptions, check_file, load_file
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument


def respondent(number: int, country: str = "JPN", **changes: object) -> files.Respondent:
    plain = files.Respondent(
        country_id=country,
        wave=7,
        year=2019,
        weight=1.0,
        interview=number,
        mode="2",
        sex=1 + number % 2,
        age=20 + number % 60,
        education=1 + number % 3,
        urban=1,
        answers={"Q1": 1 + (number % 10 == 0), "Q57": 1 + number % 2, "Q181": 1 + number % 3},
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


SURVEY = files.Survey(
    tuple(respondent(n, country) for country in ("JPN", "USA") for n in range(1, 31)),
    ("Q1", "Q57", "Q181"),
)
Edit = Callable[[list[dict[str, str]]], None]


def edited(path: Path, edit: Edit) -> Path:
    """The survey as official file, with its rows edited."""
    files.write_wave7_csv(SURVEY, path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    edit(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_file_with_ten_defects_is_told_all_of_them_at_once(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    def spoil(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["Q1"] = "4"
        rows[0]["A_WAVE"] = "6"
        rows[1]["B_COUNTRY_ALPHA"] = "JAP"
        rows[2]["B_COUNTRY"] = "840"
        rows[3]["A_YEAR"] = "19"
        rows[4]["W_WEIGHT"] = "-1"
        rows[5]["W_WEIGHT"] = "heavy"
        rows[6]["Q1"] = "Very dear"
        rows[7]["Q181"] = "1.5"
        rows[8] = dict(rows[9])
        rows[10]["B_COUNTRY_ALPHA"] = rows[10]["B_COUNTRY"] = ""
        rows[11]["Q57"] = "7"
        rows[12]["Q57"] = ""

    report = check_file(edited(tmp_path / "spoilt.csv", spoil), home, instrument)

    told = "\n".join(problem.what for problem in report.refusals)
    for phrase in (
        "whose A_WAVE is not 7: 6 1 row",
        "Unknown country 'JAP'; did you mean JPN",
        "JPN with the number 840, but 840 is USA, not JPN",
        "whose A_YEAR is not a year: 19 1 row",
        "unusable weights in W_WEIGHT: negative (-1) 1 row, not a number (heavy) 1 row",
        "Q1 'Very dear' 1 time, nearest 'Very important' (code 1)",
        "Q181 1.5 1 time",
        "the same respondent more than once (same D_INTERVIEW, same answers): JPN",
        "a blank B_COUNTRY_ALPHA: 1 row",
    ):
        assert phrase in told
    assert [(c.question_id, c.code) for c in report.codes_outside_instrument] == [("Q57", 7)]
    assert any("1 answers are blank" in warning for warning in report.warnings)
    assert [d.question_id for d in report.directions] == ["Q1"]
    assert not home.database.exists()


def test_loading_a_file_with_several_defects_names_them_all(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    def spoil(rows: list[dict[str, str]]) -> None:
        rows[1]["B_COUNTRY_ALPHA"] = "JAP"
        rows[4]["W_WEIGHT"] = "-1"

    file = edited(tmp_path / "spoilt.csv", spoil)

    with pytest.raises(ValuescopeError, match="has 2 faults; nothing was loaded") as refusal:
        load_file(file, home, instrument)
    assert "Unknown country 'JAP'" in str(refusal.value)
    assert "negative (-1) 1 row" in str(refusal.value)
    assert not home.database.exists()


def test_the_report_of_a_good_file_describes_it(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    report = check_file(files.write_wave7_csv(SURVEY, tmp_path / "good.csv"), home, instrument)

    assert report.refusals == ()
    assert (report.survey_id, report.format_id, report.waves) == ("wvs", "wvs7_csv", (7,))
    assert report.releases == ("6-0-0 (2024-04-30)",)
    assert report.dois == ("doi.org/10.14281/18241.24",)
    assert [c.country_id for c in report.countries] == ["JPN", "USA"]
    japan = report.countries[0]
    assert (japan.respondents, japan.mode, japan.question_count) == (30, "code 2", 3)
    assert (japan.smallest_weight, japan.largest_weight) == (1, 1)
    assert japan.effective_sample_size == pytest.approx(30)
    assert report.questions == ("Q1", "Q57", "Q181")
    assert len(report.questions_missing) == 255
    assert report.directions == ()
    assert not home.database.exists()


def test_missing_answers_are_shares_of_those_asked(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    codes = ["-4", "-4", "-1", "-2", "-5", "1"]

    def miss(rows: list[dict[str, str]]) -> None:
        for row, code in zip(rows, codes, strict=False):
            row["Q57"] = code

    report = check_file(edited(tmp_path / "missing.csv", miss), home, instrument)

    (rate,) = report.missing_rates
    assert rate.question_id == "Q57"
    assert rate.not_asked == pytest.approx(2 / 60)
    assert (rate.dont_know, rate.no_answer, rate.other_missing) == pytest.approx((1 / 58,) * 3)


def test_a_question_missing_throughout_a_country_is_not_asked_there(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    def skip(rows: list[dict[str, str]]) -> None:
        for row in rows[:30]:
            row["Q57"] = "-4"

    file = edited(tmp_path / "skipped.csv", skip)

    report = check_file(file, home, instrument)
    assert [c.not_asked for c in report.countries] == [("Q57",), ()]
    load_file(file, home, instrument)
    assert query(
        "select code, respondents from raw.human_marginals "
        "where country_id = 'JPN' and question_id = 'Q57'"
    ) == [(-4, 30)]


def test_differences_from_what_is_loaded_are_told_with_the_largest_first(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    load_file(files.write_wave7_csv(SURVEY, tmp_path / "first.csv"), home, instrument)

    def change(rows: list[dict[str, str]]) -> None:
        rows[0]["Q57"] = "1" if rows[0]["Q57"] == "2" else "2"
        for row in rows[30:36]:
            row["Q181"] = "10"

    before = home.database.read_bytes()
    report = check_file(edited(tmp_path / "second.csv", change), home, instrument)

    assert [(d.question_id, d.country_id) for d in report.differences] == [
        ("Q181", "USA"),
        ("Q57", "JPN"),
    ]
    assert report.differences[0].largest_difference == pytest.approx(6 / 30)
    assert report.differences[1].largest_difference == pytest.approx(1 / 30)
    assert home.database.read_bytes() == before


def test_a_question_that_runs_the_other_way_than_the_loaded_one_is_told(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    def lean(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["Q57"] = "1"

    def turn(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["Q57"] = "2"

    load_file(edited(tmp_path / "first.csv", lean), home, instrument)
    report = check_file(edited(tmp_path / "turned.csv", turn), home, instrument)

    assert [(d.question_id, d.basis) for d in report.directions] == [("Q57", "what is loaded")]


def test_a_country_under_two_codes_is_refused(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    def rename(rows: list[dict[str, str]]) -> None:
        for row in rows[:10]:
            row["B_COUNTRY_ALPHA"] = "Japan"

    report = check_file(edited(tmp_path / "two.csv", rename), home, instrument)

    assert [p.what for p in report.refusals] == ["has JPN under more than one code: JPN, Japan"]


def test_numbers_that_repeat_with_other_answers_are_counted_and_told(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    def repeat(rows: list[dict[str, str]]) -> None:
        rows[0]["D_INTERVIEW"] = rows[1]["D_INTERVIEW"]

    report = check_file(edited(tmp_path / "same.csv", repeat), home, instrument)

    assert report.refusals == ()
    assert any("come more than once within a country" in warning for warning in report.warnings)


def test_a_selection_of_a_release_is_told_from_the_whole(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    report = check_file(files.write_wave7_csv(SURVEY, tmp_path / "part.csv"), home, instrument)

    assert any("has 97220 respondents, this file 60" in warning for warning in report.warnings)


def test_the_anchors_of_direction_hold_in_the_survey(
    shared_data: Path, home: Home, instrument: Instrument
) -> None:
    for name in (
        "wvs7_marginals_valid_unweighted.csv",
        "wvs7_marginals_all_respondents_unweighted.csv",
    ):
        report = check_file(
            shared_data / name, home, instrument, LoadOptions(weighting="unweighted")
        )
        assert report.directions == ()


def test_an_earlier_waves_own_file_is_named_for_what_it_is(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    (tmp_path / "wave6.csv").write_text("V1;V2;V4;V258\n6;392;1;1\n")

    with pytest.raises(ValuescopeError, match=r"single earlier wave \(columns V1, V2, V4, V258\)"):
        check_file(tmp_path / "wave6.csv", home, instrument)


def test_labels_that_contradict_the_instrument_are_refused(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    path = files.write_sav(SURVEY, tmp_path / "survey.sav")
    frame, described = pyreadstat.read_sav(path, user_missing=True)
    labels = described.variable_value_labels
    turned = {5 - code: label for code, label in labels["Q1"].items() if code > 0}
    pyreadstat.write_sav(frame, path, variable_value_labels=labels | {"Q1": turned})

    report = check_file(path, home, instrument)

    assert [p.what for p in report.refusals] == [
        "labels codes in another way than the instrument: "
        "Q1 1 is 'Not at all important', which is 4 of the question, "
        "Q1 2 is 'Not very important', which is 3 of the question, "
        "Q1 3 is 'Rather important', which is 2 of the question, "
        "Q1 4 is 'Very important', which is 1 of the question"
    ]


@pytest.mark.parametrize("suffix", ["sav", "dta"])
def test_a_statistics_file_cut_in_the_middle_is_refused(
    suffix: str, tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    write = files.write_sav if suffix == "sav" else files.write_dta
    path = write(SURVEY, tmp_path / f"survey.{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])

    with pytest.raises(ValuescopeError, match=r"cut off"):
        load_file(path, home, instrument)
    assert not home.database.exists()


def test_labels_that_match_no_option_are_listed_with_the_nearest(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    people = tuple(person for person in SURVEY.respondents if person.country_id == "JPN")
    survey = files.Survey(people, SURVEY.questions)
    path = files.write_excel(survey, tmp_path / "japan.xlsx", dirt=["", " indeed"])

    report = check_file(path, home, instrument)

    (problem,) = report.refusals
    assert problem.what.startswith("has labels that match no option: ")
    assert "Q1 'Very important indeed'" in problem.what
    assert "nearest 'Very important' (code 1)" in problem.what


def test_a_question_that_nobody_answered_is_told_and_is_no_distribution_of_zeros(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    def silence(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["Q57"] = "-2"

    file = edited(tmp_path / "silent.csv", silence)

    assert check_file(file, home, instrument).questions_unanswered == ("Q57",)
    load_file(file, home, instrument)
    assert query("select distinct code from raw.human_marginals where question_id = 'Q57'") == [
        (-2,)
    ]


def test_a_whole_number_with_a_fraction_is_no_code(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    def halve(rows: list[dict[str, str]]) -> None:
        rows[0]["Q57"], rows[1]["Q57"], rows[2]["Q57"] = "1.5", "2.0", ".5"

    report = check_file(edited(tmp_path / "halves.csv", halve), home, instrument)

    assert [p.what for p in report.refusals] == [
        "has answers that are not whole numbers: Q57 .5 1 time, Q57 1.5 1 time"
    ]


def test_missing_values_as_r_writes_them_are_blank(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    def lose(rows: list[dict[str, str]]) -> None:
        rows[0]["Q57"] = "NA"

    load_file(edited(tmp_path / "from_r.csv", lose), home, instrument)

    assert query("select code from raw.human_marginals where code < 0") == [(-5,)]
