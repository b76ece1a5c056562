"""`valuescope build`."""

import json
from contextlib import nullcontext

import click

from valuescope.console import say, step_progress
from valuescope.warehouse.home import current_home
from valuescope.warehouse.status.checked_build import checked_build
from valuescope.warehouse.status.home_state import (
    landed_cell_count,
    landing_notices,
    loaded_survey_count,
)
from valuescope.warehouse.variables import home_variables


@click.command(name="build")
@click.option(
    "--select", metavar="NODES", help="Build only these dbt nodes (dbt's selection syntax)."
)
@click.option(
    "--var",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a dbt variable, for example --var question_set=common or --var "
    "question_selection=paper. Repeatable; VALUE may be JSON.",
)
@click.option(
    "--drop-missing",
    is_flag=True,
    help="In a shared warehouse: also build where this landing zone lacks answers that it holds.",
)
@click.option(
    "--full-refresh",
    is_flag=True,
    help="Compute everything anew, also what has not changed since the last build.",
)
@click.option("--verbose", is_flag=True, help="Show dbt's own output.")
def command(
    select: str | None,
    variables: tuple[str, ...],
    drop_missing: bool,
    full_refresh: bool,
    verbose: bool,
) -> None:
    """Turn what is loaded and scored into tables (`dbt build`).

    Works on a copy and swaps it in when every model and test has passed: readers are never
    blocked, and a failed build changes nothing. Where nothing has changed since the last
    build, there is nothing to do. It takes what a running `score` has landed
    so far. The same holds for a shared warehouse (docs/shared-warehouse.md).

    A file variables.json in the home holds variables that every build starts from.
    """
    home = current_home()
    if settled := home_variables(home):
        say(f"Variables of {home.variables}: {json.dumps(settled)}")
    given = dict(map(_variable, variables))
    with nullcontext() if verbose else step_progress("dbt build"):
        summary = checked_build(home, select, given, drop_missing, full_refresh, verbose)
    for notice in landing_notices(home):
        say(notice)
    for warning in summary.warnings:
        say(f"Warning: {warning}")
    if not landed_cell_count(home):
        say("No model is scored yet, so only the human tables have rows: `valuescope score`.")
    if not loaded_survey_count(home):
        say("No survey is loaded yet, so nothing is compared: `valuescope ingest FILE`.")
    say(f"{summary.sentence}: {home.warehouse}")


def _variable(setting: str) -> tuple[str, object]:
    name, equals, value = setting.partition("=")
    if not equals:
        raise click.BadParameter(f"'{setting}' is not NAME=VALUE.", param_hint="--var")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
