"""Loads beside, after and during one another: what stays, what gives way, who waits."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ingest.conftest import Query
from valuescope.ingest import (
    LoadOptions,
    find_loads,
    forget_loads,
    load_file,
)
from valuescope.warehouse.database.connections import open_for_reading, open_for_writing
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.status.reference import Reference, reference_population

SHARES = "iso3,variable,code,share\nJPN,Q57,1,{trusting}\nJPN,Q57,2,{careful}\n"
TRUSTING = "select sum_of_weights from raw.human_marginals where code = 1 order by all"


def write_shares(path: Path, trusting: float) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(SHARES.format(trusting=trusting, careful=round(1 - trusting, 4)))
    return path


@contextmanager
def other_process(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run Python code that prints a line when it is ready and then waits for its input."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    with subprocess.Popen(
        command,
        cwd=CLONE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


PAUSED_LOAD = """
    import sys
    from pathlib import Path
    from valuescope.ingest import readers
    from valuescope.ingest import load_file
    from valuescope.warehouse.home import Home
    from valuescope.warehouse.instruments.seeds import load_instrument

    read_tidy = readers.read_tidy

    def read_and_pause(*arguments):
        findings = read_tidy(*arguments)
        print("ready", flush=True)
        sys.stdin.readline()
        return findings

    readers.read_tidy = read_and_pause
    load_file(Path(sys.argv[1]), Home(Path(sys.argv[2])), load_instrument())
