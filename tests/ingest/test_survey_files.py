"""The files that tests of reading are made of, read back by other programs than ours."""

import csv
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.survey_files import (
    DIRT,
    EXTENDED_MISSING,
    VARIANTS,
    CsvStyle,
    Respondent,
    Survey,
    answer_labels,
    write_dta,
    write_excel,
    write_inverted_csv,
    write_sav,
    write_time_series_csv,
    write_wave7_csv,
    zipped,
)
from tests.ingest.survey_oracle import Cell, Marginal, marginals
from tests.ingest.survey_strategies import csv_styles, surveys

QUESTIONS = ("Q11", "Q56", "Q119", "Q182")


def respondent(
    country_id: str, interview: int, weight: float, codes: Sequence[int | None]
) -> Respondent:
    return Respondent(
        country_id=country_id,
        wave=7,
        year=2018 + interview % 3,
        weight=weight,
        interview=interview,
        mode=None if interview == 1 else "2",
        sex=1 + interview % 2,
        age=-2 if interview == 2 else 20 + interview,
        education=1 + interview % 3,
        urban=1 + interview % 2,
        answers={q: code for q, code in zip(QUESTIONS, codes, strict=True) if code is not None},
    )


SURVEY = Survey(
    (
        respondent("JPN", 1, 1.0, (1, 1, 0, 10)),
        respondent("JPN", 2, 0.1 + 0.2, (2, 2, 4, 1)),
        respondent("JPN", 3, 1 / 3, (-1, -2, -5, None)),
        respondent("KOR", 4, 1.0, (-4, 3, 1, 5)),
        respondent("KOR", 5, 1.0, (-4, -3, -1, -2)),
    ),
    QUESTIONS,
)
JAPAN = Survey(SURVEY.respondents[:3], QUESTIONS)


def as_number(value: object, decimal: str = ".") -> float | None:
    if value is None or value == "" or value != value:
        return None
    return float(str(value).replace(decimal, "."))


def read_back(
    rows: Sequence[Mapping[str, Any]], questions: Sequence[str], decimal: str = "."
) -> Survey:
    """The survey that wave 7's columns describe, for comparing it with what was written."""
    respondents = []
    for row in rows:
        found = {name: as_number(row[name], decimal) for name in row if name in questions}
        mode = as_number(row["Q_MODE"])
        respondents.append(
            Respondent(
                country_id=row["B_COUNTRY_ALPHA"],
                wave=int(float(row["A_WAVE"])),
                year=int(float(row["A_YEAR"])),
                weight=as_number(row["W_WEIGHT"], decimal) or 0.0,
                interview=int(float(row["D_INTERVIEW"])),
                mode=None if mode is None else str(int(mode)),
                sex=int(float(row["Q260"])),
                age=int(float(row["Q262"])),
                education=int(float(row["Q275R"])),
                urban=int(float(row["H_URBRURAL"])),
                answers={name: int(code) for name, code in found.items() if code is not None},
            )
        )
    return Survey(tuple(respondents), tuple(questions), rows[0]["version"], rows[0]["doi"])


def csv_rows(path: Path, encoding: str = "utf-8", delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def frame_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for _, row in frame.iterrows()]


@settings(max_examples=40, deadline=None)
@given(survey=surveys(blanks=True), style=csv_styles())
def test_a_csv_of_any_style_holds_the_respondents(survey: Survey, style: CsvStyle) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_wave7_csv(survey, Path(folder) / "wave7.csv", **style)
        encoding = "utf-8-sig" if style.get("bom") else style.get("encoding", "utf-8")
        rows = csv_rows(path, encoding, style.get("delimiter", ","))
        content = path.read_bytes()

    official = {name.casefold(): name for name in csv_header(survey)}
    named = [{official[name.casefold()]: value for name, value in row.items()} for row in rows]
    assert read_back(named, survey.questions, style.get("decimal", ".")) == survey
    assert content.count(b"\r\n") == (len(rows) + 1 if style.get("line_end") == "\r\n" else 0)


def csv_header(survey: Survey) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = write_wave7_csv(survey, Path(folder) / "wave7.csv")
        return next(csv.reader([path.read_text(encoding="utf-8").splitlines()[0]]))


