"""Relations of DuckDB as data frames, a few models at a time, and the frames as one table."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

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
    tables = [pa.Table.from_pandas(rows, schema=schema, preserve_index=False) for rows in frames]
    return pa.concat_tables([schema.empty_table(), *tables])
