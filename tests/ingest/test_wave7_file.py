"""The official wave 7 file: respondents in, weighted marginals out."""

import csv
import re
import tempfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.conftest import Query
from valuescope.ingest import CodeOutsideInstrument, LoadOptions, load_file
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument, load_instrument

FOLDER = Path(__file__).parent
RESPONDENTS = FOLDER / "respondents.csv"
DOI = None  # This little file has no column for it.
MARGINALS = """
select
    country_id, question_id, code, respondents, sum_of_weights, sum_of_squared_weights
from raw.human_marginals
where wave = 7
order by country_id, question_id, code
"""


def test_marginals_of_a_small_file_are_those_counted_by_hand(
    home: Home, instrument: Instrument, query: Query
) -> None:
    with (FOLDER / "respondents_marginals.csv").open(newline="") as file:
        by_hand = [
            (
                row["country_id"],
                row["question_id"],
                int(row["code"]),
                int(row["respondents"]),
                float(row["sum_of_weights"]),
                float(row["sum_of_squared_weights"]),
            )
            for row in csv.DictReader(file)
        ]

    load_file(RESPONDENTS, home, instrument)

    assert query(MARGINALS) == by_hand


def test_the_report_says_what_the_file_holds(home: Home, instrument: Instrument) -> None:
    report = load_file(RESPONDENTS, home, instrument)

    assert report.file.format_id == "wvs7_csv"
    assert report.file.populations[0] == "wvs:7:within_country:all"
    assert report.file.country_ids == ("JPN", "USA")
    assert report.file.questions == ("Q1", "Q57", "Q178", "Q223")
    assert report.file.questions_outside_instrument == ("Q223",)
    assert report.file.codes_outside_instrument == (CodeOutsideInstrument("Q1", 7, ("USA",), 1),)
    assert report.file.columns_ignored == ("Q94R", "Q33_3", "Q260")
    assert report.file.rows_read == 6
    assert (report.file.first_year, report.file.last_year) == (2017, 2020)
    assert report.file.has_counts
    assert report.file.has_dont_know_codes
    assert report.file.warnings[0].startswith("Release 6-0-0 (2024-04-30) has 97220 respondents")
    assert report.file.warnings[1].startswith("The file has no columns for Q2, Q3, Q4")


def test_fieldwork_and_provenance_are_kept_by_country(
    home: Home, instrument: Instrument, query: Query
) -> None:
    load_file(RESPONDENTS, home, instrument)

    years = query(
        "select country_id, wave, first_year, last_year, release, doi "
        "from raw.survey_fieldwork order by all"
    )
    assert years == [
        ("JPN", 7, 2019, 2020, "6-0-0 (2024-04-30)", DOI),
        ("USA", 7, 2017, 2017, "6-0-0 (2024-04-30)", DOI),
    ]


def test_unweighted_counts_every_respondent_once(
    home: Home, instrument: Instrument, query: Query
) -> None:
    report = load_file(RESPONDENTS, home, instrument, LoadOptions(weighting="unweighted"))

    assert report.file.populations[0] == "wvs:7:unweighted:all"
    assert all(
        respondents == weights == squares for *_, respondents, weights, squares in query(MARGINALS)
    )


def test_weighted_and_unweighted_stand_side_by_side(
    home: Home, instrument: Instrument, query: Query
) -> None:
    load_file(RESPONDENTS, home, instrument)
    load_file(RESPONDENTS, home, instrument, LoadOptions(weighting="unweighted"))

    assert query("select weighting from raw.survey_loads order by all") == [
        ("unweighted",),
        ("within_country",),
    ]


