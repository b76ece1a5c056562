"""Tables as files of Stata and SPSS, with labels, within what these formats allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyreadstat

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.exports.exported_tables import ExportedTable
from valuescope.warehouse.tables.marts import MartColumn

_YES_NO: dict[int | float, str] = {0: "no", 1: "yes"}
_CUT = ".."


@dataclass(frozen=True)
class _Limits:
    """Limits of a format: `label` in characters, the others in bytes."""

    program: str
    name: int
    label: int
    value_label: int
    text: int


# Stata 14 and newer (help limits); SPSS 26 (variable names, labels and string widths).
_LIMITS = {
    "dta": _Limits("Stata", name=32, label=80, value_label=32_000, text=2_000_000_000),
    "sav": _Limits("SPSS", name=64, label=250, value_label=120, text=32_767),
}
STATISTICS_FORMATS = tuple(_LIMITS)
_STATA_VERSION = 14


def write_statistics_file(
    connection: duckdb.DuckDBPyConnection, table: ExportedTable, path: Path
) -> tuple[int, tuple[str, ...]]:
    """Write a table as the file `path`, ending in .dta or .sav; return its rows and what differs.

    Booleans are 0 and 1 and moments are in UTC. A null is a missing number or an empty text. Raises
    ValuescopeError where a text, or two names, do not fit the format.
    """
    limits = _LIMITS[path.suffix.removeprefix(".")]
    renamed, adaptations = _names(table, limits)
    found = connection.execute(table.query).df()
    _refuse_what_does_not_fit(found, table.mart.name, limits)
    labels: dict[str, str | None] = {
        renamed[column.name]: variable_label(column, table.labels, limits.label)
        for column in table.mart.columns
    }
    values = {
        renamed[name]: labelled for name, labelled in _value_labels(table, found, limits).items()
    }
    columns = {
        renamed[column.name]: _stored(found[column.name], column) for column in table.mart.columns
    }
    frame = pd.DataFrame(columns, copy=False)
    title = f"valuescope: {table.mart.name}"
    if path.suffix == ".dta":
        pyreadstat.write_dta(
            frame,
            path,
            file_label=title,
            column_labels=labels,
            variable_value_labels=values,
            version=_STATA_VERSION,
        )
    else:
        pyreadstat.write_sav(
            frame, path, file_label=title, column_labels=labels, variable_value_labels=values
        )
    return len(frame), adaptations


def variable_label(column: MartColumn, labels: Mapping[str, str], length: int) -> str:
    """Return the short description of a column: its own label, else its description's beginning."""
    return _cut(labels.get(column.name) or column.description, length)


def _names(table: ExportedTable, limits: _Limits) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the variable of each column, and which of them have shorter names."""
    renamed = {column.name: _shortened(column.name, limits.name) for column in table.mart.columns}
    shortened = {name: short for name, short in renamed.items() if name != short}
    if len(set(renamed.values())) < len(renamed):
        raise ValuescopeError(
            f"{limits.program} allows {limits.name} characters in a name, and two columns of "
            f"{table.mart.name} have the same ones. Leave the table out, or use another --format."
        )
    return renamed, tuple(
        f"{limits.program} allows {limits.name} characters in a name: "
        f"{table.mart.name}.{name} is {short}."
        for name, short in shortened.items()
    )


def _shortened(name: str, length: int) -> str:
    """Return a name of at most `length` characters, with every word cut as little as that takes.

    >>> _shortened("uniform_mean_jensen_shannon_distance_low", 32)
    'unifo_mean_jense_shann_dista_low'
    """
    for letters in range(len(name), 0, -1):
        short = "_".join(word[:letters] for word in name.split("_"))
        if len(short) <= length:
            return short
    return name[:length]


def _refuse_what_does_not_fit(found: pd.DataFrame, table: str, limits: _Limits) -> None:
    for name, column in found.items():
        if pd.api.types.is_float_dtype(column) and np.isinf(column).any():
            raise ValuescopeError(
                f"{table}.{name} has an infinite number, which {limits.program} cannot store."
            )
        if pd.api.types.is_string_dtype(column):
            longest = max((len(text.encode()) for text in column.dropna().unique()), default=0)
            if longest > limits.text:
                raise ValuescopeError(
                    f"{table}.{name} has a text of {longest:,} bytes; {limits.program} allows "
                    f"{limits.text:,}. Leave the table out, or use another --format."
                )


def _stored(column: "pd.Series[Any]", described: MartColumn) -> "pd.Series[Any]":
    """Return a column as the formats store it: text, numbers or naive moments."""
    if described.data_type == "varchar":
        # Neither has a missing text.
        return column.astype("object").where(column.notna(), "")
    if described.data_type == "timestamp with time zone":
        return pd.to_datetime(column, utc=True).dt.tz_localize(None)
    if described.data_type in ("integer", "boolean") and column.notna().all():
        return column.astype("int32")
    return column.astype("float64")


def _value_labels(
    table: ExportedTable, found: pd.DataFrame, limits: _Limits
) -> dict[str, dict[int | float, str]]:
    """Return the names of the values of numbers, by column."""
    labelled: dict[str, dict[int | float, str]] = {
        column.name: dict(_YES_NO) for column in table.mart.columns if column.data_type == "boolean"
    }
    for number, name in table.names.items():
        pairs = found[[number, name]].dropna().drop_duplicates(number)
        labelled[number] = {
            int(value): _cut_bytes(str(text), limits.value_label)
            for value, text in zip(pairs[number], pairs[name], strict=True)
        }
    return labelled


def _cut(text: str, length: int) -> str:
    """Return a text of at most `length` characters, cut between words."""
    if len(text) <= length:
        return text
    sentence = text.partition(". ")[0].rstrip(".")
    if len(sentence) <= length:
        return sentence
    return text[: length - len(_CUT)].rpartition(" ")[0].rstrip(" ,;:(") + _CUT


def _cut_bytes(text: str, size: int) -> str:
    if len(text.encode()) <= size:
        return text
    return text.encode()[: size - len(_CUT)].decode(errors="ignore") + _CUT