def test_the_columns_are_in_the_official_order_with_variants_between_them(tmp_path: Path) -> None:
    rows = csv_rows(write_wave7_csv(SURVEY, tmp_path / "wave7.csv"))

    assert list(rows[0]) == [
        *("version", "doi", "A_WAVE", "A_YEAR", "A_STUDY", "B_COUNTRY", "B_COUNTRY_ALPHA"),
        *("C_COW_NUM", "C_COW_ALPHA", "D_INTERVIEW", "Q_MODE", "N_TOWN", "H_URBRURAL"),
        *("W_WEIGHT", "S018", "PWGHT", "Q11", "Q33_3", "Q56", "Q82_EU", "Q94R", "Q119", "Q182"),
        *("Q260", "Q262", "Q275A", "Q275R"),
    ]
    assert [row["B_COUNTRY"] for row in rows] == ["392"] * 3 + ["410"] * 2
    assert [row["C_COW_ALPHA"] for row in rows] == ["JPN"] * 3 + ["ROK"] * 2
    assert [row["W_WEIGHT"] for row in rows][:2] == ["1", "0.30000000000000004"]
    assert {row["N_TOWN"] for row in rows} >= {'Zürich; "Altstadt"', "Besançon\tEst|Ouest"}
    assert [float(row["S018"]) for row in rows] == [1000 / 3] * 3 + [500] * 2


def test_columns_can_be_left_out(tmp_path: Path) -> None:
    path = write_wave7_csv(SURVEY, tmp_path / "wave7.csv", without=("Q275R", *VARIANTS))

    assert list(csv_rows(path)[0])[-3:] == ["Q182", "Q260", "Q262"]


def test_inverted_scales_run_backwards_under_another_name(tmp_path: Path) -> None:
    path = write_inverted_csv(SURVEY, tmp_path / "inverted.csv", ["Q11", "Q56", "Q182"])

    rows = csv_rows(path)
    # Mentioned or not is 1 or 0 in this edition.
    assert [row["Q11P"] for row in rows] == ["1", "0", "-1", "-4", "-4"]
    assert [row["Q56P"] for row in rows] == ["3", "2", "-2", "1", "-3"]
    assert [row["Q182P"] for row in rows] == ["1", "10", "", "6", "-2"]
    assert not {"Q11", "Q56", "Q182"} & rows[0].keys()


@pytest.mark.parametrize("compressed", [False, True])
def test_sav_holds_the_respondents_labels_and_missing_codes(
    compressed: bool, tmp_path: Path
) -> None:
    path = write_sav(SURVEY, tmp_path / "wave7.sav", compressed=compressed)

    frame, metadata = pyreadstat.read_sav(path, user_missing=True)
    assert read_back(frame_rows(frame), QUESTIONS) == SURVEY
    assert metadata.variable_value_labels["Q56"][2] == "Worse off"
    assert metadata.variable_value_labels["Q182"][-1] == "Don't know"
    assert metadata.missing_ranges["Q182"] == [{"lo": -5, "hi": -1}]
    assert "W_WEIGHT" not in metadata.missing_ranges
    hidden, _ = pyreadstat.read_sav(path)
    assert hidden["Q11"].tolist()[:2] == [1, 2]
    assert hidden["Q11"].isna().tolist() == [False, False, True, True, True]


def test_sav_without_declared_missing_codes_shows_them(tmp_path: Path) -> None:
    path = write_sav(SURVEY, tmp_path / "wave7.sav", user_missing=False)

    frame, metadata = pyreadstat.read_sav(path)
    assert read_back(frame_rows(frame), QUESTIONS) == SURVEY
    assert not metadata.missing_ranges


@pytest.mark.parametrize("version", [10, 12, 14, 15])
def test_dta_holds_the_respondents_and_labels(version: int, tmp_path: Path) -> None:
    path = write_dta(SURVEY, tmp_path / "wave7.dta", version=version)

    frame, metadata = pyreadstat.read_dta(path)
    assert read_back(frame_rows(frame), QUESTIONS) == SURVEY
    assert metadata.variable_value_labels["Q56"][2] == "Worse off"
    assert metadata.variable_value_labels["Q182"][-1] == "Don't know"