def test_without_weights_only_unweighted_is_possible(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    file = tmp_path / "respondents.csv"
    pd.read_csv(RESPONDENTS).drop(columns="W_WEIGHT").to_csv(file, index=False)

    with pytest.raises(ValuescopeError, match="lacks the columns W_WEIGHT"):
        load_file(file, home, instrument)
    assert (
        load_file(file, home, instrument, LoadOptions(weighting="unweighted")).file.rows_read == 6
    )


def test_blank_answers_are_missing_and_this_is_said(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    frame = pd.read_csv(RESPONDENTS, dtype=str)
    frame.loc[0, "Q1"] = None
    frame.loc[1, "Q1"] = " "
    frame.to_csv(tmp_path / "blank.csv", index=False)

    report = load_file(tmp_path / "blank.csv", home, instrument)

    assert any("2 answers are blank" in warning for warning in report.file.warnings)
    assert query(
        "select code, respondents from raw.human_marginals "
        "where country_id = 'JPN' and question_id = 'Q1' order by all"
    ) == [(-5, 2), (1, 1), (2, 1)]


def test_whole_numbers_written_as_decimals_are_the_same_codes(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    load_file(RESPONDENTS, home, instrument)
    as_integers = query(MARGINALS)
    frame = pd.read_csv(RESPONDENTS)
    questions = [column for column in frame.columns if column.startswith("Q")]
    frame[questions] = frame[questions].astype(float)
    frame.to_csv(tmp_path / "decimals.csv", index=False)

    decimals_home = Home(tmp_path / "decimals")
    load_file(tmp_path / "decimals.csv", decimals_home, instrument)

    with open_for_reading(decimals_home) as connection:
        assert connection.execute(MARGINALS).fetchall() == as_integers


def test_rows_may_end_with_a_delimiter(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    header, *rows = RESPONDENTS.read_text().splitlines()
    text = "\n".join([header, *(f"{row}," for row in rows)])
    (tmp_path / "trailing.csv").write_text(text + "\n")

    load_file(tmp_path / "trailing.csv", home, instrument)
    trailing = query(MARGINALS)

    plain = Home(tmp_path / "plain")
    load_file(RESPONDENTS, plain, instrument)
    with open_for_reading(plain) as connection:
        assert connection.execute(MARGINALS).fetchall() == trailing


def test_a_workbook_may_hold_codes(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    with RESPONDENTS.open(newline="") as file:
        header, *rows = csv.reader(file)
    book = openpyxl.Workbook()
    book.active.title = "Data"
    book.active.append([f"{name}: what it is about" for name in header])
    for row in rows:
        book.active.append([float(c) if re.fullmatch(r"-?[\d.]+", c) else c for c in row])
    book.save(tmp_path / "codes.xlsx")

    load_file(tmp_path / "codes.xlsx", home, instrument)
    codes = query(MARGINALS)

    plain = Home(tmp_path / "plain")
    load_file(RESPONDENTS, plain, instrument)
    with open_for_reading(plain) as connection:
        assert connection.execute(MARGINALS).fetchall() == codes


CODES = st.sampled_from([-5, -4, -2, -1, 0, 1, 2, 3, 4, 10, 77])
RESPONDENT = st.fixed_dictionaries(
    {
        "B_COUNTRY_ALPHA": st.sampled_from(["JPN", "USA", "NIR", "TUR"]),
        "A_WAVE": st.just(7),
        "A_YEAR": st.integers(2017, 2023),
        "W_WEIGHT": st.floats(1e-4, 20, allow_nan=False),
        "Q1": CODES,
        "Q119": CODES,
        "Q259": CODES,
    }
)


@settings(max_examples=30, deadline=None)
@given(
    people=st.lists(RESPONDENT, min_size=1, max_size=40),
    delimiter=st.sampled_from([",", ";"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_random_respondents_give_what_pandas_gives(
    people: list[dict[str, object]], delimiter: str, quoting: int
) -> None:
    frame = pd.DataFrame(people)
    long = frame.melt(
        id_vars=["B_COUNTRY_ALPHA", "A_YEAR", "W_WEIGHT"],
        value_vars=["Q1", "Q119", "Q259"],
        var_name="question_id",
        value_name="code",
    ).rename(columns={"B_COUNTRY_ALPHA": "country_id"})
    long["squared"] = long["W_WEIGHT"] ** 2
    expected = (
        long.groupby(["country_id", "question_id", "code"])
        .agg(
            respondents=("W_WEIGHT", "size"),
            sum_of_weights=("W_WEIGHT", "sum"),
            sum_of_squared_weights=("squared", "sum"),
        )
        .reset_index()
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "respondents.csv"
        frame.to_csv(file, index=False, sep=delimiter, quoting=quoting)  # type: ignore[call-overload]
        home = Home(Path(folder) / "home")

        load_file(file, home, load_instrument())

        with open_for_reading(home) as connection:
            loaded = connection.execute(MARGINALS).df()
    pd.testing.assert_frame_equal(loaded, expected, check_dtype=False, rtol=1e-12, atol=1e-12)
