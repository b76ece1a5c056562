"""`valuescope replicate`."""

from dataclasses import replace
from pathlib import Path

import click

from valuescope.console import out, say
from valuescope.reports.terminal.fitting_table import FittingTable
from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home, current_home
from valuescope.warehouse.replication.comparison import MartComparison
from valuescope.warehouse.replication.manifest import Manifest, read_manifest
from valuescope.warehouse.replication.package import compare_with_package, other_code
from valuescope.warehouse.replication.unpacking import check_landing, fill_home


@click.command(
    name="replicate",
    epilog="""\b
    Examples:
      VALUESCOPE_HOME=~/replication valuescope replicate package
      VALUESCOPE_HOME=~/replication valuescope replicate package --check""",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing: check the package's files and, where this home is built, compare its "
    "tables with the package's, cell by cell. Exits with 1 when they differ.",
)
def command(folder: Path, check: bool) -> None:
    """Fill this home from a package of `export --replication`, to build its tables again.

    Every file is checked against the manifest first. The home must be a folder that does not exist
    yet or is empty. Scores, prompts, the user's instrument and the build's variables come from the
    package, and the survey's aggregates where it holds them; where it does not, the survey files
    that must be loaded are named with their SHA-256.
    """
    # A package fills a file of this machine, never a warehouse that is shared.
    home = replace(current_home(), lake=None)
    manifest = read_manifest(folder, home.landing.name)
    if check:
        check_landing(folder, manifest)
        say(f"{len(manifest.files)} files are what the manifest of {folder} says.")
        _say_other_code(manifest)
        _print_comparisons(home, folder, manifest)
        return
    fill_home(folder, manifest, home)
    say(
        f"Filled {home.path}. Models: {len(manifest.models)}; survey files: "
        f"{len(manifest.surveys) if manifest.has_survey else 0}."
    )
    _say_other_code(manifest)
    for file in manifest.left_out_surveys:
        say(
            f"The package leaves the survey's answers out. Load {file.file_name} "
            f"({file.file_bytes:,} bytes, SHA-256 {file.file_sha256}) under that name: "
            f"{'; '.join(file.commands)}"
        )
    say(f"Next: valuescope build, then valuescope replicate {folder} --check")


def _say_other_code(manifest: Manifest) -> None:
    if difference := other_code(manifest):
        say(f"Warning: {difference}")


def _print_comparisons(home: Home, folder: Path, manifest: Manifest) -> None:
    if not home.database.exists():
        say(f"Nothing is built in {home.path}, so no tables are compared.")
        return
    comparisons = compare_with_package(home, folder, manifest)
    out().print(_table(comparisons))
    different = [comparison for comparison in comparisons if not comparison.is_same]
    if different:
        listed = "; ".join(map(_differences, different))
        raise ValuescopeError(
            f"{len(different)} of {len(comparisons)} tables are not the package's: {listed}. Have "
            "all surveys been loaded and the tables built since?"
        )
    say(f"All {len(comparisons)} tables are the package's.")


def _table(comparisons: tuple[MartComparison, ...]) -> FittingTable:
    table = FittingTable(header_style="bold")
    table.add_column("table", overflow="fold")
    table.add_column("rows", justify="right")
    table.add_column("same")
    table.add_column("largest difference", justify="right")
    for comparison in comparisons:
        table.add_row(
            comparison.name,
            f"{comparison.rows:,}",
            "yes" if comparison.is_same else "no",
            f"{comparison.largest_difference:.1g}",
        )
    return table


def _differences(comparison: MartComparison) -> str:
    parts = [
        f"{name} differs in {counted(count, 'row')}" for name, count in comparison.differing.items()
    ]
    if comparison.only_here:
        parts.append(f"{counted(comparison.only_here, 'row')} only here")
    if comparison.only_there:
        parts.append(f"{counted(comparison.only_there, 'row')} only in the package")
    return f"{comparison.name}: {', '.join(parts)}"
