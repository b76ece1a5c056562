"""Marts of a warehouse beside the same marts as files, cell by cell."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from valuescope.warehouse.tables.marts import Mart, MartColumn

TOLERANCE = 1e-9
"""Relative above 1, absolute below: several processors add in changing order."""

# Moments of loading, and a hash that says when to compute a row anew: neither is a result.
_NO_RESULTS = ("source_fingerprint",)
_MOMENT = "timestamp with time zone"


@dataclass(frozen=True)
class MartComparison:
    """The differences of a mart here from the same mart there.

    `only_here` and `only_there` count rows whose keys the other side lacks, `differing` the rows
    that differ by column, and `largest_difference` is that of any number, tolerated or not.
    """

    name: str
    rows: int
    only_here: int
    only_there: int
    differing: dict[str, int]
    largest_difference: float

    @property
    def is_same(self) -> bool:
        """Return whether the tables are equal, up to rounding."""
        return not (self.only_here or self.only_there or self.differing)


def compare_marts(
    connection: duckdb.DuckDBPyConnection, built: Sequence[Mart], marts: Sequence[Path]
) -> tuple[MartComparison, ...]:
    """Compare each mart of the Parquet files `marts`; one that is not built has no rows here.

    Moments of time are not compared.
    """
    files = {path.stem: path for path in sorted(marts) if path.suffix == ".parquet"}
    known = {mart.name: mart for mart in built}
    return tuple(
        _compare(connection, known[name], path)
        if name in known
        else MartComparison(name, 0, 0, _row_count(connection, path), {}, 0.0)
        for name, path in files.items()
    )


def _compare(connection: duckdb.DuckDBPyConnection, mart: Mart, path: Path) -> MartComparison:
    compared = [
        column
        for column in mart.columns
        if column.name not in (*mart.grain, *_NO_RESULTS) and column.data_type != _MOMENT
    ]
    numbers = [column for column in compared if column.data_type == "double"]
    keys = " and ".join(f"here.{key} is not distinct from there.{key}" for key in mart.grain)
    apart = [f"max(abs(here.{c.name} - there.{c.name}))" for c in numbers] or ["0.0"]
    differing = [f"count(*) filter (is_here and is_there and {_differs(c)})" for c in compared]
    row = connection.execute(
        f"""
        with

        here as (select *, true as is_here from marts.{mart.name}),

        there as (select *, true as is_there from {_file(path)})

        select
            count(is_here),
            count(*) filter (is_there is null),
            count(*) filter (is_here is null),
            coalesce(greatest({", ".join(apart)}), 0),
            {", ".join(differing)}
        from here
        full outer join there on {keys}
        """
    ).fetchall()[0]
    rows, only_here, only_there, largest, *counts = row
    return MartComparison(
        mart.name,
        rows,
        only_here,
        only_there,
        {column.name: count for column, count in zip(compared, counts, strict=True) if count},
        float(largest),
    )


def _differs(column: MartColumn) -> str:
    here, there = f"here.{column.name}", f"there.{column.name}"
    if column.data_type != "double":
        return f"{here} is distinct from {there}"
    return (
        f"coalesce(abs({here} - {there}) > {TOLERANCE} * greatest(1, abs({there})), "
        f"{here} is distinct from {there})"
    )


def _row_count(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    return int(connection.execute(f"select count(*) from {_file(path)}").fetchall()[0][0])


def _file(path: Path) -> str:
    escaped = glob.escape(str(path)).replace("'", "''")
    return f"read_parquet('{escaped}')"
