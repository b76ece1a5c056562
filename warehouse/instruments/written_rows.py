"""CSV files that people write by hand, row by row with the line to correct."""

import csv
from collections.abc import Iterator
from pathlib import Path

from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError

# The remedy of a fault in the row, "Correct line 3 of ../questions.csv.", and the row.
WrittenRow = tuple[str, dict[str, str]]


def written_rows(path: Path, columns: tuple[str, ...]) -> Iterator[WrittenRow]:
    """Return the rows of a CSV, white space around values removed, each with its remedy.

    Raises ValuescopeError when one of `columns` is missing or a row is ragged, and when the file
    cannot be read.
    """
    try:
        # Spreadsheets put a byte order mark first.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [column.strip() for column in next(reader, [])]
            for column in columns:
                if header.count(column) != 1:
                    raise ValuescopeError(
                        f"{path} must have the column '{column}' once; line 1 has: "
                        f"{', '.join(header)}. Columns: {', '.join(columns)}, separated by commas."
                    )
            for values in reader:
                if len(values) not in (0, len(header)):
                    raise ValuescopeError(
                        f"Line {reader.line_num} of {path} has {counted(len(values), 'value')} "
                        f"where the header has {counted(len(header), 'column')}. Put texts with "
                        "commas in quotes."
                    )
                if values:
                    remedy = f"Correct line {reader.line_num} of {path}."
                    cells = (value.strip() for value in values)
                    yield remedy, dict(zip(header, cells, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValuescopeError(
            f"Cannot read {path}: {error}. Save it as comma-separated UTF-8 text."
        ) from error
