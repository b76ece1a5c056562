"""Respondents written as each file that the survey's site hands out.

The writers know the layouts from the survey's documentation alone and share no code with `ingest`.
Each returns the path it wrote.
"""

import csv
import io
import itertools
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import openpyxl
import pandas as pd
import pyreadstat

from valuescope.warehouse.home import SEEDS

MISSING_LABELS = {
    -1: "Don't know",
    -2: "No answer",
    -3: "Not applicable",
    -4: "Not asked",
    -5: "Missing; Not available",
}
# Stata's extended missing values, as pyreadstat names them: .a is "a".
EXTENDED_MISSING = {-1: "a", -2: "b", -3: "c", -4: "d", -5: "e"}
WAVE_YEARS = {
    1: "1981-1984",
    2: "1990-1994",
    3: "1995-1998",
    4: "1999-2004",
    5: "2005-2009",
    6: "2010-2014",
    7: "2017-2022",
}
SEXES = {1: "Male", 2: "Female"}
EDUCATIONS = {1: "Lower", 2: "Middle", 3: "Upper"}
SETTLEMENTS = {1: "Urban", 2: "Rural"}
# What cells of the Excel edition carry after their label.
DIRT = ("", " ", "\u00a0", ".", " (1)", "*", "_1", "\u200b")
# Questions that are 0 (no) and 1 (yes) in the edition with inverted scales.
INVERTED_DICHOTOMIES = frozenset(
    f"Q{number}" for number in (*range(7, 27), 151, 165, 166, 167, 168)
)
# Columns of the official file that look like questions and are none.
VARIANTS = ("Q33_3", "Q82_EU", "Q94R", "Q275A")
_EXCEL_HEADERS = {
    "A_WAVE": "Chronology of EVS-WVS waves",
    "A_YEAR": "Year of survey",
    "B_COUNTRY": "ISO 3166-1 numeric country code",
    "D_INTERVIEW": "Interview ID",
    "W_WEIGHT": "Weight",
    "H_URBRURAL": "Urban-Rural",
    "Q260": "Sex",
    "Q262": "Age",
    "Q275R": "Highest educational level: Respondent (recoded into 3 groups)",
}
# Letters beyond ASCII that Latin-1 has, and every delimiter and quote.
_TOWNS = ("São Paulo", "Málaga", "Tromsø, nord", 'Zürich; "Altstadt"', "Besançon\tEst|Ouest")
# Correlates of War codes where they are other letters than ISO's.
_COW = {
    "AUS": (900, "AUL"),
    "DEU": (255, "GMY"),
    "GBR": (200, "UKG"),
    "KOR": (732, "ROK"),
    "NGA": (475, "NIG"),
    "NLD": (210, "NTH"),
}

Value = int | float | str | None
# One list of values a column, in the order of the file.
Columns = dict[str, list[Value]]


@dataclass(frozen=True)
class Respondent:
    """One interview; what `answers` leaves out is a blank cell.

    `mode` is the survey's code for how it was held, `education` 1 to 3 from lower to higher,
    `urban` 1 for towns and 2 for the country. Negative numbers are missing answers.
    """

    country_id: str
    wave: int
    year: int
    weight: float
    interview: int
    mode: str | None
    sex: int
    age: int
    education: int
    urban: int
    answers: Mapping[str, int] = field(hash=False)


@dataclass(frozen=True)
class Survey:
    """The respondents of one file and the questions that it has columns for."""

    respondents: tuple[Respondent, ...]
    questions: tuple[str, ...]
    release: str = "6-0-0 (2024-04-30)"
    doi: str = "doi.org/10.14281/18241.24"


class CsvStyle(TypedDict, total=False):
    """How a CSV is written. Left out: comma, UTF-8, no byte order mark, \\n, point, as needed."""

    delimiter: str
    encoding: str
    bom: bool
    line_end: str
    decimal: str
    quote_all: bool
    columns_case: Literal["official", "lower", "upper"]


def write_wave7_csv(
    survey: Survey, path: Path, *, without: Collection[str] = (), **style: Unpack[CsvStyle]
) -> Path:
    """The country-pooled file; `without` names columns that an edition lacks."""
    return _write_csv(_without(_wave7_columns(survey), without), path, style)


