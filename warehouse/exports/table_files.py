"""Tables as files that other programs read, beside an index of what each column says.

The index is a Frictionless Data Package (`datapackage.json`); README.md says the same for people,
CITATION.cff and citation.bib say whom to cite. For the same warehouse every file is the same, byte
for byte; of a .dta and .sav file, but for the moment of writing that its header has.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.exports.citation_files import BIBLIOGRAPHY, CITATION, citation_files
from valuescope.warehouse.exports.exported_tables import ExportedTable
from valuescope.warehouse.exports.statistics_files import (
    STATISTICS_FORMATS,
    write_statistics_file,
)
from valuescope.warehouse.tables.caveats import caveats
from valuescope.warehouse.tables.citations import Citation, loaded_citations
from valuescope.warehouse.tables.marts import Mart, MartColumn
from valuescope.warehouse.unfinished import unfinished_folder
from valuescope.warehouse.version import project_version

FORMATS = ("parquet", "csv", *STATISTICS_FORMATS)
INDEX = "datapackage.json"
README = "README.md"
_COPY_OPTIONS = {
    "parquet": "format parquet, compression zstd",
    "csv": "format csv, header, timestampformat '%Y-%m-%dT%H:%M:%S.%fZ'",
}
_MEDIA_TYPES = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "dta": "application/x-stata-dta",
    "sav": "application/x-spss-sav",
}
_KINDS = {
    "parquet": "Parquet",
    "csv": "CSV (UTF-8, with a header; null is empty)",
    "dta": "Stata files (version 14 or newer; null is `.`, or an empty text)",
    "sav": "SPSS files (null is system-missing, or an empty text)",
}
_TYPES = {
    "varchar": "string",
    "integer": "integer",
    "bigint": "integer",
    "double": "number",
    "boolean": "boolean",
    "timestamp with time zone": "datetime",
}
_SHOWN = 3


@dataclass(frozen=True)
class TableFile:
    """A table as it was written; `adaptations` are what the format made different, for people."""

    mart: Mart
    name: str
    rows: int
    size: int
    sha256: str
    adaptations: tuple[str, ...] = ()


def write_tables(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[ExportedTable],
    folder: Path,
    *,
    file_format: str,
    variables: Mapping[str, Any],
    overwrite: bool = False,
) -> tuple[TableFile, ...]:
    """Write each of `tables` to a file in `folder`, with README, index and citations.

    `variables` are the dbt variables that the warehouse was built with. All is written or nothing.
    Raises ValuescopeError when a file is there already and `overwrite` is false, and when the
    folder cannot be written.
    """
    names = [f"{table.mart.name}.{file_format}" for table in tables]
    names += [INDEX, README, CITATION, BIBLIOGRAPHY]
    if folder.exists() and not folder.is_dir():
        raise ValuescopeError(f"{folder} is a file. Name a folder.")
    if not overwrite:
        _refuse_what_exists(folder, names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with unfinished_folder(folder, "unfinished") as work:
            written = _write(connection, tables, work, file_format, variables)
            for name in names:
                (work / name).replace(folder / name)
    except (OSError, duckdb.IOException) as error:
        problem = str(getattr(error, "strerror", None) or error).splitlines()[0]
        raise ValuescopeError(
            f"Cannot write to {folder}: {problem}. Name a folder that you may write to."
        ) from error
    return written


def _refuse_what_exists(folder: Path, names: Sequence[str]) -> None:
    there = [name for name in names if (folder / name).exists()]
    if there:
        more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
        raise ValuescopeError(
            f"{folder} already holds {', '.join(there[:_SHOWN])}{more}. Name another folder, or "
            "add --overwrite."
        )


def _write(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[ExportedTable],
    folder: Path,
    file_format: str,
    variables: Mapping[str, Any],
) -> tuple[TableFile, ...]:
    # How rows are put into groups depends on how many write them, and a moment on where one is.
    connection.execute("set threads = 1")
    connection.execute("set timezone = 'UTC'")
    written = tuple(_write_table(connection, table, folder, file_format) for table in tables)
    citations = loaded_citations(connection)
    warning = caveats(connection)
    index = _index(written, file_format, citations, variables, warning)
    text = json.dumps(index, indent=2, ensure_ascii=False) + "\n"
    (folder / INDEX).write_text(text, encoding="utf-8")
    readme = _readme(written, file_format, citations, variables, warning)
    (folder / README).write_text(readme, encoding="utf-8")
    for name, content in citation_files(citations).items():
        (folder / name).write_text(content, encoding="utf-8")
    return written


def _write_table(
    connection: duckdb.DuckDBPyConnection, table: ExportedTable, folder: Path, file_format: str
) -> TableFile:
    path = folder / f"{table.mart.name}.{file_format}"
    adaptations: tuple[str, ...] = ()
    if file_format in STATISTICS_FORMATS:
        rows, adaptations = write_statistics_file(connection, table, path)
    else:
        target = str(path).replace("'", "''")
        rows = connection.execute(
            f"copy ({table.query}) to '{target}' ({_COPY_OPTIONS[file_format]})"
        ).fetchall()[0][0]
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return TableFile(table.mart, path.name, rows, path.stat().st_size, sha256, adaptations)


def _index(
    files: Sequence[TableFile],
    file_format: str,
    citations: Sequence[Citation],
    variables: Mapping[str, Any],
    warning: str,
) -> dict[str, Any]:
    return {
        "profile": "tabular-data-package" if file_format == "csv" else "data-package",
        "name": "valuescope-marts",
        "title": "Models' answers to survey questions beside people's",
        "description": warning,
        "valuescope_version": project_version(),
        "dbt_variables": dict(variables),
        "sources": [
            {
                "title": " ".join(filter(None, (citation.survey_name, citation.edition))),
                "citation": citation.text,
                "bibtex": citation.bibtex,
            }
            for citation in citations
        ],
        "resources": [_resource(file, file_format) for file in files],
    }


def _resource(file: TableFile, file_format: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"fields": [_field(column) for column in file.mart.columns]}
    grain = file.mart.grain
    if all(column.is_required for column in file.mart.columns if column.name in grain):
        schema["primaryKey"] = list(grain)
    return {
        "name": file.mart.name,
        "path": file.name,
        "description": file.mart.description,
        "format": file_format,
        "mediatype": _MEDIA_TYPES[file_format],
        "encoding": "utf-8",
        "rows": file.rows,
        "bytes": file.size,
        "hash": f"sha256:{file.sha256}",
        "schema": schema,
    }


def _field(column: MartColumn) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        "type": _TYPES[column.data_type],
        "description": column.description,
    }
    return field | ({"constraints": {"required": True}} if column.is_required else {})


def _readme(
    files: Sequence[TableFile],
    file_format: str,
    citations: Sequence[Citation],
    variables: Mapping[str, Any],
    warning: str,
) -> str:
    adaptations = [f"- {said}" for file in files for said in file.adaptations]
    given = ", ".join(f"`{name}={json.dumps(value)}`" for name, value in variables.items())
    made = f"with the dbt variables {given}" if given else "with its default variables"
    parts = [
        "# Models' answers to survey questions beside people's\n",
        f"{warning}\n",
        f"Tables of a valuescope warehouse as {_KINDS[file_format]}, one file each, in the order "
        "of their keys. "
        f"`{INDEX}` says what each column means, as a Frictionless Data Package. Made by "
        f"valuescope {project_version()}, {made}.\n",
        "## Tables\n",
        "\n".join(
            f"- `{file.name}`, {file.rows:,} rows, key {', '.join(file.mart.grain)}: "
            f"{file.mart.description}"
            for file in files
        )
        + "\n",
    ]
    if adaptations:
        parts += ["## What the format made different\n", "\n".join(adaptations) + "\n"]
    parts += [
        "## Please cite\n",
        f"valuescope and the survey; `{BIBLIOGRAPHY}` and `{CITATION}` have both for programs.\n",
        *(_cited(citation) for citation in citations),
    ]
    if not citations:
        parts.append("No survey was loaded, so there is none to cite.\n")
    return "\n".join(parts)


def _cited(citation: Citation) -> str:
    title = " ".join(filter(None, (citation.survey_name, citation.edition)))
    if citation.bibtex is None:
        return f"{title}, in the words that its site asks for: none came with the file.\n"
    return f"{title}:\n\n```bibtex\n{citation.bibtex}\n```\n"
