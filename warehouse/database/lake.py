"""The shared warehouse: the same tables on DuckLake, with PostgreSQL as its catalog.

A build changes a lake table by table. Readers look at the state that the last build left when it
was done, so that no reader sees half of one; PostgreSQL holds the lock that keeps builds apart.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home

# As the target `lake` of dbt's profile names it.
CATALOG = "lake"
# The message of the snapshot that ends a build; dbt's macro `publish_build` writes it.
BUILT = "valuescope build"
OLDEST_POSTGRESQL = 12
_EXTENSIONS = ("ducklake", "postgres_scanner")
# DuckLake's own ten tries lost 1 in 25 writes where four processes wrote all the time; these none.
# dbt's profile has them as well.
_SETTINGS = {
    "ducklake_max_retry_count": 200,
    "ducklake_retry_wait_ms": 50,
    "ducklake_retry_backoff": 1,
    # DuckDB 1.5 would draw one into what a query writes.
    "enable_progress_bar": "false",
}
# Any numbers that no other program locks in the same PostgreSQL database.
_BUILD_LOCK, _LOAD_LOCK = 8_258_375_264, 8_258_375_265


def extension_folder() -> Path:
    """Return the folder of DuckLake's extensions.

    Raises ValuescopeError if they are not installed.
    """
    folder = Path(sys.prefix, "extensions")
    if not (folder / f"v{duckdb.__version__}").is_dir():
        raise ValuescopeError(
            f"VALUESCOPE_LAKE is set, but {sys.prefix} has DuckDB {duckdb.__version__} without "
            "DuckLake. `make lake` installs the two that go together: call "
            ".venv-lake/bin/valuescope, or unset VALUESCOPE_LAKE to work on a file."
        )
    return folder


def open_lake(home: Home, *options: str) -> duckdb.DuckDBPyConnection:
    """Return a connection whose own database is the lake of `home`.

    `options` are those of DuckLake's `attach`. Raises ValuescopeError where PostgreSQL does not
    answer, or has no lake.
    """
    connection = _connect(home)
    given = f" ({', '.join(options)})" if options else ""
    try:
        connection.execute(f"attach 'ducklake:postgres:{_quoted(home)}' as {CATALOG}{given}")
        connection.execute(f"set schema = '{CATALOG}.main'")
    except duckdb.Error as error:
        connection.close()
        raise _lake_error(home, error) from error
    return connection


def open_lake_for_reading(home: Home, is_latest: bool) -> duckdb.DuckDBPyConnection:
    """Return the lake as the last build left it, or with what has been loaded since, read-only."""
    connection = open_lake(home, "read_only")
    built = None if is_latest else _last_built(connection)
    if built is None:
        return connection
    connection.close()
    return open_lake(home, "read_only", f"snapshot_version {built}")


def lake_data_folder(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the folder with the rows of an open lake."""
    return str(
        connection.execute(
            f"select value from __ducklake_metadata_{CATALOG}.ducklake_metadata "
            "where key = 'data_path'"
        ).fetchall()[0][0]
    )


