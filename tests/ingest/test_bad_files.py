"""Files that are refused: the message says what is wrong, and what was loaded stays."""

import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.ingest.conftest import Query
from valuescope.ingest import LoadOptions, load_file, load_sample
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument

CASES = tomllib.loads(Path(__file__).with_name("bad_files.toml").read_text())["file"]
GOOD = "iso3,variable,code,share\nJPN,Q57,1,0.25\nJPN,Q57,2,0.75\n"


@pytest.fixture
def loaded(tmp_path: Path, home: Home, instrument: Instrument, query: Query) -> bytes:
    """The database's bytes after a good load."""
    (tmp_path / "good.csv").write_text(GOOD)
    load_file(tmp_path / "good.csv", home, instrument)
    return home.database.read_bytes()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_bad_file_is_refused_with_its_fault_and_nothing_is_lost(
    case: dict[str, Any], tmp_path: Path, home: Home, instrument: Instrument, loaded: bytes
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(case["text"])

    with pytest.raises(ValuescopeError) as refusal:
        load_file(file, home, instrument)

    message = str(refusal.value)
    assert "bad.csv" in message
    for phrase in case["says"]:
        assert phrase in message
    assert home.database.read_bytes() == loaded


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        pytest.param(bytes(range(256)) * 40, "neither text", id="binary"),
        pytest.param("iso3,größe\n".encode("latin-1"), "columns are iso3, größe", id="Latin-1"),
        pytest.param("iso3,variable\n".encode("utf-16"), "columns are iso3, variable", id="UTF-16"),
        pytest.param("iso3,größe\n".encode("utf-16")[:-1], "readable as utf-16", id="cut UTF-16"),
        pytest.param(b"PK\x03\x04rest", "cannot be read.*zip", id="damaged ZIP"),
        pytest.param(b"$FL2@(#) SPSS", "cannot be read as SPSS file", id="damaged SPSS"),
        pytest.param(b"<stata_dta><header>", "cannot be read as Stata file", id="damaged Stata"),
        pytest.param(b"\xd0\xcf\x11\xe0old", "cannot be read.*damaged", id="damaged Excel"),
        pytest.param(b"\x1f\x8b\x08gz", "cannot be read.*cut off", id="cut gzip"),
        pytest.param(b"RDX3\nX", "an R file", id="R"),
        pytest.param(
            b"PAR1 and then nothing of the kind", "damaged or was cut off", id="damaged Parquet"
        ),
    ],
)
def test_what_is_not_readable_text_is_named_for_what_it_is(
    content: bytes, phrase: str, tmp_path: Path, home: Home, instrument: Instrument, loaded: bytes
) -> None:
    (tmp_path / "bad.csv").write_bytes(content)

    with pytest.raises(ValuescopeError, match=phrase):
        load_file(tmp_path / "bad.csv", home, instrument)

    assert home.database.read_bytes() == loaded


def test_a_parquet_file_cut_in_the_middle_is_refused(
    tmp_path: Path, home: Home, instrument: Instrument, loaded: bytes
) -> None:
    whole = tmp_path / "whole.parquet"
    pd.DataFrame({"iso3": ["JPN"], "variable": ["Q57"], "code": [1], "share": [1.0]}).to_parquet(
        whole
    )
    (tmp_path / "cut.parquet").write_bytes(whole.read_bytes()[:-20])

    with pytest.raises(ValuescopeError, match=r"cut\.parquet"):
        load_file(tmp_path / "cut.parquet", home, instrument)

    assert home.database.read_bytes() == loaded


def test_a_missing_file_and_a_folder_are_told_apart(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    with pytest.raises(ValuescopeError, match=r"No such file: .*nowhere\.csv"):
        load_file(tmp_path / "nowhere.csv", home, instrument)
    with pytest.raises(ValuescopeError, match="is a folder"):
        load_file(tmp_path, home, instrument)
    assert not home.database.exists()


def test_unknown_surveys_and_weightings_are_refused_with_the_known_ones(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    (tmp_path / "good.csv").write_text(GOOD)

    with pytest.raises(ValuescopeError, match=r"Unknown survey 'ess'.* Surveys: wvs"):
        load_file(tmp_path / "good.csv", home, instrument, LoadOptions(survey_id="ess"))
    with pytest.raises(ValuescopeError, match=r"Unknown weighting 'pooled'.* within_country"):
        load_file(tmp_path / "good.csv", home, instrument, LoadOptions(weighting="pooled"))


def test_an_official_file_of_another_wave_than_asked_for_is_refused(
    home: Home, instrument: Instrument
) -> None:
    respondents = Path(__file__).with_name("respondents.csv")

    with pytest.raises(ValuescopeError, match="is a wave 7 file; wave 6 was asked for"):
        load_file(respondents, home, instrument, LoadOptions(wave=6))
    with pytest.raises(ValuescopeError, match="--weighting within_country or unweighted"):
        load_file(respondents, home, instrument, LoadOptions(weighting="unstated"))


def test_a_wave_and_a_first_wave_exclude_each_other(home: Home, instrument: Instrument) -> None:
    with pytest.raises(ValuescopeError, match="exclude each other"):
        load_sample(home, instrument, wave=6, since=5)
