"""`valuescope sql`."""

import math
import sys
from pathlib import Path

import click
import pyarrow as pa

from valuescope.console import out, say
from valuescope.reports.files.output_files import write_output
from valuescope.reports.terminal.fitting_table import FittingTable
from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import current_home
from valuescope.warehouse.tables.query import (
    as_csv,
    as_json,
    as_parquet,
    run_query,
    saved_query_table,
    saved_statement,
)

_FORMATS = ("table", "csv", "json", "parquet")
_ALL_ROWS = 10_000


@click.command(
    name="sql",
    epilog="""\b
    Examples:
      valuescope sql "select country_id, pearson_r from agg_country_correlations order by 2 desc"
      valuescope sql "from fct_mean_scores" --output mean_scores.parquet
      valuescope sql --file my_question.sql --format csv
      valuescope sql --list
      valuescope sql --saved which_questions_does_it_miss_most --var country=JPN""",
)
@click.argument("statement", required=False)
@click.option(
    "--file",
    "-f",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read the statement from this file.",
)
@click.option("--saved", metavar="NAME", help="Ask one of the saved queries; --list names them.")
@click.option(
    "--var",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    help="Narrow a saved query down, for example --var country=JPN. Repeatable.",
)
@click.option(
    "--files",
    "reads_files",
    is_flag=True,
    help="Let the statement read files and addresses outside of the warehouse.",
)
@click.option("--list", "is_list", is_flag=True, help="List the saved queries.")
@click.option("--print", "is_printed", is_flag=True, help="Print the statement, not its rows.")
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
def command(
    statement: str | None,
    file: Path | None,
    saved: str | None,
    variables: tuple[str, ...],
    reads_files: bool,
    is_list: bool,
    is_printed: bool,
    format_name: str | None,
    output: Path | None,
    max_rows: int,
) -> None:
    """Ask the warehouse anything, read-only.

    STATEMENT is one SQL statement in DuckDB's dialect, or `-` to read it from stdin. Without one,
    and without --file or --saved, a prompt with history and completion opens; input from a pipe is
    read as the statement. Tables of the schema `marts` need no prefix. Files and addresses outside
    of the warehouse are read with --files only.
    """
    home = current_home()
    if sum((statement is not None, file is not None, saved is not None, is_list)) > 1:
        raise click.UsageError("Give one of STATEMENT, --file, --saved and --list.")
    if variables and saved is None:
        raise click.UsageError("--var is for a saved query; add --saved NAME.")
    if is_list:
        _write(saved_query_table(), format_name, output, max_rows=_ALL_ROWS)
        return
    if saved is not None:
        text = saved_statement(home, saved, variables)
    elif file is not None:
        text = _read_statement(file)
    elif statement is None and sys.stdin.isatty():
        if format_name is not None or output is not None or not sys.stdout.isatty():
            raise click.UsageError("Give STATEMENT, --file or --saved; the prompt writes no files.")
        # Here, because only the prompt needs prompt-toolkit and pygments.
        from valuescope.interactive import ask_interactively

        ask_interactively(home, lambda rows: _print_table(rows, max_rows), reads_files)
        return
    elif statement in (None, "-"):
        text = click.get_text_stream("stdin").read()
    else:
        text = str(statement)
    if is_printed:
        click.echo(text.strip())
        return
    _write(run_query(home, text, reads_files=reads_files), format_name, output, max_rows)


def _read_statement(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ValuescopeError(f"Cannot read {file}: {reason}. Name a file with SQL.") from error


def _write(result: pa.Table, format_name: str | None, output: Path | None, max_rows: int) -> None:
    chosen = format_name or _format_of(output)
    if chosen == "table":
        if output is not None:
            raise ValuescopeError(
                f"A table is for the terminal; write {output} as csv, json or parquet (--format)."
            )
        _print_table(result, max_rows)
        return
    if chosen == "parquet":
        content = as_parquet(result)
    else:
        content = (as_csv(result) if chosen == "csv" else as_json(result)).encode()
    if output is not None:
        write_output(output, content, overwrite=True)
        say(f"Wrote {counted(result.num_rows, 'row')} to {output}")
    elif chosen == "parquet" and sys.stdout.isatty():
        raise ValuescopeError("Parquet is binary: name a file with --output, or use a pipe.")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _print_table(result: pa.Table, max_rows: int) -> None:
    out().print(_table(result, max_rows))
    if result.num_rows > max_rows:
        say(f"{max_rows} of {result.num_rows} rows; --max-rows shows more, --output all.")


def _format_of(output: Path | None) -> str:
    ending = output.suffix.lstrip(".").lower() if output else "table"
    if ending not in _FORMATS:
        raise ValuescopeError(
            f"The ending of {output} names no format; add --format csv, json or parquet."
        )
    return ending


def _table(result: pa.Table, max_rows: int) -> FittingTable:
    table = FittingTable(header_style="bold", show_lines=False)
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
