"""Files with columns that DuckDB reads as they are: Parquet, Arrow and JSON."""

import codecs
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from valuescope.ingest.formats.sources import (
    Source,
    file_pattern,
    parquet_relation,
    refuse_many_columns,
    variable_name,
)
from valuescope.warehouse.database.sql_texts import quoted_name
from valuescope.warehouse.errors import ValuescopeError

# How an Arrow stream begins, after which comes the length of its schema.
_STREAM = b"\xff\xff\xff\xff"


def open_columnar(path: Path, file: Path, head: bytes, work: Path) -> Source | None:
    """Open a Parquet, Arrow or JSON file, which begins with `head`; None for anything else.

    `work` is for what is rewritten.
    """
    if head.startswith(b"PAR1"):
        return _open_relation(path, file, parquet_relation(file), "parquet", _parquet_names(file))
    if head.startswith((b"ARROW1", b"FEA1")):
        return _open_arrow(path, file, pyarrow.feather.read_table(file), work)
    if head.startswith(_STREAM):
        with pyarrow.ipc.open_stream(file) as stream:
            return _open_arrow(path, file, stream.read_all(), work)
    if head.lstrip(codecs.BOM_UTF8 + b" \t\r\n").startswith((b"{", b"[")):
        _refuse_other_shapes(path, file)
        relation = f"read_json({file_pattern(file)}, sample_size = -1)"
        return _open_relation(path, file, relation, "json", _json_names(path, file, relation))
    return None


def _open_relation(
    path: Path, file: Path, relation: str, kind: str, headers: Sequence[str] | None = None
) -> Source:
    """Return the source that a relation is; `headers` are its columns where DuckDB renames them."""
    if headers is not None:
        refuse_many_columns(path, headers)
    with duckdb.connect() as connection:
        described = connection.execute(f"describe select * from {relation}").fetchall()
    names = tuple(str(row[0]) for row in described)
    columns = tuple(variable_name(header) for header in headers or names)
    types = [str(row[1]) for row in described]
    numbers = frozenset(
        column
        for column, kind_of in zip(columns, types, strict=True)
        if re.match(r"U?(TINY|SMALL|BIG|HUGE)?INT|DOUBLE|FLOAT|DECIMAL", kind_of)
        and not kind_of.endswith("]")
    )
    # NaN is how many programs store a missing number.
    missing = [
        f"nullif({quoted}, 'nan') as {quoted}"
        for name, kind_of in zip(names, types, strict=True)
        if kind_of in ("DOUBLE", "FLOAT")
        for quoted in (quoted_name(name),)
    ]
    rows = f"(select * replace ({', '.join(missing)}) from {relation})" if missing else relation
    return Source(path, file, file, kind, columns, names, lambda _: rows, numbers=numbers)


def _refuse_other_shapes(path: Path, file: Path) -> None:
    """Refuse JSON that is one object of columns or a list of lists instead of rows."""
    with duckdb.connect() as connection:
        try:
            rows = connection.execute(
                "select json_type(json), list_bool_or(list_transform(json_keys(json), lambda key: "
                "json_type(json, '/' || replace(replace(key, '~', '~0'), '/', '~1')) "
                "in ('OBJECT', 'ARRAY'))) "
                f"from read_json_objects({file_pattern(file)}) limit 2"
            ).fetchall()
        except duckdb.InvalidInputException as error:
            # No row is that long.
            if "maximum_object_size" not in str(error):
                raise
            rows = [("too long", True)]
    if any(kind != "OBJECT" for kind, _ in rows) or (len(rows) == 1 and rows[0][1]):
        raise ValuescopeError(
            f"{path} is not JSON with one object per row. In pandas, write it with "
            "`frame.to_json(path, orient='records', lines=True)`."
        )


def _json_names(path: Path, file: Path, relation: str) -> list[str] | None:
    """Return the columns as the file spells them; DuckDB numbers those that differ only in case."""
    with duckdb.connect() as connection:
        names = [
            str(row[0])
            for row in connection.execute(f"describe select * from {relation}").fetchall()
        ]
        if not any(re.search(r"_\d+$", name) for name in names):
            return None
        keys = connection.execute(
            "select key from (select number, unnest(keys) as key, "
            "generate_subscripts(keys, 1) as place from (select row_number() over () as number, "
            f"json_keys(json) as keys from read_json_objects({file_pattern(file)}))) "
            "group by key order by min((number, place))"
        ).fetchall()
    spelled = [str(key) for (key,) in keys]
    # In another order than DuckDB's the columns could not be matched.
    is_same = len(spelled) == len(names) and all(
        re.fullmatch(re.escape(key) + r"(_\d+)?", name)
        for key, name in zip(spelled, names, strict=True)
    )
    if not is_same and len({key.casefold() for key in spelled}) < len(spelled):
        raise ValuescopeError(
            f"{path} has columns whose names differ only in case, in an order that changes by row. "
            "Rename or remove all but one of each."
        )
    return spelled if is_same else None


def _parquet_names(file: Path) -> list[str]:
    return [str(name) for name in pq.read_schema(file).names]


def _open_arrow(path: Path, file: Path, table: pa.Table, work: Path) -> Source:
    """Open what an Arrow or Feather file of either version holds, rewritten as Parquet."""
    target = work / f"{file.stem}.parquet"
    names = [f"column_{position}" for position in range(table.num_columns)]
    pq.write_table(table.rename_columns(names), target)
    headers = [str(name) for name in table.column_names]
    return _open_relation(path, file, parquet_relation(target), "arrow", headers)
