"""`valuescope export`."""

from pathlib import Path

import click

from reports.mart_files import FORMATS, write_marts
from valuescope.changes import last_build
from valuescope.console import say
from warehouse.database import open_for_reading
from warehouse.home import current_home
from warehouse.marts import built_marts, chosen_marts, described_marts


@click.command(
    name="export",
    epilog="""\b
    Examples:
      valuescope export results
      valuescope export results --table agg_country_correlations --format csv""",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--table", "tables", multiple=True, metavar="NAME", help="Only this table. Repeatable."
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    default="parquet",
    show_default=True,
    help="How tables are written.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that DIR has already.")
def command(folder: Path, tables: tuple[str, ...], file_format: str, overwrite: bool) -> None:
    """Write the marts to DIR, a file each, for other programs.

    Beside them lie README.md and datapackage.json, which say what each table and column holds and
    how to cite the survey. The warehouse is only read, and the same warehouse gives the same files.
    """
    home = current_home()
    connection = open_for_reading(home)
    try:
        built = built_marts(connection)
        written = write_marts(
            connection,
            chosen_marts(built, tables),
            folder,
            file_format=file_format,
            variables=build.variables if (build := last_build(home)) else {},
            overwrite=overwrite,
        )
    finally:
        connection.close()
    missing = sorted({mart.name for mart in described_marts()} - {mart.name for mart in built})
    if missing and not tables:
        say(f"Not built, so not written: {', '.join(missing)}.")
    if empty := [file.mart.name for file in written if not file.rows]:
        say(f"Without rows: {', '.join(empty)}.")
    rows = sum(file.rows for file in written)
    say(f"Wrote {len(written)} tables with {rows:,} rows to {folder}")
