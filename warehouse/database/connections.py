"""The warehouse: a DuckDB file with one writer at a time and readers that are never blocked.

A writer works on a copy and renames it over the database, so that a reader keeps the file it
opened and a stop at any moment leaves the old data whole.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import duckdb

from valuescope.warehouse.database.lake import lake_for_writing, load_lock, open_lake_for_reading
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import DBT_PROJECT, Home, not_writable

# DuckDB 2.0 files are unreadable to 1.5 tools unless this is set.
STORAGE_VERSION = "v1.5.0"
_MACROS = DBT_PROJECT / "macros"


def raw_table_statements() -> str:
    """The DDL of the `raw` schema, read from the dbt macro that holds it."""
    return _macro_body("create_raw_tables.sql", "raw_table_statements")


def population_id_expression() -> str:
    """SQL for the population that a row of `raw.survey_loads` belongs to, from the dbt macro."""
    return _macro_body("population_id.sql", "population_id")


def reference_order() -> str:
    """SQL for the order of a survey's populations, the reference first, from the dbt macro."""
    return _macro_body("reference_order.sql", "reference_order")


def _macro_body(file_name: str, macro: str) -> str:
    """What a dbt macro without arguments and without Jinja inside expands to."""
    file = _MACROS / file_name
    body = re.search(
        rf"macro {macro}\(\) -?%}}(.*?){{%-? endmacro", file.read_text(encoding="utf-8"), re.DOTALL
    )
    if body is None:
        raise ValuescopeError(f"{file} has no macro {macro}; restore the file from the clone.")
    return body.group(1)


def create_raw_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the empty `raw` tables where they do not exist yet."""
    connection.execute(raw_table_statements())


def open_for_writing(path: Path) -> duckdb.DuckDBPyConnection:
    """Open or create the database file at `path` with sole access.

    Raises ValuescopeError, naming the other process, when one holds the file.
    """
    connection = duckdb.connect(":memory:")
    try:
        quoted = str(path).replace("'", "''")
        connection.execute(f"attach '{quoted}' as db (storage_version '{STORAGE_VERSION}')")
    except duckdb.Error as error:
        connection.close()
        raise _open_error(path, error) from error
    connection.execute("use db")
    # What does not fit into memory goes beside the database, not into the current folder.
    connection.execute(f"set temp_directory = '{quoted}.spill'")
    return connection


def has_warehouse(home: Home) -> bool:
    """Whether there is something to open: a file, or a shared warehouse."""
    return home.lake is not None or home.database.exists()


def open_for_reading(home: Home, *, is_latest: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the warehouse read-only.

    A shared one as its last build left it, with `is_latest` as it is now. Raises ValuescopeError
    when there is none yet, when a plain `dbt build` holds it, or when PostgreSQL does not answer.
    """
    if home.lake is not None:
        return open_lake_for_reading(home, is_latest)
    if not home.database.exists():
        raise ValuescopeError(
            f"No warehouse at {home.database}. Load a survey with `valuescope ingest FILE`, score "
            "a model with `valuescope score`, then run `valuescope build`."
        )
    try:
        return duckdb.connect(str(home.database), read_only=True)
    except duckdb.Error as error:
        raise _open_error(home.database, error) from error


def open_marts(home: Home) -> duckdb.DuckDBPyConnection:
    """Open the database read-only with `marts` as its schema.

    Raises ValuescopeError as `open_for_reading` does, and when no mart is built.
    """
    connection = open_for_reading(home)
    try:
        connection.execute("set schema = 'marts'")
    except duckdb.CatalogException as error:
        connection.close()
        raise ValuescopeError(
            f"{home.database} has no marts yet. `valuescope build` makes them from what is loaded "
            "and scored."
        ) from error
    return connection


def _open_error(path: Path, error: duckdb.Error) -> ValuescopeError:
    text = str(error)
    holder = re.search(r"held in (.+?) \(PID (\d+)\)", text)
    if holder:
        return ValuescopeError(
            f"The database {path} is locked by process {holder.group(2)} ({holder.group(1)}). "
            "Close that program or wait for it to end, then repeat the command."
        )
    return ValuescopeError(
        f"Cannot open the database {path}: {text.splitlines()[0]} Move the file away and load "
        "the surveys again if it is damaged; the landing zone is not affected."
    )


@contextmanager
def writer_lock(home: Home) -> Iterator[None]:
    """Hold the one lock that ingest and build share.

    Raises ValuescopeError, naming the process, when another command holds it.
    """
    try:
        home.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise not_writable(home, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise ValuescopeError(
                f"Another valuescope command (process {holder}) is writing to {home.path}. "
                "Wait for it to end, then repeat the command."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def open_for_loading(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse to load surveys.

    A file is copied and swapped in at the end. In a shared warehouse others go on meanwhile, so
    that what is loaded must be stored as `stored_whole` does.
    """
    if home.lake is not None:
        with lake_for_writing(home) as connection:
            yield connection
    else:
        with replacement_copy(home) as working, open_for_writing(working) as connection:
            yield connection


@contextmanager
def stored_whole(home: Home, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """One transaction, after those of other loads: all that is done inside is kept, or nothing."""
    with load_lock(home) if home.lake is not None else nullcontext():
        connection.execute("begin")
        try:
            yield
            connection.execute("commit")
        except BaseException:
            # Without a connection there is nothing to take back.
            with suppress(duckdb.Error):
                connection.execute("rollback")
            raise


@contextmanager
def replacement_copy(home: Home) -> Iterator[Path]:
    """Give a copy of the database to work on; rename it over the database on success.

    Whatever goes wrong inside, the database stays as it was. The caller must have closed the
    copy when the block ends. Raises ValuescopeError when the lock or the database is held.
    """
    with writer_lock(home):
        # The same file name, because DuckDB names the catalog after it and views keep that name.
        working = home.path / ".next" / home.database.name
        try:
            shutil.rmtree(working.parent, ignore_errors=True)
            working.parent.mkdir()
            _copy_database(home.database, working)
            copied = _fingerprint(home.database)
            yield working
            with working.open("rb") as file:
                os.fsync(file.fileno())
            if _fingerprint(home.database) != copied:
                raise ValuescopeError(
                    f"Another program changed {home.database} during this command, so it was "
                    "left as that program wrote it. Repeat the command."
                )
            working.replace(home.database)
        except (OSError, duckdb.OperationalError) as error:
            problem = str(getattr(error, "strerror", None) or error).splitlines()[0]
            raise ValuescopeError(
                f"Cannot write {working}: {problem}. The database {home.database} is unchanged; "
                "make room or fix the permissions and repeat."
            ) from error
        finally:
            shutil.rmtree(working.parent, ignore_errors=True)


def _fingerprint(path: Path) -> tuple[int, int] | None:
    """Size and modification time, None where there is no file."""
    if not path.exists():
        return None
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _copy_database(source: Path, target: Path) -> None:
    """Copy the file once nobody writes to it and its write-ahead log is folded in."""
    if not source.exists():
        return
    log = source.with_name(source.name + ".wal")
    if log.exists():
        # Left behind by a killed writer; a read-write open replays it.
        open_for_writing(source).close()
    else:
        # Fails, naming the process, while somebody writes.
        _open_read_only(source).close()
    shutil.copyfile(source, target)


def _open_read_only(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise _open_error(path, error) from error
