"""SPSS (.sav) and Stata (.dta) files, converted to Parquet a chunk of rows at a time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat

from valuescope.ingest.sources import Source, parquet_relation
from valuescope.warehouse.errors import ValuescopeError

# How much of a file is in memory at once.
_CHUNK_BYTES = 128 << 20
# Stata's extended missing values as the survey's files use them: don't know, no answer, not
# applicable, not asked, missing.
_EXTENDED_MISSING = {"a": -1.0, "b": -2.0, "c": -3.0, "d": -4.0, "e": -5.0}


@dataclass(frozen=True)
class _Format:
    kind: str
    maker: str
    read: Callable[..., tuple[Any, Any]]


SPSS = _Format("spss", "SPSS", pyreadstat.read_sav)
STATA = _Format("stata", "Stata", pyreadstat.read_dta)


def statistics_format(head: bytes) -> _Format | None:
    """SPSS or Stata by the first bytes of a file, None for anything else."""
    if head.startswith((b"$FL2", b"$FL3")):
        return SPSS
    # Stata 13 and newer write a tag; older versions a number, a byte order and a file type 1.
    if head.startswith(b"<stata_dta>") or (
        len(head) > 3 and 104 <= head[0] <= 115 and head[1] in (1, 2) and head[2:4] == b"\x01\x00"
    ):
        return STATA
    return None


def open_statistics_file(path: Path, file: Path, form: _Format, work: Path) -> Source:
    """Read columns and value labels; rows are converted into `work` when they are asked for.

    Missing codes stay what they are in the survey (-1 to -5), whether the file declares them as
    missing or holds them as Stata's extended missing values.
    Raises ValuescopeError when the file is damaged or cut off.
    """
    described, encoding = _describe(path, file, form)
    columns = tuple(str(name) for name in described.column_names)
    types = {str(name): str(kind) for name, kind in described.readstat_variable_types.items()}
    texts = frozenset(name for name, kind in types.items() if kind.startswith("string"))
    labels = {
        str(column): {int(code): str(label) for code, label in own.items() if _is_code(code)}
        for column, own in described.variable_value_labels.items()
    }

    def rows(wanted: Iterable[str]) -> str:
        needed = list(dict.fromkeys(wanted))
        target = work / f"{file.stem}.parquet"
        _convert(path, file, form, needed, texts, described.number_rows, encoding, target)
        return parquet_relation(target)

    notes = () if encoding is None else (f"The file's texts were read as {encoding}.",)
    return Source(
        path,
        file,
        file,
        form.kind,
        columns,
        columns,
        rows,
        numbers=frozenset(columns) - texts,
        value_labels=labels,
        notes=notes,
    )


def _describe(path: Path, file: Path, form: _Format) -> tuple[Any, str | None]:
    """The file's metadata, and the encoding to read it in where its own does not work."""
    problem: Exception | None = None
    for encoding in (None, "WINDOWS-1252"):
        try:
            _, described = form.read(str(file), metadataonly=True, encoding=encoding)
        except (pyreadstat.ReadstatError, UnicodeError, ValueError) as error:
            problem = problem or error
        else:
            return described, encoding
    raise ValuescopeError(
        f"{path} cannot be read as {form.maker} file: {problem}. It is damaged or was cut off; "
        "download it again."
    ) from problem


def _convert(
    path: Path,
    file: Path,
    form: _Format,
    columns: list[str],
    texts: frozenset[str],
    row_count: int | None,
    encoding: str | None,
    target: Path,
) -> None:
    schema = pa.schema([(name, pa.string() if name in texts else pa.float64()) for name in columns])
    chunk_rows = max(1000, _CHUNK_BYTES // (8 * max(1, len(columns))))
    read = 0
    with pq.ParquetWriter(target, schema) as writer:
        while row_count is None or read < row_count:
            try:
                chunk, _ = form.read(
                    str(file),
                    usecols=columns,
                    user_missing=True,
                    disable_datetime_conversion=True,
                    output_format="dict",
                    row_offset=read,
                    row_limit=chunk_rows,
                    encoding=encoding,
                )
            except (pyreadstat.ReadstatError, UnicodeError) as error:
                raise ValuescopeError(
                    f"{path} cannot be read beyond row {read}: {error}. It is damaged or was cut "
                    "off; download it again; nothing was loaded."
                ) from error
            got = len(chunk[columns[0]])
            if got:
                arrays = [_array(chunk[name], name in texts) for name in columns]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            read += got
            if got < chunk_rows:
                break
    if row_count is not None and read < row_count:
        raise ValuescopeError(
            f"{path} has {read} rows where its header announces {row_count}: it was cut off. "
            "Download it again; nothing was loaded."
        )


def _array(values: Any, is_text: bool) -> pa.Array:
    """One column of a chunk; extended missing values become the survey's codes."""
    if is_text:
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    if not np.issubdtype(np.asarray(values).dtype, np.number):
        numbers = [_EXTENDED_MISSING.get(v, v) if isinstance(v, str) else v for v in values]
        values = np.array([np.nan if v is None else float(v) for v in numbers])
    return pa.array(np.asarray(values, dtype=np.float64), pa.float64(), from_pandas=True)


def _is_code(code: object) -> bool:
    return isinstance(code, int | float) and float(code).is_integer()
