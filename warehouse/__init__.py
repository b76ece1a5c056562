"""Keep what valuescope works with: homes, raw tables, landing zone and instrument.

Every other package imports this one; it imports none of them.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect(home: str | Path | None = None) -> "duckdb.DuckDBPyConnection":
    """Open a built warehouse read-only, for notebooks and scripts; marts need no schema's name.

    `home` is the folder of a study, by default the one that VALUESCOPE_HOME names. Raises
    ValuescopeError when there is no warehouse, or none with marts.
    """
    # Here, because all packages import this one, and most of them need no DuckDB.
    from valuescope.warehouse.database.connections import open_marts
    from valuescope.warehouse.home import named_home

    return open_marts(named_home(home))
