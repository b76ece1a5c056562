"""Ad hoc SQL on the warehouse, and its results in the formats people use."""

import csv
import io
import re
from collections.abc import Iterable, Mapping

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from valuescope.warehouse.database.connections import open_for_questions, open_for_reading
from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import Home
from valuescope.warehouse.tables.build_record import last_build
from valuescope.warehouse.tables.json_text import json_text
from valuescope.warehouse.tables.saved_queries import saved_queries, statement

_READING = (
    duckdb.StatementType.SELECT,
    duckdb.StatementType.EXPLAIN,
    # A pivot: it runs as several statements.
    duckdb.StatementType.MULTI,
)
# Some of them write files, where files are to be had.
_READING_WITHOUT_FILES = (*_READING, duckdb.StatementType.PRAGMA, duckdb.StatementType.CALL)
_WITH_FILES = " with --files or in a shared warehouse"
# Where the values of the variables of saved queries are from.
_NAMES_OF = {
    "country": ("dim_countries", "country_id"),
    "model": ("dim_models", "model_name"),
    "other_model": ("dim_models", "model_name"),
    "question": ("dim_questions", "question_id"),
}
_ALL = "all"
_NAMES_A_FILE = re.compile(r"Table with name \S*[./]\S* does not exist")
# What reaches PostgreSQL itself, past the lake.
_PAST_THE_LAKE = re.compile(
    r"\b(postgres_\w+)|\b(query|query_table)\"?\s*(?:\(|/\*|--)", re.IGNORECASE
)


def run_query(home: Home, statement: str, *, reads_files: bool = False) -> pa.Table:
    """Return the rows of one read-only statement on the warehouse.

    It may name files and addresses outside of it where `reads_files`. Raises ValuescopeError for
    anything but one statement that only reads, and with DuckDB's own words when the statement is
    wrong.
    """
    connection = open_for_questions(home, reads_files=reads_files)
    try:
        # A lake's own folder of rows cannot be kept from a statement.
        has_files = reads_files or home.lake is not None
        _refuse_what_does_not_read(connection.extract_statements(statement), has_files)
        if home.lake is not None and (past := _PAST_THE_LAKE.search(statement)):
            raise ValuescopeError(
                f"`valuescope sql` does not call {past[1] or past[2]} in a shared warehouse."
            )
        result = connection.sql(statement)
        if result is None:
            raise ValuescopeError("The statement returns no rows. Use a select.")
        return result.to_arrow_table()
    except duckdb.Error as error:
        raise ValuescopeError(f"{error}\n{_remedy(home, error)}") from error
    finally:
        connection.close()


def _remedy(home: Home, error: duckdb.Error) -> str:
    if isinstance(error, duckdb.PermissionException) or _NAMES_A_FILE.search(str(error)):
        return "--files lets a statement read files and addresses outside of the warehouse."
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


def _refuse_what_does_not_read(statements: list[duckdb.Statement], has_files: bool) -> None:
    if len(statements) != 1:
        raise ValuescopeError(
            f"Found {len(statements)} statements where one is expected; give one select at a time."
        )
    # The database is opened read-only, but a copy would still write files.
    kind = statements[0].type
    if kind not in (_READING if has_files else _READING_WITHOUT_FILES):
        raise ValuescopeError(
            f"`valuescope sql` is read-only and runs no {kind.name} statement"
            f"{_WITH_FILES if kind in _READING_WITHOUT_FILES else ''}. Use a select; --output "
            "writes its rows to a file."
        )
    # It runs what it explains, which may be a copy.
    if (
        has_files
        and kind == duckdb.StatementType.EXPLAIN
        and re.search("analy[sz]e", statements[0].query, re.IGNORECASE)
    ):
        raise ValuescopeError(
            f"`valuescope sql` runs no explain analyze{_WITH_FILES}. Use explain alone."
        )


def saved_query_table() -> pa.Table:
    """Return the saved queries, a row each: name, question, variables."""
    return pa.table(
        {
            "name": [query.name for query in saved_queries()],
            "question": [query.question for query in saved_queries()],
            "variables": [", ".join(query.variables) for query in saved_queries()],
        }
    )


def saved_statement(home: Home, name: str, settings: Iterable[str] = ()) -> str:
    """Return the SQL of a saved query with the thresholds that `home` was built with.

    `settings` are `variable=value`. Raises ValuescopeError for a name or a setting that is unknown,
    and for a country, question or model that the warehouse does not know.
    """
    chosen = {}
    for setting in settings:
        variable, equals, value = setting.partition("=")
        if not equals:
            raise ValuescopeError(f"{setting} is not NAME=VALUE, such as country=JPN.")
        chosen[variable.strip()] = value.strip()
    built = last_build(home)
    text = statement(name, chosen, built.variables if built else {})
    _check_values(home, chosen)
    return text


def _check_values(home: Home, chosen: Mapping[str, str]) -> None:
    """Refuse what no row of the warehouse can be of."""
    if not chosen:
        return
    connection = open_for_reading(home)
    try:
        for variable, value in chosen.items():
            table, column = _NAMES_OF[variable]
            names = connection.execute(f"select {column} from marts.{table}").fetchall()
            known = sorted({name for (name,) in names})
            if value not in {_ALL, *known}:
                raise unknown_name(
                    variable, value, known, f"{column} of {table} has them all; {_ALL} is all."
                )
    except duckdb.CatalogException:
        # Nothing is built: the statement says so.
        return
    finally:
        connection.close()


def as_csv(table: pa.Table) -> str:
    """Return the table as CSV with a header row; null is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return buffer.getvalue()


def as_json(table: pa.Table) -> str:
    """Return the table as a JSON array of objects; numbers keep full precision."""
    return json_text(table.to_pylist())


def as_parquet(table: pa.Table) -> bytes:
    """Return the table as the bytes of one Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
