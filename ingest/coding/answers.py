"""Answers as a file writes them, turned into the survey's codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from valuescope.ingest.coding.labels import code_of_label, codes_of_labels
from valuescope.ingest.formats.sources import MISSING_TEXTS, Source
from valuescope.ingest.respondents.layouts import Item
from valuescope.warehouse.instruments.seeds import Instrument, Question

# The code of an answer that is missing without a reason in the file.
MISSING = -5
# Mark a blank answer and one that is not a code, until both are dealt with.
BLANK, BAD = -2147482880, -2147483008
LARGEST_CODE = (1 << 24) - 1
# A column with more different texts holds no answers to a question.
_MOST_TEXTS = 1000
# The last bits of a number make no other code: programs compute 2.9999999999999996 for 3.
_LAST_BITS = 1e-7

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Answers:
    """The code of a question in each row of a file, and all other cells, as texts with counts."""

    codes: Codes
    bad: Mapping[str, int] = field(default_factory=dict)


def read_answers(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    others: Sequence[str],
    items: Sequence[Item],
    instrument: Instrument,
) -> tuple[pa.Table, Mapping[str, Answers]]:
    """Return the columns `others` as a table, with a column `row`, and the answers of its rows.

    The different texts of a column are looked at once, whatever the number of rows.
    """
    table = source.table(connection, others, [item.column for item in items])
    answers = {
        item.question_id: _answers(
            table.column(len(others) + number), item, instrument.questions.get(item.question_id)
        )
        for number, item in enumerate(items)
    }
    rows = pa.array(np.arange(table.num_rows))
    return table.select(range(len(others))).append_column("row", rows), answers


def _answers(column: pa.ChunkedArray, item: Item, question: Question | None) -> Answers:
    kind = column.type
    if pa.types.is_integer(kind) and not column.null_count:
        whole = column.to_numpy()
        if np.abs(whole).max(initial=0) <= LARGEST_CODE:
            return Answers(whole.astype(np.int32, copy=False))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _answers_of_numbers(column)
    if not pa.types.is_dictionary(kind):
        column = column.cast(pa.string()).dictionary_encode()
    cells = column.unify_dictionaries().combine_chunks()
    texts = [str(text).strip() for text in cells.dictionary.to_pylist()]
    positions = cells.indices
    if positions.null_count:
        # A cell without a text has the position behind the last.
        positions = positions.cast(pa.int64()).fill_null(len(texts))
    positions = positions.to_numpy()
    meanings = np.array([*_meanings(texts, item.recodes, question), BLANK], np.int32)
    bad: dict[str, int] = {}
    if BAD in meanings:
        times = np.bincount(positions, minlength=len(meanings))
        for position in np.flatnonzero(meanings == BAD):
            bad[texts[position]] = bad.get(texts[position], 0) + int(times[position])
    return Answers(meanings[positions], bad)


def _answers_of_numbers(column: pa.ChunkedArray) -> Answers:
    is_blank = column.is_null().to_numpy()
    numbers = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
    is_blank |= np.isnan(numbers)
    near = np.round(np.clip(numbers, -LARGEST_CODE, LARGEST_CODE))
    is_bad = ~is_blank & ~(np.abs(numbers - near) < _LAST_BITS)
    codes = np.select([is_blank, is_bad], [BLANK, BAD], np.nan_to_num(near)).astype(np.int32)
    values, times = np.unique(numbers[is_bad], return_counts=True)
    return Answers(codes, {_text(value): int(n) for value, n in zip(values, times, strict=True)})


def _text(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(float(number))


def _meanings(
    texts: Sequence[str], recodes: Mapping[int, int] | None, question: Question | None
) -> list[int]:
    """Return the code of each text, BLANK or BAD."""
    known = codes_of_labels(question) if question else {}
    # A label says which answer of the question is meant, so that nothing is left to recode.
    codes_in_file = {new: old for old, new in (recodes or {}).items()}
    meanings = [_whole_number(text) for text in texts]
    has_answers = meanings.count(None) <= _MOST_TEXTS
    for position, text in enumerate(texts):
        if meanings[position] is None and has_answers:
            label = code_of_label(text, known)
            if label is not None and label >= 0 and recodes is not None:
                label = codes_in_file.get(label, BAD)
            meanings[position] = label
    return [
        code if code is not None else BLANK if text in MISSING_TEXTS else BAD
        for text, code in zip(texts, meanings, strict=True)
    ]


def _whole_number(text: str) -> int | None:
    """Return a text as a whole number; BAD if it has a fraction, None for anything else."""
    if "_" in text:  # which Python would skip
        return None
    try:
        number = float(text.replace(",", ".") if "." not in text else text)
    except ValueError:
        return None
    if number != number:  # NaN
        return None
    is_code = abs(number) <= LARGEST_CODE and abs(number - round(number)) < _LAST_BITS
    return round(number) if is_code else BAD