"""


def test_the_same_file_again_changes_nothing(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    file = write_shares(tmp_path / "shares.csv", 0.25)
    first = load_file(file, home, instrument)
    before = home.database.read_bytes()

    again = load_file(file, home, instrument)

    assert again.already_loaded
    assert not first.already_loaded
    assert (
        again.load_ids[0],
        again.loaded_at,
        again.file.country_ids,
        again.file.marginal_count,
    ) == (
        first.load_ids[0],
        first.loaded_at,
        first.file.country_ids,
        first.file.marginal_count,
    )
    assert home.database.read_bytes() == before


def test_a_renamed_copy_of_a_loaded_file_changes_nothing(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    load_file(write_shares(tmp_path / "shares.csv", 0.25), home, instrument)

    again = load_file(write_shares(tmp_path / "copy.csv", 0.25), home, instrument)

    assert again.already_loaded
    assert again.file.file_name == "shares.csv"
    assert query("select count(*) from raw.survey_loads") == [(1,)]


def test_a_corrected_file_replaces_its_own_rows_only(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    load_file(write_shares(tmp_path / "other.csv", 0.5), home, instrument)
    load_file(write_shares(tmp_path / "shares.csv", 0.25), home, instrument)

    report = load_file(write_shares(tmp_path / "shares.csv", 0.3), home, instrument)

    assert report.replaced_earlier_version
    assert query(TRUSTING) == [(0.3,), (0.5,)]
    assert query("select count(*) from raw.survey_loads") == [(2,)]


def test_the_same_file_with_other_options_is_a_load_of_its_own(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    file = write_shares(tmp_path / "shares.csv", 0.25)
    load_file(file, home, instrument)

    report = load_file(file, home, instrument, LoadOptions(weighting="unweighted"))

    assert not report.already_loaded
    assert not report.replaced_earlier_version
    assert query(TRUSTING) == [(0.25,), (0.25,)]


def test_a_reader_is_not_blocked_and_keeps_what_it_opened(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    load_file(write_shares(tmp_path / "shares.csv", 0.25), home, instrument)
    corrected = write_shares(tmp_path / "corrected" / "shares.csv", 0.3)

    with open_for_reading(home) as earlier_reader:
        with other_process(PAUSED_LOAD, corrected, home.path) as load:
            assert query(TRUSTING) == [(0.25,)]
            load.communicate("go on\n")
            assert load.returncode == 0
        assert earlier_reader.execute(TRUSTING).fetchall() == [(0.25,)]
    assert query(TRUSTING) == [(0.3,)]


def test_a_load_killed_in_the_middle_leaves_the_database_as_it_was(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    load_file(write_shares(tmp_path / "shares.csv", 0.25), home, instrument)
    before = home.database.read_bytes()
    corrected = write_shares(tmp_path / "corrected" / "shares.csv", 0.3)

    with other_process(PAUSED_LOAD, corrected, home.path) as load:
        load.send_signal(signal.SIGKILL)
        load.wait()

    assert home.database.read_bytes() == before
    # The lock went with the process, and the next load clears what it left behind.
    load_file(corrected, home, instrument)
    assert query(TRUSTING) == [(0.3,)]
    assert sorted(path.name for path in home.path.iterdir()) == [
        "valuescope.duckdb",
        "valuescope.lock",
    ]


def test_an_interrupted_load_leaves_the_database_as_it_was(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    load_file(write_shares(tmp_path / "shares.csv", 0.25), home, instrument)
    before = home.database.read_bytes()
    corrected = write_shares(tmp_path / "corrected" / "shares.csv", 0.3)

    with other_process(PAUSED_LOAD, corrected, home.path) as load:
        load.send_signal(signal.SIGINT)
        load.wait()

    assert load.returncode != 0
    assert home.database.read_bytes() == before
    assert not (home.path / ".next").exists()


def test_two_loads_at_once_are_refused_with_the_other_process(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    first = write_shares(tmp_path / "first.csv", 0.25)

    with (
        other_process(PAUSED_LOAD, first, home.path) as load,
        pytest.raises(ValuescopeError, match=rf"process {load.pid}\) is writing .* Wait"),
    ):
        load_file(write_shares(tmp_path / "second.csv", 0.3), home, instrument)


def test_a_database_held_by_another_program_is_named_with_its_process(
    tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    load_file(write_shares(tmp_path / "shares.csv", 0.25), home, instrument)
    before = home.database.read_bytes()
    holder = """
        import sys, duckdb
        connection = duckdb.connect(sys.argv[1])
        print("ready", flush=True)
        sys.stdin.readline()
    """

    with (
        other_process(holder, home.database) as process,
        pytest.raises(ValuescopeError, match=rf"locked by process {process.pid} .* repeat"),
    ):
        load_file(write_shares(tmp_path / "second.csv", 0.3), home, instrument)

    assert home.database.read_bytes() == before


@pytest.mark.parametrize("part_of_the_database", [0.5, 1.0], ids=["in the copy", "in the load"])
def test_a_disk_that_is_full_leaves_the_database_as_it_was(
    part_of_the_database: float, tmp_path: Path, home: Home, instrument: Instrument
) -> None:
    load_file(write_shares(tmp_path / "shares.csv", 0.25), home, instrument)
    before = home.database.read_bytes()
    rows = [
        f"{country},{question},{code},{code / 7919}"
        for country in instrument.countries
        for question in instrument.questions
        for code in range(1, 4)
    ]
    large = tmp_path / "large.csv"
    large.write_text("\n".join(["iso3,variable,code,share_of_all", *rows]))
    limited = """
        import resource, sys
        from pathlib import Path
        from valuescope.ingest import load_file
        from valuescope.warehouse.errors import ValuescopeError
        from valuescope.warehouse.home import Home
        from valuescope.warehouse.instruments.seeds import load_instrument

        # No file may grow beyond this: writing fails as on a full disk.
        size = int(sys.argv[3])
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            load_file(Path(sys.argv[1]), Home(Path(sys.argv[2])), load_instrument())
        except ValuescopeError as error:
            print(error)
    """
    size = int(len(before) * part_of_the_database)

    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(limited), large, home.path, str(size)],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Cannot write" in finished.stdout, finished.stderr
    assert "is unchanged; make room" in finished.stdout
    assert home.database.read_bytes() == before
    assert not (home.path / ".next").exists()


def test_a_load_says_what_it_changes_and_asks_first(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    """A country's respondents beside shares of more countries, and a file with fewer rows."""
    header = "country,question,code,share\n"
    many = tmp_path / "shares.csv"
    many.write_text(header + "JPN,Q1,1,1\nDEU,Q1,1,1\nDEU,Q57,1,1\n")
    one = tmp_path / "japan.csv"
    one.write_text("country,question,code,count\nJPN,Q1,1,9\n")
    asked: list[Sequence[str]] = []

    def refuse(effects: Sequence[str]) -> None:
        asked.append(effects)
        raise ValuescopeError("no")

    load_file(many, home, instrument, confirm=refuse)
    weighted = LoadOptions(weighting="within_country")
    with pytest.raises(ValuescopeError, match="no"):
        load_file(one, home, instrument, weighted, refuse)
    assert query("select distinct file_name from raw.survey_loads") == [("shares.csv",)]
    (told,) = asked[0]
    assert told.startswith("The same people are loaded from shares.csv (unstated; 1 answer")

    # More cells than the shares have: the reference would change, and that is asked as well.
    one.write_text(
        "country,question,code,count\n" + "".join(f"JPN,Q{n},1,9\n" for n in range(1, 5))
    )
    with pytest.raises(ValuescopeError, match="no"):
        load_file(one, home, instrument, weighted, refuse)
    assert asked[1][0].startswith("Models were compared with wvs:7:unstated:all (2 countries, 3 ")

    load_file(one, home, instrument, weighted)
    many.write_text(header + "JPN,Q1,1,1\n")
    report = load_file(many, home, instrument)
    assert "no longer loaded: DEU" in report.effects[0]
    with open_for_reading(home) as connection:
        reference = reference_population(connection, instrument.surveys_of_same_questions("wvs"))
    why = "it covers more than wvs:7:unstated:all (1)"
    assert reference == Reference("wvs", "wvs:7:within_country:all", 4, 1, why)


def test_a_load_is_forgotten_by_its_file_or_its_id(
    tmp_path: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    for name, code in (("a.csv", 1), ("b.csv", 2)):
        (tmp_path / name).write_text(f"country,question,code,share\nJPN,Q1,{code},1\n")
        report = load_file(tmp_path / name, home, instrument)

    for name in ("a.csv", *report.load_ids):
        with open_for_writing(home.database) as connection:
            found = find_loads(connection, name)
            assert ["survey wvs, wave 7, unstated" in text for text in found.values()] == [True]
            forget_loads(connection, found)
            assert find_loads(connection, name) == {}
    assert query("select count(*) from raw.human_marginals") == [(0,)]
