"""ZIP archives: one data file is taken, several are asked about, and nothing else is unpacked."""

import zipfile
from pathlib import Path

import pytest

from tests.ingest.survey_files import Respondent, Survey, write_excel, zipped
from valuescope.ingest import LoadOptions, load_file
from valuescope.ingest.formats import archives
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import Instrument

GOOD = "iso3,variable,code,share\nJPN,Q57,1,0.25\nJPN,Q57,2,0.75\n"


@pytest.fixture
def shares(tmp_path: Path) -> Path:
    (tmp_path / "shares.csv").write_text(GOOD)
    return tmp_path / "shares.csv"


def test_the_file_in_an_archive_is_the_file_itself(
    shares: Path, home: Home, instrument: Instrument
) -> None:
    archive = zipped(shares, extra=[("codebook.pdf", b"%PDF"), ("__MACOSX/x.csv", b"junk")])

    packed = load_file(archive, home, instrument)

    assert packed.file.file_name == "shares.csv"
    assert load_file(shares, home, instrument).already_loaded


def test_of_several_data_files_one_must_be_named(
    shares: Path, home: Home, instrument: Instrument
) -> None:
    other = GOOD.replace("0.25", "0.5").replace("0.75", "0.5").encode()
    archive = zipped(shares, extra=[("data/other.csv", other)])

    with pytest.raises(ValuescopeError, match=r"several data files: data/other\.csv, shares\.csv"):
        load_file(archive, home, instrument)
    with pytest.raises(ValuescopeError, match=r"holds no file 'third\.csv'"):
        load_file(archive, home, instrument, LoadOptions(member="third.csv"))
    assert (
        load_file(archive, home, instrument, LoadOptions(member="other.csv")).file.file_name
        == "other.csv"
    )


def test_an_archive_without_data_says_what_it_holds(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    with zipfile.ZipFile(tmp_path / "docs.zip", "w") as archive:
        archive.writestr("codebook.pdf", "%PDF")

    with pytest.raises(ValuescopeError, match=r"holds no survey file, only codebook\.pdf"):
        load_file(tmp_path / "docs.zip", home, instrument)


def test_a_password_is_asked_for_by_name(shares: Path, home: Home, instrument: Instrument) -> None:
    with pytest.raises(ValuescopeError, match=r"shares\.csv is protected by a password"):
        load_file(zipped(shares, password=True), home, instrument)


def test_what_is_larger_than_the_limit_is_not_unpacked(
    shares: Path, home: Home, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LARGEST_FILE", 10)

    with pytest.raises(ValuescopeError, match="more than the limit"):
        load_file(zipped(shares), home, instrument)


def test_a_cut_archive_and_a_damaged_member_are_refused(
    shares: Path, home: Home, instrument: Instrument
) -> None:
    archive = zipped(shares)
    content = archive.read_bytes()

    archive.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValuescopeError, match=r"cannot be read.*Download or export it again"):
        load_file(archive, home, instrument)
    # A byte of the packed data, behind the header and the name.
    damaged = bytearray(content)
    damaged[30 + len("shares.csv") + 5] ^= 0xFF
    archive.write_bytes(bytes(damaged))
    with pytest.raises(ValuescopeError, match=r"cannot be read.*Download or export it again"):
        load_file(archive, home, instrument)
    assert not home.database.exists()


def test_a_member_is_written_nowhere_but_into_the_working_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../../evil.csv", GOOD)
    (tmp_path / "work").mkdir()

    unpacked = archives.unpack(tmp_path / "evil.zip", None, tmp_path / "work")

    assert unpacked == tmp_path / "work" / "evil.csv"


def test_a_member_of_a_plain_file_is_refused(
    shares: Path, home: Home, instrument: Instrument
) -> None:
    with pytest.raises(ValuescopeError, match="not a ZIP archive"):
        load_file(shares, home, instrument, LoadOptions(member="shares.csv"))


def test_a_workbook_in_an_archive_is_a_workbook(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    person = Respondent("JPN", 7, 2019, 1.0, 1, None, 1, 30, 1, 1, {"Q1": 1})
    workbook = write_excel(Survey((person,), ("Q1",)), tmp_path / "japan.xlsx")

    report = load_file(zipped(workbook), home, instrument)

    assert (report.file.format_id, report.file.country_ids) == ("wvs7_excel", ("JPN",))


def test_a_survey_of_ones_own_may_come_as_archive(home: Home, instrument: Instrument) -> None:
    folder = CLONE / "docs" / "examples" / "neighbours"
    archive = home.path.parent / "neighbours.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in folder.iterdir():
            file.write(path, f"neighbours/{path.name}")

    packed = load_file(archive, home, instrument)
    plain = load_file(folder, Home(home.path.parent / "other"), instrument)

    assert packed.file.survey_id == plain.file.survey_id == "neighbours"
    assert packed.file.countries == plain.file.countries
    assert packed.file.marginal_count == plain.file.marginal_count
