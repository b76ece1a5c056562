"""`valuescope sql`."""

import math
import sys
from pathlib import Path

import click
import pyarrow as pa
from rich.table import Table

from valuescope.console import out, say
from valuescope.query import as_csv, as_json, as_parquet, run_query, write_output
from warehouse.errors import ValuescopeError
from warehouse.home import current_home

_FORMATS = ("table", "csv", "json", "parquet")


@click.command(
    name="sql",
    epilog="""\b
    Examples:
      valuescope sql "select country_id, pearson_r from agg_country_correlations order by 2 desc"
      valuescope sql "from fct_mean_scores" --output mean_scores.parquet""",
)
@click.argument("statement")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(_FORMATS),
    help="How rows are written. [default: by --output's ending, else table]",
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="Write to this file, not stdout."
)
@click.option(
    "--max-rows",
    default=100,
    show_default=True,
    type=click.IntRange(min=1),
    help="Rows that a table shows; the other formats always write all.",
)
def command(statement: str, format_name: str | None, output: Path | None, max_rows: int) -> None:
    """Ask the warehouse anything, read-only.

    STATEMENT is one SQL statement in DuckDB's dialect, or `-` to read it from stdin. Tables of
    the schema `marts` need no prefix.
    """
    if statement == "-":
        statement = click.get_text_stream("stdin").read()
    chosen = format_name or _format_of(output)
    result = run_query(current_home(), statement)
    if chosen == "table":
        if output is not None:
            raise ValuescopeError(
                f"A table is for the terminal; write {output} as csv, json or parquet (--format)."
            )
        out().print(_table(result, max_rows))
        if result.num_rows > max_rows:
            say(f"{max_rows} of {result.num_rows} rows; --max-rows shows more, --output all.")
        return
    if chosen == "parquet":
        content = as_parquet(result)
    else:
        content = (as_csv(result) if chosen == "csv" else as_json(result)).encode()
    if output is not None:
        write_output(output, content)
        say(f"Wrote {result.num_rows} rows to {output}")
    elif chosen == "parquet" and sys.stdout.isatty():
        raise ValuescopeError("Parquet is binary: name a file with --output, or use a pipe.")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _format_of(output: Path | None) -> str:
    ending = output.suffix.lstrip(".").lower() if output else "table"
    if ending not in _FORMATS:
        raise ValuescopeError(
            f"The ending of {output} names no format; add --format csv, json or parquet."
        )
    return ending


def _table(result: pa.Table, max_rows: int) -> Table:
    table = Table(header_style="bold", show_lines=False)
    for field in result.schema:
        is_number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        table.add_column(field.name, justify="right" if is_number else "left", overflow="fold")
    for row in result.slice(0, max_rows).to_pylist():
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _cell(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(value)
    return str(value)
