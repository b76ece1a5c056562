"""The warehouse: a DuckDB file with one writer at a time and readers that are never blocked.

A writer works on a copy and renames it over the database, so that a reader keeps the file it
opened and a stop at any moment leaves the old data whole.
"""

import fcntl
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

import duckdb

from valuescope.warehouse.database.lake import (
    lake_data_folder,
    lake_for_writing,
    load_lock,
    open_lake_for_reading,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import DBT_PROJECT, Home, not_writable

# DuckDB 2.0 files are unreadable to 1.5 tools unless this is set.
STORAGE_VERSION = "v1.5.0"
# Of a home: the copies that commands work on.
_WORKING = ".next"
_MACROS = DBT_PROJECT / "macros"
_COPIED_AT_ONCE = 1 << 24
# Between opening and locking a file, which DuckDB does one after the other.
_SECONDS_TO_LOCK = 0.1
_SECONDS_FOR_READERS = 20.0


def raw_table_statements() -> str:
    """Return the DDL of the `raw` schema, read from the dbt macro that holds it."""
    return _macro_body("create_raw_tables.sql", "raw_table_statements")


def population_id_expression() -> str:
    """Return the dbt macro's SQL for the population of a row of `raw.survey_loads`."""
    return _macro_body("population_id.sql", "population_id")


def reference_order() -> str:
    """Return the dbt macro's SQL for the order of a survey's populations, the reference first."""
    return _macro_body("reference_order.sql", "reference_order")


def _macro_body(file_name: str, macro: str) -> str:
    """Return the text of a dbt macro that has no arguments and no Jinja inside."""
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
    """Return whether there is a warehouse to open: a file, or a shared one."""
    return home.lake is not None or home.database.exists()


def open_for_reading(home: Home, *, is_latest: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the warehouse read-only.

    A shared one as its last build left it, with `is_latest` as it is now. Raises ValuescopeError
    when there is none yet, when a plain `dbt build` holds it, or when PostgreSQL does not answer.
    """
    if home.lake is not None:
        return open_lake_for_reading(home, is_latest)
    return _open_mended(home, _open_read_only)


def open_for_questions(home: Home, *, reads_files: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the warehouse for any statement of a user's, `marts` as its schema where they are built.

    A statement writes nothing, and it reads no file and no address but the warehouse, unless
    `reads_files`. Raises ValuescopeError as `open_for_reading` does.
    """
    if home.lake is None:
        connection = _open_mended(home, _open_apart)
    else:
        connection = open_lake_for_reading(home, is_latest=False)
        folder = lake_data_folder(connection).replace("'", "''")
        connection.execute(f"set allowed_directories = ['{folder}']")
    with suppress(duckdb.CatalogException):
        # Before the first build only the raw tables exist, asked by their full names.
        connection.execute("set schema = 'marts'")
    connection.execute("set python_enable_replacements = false")
    connection.execute("set autoinstall_known_extensions = false")
    if not reads_files:
        connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def _open_mended(
    home: Home, opened: Callable[[Path], duckdb.DuckDBPyConnection]
) -> duckdb.DuckDBPyConnection:
    """Open the file, without a write-ahead log that was written for another one."""
    if not home.database.exists():
        raise ValuescopeError(
            f"No warehouse at {home.database}. Load a survey with `valuescope ingest FILE`, score "
            "a model with `valuescope score`, then run `valuescope build`."
        )
    try:
        return opened(home.database)
    except ValuescopeError as error:
        if not _is_stale_log(error):
            raise
    with writer_lock(home):
        _set_log_aside(home.database)
    return opened(home.database)


def _open_apart(database: Path) -> duckdb.DuckDBPyConnection:
    """Open the file read-only, whose settings other connections of this process do not share."""
    connection = duckdb.connect(":memory:")
    quoted = str(database).replace("'", "''")
    try:
        connection.execute(f"attach '{quoted}' as \"{database.stem}\" (read_only)")
    except duckdb.Error as error:
        connection.close()
        raise _open_error(database, error) from error
    connection.execute(f'use "{database.stem}"')
    # As for a file that is opened by itself: not into the current folder.
    connection.execute(f"set temp_directory = '{quoted}.tmp'")
    return connection


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
    if "Could not set lock" in text:
        holder = re.search(r"held in (.+?) \(PID (\d+)\)", text)
        # One that has just ended has no name any more.
        who = f"process {holder[2]} ({holder[1]})" if holder else "another program"
        return ValuescopeError(
            f"The database {path} is locked by {who}. Close that program or wait for it to end, "
            "then repeat the command."
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
    """Hold one transaction, after those of other loads: it keeps all changes or none."""
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

    If anything goes wrong inside, the database stays as it was; so it does if another program
    has written to it meanwhile, or has it open for writing. The caller must have closed the copy
    when the block ends. Raises ValuescopeError when the lock or the database is held.
    """
    with writer_lock(home), working_folder(home) as folder:
        # The same file name, because DuckDB names the catalog after it and views keep that name.
        working = folder / home.database.name
        try:
            copied = _copy_database(home.database, working)
            yield working
            with working.open("rb") as file:
                os.fsync(file.fileno())
            _swap_in(working, home.database, copied)
        except (OSError, duckdb.OperationalError) as error:
            problem = str(getattr(error, "strerror", None) or error).splitlines()[0]
            raise ValuescopeError(
                f"Cannot write {working}: {problem}. The database {home.database} is unchanged; "
                "make room or fix the permissions and repeat."
            ) from error


@contextmanager
def working_folder(home: Home) -> Iterator[Path]:
    """Give a new folder two levels below the home, and remove it and what killed commands left.

    Only for who holds the `writer_lock`. Each has a name of its own, so that a process that
    outlives its command finds no other's files.
    """
    folder = home.path / _WORKING / uuid.uuid4().hex
    shutil.rmtree(folder.parent, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ValuescopeError(
            f"Cannot write {folder}: {error.strerror}. The database {home.database} is unchanged; "
            "make room or fix the permissions and repeat."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)


def _copy_database(source: Path, target: Path) -> tuple[int, ...] | None:
    """Copy the file while no process writes to it; return its `_state`, None if it is missing."""
    if not source.exists():
        return None
    _fold_log(source)
    with _kept_from_writers(source) as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy, _COPIED_AT_ONCE)
        return _state(source)


def _swap_in(working: Path, database: Path, copied: tuple[int, ...] | None) -> None:
    """Rename `working` over `database`, unless that is another than the one that was copied."""
    with _kept_from_writers(database) if database.exists() else nullcontext():
        if _state(database) != copied:
            raise ValuescopeError(
                f"Another program changed {database} during this command, so it was "
                "left as that program wrote it. Repeat the command."
            )
        working.replace(database)
        if copied is not None:
            # A program may have opened the old file just before: it has to find it locked.
            time.sleep(_SECONDS_TO_LOCK)


@contextmanager
def _kept_from_writers(database: Path) -> Iterator[BinaryIO]:
    """Hold the lock on the file that DuckDB's readers hold: others can read, but not write.

    Raises ValuescopeError, naming the other process, when one has it open for writing.
    """
    with database.open("rb") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            # DuckDB names the process.
            _open_read_only(database).close()
            raise ValuescopeError(
                f"The database {database} is locked by another program. Close it or wait for it to "
                "end, then repeat the command."
            ) from error
        yield file


def _state(database: Path) -> tuple[int, ...] | None:
    """Return what changes when somebody writes to the file; None where there is none."""
    if not database.exists():
        return None
    status = database.stat()
    has_log = _log_of(database).exists() and _log_of(database).stat().st_size > 0
    return status.st_ino, status.st_size, status.st_mtime_ns, has_log


def _log_of(database: Path) -> Path:
    return database.with_name(database.name + ".wal")


def _fold_log(database: Path) -> None:
    """Move into the file what a killed writer has left in its write-ahead log."""
    deadline = time.monotonic() + _SECONDS_FOR_READERS
    while _log_of(database).exists():
        try:
            open_for_writing(database).close()
            return
        except ValuescopeError as error:
            if _is_stale_log(error):
                _set_log_aside(database)
            elif time.monotonic() > deadline:
                raise
            else:
                # A reader keeps others from writing for as long as its query takes.
                time.sleep(0.02)


def _is_stale_log(error: ValuescopeError) -> bool:
    """Return whether DuckDB says that the log was written for another file than this one."""
    return "WAL" in str(error.__cause__) and "match" in str(error.__cause__)


def _set_log_aside(database: Path) -> None:
    """Rename a log that was written for a file that this one has replaced.

    Earlier versions replaced files that another program was writing to.
    """
    log = _log_of(database)
    log.replace(log.with_name(f"{log.name}.stale-{int(log.stat().st_mtime)}"))


def _open_read_only(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise _open_error(path, error) from error
