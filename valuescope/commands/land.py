"""`valuescope land`."""

from pathlib import Path

import click

from valuescope.console import say, step_progress
from valuescope.options import store_argument, survey_option
from valuescope.scorer.brought.formats import FORMATS, TIDY
from valuescope.scorer.brought.landing import Brought
from valuescope.scorer.brought.request import land
from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import current_home
from valuescope.warehouse.landing_zone.download import Landed
from valuescope.warehouse.landing_zone.stores import open_store


@click.command(
    name="land",
    epilog="""\b
    Examples:
      valuescope land s3://lab-bucket/values
      valuescope land answers.csv --check
      valuescope land answers.parquet --model gpt-oss-20b""",
)
@store_argument
@click.option(
    "--study",
    metavar="NAME",
    help="Of a store, bring only the runs of this study (its name, or the beginning of its hash).",
)
@click.option(
    "--check", "check_only", is_flag=True, help="Say what a file holds and what is wrong with it."
)
@click.option(
    "--model", "model", metavar="NAME", help="Whose answers a file without that column has."
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    default=TIDY,
    show_default=True,
    help="What wrote the file.",
)
@survey_option
def command(
    address: str,
    study: str | None,
    check_only: bool,
    model: str | None,
    format_name: str,
    survey_id: str | None,
) -> None:
    """Download what others have scored from a shared store, or bring a FILE of answers.

    ADDRESS is a folder, or file://, s3:// or gs:// with a path; without it VALUESCOPE_LANDING is
    meant. Only what is new comes, and each file only with the hash and the columns that it should
    have. Runs of a study that is not this home's stay there unless --study names it. May be
    repeated and stopped at any time. Credentials come from the environment only
    (docs/shared-landing.md).

    A FILE (CSV, Parquet or JSON lines) has anyone's answers to what `valuescope questions` writes:
    model, question, country, choice, and one of log_likelihood, probability and count
    (docs/bring-answers.md). The same file again changes nothing; a corrected one of the same name
    replaces what it brought.
    """
    with step_progress(f"{'Checking' if check_only else 'Landing'} {address}"):
        found = land(
            current_home(),
            address,
            study=study,
            check=check_only,
            model=model,
            format_name=format_name,
            survey=survey_id,
        )
    if isinstance(found, Brought):
        _say_brought(found, Path(address), check_only)
        return
    _say(found, open_store(address).address)
    if found.refused:
        raise ValuescopeError(
            f"{len(found.refused)} refused, the others have landed.\n  "
            + "\n  ".join(found.refused)
        )
    if found.files:
        say("Next: valuescope build")


def _say_brought(brought: Brought, path: Path, check_only: bool) -> None:
    for note in brought.notes:
        say(note)
    models = len({run.model_name for run in brought.runs})
    designs = len({run.prompt_id for run in brought.runs})
    say(
        f"{path.name}: {counted(brought.rows, 'answer')} in {counted(brought.cells, 'cell')}, of "
        f"{counted(models, 'model')} in {counted(designs, 'design')}; elicitation: "
        f"{brought.elicitation}."
    )
    if brought.fewest_draws is not None:
        say(f"Draws on the choices of a cell: {brought.fewest_draws} to {brought.most_draws}.")
    if brought.mean_off_choice_mass:
        say(f"Outside the choices, on average: {brought.mean_off_choice_mass:.1%}.")
    if check_only:
        say(f"Nothing is wrong with it. Next: valuescope land {path}")
        return
    if brought.kept:
        say(f"{brought.kept} of {len(brought.runs)} runs were here already, as they are.")
    if brought.replaced:
        say(f"Replaced {counted(brought.replaced, 'run')} that an earlier {path.name} had brought.")
    for name in brought.left:
        say(
            f"An earlier {path.name} brought answers of {name} that this one does not have; they "
            f"are kept. `valuescope forget` removes them."
        )
    if brought.kept < len(brought.runs):
        say("Next: valuescope build")


def _say(landed: Landed, address: str) -> None:
    say(
        f"Landed {counted(landed.files, 'file')} with {counted(landed.answers, 'answer')} "
        f"({landed.bytes / 1e6:.1f} MB) from {address}; {landed.already_here} were here already."
    )
    for study, runs in sorted(landed.left.items()):
        say(
            f"Left there: {counted(runs, 'run')} of {study}, which is not the study of this home. "
            "--study NAME brings the runs of another."
        )
    for folder in landed.other_versions:
        say(f"Left there: {folder}, which another version of valuescope wrote.")
