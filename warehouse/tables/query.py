"""Ad hoc SQL on the warehouse, and its results in the formats people use."""

import csv
import io
from collections.abc import Iterable
from contextlib import suppress

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.tables.build_record import last_build
from valuescope.warehouse.tables.json_text import json_text
from valuescope.warehouse.tables.saved_queries import saved_queries, statement

_READING = (
    duckdb.StatementType.SELECT,
    duckdb.StatementType.EXPLAIN,
    duckdb.StatementType.PRAGMA,
    duckdb.StatementType.CALL,
    # A pivot: it runs as several statements.
    duckdb.StatementType.MULTI,
)


def run_query(home: Home, statement: str) -> pa.Table:
    """The rows of one read-only statement.

    Raises ValuescopeError for anything but one statement that only reads, and with DuckDB's own
    words when the statement is wrong.
    """
    connection = open_for_reading(home)
    # Before the first build only the raw tables exist, asked by their full names.
    with suppress(duckdb.CatalogException):
        connection.execute("set schema = 'marts'")
    try:
        _refuse_what_does_not_read(connection.extract_statements(statement))
        result = connection.sql(statement)
        if result is None:
            raise ValuescopeError("The statement returns no rows. Use a select.")
        return result.to_arrow_table()
    except duckdb.Error as error:
        raise ValuescopeError(f"{error}\n{_remedy(home, error)}") from error
    finally:
        connection.close()


def _remedy(home: Home, error: duckdb.Error) -> str:
    is_name_unknown = isinstance(error, duckdb.CatalogException | duckdb.BinderException)
    if is_name_unknown and last_build(home) is None:
        return (
            "The tables are not built yet, or only in part or by an earlier version of valuescope: "
            "run `valuescope build`."
        )
    return (
        'Tables are listed by: valuescope sql "select table_schema, table_name from '
        'information_schema.tables"'
    )


def _refuse_what_does_not_read(statements: list[duckdb.Statement]) -> None:
    if len(statements) != 1:
        raise ValuescopeError(
            f"Found {len(statements)} statements where one is expected; give one select at a time."
        )
    # The database is opened read-only, but a copy would still write files.
    if statements[0].type not in _READING:
        raise ValuescopeError(
            f"`valuescope sql` is read-only and runs no {statements[0].type.name} statement. Use "
            "a select; --output writes its rows to a file."
        )


def saved_query_table() -> pa.Table:
    """The saved queries, a row each: name, question, variables."""
    return pa.table(
        {
            "name": [query.name for query in saved_queries()],
            "question": [query.question for query in saved_queries()],
            "variables": [", ".join(query.variables) for query in saved_queries()],
        }
    )


def saved_statement(home: Home, name: str, settings: Iterable[str] = ()) -> str:
    """The SQL of a saved query with the thresholds that `home` was built with.

    `settings` are `variable=value`. Raises ValuescopeError for a name or a setting that is unknown.
    """
    chosen = {}
    for setting in settings:
        variable, equals, value = setting.partition("=")
        if not equals:
            raise ValuescopeError(f"{setting} is no NAME=VALUE, such as country=JPN.")
        chosen[variable.strip()] = value.strip()
    built = last_build(home)
    return statement(name, chosen, built.variables if built else {})


def as_csv(table: pa.Table) -> str:
    """The table as CSV with a header row; null is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return buffer.getvalue()


def as_json(table: pa.Table) -> str:
    """The table as a JSON array of objects; numbers keep full precision."""
    return json_text(table.to_pylist())


def as_parquet(table: pa.Table) -> bytes:
    """The table as the bytes of one Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
