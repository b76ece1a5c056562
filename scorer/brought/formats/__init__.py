"""Readers of what other programs write: tidy rows from one format's files."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from valuescope.scorer.brought.asked_prompts import AskedPrompts
from valuescope.scorer.brought.columns import (
    NUMBERS,
    TEXTS,
    VALUES,
    GivenColumns,
    create_given,
    tidy_source,
)
from valuescope.scorer.brought.formats.inspect_log import inspect_log_rows
from valuescope.scorer.brought.formats.lm_eval import lm_eval_rows
from valuescope.scorer.brought.formats.openai_batch import openai_batch_rows
from valuescope.scorer.brought.formats.qstn import qstn_rows
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.problems import Problems

Rows = Iterator[Mapping[str, Any]]
READERS: Mapping[str, Callable[[Path, AskedPrompts, Problems], Rows]] = {
    "lm-eval": lm_eval_rows,
    "openai-batch": openai_batch_rows,
    "inspect": inspect_log_rows,
    "qstn": qstn_rows,
}
TIDY = "tidy"
FORMATS = (TIDY, *READERS)


def read_answers(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    format_name: str,
    model: str | None,
    asked: AskedPrompts,
    problems: Problems,
) -> GivenColumns:
    """Create the table `given` from a file of one of FORMATS.

    Raises ValuescopeError where the file cannot be read.
    """
    if format_name == TIDY:
        return create_given(connection, path, tidy_source(path), model, problems)
    rows = list(READERS[format_name](path, asked, problems))
    problems.raise_refusals()
    if not rows:
        raise ValuescopeError(f"{path} has no answers that {format_name} writes.")
    names = {name for row in rows for name in row}
    kinds = dict.fromkeys(TEXTS, pa.string()) | dict.fromkeys({**NUMBERS, **VALUES}, pa.float64())
    if model is not None:
        # What the program calls the model is often a path or an address.
        names.discard("model")
    schema = pa.schema([(name, kind) for name, kind in kinds.items() if name in names])
    connection.register("read_rows", pa.Table.from_pylist(rows, schema=schema))
    return create_given(connection, path, "read_rows", model, problems)
