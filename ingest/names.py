"""The names that a file uses, turned into the instrument's."""

from collections.abc import Iterable

import duckdb

from ingest.sources import Source
from warehouse.errors import ValuescopeError
from warehouse.instrument import Instrument

_SHOWN = 8


def create_country_names(
    connection: duckdb.DuckDBPyConnection, query: str, source: Source, instrument: Instrument
) -> None:
    """Create the temporary table `country_names` (name, country_id) for the names of `query`.

    Raises ValuescopeError for a name that no country has, with the nearest that one has.
    """
    names = [row[0] for row in connection.execute(query).fetchall()]
    connection.execute("create temp table country_names (name varchar, country_id varchar)")
    for name in names:
        try:
            country_id = instrument.country(name).country_id
        except ValuescopeError as error:
            raise ValuescopeError(f"{source.path}: {error}") from None
        connection.execute("insert into country_names values (?, ?)", [name, country_id])


def refuse(
    connection: duckdb.DuckDBPyConnection, query: str, source: Source, problem: str, remedy: str
) -> None:
    """Raise ValuescopeError when `query` finds rows; its columns are shown as examples."""
    rows = connection.execute(f"select *, count(*) over () from ({query}) limit {_SHOWN}")
    found = rows.fetchall()
    if found:
        shown = [" ".join("(blank)" if v is None else str(v) for v in row[:-1]) for row in found]
        raise ValuescopeError(f"{source.path} {problem}: {listed(shown, found[0][-1])}. {remedy}")


def listed(names: Iterable[str], total: int | None = None) -> str:
    """The first names and how many more there are.

    >>> listed(["Q1", "Q2"])
    'Q1, Q2'
    >>> listed(["Q1", "Q2"], total=5)
    'Q1, Q2 and 3 more'
    """
    names = list(names)
    total = len(names) if total is None else total
    shown = names[:_SHOWN]
    more = f" and {total - len(shown)} more" if total > len(shown) else ""
    return ", ".join(shown) + more
