"""A file of answers as one table, `given`, with the columns that this project knows."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from valuescope.warehouse.database.sql_texts import number_of_text, quoted, quoted_name
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.problems import Problems

# The columns that a file may have, by all their names. `id` replaces the four before it.
TEXTS: Mapping[str, tuple[str, ...]] = {
    "model": ("model", "model_name"),
    "question": ("question", "question_id"),
    "country": ("country", "country_id"),
    "group": ("group", "group_id"),
    "choice": ("choice", "choice_index"),
    "order": ("order", "choice_order"),
    "design": ("design",),
    "id": ("id", "custom_id"),
    "text": ("text", "prompt_text"),
    "text_sha256": ("text_sha256",),
    "boundary_merged": ("boundary_merged",),
    "is_chat": ("is_chat",),
    "quantization": ("quantization",),
}
NUMBERS: Mapping[str, tuple[str, ...]] = {
    name: (name,)
    for name in (
        "draws",
        "off_choice_mass",
        "label_log_likelihood",
        "token_count",
        "byte_count",
    )
}
# What an answer is given as: one of these.
VALUES: Mapping[str, tuple[str, ...]] = {
    name: (name,) for name in ("log_likelihood", "probability", "count")
}
_READERS = {
    ".csv": "read_csv({path}, header = true, all_varchar = true, strict_mode = true)",
    ".tsv": "read_csv({path}, header = true, all_varchar = true, delim = '\t')",
    ".parquet": "read_parquet({path}, hive_partitioning = false)",
    ".jsonl": "read_json({path}, format = 'newline_delimited', sample_size = -1)",
}
_READERS[".ndjson"] = _READERS[".jsonl"]


@dataclass(frozen=True)
class GivenColumns:
    """The kind of a file's values, and its columns that are not used."""

    value: str
    unused: tuple[str, ...]


def is_answer_file(address: str) -> bool:
    """Return whether an address of `valuescope land` is a file of answers, there or not."""
    path = Path(address)
    return path.is_file() or (not path.is_dir() and bool(_kind(path)))


def _kind(path: Path) -> str:
    """Return the ending that says how a file is read; `answers.csv.gz` is read as CSV."""
    endings = [ending for ending in path.suffixes if ending not in (".gz", ".zst")]
    return endings[-1].lower() if endings and endings[-1].lower() in _READERS else ""


def tidy_source(path: Path) -> str:
    """Return the SQL that reads a tidy file. Raises ValuescopeError for an unknown ending."""
    if not (kind := _kind(path)):
        raise ValuescopeError(
            f"{path} has an ending that is not known. Name it *.csv, *.tsv, *.parquet or *.jsonl, "
            "or say with --format what wrote it."
        )
    return _READERS[kind].format(path=quoted(str(path)))


def create_given(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    source: str,
    model: str | None,
    problems: Problems,
) -> GivenColumns:
    """Create the table `given` from the rows of `source`; `model` is whose answers they are.

    Raises ValuescopeError where the rows cannot be read or lack columns.
    """
    try:
        found = connection.execute(f"describe select * from {source}").fetchall()
        given = _given([str(name) for name, *_ in found], model, problems)
        connection.execute(
            f"create table given as select {given.select} from {source}",
            {"model": model} if model is not None else None,
        )
    except duckdb.Error as error:
        raise ValuescopeError(
            f"Cannot read {path}: {str(error).splitlines()[0]} Save it again, as CSV, Parquet or "
            "JSON lines."
        ) from error
    return given.columns


@dataclass(frozen=True)
class _Given:
    select: str
    columns: GivenColumns


def _given(columns: list[str], model: str | None, problems: Problems) -> _Given:
    by_name: dict[str, list[str]] = {}
    for column in columns:
        by_name.setdefault(column.strip().casefold(), []).append(column)
    known = {**TEXTS, **NUMBERS, **VALUES}
    own: dict[str, str] = {}
    for name, spellings in known.items():
        found = [column for spelling in spellings for column in by_name.get(spelling, ())]
        if len(found) > 1:
            problems.refuse(
                f"has {len(found)} columns for the {name}: {', '.join(found)}",
                "Keep one of them.",
            )
        if found:
            own[name] = found[0]
    values = [name for name in VALUES if name in own]
    if len(values) > 1:
        problems.refuse(
            f"has {' and '.join(values)} in one file",
            "They are ways of asking that are never mixed: bring each in a file of its own.",
        )
    missing = [name for name in ("choice",) if name not in own]
    if "model" not in own and model is None:
        missing.append("model (or --model NAME)")
    if "model" in own and model is not None:
        problems.refuse(
            f"has a column {own['model']!r} beside --model {model!r}", "Leave one of them out."
        )
    if "id" not in own:
        missing += [name for name in ("question", "country") if name not in own]
    if not values:
        missing.append("one of log_likelihood, probability and count")
    unused = tuple(column for column in columns if column not in own.values())
    if missing:
        near = [
            f"{column!r} looks like {close[0]}"
            for column in unused
            if (close := difflib.get_close_matches(column.casefold(), known, n=1, cutoff=0.75))
        ]
        hint = f" ({'; '.join(near)})" if near else ""
        problems.refuse(
            f"lacks columns: {', '.join(missing)}{hint}; it has {', '.join(columns)}",
            "docs/bring-answers.md describes the format.",
        )
    problems.raise_refusals()
    return _Given(_select(own, values[0], model), GivenColumns(values[0], unused))


def _select(own: Mapping[str, str], value: str, model: str | None) -> str:
    def text(name: str) -> str:
        return (
            f"nullif(trim(cast({quoted_name(own[name])} as varchar)), '')"
            if name in own
            else "null"
        )

    expressions = {name: text(name) for name in TEXTS if name not in ("id", "group")}
    if "text" in own:
        # White space is part of what was asked.
        expressions["text"] = f"nullif(cast({quoted_name(own['text'])} as varchar), '')"
    if model is not None:
        expressions["model"] = "$model"
    if "id" in own:
        parts = f"string_split({text('id')}, '/')"
        for number, name in enumerate(("question", "country", "order"), start=1):
            if name not in own:
                expressions[name] = f"nullif({parts}[{number}], '')"
        if "design" not in own:
            expressions["design"] = f"nullif(array_to_string({parts}[4:], '/'), '')"
    if "group" in own:
        expressions["country"] = f"concat_ws(':', {expressions['country']}, {text('group')})"
    numbers = {name: own.get(name) for name in NUMBERS} | {"value": own[value]}
    for name, column in numbers.items():
        given = "null" if column is None else quoted_name(column)
        as_text = f"cast({given} as varchar)"
        expressions[name] = number_of_text(as_text, f"try_cast({given} as double)")
        expressions[f"{name}_text"] = f"nullif(trim({as_text}), '')"
    return ", ".join(
        f"cast({expression} as {'double' if name in numbers else 'varchar'}) as {quoted_name(name)}"
        for name, expression in expressions.items()
    )