def test_dta_with_extended_missing_values_has_letters_with_labels(tmp_path: Path) -> None:
    path = write_dta(SURVEY, tmp_path / "wave7.dta", extended_missing=True)

    frame, metadata = pyreadstat.read_dta(path, user_missing=True)
    codes: dict[object, int] = {letter: code for code, letter in EXTENDED_MISSING.items()}
    rows = [
        {name: codes.get(value, value) for name, value in row.items()} for row in frame_rows(frame)
    ]
    assert read_back(rows, QUESTIONS) == SURVEY
    assert set(frame["Q11"]) == {1, 2, "a", "d"}
    assert dict[Any, str](metadata.variable_value_labels["Q11"])["d"] == "Not asked"
    assert pyreadstat.read_dta(path)[0]["Q11"].isna().tolist() == [False, False, True, True, True]


@settings(max_examples=15, deadline=None)
@given(survey=surveys(blanks=True), extended_missing=st.booleans())
def test_sav_and_dta_hold_any_survey(survey: Survey, extended_missing: bool) -> None:
    codes: dict[object, int] = {letter: code for code, letter in EXTENDED_MISSING.items()}
    with tempfile.TemporaryDirectory() as folder:
        sav = write_sav(survey, Path(folder) / "wave7.sav")
        dta = write_dta(survey, Path(folder) / "wave7.dta", extended_missing=extended_missing)
        from_sav, _ = pyreadstat.read_sav(sav, user_missing=True)
        from_dta, _ = pyreadstat.read_dta(dta, user_missing=True)

    assert read_back(frame_rows(from_sav), survey.questions) == survey
    rows = [{k: codes.get(v, v) for k, v in row.items()} for row in frame_rows(from_dta)]
    assert read_back(rows, survey.questions) == survey


def sheet_rows(path: Path) -> list[dict[str, Any]]:
    sheet = openpyxl.load_workbook(path, read_only=True)["Data"]
    headers, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, headers), row, strict=True)) for row in rows]


def test_excel_holds_labels_of_one_country(tmp_path: Path) -> None:
    path = write_excel(JAPAN, tmp_path / "japan.xlsx")

    rows = sheet_rows(path)
    assert [header.split(":")[0] for header in rows[0]] == [
        *("A_WAVE", "A_YEAR", "B_COUNTRY", "D_INTERVIEW", "W_WEIGHT", "H_URBRURAL"),
        *(*QUESTIONS, "Q260", "Q262", "Q275R"),
    ]
    assert rows[1] == {
        "A_WAVE: Chronology of EVS-WVS waves": "2017-2022",
        "A_YEAR: Year of survey": 2020,
        "B_COUNTRY: ISO 3166-1 numeric country code": "Japan",
        "D_INTERVIEW: Interview ID": 2,
        "W_WEIGHT: Weight": pytest.approx(0.3, rel=1e-15),
        "H_URBRURAL: Urban-Rural": "Urban",
        "Q11: Child quality of imagination": "Not mentioned",
        "Q56: Living standard against parents": "Worse off",
        "Q119: Women less corrupt than men": "Strongly disagree",
        "Q182: Homosexuality justifiable": "Never justifiable",
        "Q260: Sex": "Male",
        "Q262: Age": "No answer",
        "Q275R: Highest educational level: Respondent (recoded into 3 groups)": "Upper",
    }
    assert [row["Q182: Homosexuality justifiable"] for row in rows] == [
        *("Always justifiable", "Never justifiable", None)
    ]
    assert rows[2]["Q119: Women less corrupt than men"] == "Missing; Not available"


def test_excel_labels_carry_dirt_in_turn(tmp_path: Path) -> None:
    path = write_excel(JAPAN, tmp_path / "japan.xlsx", dirt=DIRT)

    rows = sheet_rows(path)
    assert [row["Q11: Child quality of imagination"] for row in rows] == [
        *("Important", "Not mentioned ", "Don't know\u00a0")
    ]
    assert [row["Q119: Women less corrupt than men"] for row in rows] == [
        *("Hard to say_1", "Strongly disagree\u200b", "Missing; Not available")
    ]