def write_inverted_csv(
    survey: Survey,
    path: Path,
    inverted: Collection[str],
    *,
    without: Collection[str] = (),
    **style: Unpack[CsvStyle],
) -> Path:
    """The edition in which the scales of the `inverted` questions are turned round and renamed."""
    columns = _wave7_columns(survey)
    turned = {
        f"{name}P" if name in inverted else name: (
            [_inverted(name, value) for value in values] if name in inverted else values
        )
        for name, values in columns.items()
    }
    return _write_csv(_without(turned, without), path, style)


def write_time_series_csv(
    survey: Survey,
    path: Path,
    trends: Mapping[str, tuple[str, Mapping[int, int]]],
    *,
    without: Collection[str] = (),
    **style: Unpack[CsvStyle],
) -> Path:
    """The file of all waves; `trends`: variable to question and its codes to the variable's.

    Missing codes stay; any other code must be among those of the mapping.
    """
    people = survey.respondents
    columns: Columns = {
        "version": [survey.release for _ in people],
        "doi": [survey.doi for _ in people],
        "S002VS": [person.wave for person in people],
        "S003": [_country(person)[0] for person in people],
        "COUNTRY_ALPHA": [person.country_id for person in people],
        "S007": [person.interview for person in people],
        "S017": [person.weight for person in people],
        "S018": _shares_of_thousand(people),
        "S020": [person.year for person in people],
    }
    for variable, (question, codes) in sorted(trends.items()):
        answers = [person.answers.get(question) for person in people]
        columns[variable] = [code if code is None or code < 0 else codes[code] for code in answers]
    columns["X001"] = [person.sex for person in people]
    columns["X003"] = [person.age for person in people]
    columns["X025R"] = [person.education for person in people]
    columns["X050C"] = [person.urban for person in people]
    return _write_csv(_without(columns, without), path, style)


def write_sav(
    survey: Survey,
    path: Path,
    *,
    user_missing: bool = True,
    compressed: bool = False,
    without: Collection[str] = (),
) -> Path:
    """SPSS, with labels and, as the official file declares them, -5 to -1 as missing."""
    columns = _without(_wave7_columns(survey), without)
    labels = _value_labels(columns)
    pyreadstat.write_sav(
        _frame(columns),
        path,
        column_labels=_column_labels(columns),
        variable_value_labels=labels,
        missing_ranges={
            name: [{"lo": -5, "hi": -1}] for name in columns if user_missing and _is_coded(name)
        },
        row_compress=compressed,
    )
    return path


def write_dta(
    survey: Survey,
    path: Path,
    *,
    extended_missing: bool = False,
    version: int = 15,
    without: Collection[str] = (),
) -> Path:
    """Stata, with labels; missing answers are negative codes or the extended values .a to .e."""
    columns = _without(_wave7_columns(survey), without)
    labels = _value_labels(columns)
    frame = _frame(columns)
    missing: dict[str, list[str]] = {}
    for name in filter(_is_coded, columns) if extended_missing else ():
        coded = [_extended(value) for value in columns[name]]
        frame[name] = pd.Series(coded, dtype=object)
        missing[name] = list(EXTENDED_MISSING.values())
        if name in labels:
            labels[name] = {
                EXTENDED_MISSING.get(code, code): text for code, text in labels[name].items()
            }
    pyreadstat.write_dta(
        frame,
        path,
        column_labels=_column_labels(columns),
        variable_value_labels=labels,
        missing_user_values=missing,
        version=version,
    )
    return path