@contextmanager
def lake_for_writing(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the lake for writing, beside others. Raises ValuescopeError if PostgreSQL goes away."""
    with open_lake(home) as connection:
        # What does not fit into memory goes to the home, not into the current folder.
        connection.execute(f"set temp_directory = '{_escaped(str(home.path / 'tmp'))}'")
        try:
            yield connection
        except duckdb.Error as error:
            raise _lake_error(home, error) from error


def create_lake(home: Home, data_folder: Path) -> None:
    """Create a lake in the PostgreSQL database of `home` and store its rows in `data_folder`.

    Does nothing if it exists with that folder. Raises ValuescopeError if it has another one.
    """
    with postgresql(home):
        pass  # Old versions are refused before anything is made in them.
    try:
        data_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValuescopeError(
            f"Cannot make the folder {data_folder}: {error.strerror}. Name one that everybody who "
            "uses the lake may write to."
        ) from error
    open_lake(home, f"data_path '{_escaped(str(data_folder))}'").close()


@contextmanager
def build_lock(home: Home) -> Iterator[None]:
    """Hold the one lock that builds of a lake share, wherever they run.

    Raises ValuescopeError, naming user and machine, when another build holds it.
    """
    with postgresql(home) as ask:
        # The transaction of this connection holds the lock, which ends with it in any case.
        if ask(f"select pg_try_advisory_xact_lock({_BUILD_LOCK})") != [(True,)]:
            holders = ask(
                "select usename::text, coalesce(host(client_addr), 'this machine'), "
                "to_char(xact_start, 'YYYY-MM-DD HH24:MI') from pg_locks "
                "inner join pg_stat_activity using (pid) where locktype = 'advisory' "
                f"and (classid::bigint << 32) + objid::bigint = {_BUILD_LOCK} and granted"
            )
            holder = " from {1} by {0} since {2}".format(*holders[0]) if holders else ""
            raise ValuescopeError(
                f"Another build of {home.warehouse} is running{holder}. Wait for it to end, then "
                "repeat the command."
            )
        yield


@contextmanager
def load_lock(home: Home) -> Iterator[None]:
    """Wait for other loads, then hold the lock that keeps one survey from being loaded twice."""
    with postgresql(home) as ask:
        ask(f"select true from pg_advisory_xact_lock({_LOAD_LOCK})")
        yield


@contextmanager
def postgresql(home: Home) -> Iterator[Callable[[str], list[tuple[object, ...]]]]:
    """Hold one transaction in the PostgreSQL database itself; yield a function that asks it.

    Raises ValuescopeError where it does not answer, or is too old for DuckLake.
    """
    with _connect(home) as connection:

        def ask(statement: str) -> list[tuple[object, ...]]:
            return connection.execute(
                f"select * from postgres_query('catalog', '{_escaped(statement)}')"
            ).fetchall()

        try:
            connection.execute(f"attach '{_quoted(home)}' as catalog (type postgres)")
            connection.execute("begin")
            ((version,),) = ask("select current_setting('server_version_num')::int / 10000")
        except duckdb.Error as error:
            raise _lake_error(home, error) from error
        if int(str(version)) < OLDEST_POSTGRESQL:
            raise ValuescopeError(
                f"The PostgreSQL of {home.warehouse} is version {version}; DuckLake needs "
                f"{OLDEST_POSTGRESQL} or newer. Upgrade it, or name another in VALUESCOPE_LAKE."
            )
        try:
            yield ask
        finally:
            # DuckDB aborts the process where it has to do this itself after PostgreSQL is gone.
            with suppress(duckdb.Error):
                connection.execute("rollback")


def expire(home: Home, days: int) -> tuple[int, int]:
    """Forget states older than `days`, and delete the files that only they had.

    The last build's state stays, and all that came after it. Returns states and files.
    """
    with lake_for_writing(home) as connection:
        built = _last_built(connection)
        old = connection.execute(
            f"select coalesce(list(snapshot_id), []) from {CATALOG}.snapshots() "
            "where snapshot_time < now() - to_days(?) and snapshot_id < ?",
            [days, built or 0],
        ).fetchall()[0][0]
        if old:
            connection.execute(f"call ducklake_expire_snapshots('{CATALOG}', versions => {old})")
        deleted = connection.execute(
            f"call ducklake_cleanup_old_files('{CATALOG}', older_than => now() - to_days({days}))"
        ).fetchall()
        return len(old), len(deleted)


def _connect(home: Home) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"extension_directory": str(extension_folder())})
    for extension in _EXTENSIONS:
        connection.load_extension(extension)
    for name, value in _SETTINGS.items():
        connection.execute(f"set {name} = {value}")
    return connection


def _last_built(connection: duckdb.DuckDBPyConnection) -> int | None:
    found = connection.execute(
        f"select max(snapshot_id) from {CATALOG}.snapshots() where commit_message = ?", [BUILT]
    ).fetchall()[0][0]
    return None if found is None else int(found)


def _lake_error(home: Home, error: duckdb.Error) -> ValuescopeError:
    text = str(error).strip()
    if "creating a new DuckLake is explicitly disabled" in text or "data_path is not set" in text:
        return ValuescopeError(
            f"There is no lake yet in {home.lake}. Make one with `valuescope lake create FOLDER`, "
            "or correct VALUESCOPE_LAKE."
        )
    # PostgreSQL's own words come after those of the layers above it.
    own = re.search(r"(?:ERROR|FATAL): +(.+)", text)
    reason = own[1] if own else text.splitlines()[0].rpartition('": ')[2]
    return ValuescopeError(
        f"{home.warehouse[0].upper()}{home.warehouse[1:]} failed: {reason.rstrip('.')}. What was "
        "not finished is not in it. See that PostgreSQL runs and lets you in (VALUESCOPE_LAKE, "
        "PGPASSWORD or ~/.pgpass), then repeat the command."
    )


def _quoted(home: Home) -> str:
    return _escaped(home.lake or "")


def _escaped(text: str) -> str:
    return text.replace("'", "''")
