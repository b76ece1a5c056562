"""Relations of DuckDB as frames of a few models at a time, and statistics of designs as tables."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

DESIGN = ["model_id", "prompt_id", "survey_id"]
FINGERPRINT = "source_fingerprint"
# All cells of a thousand models would not fit into 16 GB.
MODELS_AT_ONCE = 10


def batches(relation: Any, model_ids: Iterable[str] | None = None) -> Iterator[Any]:
    """Yield the relation's rows of a few models at a time, of `model_ids` or of all, by id."""
    if model_ids is None:
        found = relation.select("model_id").distinct().fetchall()
        model_ids = (model_id for (model_id,) in found)
    quoted = ["'" + model_id.replace("'", "''") + "'" for model_id in sorted(model_ids)]
    for start in range(0, len(quoted), MODELS_AT_ONCE):
        some = ", ".join(quoted[start : start + MODELS_AT_ONCE])
        yield relation.filter(f"model_id in ({some})")


def frame(relation: Any) -> pd.DataFrame:
    """Return a relation with texts as categories, so that millions of rows stay small."""
    rows: pd.DataFrame = relation.to_arrow_table().to_pandas(strings_to_categorical=True)
    return rows


def table(frames: Iterable[pd.DataFrame], schema: pa.Schema) -> pa.Table:
    """Return the frames, one below the other, as a table of the schema."""
    tables = [
        pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
        for rows in frames
        # Columns without rows have no type that fits.
        if len(rows)
    ]
    return pa.concat_tables([schema.empty_table(), *tables])


def kept_rows(session: Any, built: Any, schema: pa.Schema, fingerprints: Any) -> pa.Table:
    """Return the rows of the table `built` whose fingerprint is among those that hold now.

    dbt-duckdb cannot append to tables of Python models, so that they are carried over instead. No
    rows where there is no table, or one of an earlier version.
    """
    found = session.execute(
        "select column_name from information_schema.columns "
        "where table_schema = ? and table_name = ?",
        [built.schema, built.identifier],
    ).fetchall()
    if not set(schema.names) <= {name for (name,) in found}:
        return schema.empty_table()
    rows = session.execute(f"select {', '.join(schema.names)} from {built}").to_arrow_table()
    is_current = pc.is_in(rows[FINGERPRINT], pa.array(fingerprints, pa.string()))
    return rows.filter(is_current).cast(schema)


def without(relation: Any, kept: pa.Table) -> Any:
    """Return the relation's rows of designs that are not among those kept."""
    done = kept[FINGERPRINT].unique().to_pylist()
    return relation.filter(f"{FINGERPRINT} not in ({_quoted(done)})") if done else relation


def of_fingerprints(relation: Any, fingerprints: Iterable[str]) -> Any:
    """Return the relation's rows of some designs."""
    return relation.filter(f"{FINGERPRINT} in ({_quoted(fingerprints) or 'null'})")


def _quoted(fingerprints: Iterable[str]) -> str:
    return ", ".join(f"'{fingerprint}'" for fingerprint in fingerprints)


def statistic_of_designs(
    session: Any,
    built: Any,
    cells: Any,
    statistic: Callable[[pd.DataFrame], pd.DataFrame],
    schema: pa.Schema,
    *,
    key: list[str] = DESIGN,
    read: Callable[[Any], pd.DataFrame] = frame,
) -> pa.Table:
    """Return a statistic of every design; designs that have not changed keep the last build's rows.

    `cells` has `DESIGN` and a fingerprint, which all that the statistic depends on is part of.
    `statistic` returns rows with `key` for the cells of whole designs, as `read` reads them; the
    table has its columns, of `schema`, and a fingerprint. Where all designs of a model go together,
    `key` has no prompt, and one changed design is enough to compute the model's rows anew.
    """
    schema = schema.append(pa.field(FINGERPRINT, pa.string()))
    designs = cells.select(*DESIGN, FINGERPRINT).distinct().df()
    units = designs.groupby(key)[FINGERPRINT].agg(_together).reset_index()
    kept = kept_rows(session, built, schema, units[FINGERPRINT])
    new = units[~units[FINGERPRINT].isin(kept[FINGERPRINT].unique().to_pylist())]
    of_new = of_fingerprints(cells, designs.merge(new[key])[FINGERPRINT].unique())
    rows = (statistic(read(own)).merge(new) for own in batches(of_new))
    return pa.concat_tables([kept, table(rows, schema)])


def _together(fingerprints: pd.Series) -> str:
    """Return the fingerprint of several designs, of one its own."""
    if len(fingerprints) == 1:
        return str(fingerprints.iloc[0])
    joined = "|".join(sorted(fingerprints))
    return hashlib.md5(joined.encode(), usedforsecurity=False).hexdigest()