def write_excel(survey: Survey, path: Path, *, dirt: Sequence[str] = ("",)) -> Path:
    """The edition of a single country: labels instead of codes, `dirt` behind them in turn.

    Excel files keep 16 digits of a weight.
    """
    people = survey.respondents
    assert len({person.country_id for person in people}) == 1, "one country a file"
    suffixes = itertools.cycle(dirt)
    is_weighted = any(person.weight != 1 for person in people)
    columns: Columns = {
        "A_WAVE": [WAVE_YEARS[person.wave] for person in people],
        "A_YEAR": [person.year for person in people],
        "B_COUNTRY": [_country(person)[1] for person in people],
        "D_INTERVIEW": [person.interview for person in people],
        "W_WEIGHT": [person.weight if is_weighted else "No weighting" for person in people],
        "H_URBRURAL": [_label(SETTLEMENTS, person.urban) for person in people],
    }
    for question in survey.questions:
        labels = answer_labels(question)
        columns[question] = [
            None if code is None else _label(labels, code) + next(suffixes)
            for code in (person.answers.get(question) for person in people)
        ]
    columns["Q260"] = [_label(SEXES, person.sex) for person in people]
    columns["Q262"] = [
        person.age if person.age >= 0 else _label({}, person.age) for person in people
    ]
    columns["Q275R"] = [_label(EDUCATIONS, person.education) for person in people]
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Data"
    headers = {name: _EXCEL_HEADERS.get(name) or _short_labels()[name] for name in columns}
    sheet.append([f"{name}: {text}" for name, text in headers.items()])
    for row in zip(*columns.values(), strict=True):
        sheet.append(row)
    book.save(path)
    return path


def zipped(path: Path, *, password: bool = False, extra: Iterable[tuple[str, bytes]] = ()) -> Path:
    """An archive beside `path` with it and the `extra` members (name, content).

    With `password` its members are marked as encrypted, so that every reader asks for one; their
    bytes are plain.
    """
    archive = path.with_name(path.name + ".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in extra:
            file.writestr(name, content)
        file.write(path, path.name)
    if password:
        _mark_encrypted(archive, file)
    return archive


@cache
def answer_labels(question_id: str) -> Mapping[int, str]:
    """Code to label of every answer; a number with its meaning, `1 (Never)`, is the meaning."""
    return {
        int(row["survey_codes"]): re.sub(r"^\d+ \((.*)\)$", r"\1", row["choice_text"])
        for row in _seed("choices")
        if row["question_id"] == question_id and row["coding_id"] == "native"
    }


@cache
def scale_codes(question_id: str) -> frozenset[int]:
    """The codes of the answers that lie on the question's scale."""
    return frozenset(
        int(row["survey_codes"])
        for row in _seed("choices")
        if row["question_id"] == question_id
        and row["coding_id"] == "native"
        and row["is_on_scale"] == "true"
    )


def _mark_encrypted(archive: Path, file: zipfile.ZipFile) -> None:
    """Set the first flag of every member, in its own header and in the directory at the end."""
    content = bytearray(archive.read_bytes())
    entry = file.start_dir
    for member in file.infolist():
        content[member.header_offset + 6] |= 1
        content[entry + 8] |= 1
        entry += 46 + len(member.filename.encode()) + len(member.extra) + len(member.comment)
    archive.write_bytes(content)


def _wave7_columns(survey: Survey) -> Columns:
    people = survey.respondents
    columns: Columns = {
        "version": [survey.release for _ in people],
        "doi": [survey.doi for _ in people],
        "A_WAVE": [person.wave for person in people],
        "A_YEAR": [person.year for person in people],
        "A_STUDY": [2 for _ in people],
        "B_COUNTRY": [_country(person)[0] for person in people],
        "B_COUNTRY_ALPHA": [person.country_id for person in people],
        "C_COW_NUM": [_COW.get(person.country_id, (-3, ""))[0] for person in people],
        "C_COW_ALPHA": [
            _COW.get(person.country_id, (-3, person.country_id))[1] for person in people
        ],
        "D_INTERVIEW": [person.interview for person in people],
        "Q_MODE": [None if person.mode is None else int(person.mode) for person in people],
        "N_TOWN": [town for _, town in zip(people, itertools.cycle(_TOWNS), strict=False)],
        "H_URBRURAL": [person.urban for person in people],
        "W_WEIGHT": [person.weight for person in people],
        "S018": _shares_of_thousand(people),
        "PWGHT": _population_weights(people),
    }
    asked: Columns = {
        question: [person.answers.get(question) for person in people]
        for question in survey.questions
    }
    asked |= {name: [1 + position % 2 for position, _ in enumerate(people)] for name in VARIANTS}
    asked["Q260"] = [person.sex for person in people]
    asked["Q262"] = [person.age for person in people]
    asked["Q275R"] = [person.education for person in people]
    return columns | {name: asked[name] for name in sorted(asked, key=_questionnaire_order)}


def _questionnaire_order(name: str) -> tuple[int, str]:
    number = re.match(r"Q(\d+)", name)
    assert number
    return int(number[1]), name


def _inverted(question_id: str, code: Value) -> Value:
    """As the labels of the survey's own SPSS file of this edition have it."""
    if not isinstance(code, int) or code < 0:
        return code
    if question_id in INVERTED_DICHOTOMIES:
        return {1: 1, 2: 0}[code]
    if question_id == "Q254" and code == 5:
        return code
    scale = scale_codes(question_id) | ({4} if question_id in ("Q221", "Q222") else set())
    return min(scale) + max(scale) - code


def _shares_of_thousand(people: Sequence[Respondent]) -> list[Value]:
    """The weight that makes every country 1000 people; no weight within a country."""
    sizes = Counter((person.country_id, person.wave) for person in people)
    return [1000 / sizes[person.country_id, person.wave] for person in people]


def _population_weights(people: Sequence[Respondent]) -> list[Value]:
    """A constant of each country."""
    return [0.25 + _country(person)[0] / 100 for person in people]


def _without(columns: Columns, names: Collection[str]) -> Columns:
    return {name: values for name, values in columns.items() if name not in names}


def _write_csv(columns: Columns, path: Path, style: CsvStyle) -> Path:
    cases: Mapping[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper}
    change_case = cases.get(style.get("columns_case", "official"), str)
    decimal = style.get("decimal", ".")
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=style.get("delimiter", ","),
        lineterminator=style.get("line_end", "\n"),
        quoting=csv.QUOTE_ALL if style.get("quote_all") else csv.QUOTE_MINIMAL,
    )
    writer.writerow([change_case(name) for name in columns])
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_cell(value, decimal) for value in row])
    mark = "\ufeff" if style.get("bom") else ""
    path.write_bytes((mark + text.getvalue()).encode(style.get("encoding", "utf-8")))
    return path


