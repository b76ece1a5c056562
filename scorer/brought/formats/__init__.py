"""Readers of what other programs write: each makes the table `given` of one format's files."""

from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from valuescope.scorer.brought.columns import GivenColumns, read_tidy
from valuescope.warehouse.problems import Problems

Reader = Callable[[duckdb.DuckDBPyConnection, Path, str | None, Problems], GivenColumns]

READERS: Mapping[str, Reader] = {"tidy": read_tidy}


def read_answers(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    format_name: str | None,
    model: str | None,
    problems: Problems,
) -> GivenColumns:
    """Create the table `given` from a file of a format, a tidy one where none is named.

    Raises ValuescopeError where the file cannot be read.
    """
    return READERS[format_name or "tidy"](connection, path, model, problems)
