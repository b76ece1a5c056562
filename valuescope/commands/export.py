"""`valuescope export`."""

from pathlib import Path

import click
from click.core import ParameterSource

from valuescope.console import say, step_progress
from valuescope.warehouse.counted import counted
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.exports.exported_tables import analysis_description, exported_tables
from valuescope.warehouse.exports.table_files import FORMATS, write_tables
from valuescope.warehouse.home import current_home
from valuescope.warehouse.replication.package import write_package
from valuescope.warehouse.status.home_state import landing_notices
from valuescope.warehouse.tables.build_record import last_build
from valuescope.warehouse.tables.marts import described_marts


@click.command(
    name="export",
    epilog="""\b
    Examples:
      valuescope export results
      valuescope export results --table agg_country_correlations --format csv
      valuescope export for-stata --table analysis_cells --format dta
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
    help="How tables are written: Parquet, CSV, Stata or SPSS.",
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
    """Write the tables to DIR, one file each, for other programs.

    The tables are the marts and `analysis_cells`, which has one row per model, prompt, question and
    country with names, people's and the model's mean scores, shares and distances. Stata (dta) and
    SPSS (sav) files have labels of variables and values.

    README.md and datapackage.json beside them say what each table and column holds; CITATION.cff
    and citation.bib say whom to cite. The warehouse is only read, and the same warehouse gives the
    same files.

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
    _write_tables(folder, tables, file_format, overwrite)


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
    say(f"Wrote {counted(len(manifest.files), 'file')}, {size / 1e6:,.1f} MB, to {folder}")


def _write_tables(folder: Path, tables: tuple[str, ...], file_format: str, overwrite: bool) -> None:
    home = current_home()
    connection = open_for_reading(home)
    try:
        chosen = exported_tables(connection, tables)
        written = write_tables(
            connection,
            chosen,
            folder,
            file_format=file_format,
            variables=build.variables if (build := last_build(home)) else {},
            overwrite=overwrite,
        )
    finally:
        connection.close()
    known = {mart.name for mart in (*described_marts(), analysis_description())}
    missing = sorted(known - {table.mart.name for table in chosen})
    if missing and not tables:
        say(f"Not built, so not written: {', '.join(missing)}.")
    if empty := [file.mart.name for file in written if not file.rows]:
        say(f"Without rows: {', '.join(empty)}.")
    for adaptation in (said for file in written for said in file.adaptations):
        say(adaptation)
    rows = sum(file.rows for file in written)
    say(f"Wrote {counted(len(written), 'table')} with {counted(rows, 'row')} to {folder}")
