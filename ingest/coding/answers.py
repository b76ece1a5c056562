"""Answers as a file writes them, turned into the survey's codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from valuescope.ingest.coding.labels import code_of_label, codes_of_labels
from valuescope.ingest.formats.sources import MISSING_TEXTS, Source, number_of_text
from valuescope.ingest.respondents.layouts import Item
from valuescope.warehouse.instruments.seeds import Instrument, Question

# The code of an answer that is missing without a reason in the file.
MISSING = -5
# Mark a blank answer and one that is not a code, until both are dealt with. Answers are held
# in 4 bytes, which have these numbers and all codes exactly, and show fractions beyond 1e-7.
BLANK, BAD = -2147482880, -2147483008
LARGEST_CODE = (1 << 24) - 1
# A column with more different answers holds no answers to a question.
_MOST_TEXTS = 1000


@dataclass(frozen=True)
class Answers:
    """SQL for a question's code in the file, and the texts that are not answers, with counts.

    `has_labels` is whether any cell holds a label instead of a code.
    """

    code: str
    bad: Mapping[str, int] = field(default_factory=dict)
    has_labels: bool = False


def quick_answers(item: Item, source: Source) -> Answers:
    """Read numbers as numbers, and give null for what takes a closer look.

    It names the column once: what an expression names twice DuckDB computes for every row.
    """
    raw = source.raw(item.column)
    if item.column in source.numbers:
        return Answers(f"coalesce(try_cast({raw} as float), if({raw} is null, {BLANK}, {BAD}))")
    number = f"try_cast({raw} as float)"
    return Answers(number_of_text(raw, number) if source.has_underscores else number)


def close_answers(
    connection: duckdb.DuckDBPyConnection,
    items: Sequence[Item],
    source: Source,
    instrument: Instrument,
    relation: str,
) -> Mapping[str, Answers]:
    """Return what the different texts of columns mean: codes, labels, or missing values.

    All columns are looked at in one pass over `relation`.
    """
    cells = ", ".join(f'{source.cell(item.column)} as "{n}"' for n, item in enumerate(items))
    # One `histogram` a column would take megabytes for each, whatever the number of rows.
    found = connection.execute(
        f"select number::integer, text, count(*) from (select {cells} from {relation}) "
        "unpivot (text for number in (*)) group by all order by all"
    ).fetchall()
    texts: list[dict[str, int]] = [{} for _ in items]
    for number, text, times in found:
        texts[number][text] = times
    return {
        item.question_id: _answers(
            source.cell(item.column),
            times_of_texts,
            item.recodes,
            instrument.questions.get(item.question_id),
        )
        for item, times_of_texts in zip(items, texts, strict=True)
    }


def _answers(
    cell: str,
    times_of_texts: Mapping[str, int],
    recodes: Mapping[int, int] | None,
    question: Question | None,
) -> Answers:
    if len(times_of_texts) > _MOST_TEXTS:
        return Answers(str(BAD), dict(times_of_texts))
    known = codes_of_labels(question) if question else {}
    # A label says which answer of the question is meant, so that nothing is left to recode.
    codes_in_file = {new: old for old, new in (recodes or {}).items()}
    meanings: dict[str, int] = {}
    has_labels = False
    for text in times_of_texts:
        number = _whole_number(text)
        if number is not None:
            meanings[text] = number
            continue
        code = code_of_label(text, known)
        if code is not None:
            has_labels = True
            meanings[text] = code if code < 0 or recodes is None else codes_in_file.get(code, BAD)
        else:
            meanings[text] = BLANK if text in MISSING_TEXTS else BAD
    cases = [
        f"when '{text.replace(chr(39), chr(39) * 2)}' then {code}"
        for text, code in meanings.items()
    ]
    return Answers(
        f"case {cell} {' '.join(cases)} else {BLANK} end" if cases else str(BLANK),
        {text: times_of_texts[text] for text, code in meanings.items() if code == BAD},
        has_labels,
    )


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
    return int(number) if number.is_integer() and abs(number) <= LARGEST_CODE else BAD
