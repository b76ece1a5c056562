"""One writer, readers that never wait, and a database that is never half written."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest

from valuescope.warehouse.database.connections import (
    STORAGE_VERSION,
    create_raw_tables,
    open_for_reading,
    open_for_writing,
    replacement_copy,
    writer_lock,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import CLONE, Home

COUNT = "select count(*) from numbers"


def add_number(home: Home) -> None:
    with replacement_copy(home) as working, open_for_writing(working) as connection:
        connection.execute("create table if not exists numbers as select 1 as number limit 0")
        connection.execute("insert into numbers values (1)")


def count(home: Home) -> int:
    with open_for_reading(home) as connection:
        return int(connection.execute(COUNT).fetchall()[0][0])


def start(script: str, home: Home) -> subprocess.Popen[str]:
    """Start Python code that gets the home's path and prints a line when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(home.path)],
        cwd=CLONE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


class TestRawTables:
    def test_the_tables_are_those_of_the_dbt_macro(self, home: Home) -> None:
        with replacement_copy(home) as working, open_for_writing(working) as connection:
            create_raw_tables(connection)
        with open_for_reading(home) as connection:
            tables = connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'raw' order by all"
            ).fetchall()

        assert tables == [
            ("human_marginals",),
            ("indicator_moments",),
            ("survey_fieldwork",),
            ("survey_loads",),
        ]

    def test_creating_them_again_keeps_what_they_hold(self, home: Home) -> None:
        with replacement_copy(home) as working, open_for_writing(working) as connection:
            create_raw_tables(connection)
            connection.execute(
                "insert into raw.human_marginals "
                "values ('wvs', 7, 'JPN', 'Q57', 1, null, 0.4, null, 'load')"
            )
            create_raw_tables(connection)
            kept = connection.execute("select count(*) from raw.human_marginals").fetchall()

        assert kept == [(1,)]


class TestOpening:
    def test_the_file_can_be_read_by_older_tools(self, home: Home) -> None:
        add_number(home)

        with open_for_reading(home) as connection:
            tags = connection.execute(
                "select tags['storage_version'] from duckdb_databases() where not internal"
            ).fetchall()
        assert tags[0][0].startswith(STORAGE_VERSION.rsplit(".", maxsplit=1)[0])

    def test_what_does_not_fit_into_memory_goes_beside_the_database(self, tmp_path: Path) -> None:
        with open_for_writing(tmp_path / "valuescope.duckdb") as connection:
            folder = connection.execute("select current_setting('temp_directory')").fetchall()

        assert folder == [(str(tmp_path / "valuescope.duckdb.spill"),)]

    def test_a_home_without_a_database_says_how_to_get_one(self, home: Home) -> None:
        with pytest.raises(ValuescopeError, match=r"No warehouse at .* `valuescope ingest FILE`"):
            open_for_reading(home)

    def test_a_reader_cannot_write(self, home: Home) -> None:
        add_number(home)

        with (
            open_for_reading(home) as connection,
            pytest.raises(duckdb.InvalidInputException, match="read-only"),
        ):
            connection.execute("insert into numbers values (2)")

    def test_a_damaged_database_is_named(self, home: Home) -> None:
        home.path.mkdir()
        home.database.write_bytes(b"not a database" * 1000)

        with pytest.raises(ValuescopeError, match=r"Cannot open the database .*valuescope\.duckdb"):
            open_for_reading(home)

    def test_several_readers_read_at_once(self, home: Home) -> None:
        add_number(home)

        with open_for_reading(home) as first, open_for_reading(home) as second:
            assert first.execute(COUNT).fetchall() == second.execute(COUNT).fetchall() == [(1,)]


class TestWriterLock:
    def test_a_second_command_is_refused_with_the_first_ones_process(self, home: Home) -> None:
        holder = """
            import sys
            from pathlib import Path
            from valuescope.warehouse.database.connections import writer_lock
            from valuescope.warehouse.home import Home

            with writer_lock(Home(Path(sys.argv[1]))):
                print("ready", flush=True)
                sys.stdin.readline()
        """
        with start(holder, home) as process:
            with (
                pytest.raises(ValuescopeError, match=rf"process {process.pid}\) .* Wait"),
                writer_lock(home),
            ):
                pass
            process.communicate("\n")

    def test_a_killed_holder_leaves_no_lock(self, home: Home) -> None:
        holder = """
            import sys
            from pathlib import Path
            from valuescope.warehouse.database.connections import writer_lock
            from valuescope.warehouse.home import Home

            with writer_lock(Home(Path(sys.argv[1]))):
                print("ready", flush=True)
                sys.stdin.readline()
        """
        with start(holder, home) as process:
            process.send_signal(signal.SIGKILL)

        with writer_lock(home):
            assert home.lock.read_text() == str(os.getpid())

    def test_a_shorter_process_number_leaves_nothing_of_a_longer_one(self, home: Home) -> None:
        home.path.mkdir()
        home.lock.write_text("99999999999")

        with writer_lock(home):
            assert home.lock.read_text() == str(os.getpid())

    def test_a_place_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")

        with (
            pytest.raises(ValuescopeError, match=r"Cannot write to .* Set VALUESCOPE_HOME"),
            writer_lock(Home(tmp_path / "file" / "home")),
        ):
            pass


