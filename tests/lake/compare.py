"""What differs between the tables of a file and those of a lake; run by .venv-lake's Python.

Usage: compare.py FILE, with VALUESCOPE_LAKE set. Writes JSON: for each table its rows on both
sides, the largest difference of a number, and the other columns that differ.
"""

import json
import math
import sys
from typing import Any

from valuescope.warehouse.database.lake import open_lake_for_reading
from valuescope.warehouse.home import current_home

# Hashes by two versions of DuckDB, which a build compares only with its own.
_APART = {"source_fingerprint"}


def main(file: str) -> None:
    connection = open_lake_for_reading(current_home(), is_latest=False)
    connection.execute(f"attach '{file}' as file (read_only)")
    tables = connection.execute(
        "select table_schema, table_name from information_schema.tables "
        "where table_catalog = 'file' and table_schema in ('marts', 'intermediate', 'staging') "
        "and table_name not in ('build_record', 'table_definitions') order by all"
    ).fetchall()
    json.dump({f"{s}.{t}": _compared(connection, f"{s}.{t}") for s, t in tables}, sys.stdout)


def _compared(connection: Any, table: str) -> dict[str, Any]:
    columns, others = (
        dict(row[:2] for row in connection.execute(f"describe {of}.{table}").fetchall())
        for of in ("file", "lake")
    )
    assert columns == others, table
    names = [name for name in columns if name not in _APART]
    # Numbers decide the order only where nothing else does, and then not by their last digits.
    keys = [f'"{name}"' for name in names if columns[name] != "DOUBLE"]
    keys += [f'round("{name}", 6)' for name in names if columns[name] == "DOUBLE"]
    ours, theirs = (
        connection.execute(
            f"select {', '.join(names)} from {of}.{table} order by {', '.join(keys)}"
        ).fetchall()
        for of in ("file", "lake")
    )
    largest, differing = 0.0, set()
    for our_row, their_row in zip(ours, theirs, strict=False):
        for name, our, their in zip(names, our_row, their_row, strict=True):
            difference = _difference(our, their)
            if difference is None:
                differing.add(name)
            else:
                largest = max(largest, difference)
    return {
        "rows": [len(ours), len(theirs)],
        "largest": largest,
        "differing": sorted(differing),
    }


def _difference(our: object, their: object) -> float | None:
    """Return how far apart numbers or lists of them are; None for other values that differ."""
    if isinstance(our, list) and isinstance(their, list) and len(our) == len(their):
        apart = [_difference(*pair) for pair in zip(our, their, strict=True)]
        return None if None in apart else max(filter(None, apart), default=0.0)
    if isinstance(our, float) and isinstance(their, float) and our != their:
        are_nan = math.isnan(our) and math.isnan(their)
        return 0.0 if are_nan else abs(our - their) / max(1.0, abs(our))
    return 0.0 if our == their else None


main(sys.argv[1])