def _cell(value: Value, decimal: str) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        # 1.0 stands as 1, like in the official file.
        return str(int(value)) if value.is_integer() else repr(value).replace(".", decimal)
    return str(value)


def _frame(columns: Columns) -> pd.DataFrame:
    texts = {"version", "doi", "B_COUNTRY_ALPHA", "C_COW_ALPHA", "N_TOWN"}
    return pd.DataFrame(
        {
            name: pd.Series(values, dtype="object" if name in texts else "float64")
            for name, values in columns.items()
        }
    )


def _is_coded(name: str) -> bool:
    """Whether negative numbers of the column are missing answers."""
    return bool(re.match(r"Q\d", name)) or name in ("Q_MODE", "H_URBRURAL")


def _extended(value: Value) -> float | str | None:
    assert not isinstance(value, str)
    if value is None:
        return None
    return EXTENDED_MISSING.get(int(value), float(value))


def _value_labels(columns: Columns) -> dict[str, dict[Any, str]]:
    """Labels of each column; keys are codes, or letters for extended missing values."""
    labels: dict[str, Mapping[int, str]] = {
        "A_WAVE": WAVE_YEARS,
        "B_COUNTRY": dict(_countries().values()),
        "H_URBRURAL": SETTLEMENTS,
        "Q260": SEXES,
        "Q275R": EDUCATIONS,
    }
    return {
        name: {**(labels.get(name) or answer_labels(name)), **MISSING_LABELS}
        for name in columns
        if name in labels or answer_labels(name)
    }


def _column_labels(columns: Columns) -> list[str | None]:
    return [_EXCEL_HEADERS.get(name) or _short_labels().get(name) for name in columns]


def _label(labels: Mapping[int, str], code: int) -> str:
    return labels.get(code) or MISSING_LABELS.get(code) or str(code)


def _country(person: Respondent) -> tuple[int, str]:
    return _countries()[person.country_id]


@cache
def _countries() -> Mapping[str, tuple[int, str]]:
    return {
        row["country_id"]: (int(row["iso_numeric"]), row["country_name"])
        for row in _seed("countries")
        if row["iso_numeric"]
    }


@cache
def _short_labels() -> Mapping[str, str]:
    return {row["question_id"]: row["short_label"] for row in _seed("questions")}


@cache
def _seed(name: str) -> Sequence[Mapping[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