def test_excel_of_a_country_without_weights_says_so(tmp_path: Path) -> None:
    korea = Survey(SURVEY.respondents[3:], QUESTIONS)

    rows = sheet_rows(write_excel(korea, tmp_path / "korea.xlsx"))

    assert {row["W_WEIGHT: Weight"] for row in rows} == {"No weighting"}


def test_excel_is_of_one_country(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="one country"):
        write_excel(SURVEY, tmp_path / "two.xlsx")


def test_labels_name_each_code_of_a_question_once() -> None:
    assert answer_labels("Q182")[1] == "Never justifiable"
    assert answer_labels("Q182")[2] == "2"
    assert answer_labels("Q119")[0] == "Hard to say"
    assert list(answer_labels("Q56").values()) == ["Better off", "About the same", "Worse off"]


def test_the_time_series_holds_the_respondents_under_its_own_names(tmp_path: Path) -> None:
    people = (SURVEY.respondents[0], *SURVEY.respondents[3:])
    trends = {
        "F118": ("Q182", {code: code for code in range(1, 11)}),
        "A034": ("Q11", {1: 1, 2: 0}),
    }

    rows = csv_rows(
        write_time_series_csv(Survey(people, QUESTIONS), tmp_path / "trends.csv", trends)
    )

    assert list(rows[0]) == [
        *("version", "doi", "S002VS", "S003", "COUNTRY_ALPHA", "S007", "S017", "S018", "S020"),
        *("A034", "F118", "X001", "X003", "X025R", "X050C"),
    ]
    assert [(row["COUNTRY_ALPHA"], row["S002VS"], row["S020"]) for row in rows] == [
        *(("JPN", "7", "2019"), ("KOR", "7", "2019"), ("KOR", "7", "2020"))
    ]
    assert [row["F118"] for row in rows] == ["10", "5", "-2"]
    assert [row["A034"] for row in rows] == ["1", "-4", "-4"]
    assert [(row["X001"], row["X003"], row["X025R"], row["X050C"]) for row in rows] == [
        *(("2", "21", "2", "2"), ("1", "24", "2", "1"), ("2", "25", "3", "2"))
    ]


def test_a_code_that_the_trend_does_not_know_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_time_series_csv(SURVEY, tmp_path / "trends.csv", {"A034": ("Q11", {1: 1})})


def test_an_archive_holds_the_file_and_what_else_is_put_in(tmp_path: Path) -> None:
    path = write_wave7_csv(SURVEY, tmp_path / "wave7.csv")

    archive = zipped(path, extra=[("__MACOSX/._wave7.csv", b"x"), ("Größe.txt", b"y")])

    assert archive == tmp_path / "wave7.csv.zip"
    with zipfile.ZipFile(archive) as file:
        assert file.namelist() == ["__MACOSX/._wave7.csv", "Größe.txt", "wave7.csv"]
        assert file.read("wave7.csv") == path.read_bytes()
        assert file.testzip() is None


def test_an_archive_with_a_password_asks_for_it(tmp_path: Path) -> None:
    path = write_wave7_csv(SURVEY, tmp_path / "wave7.csv")

    with zipfile.ZipFile(zipped(path, password=True, extra=[("Größe.txt", b"y")])) as file:
        for name in file.namelist():
            with pytest.raises(RuntimeError, match="password required"):
                file.read(name)


def test_the_oracle_counts_a_survey_as_by_hand() -> None:
    counted = marginals(SURVEY)

    assert counted[Cell(7, "JPN", "Q11", 2)] == Marginal(1, 0.1 + 0.2, (0.1 + 0.2) ** 2)
    assert counted[Cell(7, "JPN", "Q182", -5)] == Marginal(1, 1 / 3, (1 / 3) ** 2)
    assert counted[Cell(7, "KOR", "Q11", -4)] == Marginal(2, 2.0, 2.0)
    assert len(counted) == 3 * 4 + 1 + 2 * 3
    assert marginals(SURVEY, weighted=False)[Cell(7, "JPN", "Q11", 2)] == Marginal(1, 1.0, 1.0)
    some = Survey((SURVEY.respondents[1], SURVEY.respondents[3]), QUESTIONS)
    assert marginals(SURVEY, among=lambda person: person.sex == 1) == marginals(some)