class TestReplacementCopy:
    def test_the_first_copy_is_empty_and_becomes_the_database(self, home: Home) -> None:
        add_number(home)

        assert count(home) == 1

    def test_a_later_copy_starts_from_what_is_there(self, home: Home) -> None:
        add_number(home)
        add_number(home)

        assert count(home) == 2

    def test_the_copy_has_the_databases_own_name(self, home: Home) -> None:
        """DuckDB calls the catalog after the file, and views keep that name."""
        with replacement_copy(home) as working:
            assert working.name == home.database.name
            open_for_writing(working).close()

    def test_readers_see_the_old_rows_until_the_swap(self, home: Home) -> None:
        add_number(home)

        with open_for_reading(home) as earlier_reader:
            with replacement_copy(home) as working:
                with open_for_writing(working) as connection:
                    connection.execute("insert into numbers values (2)")
                assert count(home) == 1
            assert earlier_reader.execute(COUNT).fetchall() == [(1,)]
        assert count(home) == 2

    def test_a_failure_inside_leaves_the_database_as_it_was(self, home: Home) -> None:
        add_number(home)
        before = home.database.read_bytes()

        def fail_halfway() -> None:
            with replacement_copy(home) as working, open_for_writing(working) as connection:
                connection.execute("delete from numbers")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_halfway()

        assert home.database.read_bytes() == before
        assert not (home.path / ".next").exists()

    def test_a_copy_left_by_a_killed_command_is_not_used(self, home: Home) -> None:
        add_number(home)
        leftover = home.path / ".next" / home.database.name
        leftover.parent.mkdir()
        leftover.write_bytes(b"half a database")

        add_number(home)

        assert count(home) == 2

    def test_what_a_killed_writer_had_committed_is_kept(self, home: Home) -> None:
        """A plain connection that dies leaves a write-ahead log beside the file."""
        add_number(home)
        writer = """
            import os, sys, duckdb
            connection = duckdb.connect(sys.argv[1] + "/valuescope.duckdb")
            connection.execute("insert into numbers values (2)")
            print("ready", flush=True)
            sys.stdin.readline()
        """
        with start(writer, home) as process:
            process.send_signal(signal.SIGKILL)
        assert home.database.with_name("valuescope.duckdb.wal").exists()

        add_number(home)

        assert count(home) == 3

    def test_a_writer_that_holds_the_database_is_named(self, home: Home) -> None:
        add_number(home)
        writer = """
            import sys, duckdb
            connection = duckdb.connect(sys.argv[1] + "/valuescope.duckdb")
            print("ready", flush=True)
            sys.stdin.readline()
        """
        with start(writer, home) as process:
            with (
                pytest.raises(ValuescopeError, match=rf"locked by process {process.pid} "),
                replacement_copy(home),
            ):
                pass
            process.communicate("\n")

    @pytest.mark.parametrize("is_killed", [False, True])
    def test_what_a_plain_writer_commits_meanwhile_is_kept(
        self, home: Home, is_killed: bool
    ) -> None:
        """Its commit is in a write-ahead log, and the file as it was."""
        add_number(home)
        writer = """
            import sys, duckdb
            connection = duckdb.connect(sys.argv[1] + "/valuescope.duckdb")
            connection.execute("insert into numbers values (2)")
            print("ready", flush=True)
            sys.stdin.readline()
        """

        def overtake() -> None:
            with replacement_copy(home) as working:
                open_for_writing(working).close()
                processes.append(start(writer, home))
                if is_killed:
                    processes[0].kill()
                    processes[0].wait()

        processes: list[subprocess.Popen[str]] = []
        message = "changed .* Repeat" if is_killed else "locked by process"
        with pytest.raises(ValuescopeError, match=message):
            overtake()
        processes[0].communicate()

        assert count(home) == 2
        add_number(home)
        assert count(home) == 3

    @pytest.mark.parametrize("is_read_first", [False, True])
    def test_a_log_of_another_file_is_set_aside(self, home: Home, is_read_first: bool) -> None:
        """Earlier versions replaced a file that was written to, and no program could open it."""
        add_number(home)
        earlier = home.database.read_bytes()
        add_number(home)
        later = home.database.read_bytes()
        home.database.write_bytes(earlier)
        writer = """
            import os, sys, duckdb
            connection = duckdb.connect(sys.argv[1] + "/valuescope.duckdb")
            connection.execute("insert into numbers values (2)")
            print("ready", flush=True)
            os._exit(0)
        """
        start(writer, home).communicate()
        home.database.write_bytes(later)

        if is_read_first:
            assert count(home) == 2
        add_number(home)

        assert count(home) == 3
        assert len(list(home.path.glob("*.wal.stale-*"))) == 1

    def test_a_change_by_another_program_meanwhile_is_not_overwritten(self, home: Home) -> None:
        add_number(home)

        def overtake() -> None:
            with replacement_copy(home) as working:
                with open_for_writing(working) as connection:
                    connection.execute("insert into numbers values (2)")
                with open_for_writing(home.database) as connection:
                    connection.execute("insert into numbers select 3 from range(100000)")

        with pytest.raises(ValuescopeError, match=r"Another program changed .* Repeat"):
            overtake()

        assert count(home) == 100_001

    def test_a_folder_that_cannot_be_written_is_named(self, home: Home) -> None:
        home.path.mkdir()
        (home.path / ".next").write_text("in the way")

        with (
            pytest.raises(ValuescopeError, match=r"Cannot write .*\.next.* is unchanged"),
            replacement_copy(home),
        ):
            pass
