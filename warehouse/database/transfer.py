"""Move a warehouse between a home's own file and the lake that is shared."""

from dataclasses import dataclass
from pathlib import Path

from valuescope.warehouse.counted import counted
from valuescope.warehouse.database.connections import (
    STORAGE_VERSION,
    create_raw_tables,
    replacement_copy,
    stored_whole,
)
from valuescope.warehouse.database.lake import (
    CATALOG,
    create_lake,
    lake_for_writing,
    open_lake_for_reading,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home

_RAW_TABLES = ("human_marginals", "indicator_moments", "survey_fieldwork", "survey_loads")
_SCHEMAS = ("raw", "staging", "intermediate", "marts")


@dataclass(frozen=True)
class Pushed:
    """Loads and marginals that are new in the lake, and loads that it had."""

    loads: int
    marginals: int
    already_there: int


def create_shared_warehouse(home: Home, data_folder: Path) -> None:
    """Make a lake with empty `raw` tables; harmless where it exists with that folder.

    Raises ValuescopeError where PostgreSQL does not answer, or has a lake with another folder.
    """
    create_lake(home, data_folder)
    with lake_for_writing(home) as connection:
        create_raw_tables(connection)


def push_surveys(home: Home) -> Pushed:
    """Copy the surveys of the home's file into its lake, each load that is not there yet.

    Nothing else has to move: answers are in the landing zone and tables can be built. Raises
    ValuescopeError if there is no file, or PostgreSQL does not answer.
    """
    if not home.database.exists():
        raise ValuescopeError(
            f"There is no file {home.database} to copy from. Load surveys into the shared "
            "warehouse itself with `valuescope ingest FILE`."
        )
    with lake_for_writing(home) as connection:
        connection.execute(f"attach '{_escaped(home)}' as own (read_only)")
        with stored_whole(home, connection):
            connection.execute(
                "create temp table new_loads as select load_id from own.raw.survey_loads "
                f"where load_id not in (select load_id from {CATALOG}.raw.survey_loads)"
            )
            copied = {}
            for table in _RAW_TABLES:
                copied[table] = connection.execute(
                    f"insert into {CATALOG}.raw.{table} by name "
                    f"select * from own.raw.{table} where load_id in (from new_loads)"
                ).fetchall()[0][0]
        ((loads,),) = connection.execute("select count(*) from own.raw.survey_loads").fetchall()
        new = copied["survey_loads"]
        return Pushed(new, copied["human_marginals"], loads - new)


def pull_warehouse(home: Home) -> int:
    """Copy the lake, as its last build left it, over the home's file; returns how many tables.

    Raises ValuescopeError where the file holds surveys that the lake lacks: they would be lost.
    """
    with replacement_copy(home) as working, open_lake_for_reading(home, is_latest=False) as lake:
        path = str(working).replace("'", "''")
        if working.exists():
            lake.execute(f"attach '{path}' as own (read_only)")
            lacking = lake.execute(
                "select file_name from own.raw.survey_loads "
                f"where load_id not in (select load_id from {CATALOG}.raw.survey_loads)"
            ).fetchall()
            if lacking:
                raise ValuescopeError(
                    f"{home.database} holds {counted(len(lacking), 'load')} that the last build of "
                    f"the shared warehouse lacks, such as {lacking[0][0]}. `valuescope "
                    "lake push` them and build, or move the file away."
                )
            lake.execute("detach own")
            working.unlink()
        lake.execute(f"attach '{path}' as own (storage_version '{STORAGE_VERSION}')")
        lake.execute("use own")
        create_raw_tables(lake)
        tables = lake.execute(
            "select table_schema, table_name from information_schema.tables "
            f"where table_catalog = '{CATALOG}' and list_contains(?, table_schema) order by all",
            [list(_SCHEMAS)],
        ).fetchall()
        for schema, table in tables:
            source = f"select * from {CATALOG}.{schema}.{table}"
            if schema == "raw" and table in _RAW_TABLES:
                lake.execute(f"insert into own.raw.{table} by name {source}")
            else:
                lake.execute(f"create schema if not exists own.{schema}")
                lake.execute(f"create table own.{schema}.{table} as {source}")
        return len(tables)


def _escaped(home: Home) -> str:
    return str(home.database).replace("'", "''")
