"""`valuescope export`."""

from pathlib import Path

import click
from click.core import ParameterSource

from valuescope.console import say, step_progress
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.home import current_home
from valuescope.warehouse.replication.package import write_package
from valuescope.warehouse.status.home_state import landing_notices
from valuescope.warehouse.tables.build_record import last_build
from valuescope.warehouse.tables.mart_files import FORMATS, write_marts
from valuescope.warehouse.tables.marts import built_marts, chosen_marts, described_marts


@click.command(
    name="export",
    epilog="""\b
    Examples:
      valuescope export results
      valuescope export results --table agg_country_correlations --format csv
      valuescope export --replication package""",
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
@click.option(
    "--replication",
    is_flag=True,
    help="Write a replication package into the new folder DIR instead: what another machine needs "
    "to build the same tables (`valuescope replicate`).",
)
@click.option(
    "--without-survey",
    is_flag=True,
    help="Leave the survey's aggregates out of the package, and tables that repeat them.",
)
@click.pass_context
def command(
    context: click.Context,
    folder: Path,
    tables: tuple[str, ...],
    file_format: str,
    overwrite: bool,
    replication: bool,
    without_survey: bool,
) -> None:
    """Write the marts to DIR, a file each, for other programs.

    README.md and datapackage.json beside them say what each table and column holds and how to
    cite the survey. The warehouse is only read, and the same warehouse gives the same files.

    A replication package holds the scores, prompts, study files, hashes of the models, the user's
    instrument, the survey's aggregates (no respondents), the build's variables, the tables, a
    citation, and a manifest with the SHA-256 of each file. Whether the aggregates may be passed on
    is for the survey's terms of use to say.
    """
    if without_survey and not replication:
        raise click.UsageError("--without-survey is for --replication.")
    if replication:
        if tables or overwrite or not _is_default(context, "file_format"):
            raise click.UsageError(
                "--replication writes all that a package needs, as Parquet, into a new folder: "
                "leave --table, --format and --overwrite out."
            )
        _write_package(folder, with_survey=not without_survey)
        return
    _write_marts(folder, tables, file_format, overwrite)


def _is_default(context: click.Context, parameter: str) -> bool:
    return context.get_parameter_source(parameter) is ParameterSource.DEFAULT


def _write_package(folder: Path, with_survey: bool) -> None:
    home = current_home()
    for notice in landing_notices(home):
        say(notice)
    with step_progress(f"Packing {home.path}"):
        manifest = write_package(home, folder, with_survey)
    if not manifest.models:
        say("No model is scored, so the package holds people's answers only.")
    if not manifest.surveys:
        say("No survey is loaded, so the package holds models' answers only.")
    elif manifest.has_survey:
        say(
            "It holds aggregates of the survey: read its terms of use before you pass them on; "
            "--without-survey leaves them out."
        )
    size = sum(facts["bytes"] for facts in manifest.files.values())
    say(f"Wrote {len(manifest.files)} files, {size / 1e6:,.1f} MB, to {folder}")


def _write_marts(folder: Path, tables: tuple[str, ...], file_format: str, overwrite: bool) -> None:
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
