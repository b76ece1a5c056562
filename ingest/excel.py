"""Excel workbooks of a single country, whose cells hold labels."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import python_calamine

from valuescope.ingest.sources import Source, parquet_relation, refuse_repeated_columns
from valuescope.warehouse.errors import ValuescopeError

_DATA_SHEET = "Data"


def is_workbook(names: tuple[str, ...]) -> bool:
    """Whether an archive with these names is an Excel workbook."""
    return "xl/workbook.xml" in names or "xl/workbook.bin" in names


def open_workbook(path: Path, file: Path, work: Path) -> Source:
    """Read the sheet `Data`, or the only one. A header `Q1: Family` is the column `Q1`.

    Raises ValuescopeError when there is no such sheet or it is empty, or the file is damaged.
    """
    try:
        with python_calamine.CalamineWorkbook.from_path(file) as workbook:
            sheet = _choose_sheet(path, workbook.sheet_names)
            table = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=True)
    except (python_calamine.CalamineError, OSError) as error:
        raise ValuescopeError(
            f"{path} cannot be read as Excel file: {error}. It is damaged, protected by a "
            "password or was cut off; download it again."
        ) from error
    if not table:
        raise ValuescopeError(f"{path} is empty: its sheet {sheet!r} has no rows.")
    header, *body = table
    columns = tuple(str(cell).split(":")[0].strip() for cell in header)
    refuse_repeated_columns(path, columns)
    names = tuple(f"column_{index}" for index in range(len(columns)))
    target = work / f"{file.stem}.parquet"
    arrays = [
        pa.array([_text(row[index]) for row in body], pa.string()) for index in range(len(columns))
    ]
    pq.write_table(pa.Table.from_arrays(arrays, names=list(names)), target)

    def rows(_: Iterable[str]) -> str:
        return parquet_relation(target)

    return Source(path, file, file, "excel", columns, names, rows, has_labels=True)


def _choose_sheet(path: Path, names: list[str]) -> str:
    for name in names:
        if name.strip().casefold() == _DATA_SHEET.casefold():
            return name
    if len(names) == 1:
        return names[0]
    raise ValuescopeError(
        f"{path} has no sheet {_DATA_SHEET!r}, only {', '.join(map(repr, names))}. Rename the "
        f"sheet with the respondents to {_DATA_SHEET!r}."
    )


def _text(cell: object) -> str | None:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell) if cell != "" else None
