"""SPSS (.sav, .por) and Stata (.dta) files, converted to Parquet a chunk of rows at a time."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat

from valuescope.ingest.coding.labels import missing_code
from valuescope.ingest.formats.sources import Source, parquet_relation, refuse_many_columns
from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError

# How much of a file is in memory at once.
_CHUNK_BYTES = 128 << 20


@dataclass(frozen=True)
class _Format:
    kind: str
    maker: str
    read: Callable[..., tuple[Any, Any]]


SPSS = _Format("spss", "SPSS", pyreadstat.read_sav)
STATA = _Format("stata", "Stata", pyreadstat.read_dta)
PORTABLE = _Format("spss_portable", "SPSS portable", pyreadstat.read_por)


def statistics_format(head: bytes) -> _Format | None:
    """Recognise SPSS and Stata by the first bytes of a file; None for anything else."""
    # Lines of 80 characters, which some systems end and others do not.
    if b"SPSS PORT FILE" in head[:512].replace(b"\r", b"").replace(b"\n", b""):
        return PORTABLE
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

    Missing codes stay what they are in the survey (-1 to -5), where the file declares them as
    missing too. Stata's extended missing values (.a to .z) are what their labels say, and blank
    where no label says it.
    Raises ValuescopeError when the file is damaged or cut off.
    """
    described, encoding = _describe(path, file, form)
    columns = tuple(str(name) for name in described.column_names)
    refuse_many_columns(path, columns)
    types = {str(name): str(kind) for name, kind in described.readstat_variable_types.items()}
    texts = frozenset(name for name, kind in types.items() if kind.startswith("string"))
    labels = {str(name): own for name, own in described.variable_value_labels.items()}
    # By position, since names may differ in case only.
    names = {name: f"column_{position}" for position, name in enumerate(columns)}

    def rows(wanted: Iterable[str]) -> str:
        needed = list(dict.fromkeys(wanted))
        target = work / f"{file.stem}.parquet"
        chosen = _Chosen(
            schema=pa.schema(
                [(names[n], pa.string() if n in texts else pa.float64()) for n in needed]
            ),
            columns=needed,
            missing={name: _labelled_missing(labels.get(name, {})) for name in needed},
        )
        _convert(path, file, form, chosen, described.number_rows, encoding, target)
        return parquet_relation(target)

    notes = () if encoding is None else (f"The file's texts were read as {encoding}.",)
    if form is PORTABLE:
        notes = ("Missing values that the file declares were read as blank.",)
    return Source(
        path,
        file,
        file,
        form.kind,
        columns,
        tuple(names.values()),
        rows,
        numbers=frozenset(columns) - texts,
        value_labels={
            column: {int(code): str(label) for code, label in own.items() if _is_code(code)}
            for column, own in labels.items()
        },
        notes=notes,
    )


@dataclass(frozen=True)
class _Chosen:
    """The columns to convert, and what their extended missing values mean."""

    schema: pa.Schema
    columns: list[str]
    missing: Mapping[str, Mapping[str, float]]


def _labelled_missing(labels: Mapping[object, object]) -> Mapping[str, float]:
    codes = {str(key): missing_code(str(label)) for key, label in labels.items()}
    return {key: float(code) for key, code in codes.items() if code is not None and key.isalpha()}


def _describe(path: Path, file: Path, form: _Format) -> tuple[Any, str | None]:
    """Return the file's metadata, and the encoding to read it in where its own does not work."""
    problem: Exception | None = None
    for encoding in (None,) if form is PORTABLE else (None, "WINDOWS-1252"):
        options = {} if form is PORTABLE else {"encoding": encoding}
        try:
            _, described = form.read(str(file), metadataonly=True, **options)
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
    chosen: _Chosen,
    row_count: int | None,
    encoding: str | None,
    target: Path,
) -> None:
    chunk_rows = max(1000, _CHUNK_BYTES // (8 * max(1, len(chosen.columns))))
    options: dict[str, object] = {"usecols": chosen.columns, "disable_datetime_conversion": True}
    if form is not PORTABLE:
        options |= {"user_missing": True, "encoding": encoding}
    read = 0
    with pq.ParquetWriter(target, chosen.schema) as writer:
        while row_count is None or read < row_count:
            try:
                chunk, _ = form.read(
                    str(file),
                    output_format="dict",
                    row_offset=read,
                    row_limit=chunk_rows,
                    **options,
                )
            except (pyreadstat.ReadstatError, UnicodeError) as error:
                raise ValuescopeError(
                    f"{path} cannot be read beyond row {read}: {error}. It is damaged or was cut "
                    "off; download it again; nothing was loaded."
                ) from error
            got = len(chunk[chosen.columns[0]])
            if got:
                arrays = [
                    _texts(chunk[name])
                    if pa.types.is_string(field.type)
                    else _numbers(chunk[name], chosen.missing[name])
                    for name, field in zip(chosen.columns, chosen.schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=chosen.schema))
            read += got
            if got < chunk_rows:
                break
    if row_count is not None and read < row_count:
        raise ValuescopeError(
            f"{path} has {counted(read, 'row')} where its header announces {row_count}: it "
            "was cut off. Download it again; nothing was loaded."
        )


def _texts(values: Iterable[object]) -> pa.Array:
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _numbers(values: Any, missing: Mapping[str, float]) -> pa.Array:
    """Convert one column of a chunk; extended missing values become their labels' codes."""
    if not np.issubdtype(np.asarray(values).dtype, np.number):
        numbers = [missing.get(v) if isinstance(v, str) else v for v in values]
        values = np.array([np.nan if v is None else float(v) for v in numbers])
    return pa.array(np.asarray(values, dtype=np.float64), pa.float64(), from_pandas=True)


def _is_code(code: object) -> bool:
    return isinstance(code, int | float) and float(code).is_integer()
