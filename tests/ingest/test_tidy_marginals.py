"""Tidy marginals in every shape: what ends up in the raw tables."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.ingest.conftest import Query
from valuescope.ingest import CodeOutsideInstrument, LoadOptions, load_file
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument

MARGINALS = """
select wave, country_id, question_id, code, respondents, sum_of_weights, sum_of_squared_weights
from raw.human_marginals order by all
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_shares_of_valid_answers_are_kept_as_weights_without_respondents(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = write(
        tmp_path / "shares.csv",
        "iso3,variable,code,share\nJPN,Q57,1,0.3548\nJPN,Q57,2,0.6452\n",
    )

    report = load_file(file, home, instrument)

    assert report.file.format_id == "tidy_shares_valid"
    assert report.file.populations[0] == "wvs:7:unstated:all"
    assert not report.file.has_counts
    assert query(MARGINALS) == [
        (7, "JPN", "Q57", 1, None, 0.3548, None),
        (7, "JPN", "Q57", 2, None, 0.6452, None),
    ]


def test_shares_of_all_respondents_may_leave_missing_answers_out(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = write(
        tmp_path / "shares.csv",
        "iso3,variable,code,share_of_all\nJPN,Q57,1,0.34\nJPN,Q57,2,0.6\n",
    )

    report = load_file(file, home, instrument)

    assert report.file.format_id == "tidy_shares_all"
    assert query(MARGINALS) == [
        (7, "JPN", "Q57", 1, None, 0.34, None),
        (7, "JPN", "Q57", 2, None, 0.6, None),
    ]


def test_counts_are_respondents_of_weight_one_and_missing_codes_are_kept(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = write(
        tmp_path / "counts.csv",
        "country,question,code,count\nJapan,q57,1,480\nJapan,q57,2,873\nJapan,q57,-1,70\n",
    )

    report = load_file(file, home, instrument, LoadOptions(weighting="unweighted"))

    assert report.file.format_id == "tidy_counts"
    assert report.file.has_counts
    assert report.file.has_dont_know_codes
    assert query(MARGINALS) == [
        (7, "JPN", "Q57", -1, 70, 70.0, 70.0),
        (7, "JPN", "Q57", 1, 480, 480.0, 480.0),
        (7, "JPN", "Q57", 2, 873, 873.0, 873.0),
    ]


def test_missing_codes_other_than_dont_know_do_not_tell_it_apart(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    file = write(
        tmp_path / "counts.csv",
        "country,question,code,count\nJPN,Q57,1,480\nJPN,Q57,2,873\nJPN,Q57,-2,70\n",
    )

    assert not load_file(file, home, instrument).file.has_dont_know_codes


def test_shares_with_the_number_of_respondents_become_counts(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = write(
        tmp_path / "shares.csv",
        "iso3,variable,code,share,n\nJPN,Q57,1,0.3333,3\nJPN,Q57,2,0.6667,3\n",
    )

    report = load_file(file, home, instrument)

    assert report.file.has_counts
    rows = query(MARGINALS)
    assert [row[4] for row in rows] == [1, 2]
    assert [row[5] for row in rows] == pytest.approx([0.9999, 2.0001])
    assert [row[6] for row in rows] == [row[5] for row in rows]


def test_respondents_behind_weighted_shares_are_not_used_and_this_is_said(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = write(
        tmp_path / "shares.csv",
        "iso3,variable,code,share,n\nJPN,Q57,1,0.25,1353\nJPN,Q57,2,0.75,1353\n",
    )

    report = load_file(file, home, instrument, LoadOptions(weighting="within_country"))

    assert not report.file.has_counts
    assert any("'n' is not used" in warning for warning in report.file.warnings)
    assert query(MARGINALS)[0] == (7, "JPN", "Q57", 1, None, 0.25, None)


def test_weighted_counts_have_no_respondents(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = write(
        tmp_path / "counts.csv",
        "country,question,code,count\nJPN,Q57,1,480.25\nJPN,Q57,2,873.5\n",
    )

    load_file(file, home, instrument, LoadOptions(weighting="within_country"))

    assert query(MARGINALS)[0] == (7, "JPN", "Q57", 1, None, 480.25, None)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("byte_order_mark", ["", "\ufeff"])
def test_delimiters_line_ends_and_byte_order_marks_make_no_difference(
    delimiter: str,
    line_end: str,
    byte_order_mark: str,
    tmp_path: Path,
    home: Home,
    instrument: Instrument,
    query: Query,
) -> None:
    lines = ['"iso3",variable,code,share', '"JPN",Q57,1,0.25', "JPN,Q57,2,0.75", ""]
    text = line_end.join(lines).replace(",", delimiter)
    (tmp_path / "shares.csv").write_bytes((byte_order_mark + text).encode())

    load_file(tmp_path / "shares.csv", home, instrument)

    assert [row[5] for row in query(MARGINALS)] == [0.25, 0.75]


def test_parquet_gives_the_same_rows_as_csv(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    frame = pd.DataFrame(
        {
            "iso3": ["JPN", "JPN", "USA", "USA"],
            "variable": ["Q57"] * 4,
            "code": [1.0, 2.0, 1.0, 2.0],
            "share": [1 / 3, 2 / 3, 0.39737, 0.60263],
        }
    )
    frame.to_csv(tmp_path / "shares.csv", index=False)
    frame.to_parquet(tmp_path / "shares.parquet")
    load_file(tmp_path / "shares.csv", home, instrument)
    from_csv = query(MARGINALS)

    parquet_home = Home(tmp_path / "parquet")
    load_file(tmp_path / "shares.parquet", parquet_home, instrument)
    load_file(tmp_path / "shares.parquet", home, instrument)

    assert query(f"select distinct * from ({MARGINALS}) order by all") == from_csv


def test_a_name_with_wildcards_means_that_file_alone(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    text = "iso3,variable,code,share\nJPN,Q57,1,1\n"
    write(tmp_path / "wave7 [final].csv", text)
    write(tmp_path / "wave7_final.csv", text)
    write(tmp_path / "wave7*.csv", text)

    assert load_file(tmp_path / "wave7 [final].csv", home, instrument).file.rows_read == 1
    assert load_file(tmp_path / "wave7*.csv", home, instrument).file.rows_read == 1


def test_countries_are_understood_by_code_and_by_name(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    names = ["jpn", "South Korea", "Korea, Rep.", "Türkiye", "NIR", "Great Britain"]
    rows = [f'"{name}",Q57,{code},0.5' for code, name in enumerate(names, start=1)]
    rows += [f'"{name}",Q57,{code},0.5' for code, name in enumerate(names, start=11)]
    rows = [row for row in rows if "Korea, Rep." not in row]
    file = write(tmp_path / "shares.csv", "\n".join(["country,question,code,share", *rows]))

    report = load_file(file, home, instrument)

    assert report.file.country_ids == ("GBR", "JPN", "KOR", "NIR", "TUR")


def test_codes_outside_the_instrument_are_counted_named_and_kept(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = write(
        tmp_path / "counts.csv",
        "country,question,code,count\n"
        "JPN,Q57,1,480\nJPN,Q57,2,873\nJPN,Q57,3,5\nUSA,Q57,1,9\nUSA,Q57,3,7\nUSA,Q57,-99,2\n",
    )

    report = load_file(file, home, instrument)

    assert report.file.codes_outside_instrument == (
        CodeOutsideInstrument("Q57", -99, ("USA",), 2),
        CodeOutsideInstrument("Q57", 3, ("JPN", "USA"), 12),
    )
    assert query("select sum(respondents) from raw.human_marginals where code in (3, -99)") == [
        (14,)
    ]


def test_questions_outside_the_instrument_are_named_and_kept(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = write(
        tmp_path / "counts.csv",
        "country,question,code,count\nJPN,Q57,1,480\nJPN,Q223,392001,33\nJPN,Q33_3,1,4\n",
    )

    report = load_file(file, home, instrument)

    assert report.file.questions == ("Q57", "Q223", "Q33_3")
    assert report.file.questions_outside_instrument == ("Q223", "Q33_3")
    assert report.file.codes_outside_instrument == ()
    assert query("select count(*) from raw.human_marginals") == [(3,)]


def test_columns_that_play_no_part_are_named(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    file = write(
        tmp_path / "shares.csv",
        "iso3,country,variable,code,label,share\nJPN,Japan,Q57,1,Trusted,1\n",
    )

    assert load_file(file, home, instrument).file.columns_ignored == ("country", "label")


def test_one_wave_is_chosen_where_the_file_has_several(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = write(
        tmp_path / "waves.csv",
        "wave,iso3,variable,code,count\n6,JPN,Q57,1,38\n6,JPN,Q57,2,62\n7,JPN,Q57,1,40\n",
    )

    report = load_file(file, home, instrument, LoadOptions(wave=6))

    assert report.file.populations[0] == "wvs:6:unstated:all"
    assert report.file.rows_read == 3
    assert report.file.warnings == ("Rows of other waves were left out: 7.",)
    assert query("select wave, sum(respondents) from raw.human_marginals group by all") == [
        (6, 100)
    ]


def test_a_wave_that_the_file_lacks_is_refused_with_those_it_has(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    file = write(tmp_path / "waves.csv", "wave,iso3,variable,code,count\n5,JPN,Q57,1,38\n")

    with pytest.raises(ValuescopeError, match=r"no rows of wave 7, only of 5\. Choose .* --wave"):
        load_file(file, home, instrument, LoadOptions(wave=7))


def test_every_wave_of_a_file_is_a_population_of_its_own(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    rows = ["wave,iso3,variable,code,count", "5,JPN,Q57,1,38", "6,JPN,Q57,1,40", "6,JPN,Q57,2,60"]
    file = write(tmp_path / "waves.csv", "\n".join(rows))

    report = load_file(file, home, instrument)

    assert report.file.populations == ("wvs:5:unstated:all", "wvs:6:unstated:all")
    assert query("select wave, code, respondents from raw.human_marginals order by all") == [
        (5, 1, 38),
        (6, 1, 40),
        (6, 2, 60),
    ]


def test_weighted_counts_bring_their_sums_of_weights(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    header = "iso3,variable,code,count,sum_of_weights,sum_of_squared_weights"
    file = write(tmp_path / "weighted.csv", f"{header}\nJPN,Q57,1,3,2.5,2.25\nJPN,Q57,2,4,4,4.5\n")

    load_file(file, home, instrument, LoadOptions(weighting="within_country"))

    assert query(
        "select code, respondents, sum_of_weights, sum_of_squared_weights "
        "from raw.human_marginals order by all"
    ) == [(1, 3, 2.5, 2.25), (2, 4, 4.0, 4.5)]


@pytest.mark.parametrize(
    "shares",
    [
        pytest.param(["0.3333", "0.3333", "0.3333"], id="rounded to four decimals"),
        pytest.param(["0.33", "0.33", "0.33"], id="rounded to two decimals"),
        pytest.param(["0.30000000000000004", "0.3", "0.4"], id="floating point dust"),
        pytest.param(["1", "0", "0"], id="one answer only"),
    ],
)
def test_shares_may_miss_1_by_what_their_own_rounding_explains(
    shares: list[str], tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    rows = [f"JPN,Q45,{code},{share}" for code, share in enumerate(shares, start=1)]
    file = write(tmp_path / "shares.csv", "\n".join(["iso3,variable,code,share", *rows]))

    assert load_file(file, home, instrument).file.marginal_count == 3


@pytest.mark.parametrize(
    "shares",
    [
        pytest.param(["0.3333", "0.3333", "0.3331"], id="beyond four decimals"),
        pytest.param(["0.33", "0.33", "0.31"], id="beyond two decimals"),
        pytest.param(["0.5", "0.4"], id="an answer is missing"),
        pytest.param(["0.5", "0.5", "0.5"], id="an answer too many"),
        pytest.param(["0", "0"], id="nobody asked"),
    ],
)
def test_shares_that_miss_1_by_more_are_refused_with_country_question_and_sum(
    shares: list[str], tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    rows = [f"JPN,Q45,{code},{share}" for code, share in enumerate(shares, start=1)]
    file = write(tmp_path / "shares.csv", "\n".join(["iso3,variable,code,share", *rows]))

    total = round(sum(map(float, shares)), 6)
    with pytest.raises(ValuescopeError, match=rf"do not sum to 1 for: JPN Q45 sum {total}"):
        load_file(file, home, instrument)


def test_a_question_whose_counts_are_all_zero_is_said(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    file = write(
        tmp_path / "counts.csv",
        "iso3,variable,code,count\nJPN,Q57,1,0\nJPN,Q57,2,0\nUSA,Q57,1,5\n",
    )

    assert load_file(file, home, instrument).file.warnings == ("All counts are 0 for JPN Q57.",)


def test_the_load_is_recorded_with_its_file(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    text = "iso3,variable,code,share\nJPN,Q57,1,1\n"
    file = write(tmp_path / "shares.csv", text)

    report = load_file(file, home, instrument)

    assert query(
        "select load_id, file_name, file_sha256, file_bytes, rows_read, rows_loaded "
        "from raw.survey_loads"
    ) == [
        (
            report.load_ids[0],
            "shares.csv",
            hashlib.sha256(text.encode()).hexdigest(),
            len(text),
            1,
            1,
        )
    ]
    assert abs(datetime.now(UTC) - report.loaded_at) < timedelta(minutes=5)


def test_waves_that_are_loaded_one_by_one_stand_side_by_side(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    rows = ["wave,iso3,variable,code,count", "5,JPN,Q57,1,38", "6,JPN,Q57,1,40"]
    file = write(tmp_path / "waves.csv", "\n".join(rows))

    load_file(file, home, instrument, LoadOptions(wave=5))
    load_file(file, home, instrument, LoadOptions(wave=6))

    assert query("select wave, respondents from raw.human_marginals order by all") == [
        (5, 38),
        (6, 40),
    ]
