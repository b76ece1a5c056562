"""An answer in a file as SQL for its code in the survey."""

import duckdb

from valuescope.ingest.labels import code_of_label, codes_of_labels
from valuescope.ingest.layouts import Item
from valuescope.ingest.sources import Source
from valuescope.warehouse.instrument import Instrument

# The code of what is missing for no reason that the file tells.
MISSING = -5
# Stand for a blank answer and for one that is no code, until both are dealt with.
BLANK, BAD = -2147483001, -2147483002
LARGEST_CODE = 2000000000


def code(
    connection: duckdb.DuckDBPyConnection, item: Item, source: Source, instrument: Instrument
) -> str:
    """SQL for the code in a question's column, or what stands for a blank or a bad answer."""
    raw = source.raw(item.column)
    if source.has_labels:
        return _code_of_labels(connection, item, source, instrument)
    if item.column in source.numbers:
        whole = f"{raw} = floor({raw}) and abs({raw}) <= {LARGEST_CODE}"
        return (
            f"case when {raw} is null then {BLANK} when {whole} then cast({raw} as integer) "
            f"else {BAD} end"
        )
    number = source.number(item.column)
    return (
        f"case when {source.text(item.column)} is null then {BLANK} "
        f"when {number} = floor({number}) and abs({number}) <= {LARGEST_CODE} "
        f"then cast({number} as integer) else {BAD} end"
    )


def quick_code(item: Item, source: Source) -> str:
    """SQL for the code in a text column, null where it takes a closer look, and quick.

    It names the column once: what an expression names twice DuckDB computes for every row. A
    decimal keeps the fraction that a cast to integer would round away.
    """
    return f"try_cast({source.raw(item.column)} as decimal(9, 3))"


def _code_of_labels(
    connection: duckdb.DuckDBPyConnection, item: Item, source: Source, instrument: Instrument
) -> str:
    text = source.text(item.column)
    question = instrument.questions.get(item.question_id)
    if question is None:
        return f"coalesce(try_cast({text} as integer), if({text} is null, {BLANK}, {BAD}))"
    known = codes_of_labels(question)
    labels = connection.execute(
        f"select distinct {text} as label from {source.rows(())} where label is not null"
    ).fetchall()
    if all(label.lstrip("-").isdigit() for (label,) in labels):
        return f"coalesce(try_cast({text} as integer), {BLANK})"
    cases = []
    for (label,) in labels:
        code = code_of_label(label, known)
        if code is not None:
            quoted = label.replace("'", "''")
            cases.append(f"when '{quoted}' then {code}")
    known_labels = f"case {text} {' '.join(cases)} end" if cases else "cast(null as integer)"
    return f"coalesce({known_labels}, if({text} is null, {BLANK}, {BAD}))"
