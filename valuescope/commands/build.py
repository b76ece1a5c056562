"""`valuescope build`."""

import json

import click

from valuescope.console import say, step_progress
from valuescope.home_state import (
    landed_cell_count,
    loaded_survey_count,
    other_versions_notices,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home, current_home
from valuescope.warehouse.tables.build import build_warehouse, home_variables
from valuescope.warehouse.tables.build_record import designs_missing_here


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
@click.option("--verbose", is_flag=True, help="Show dbt's own output.")
def command(
    select: str | None, variables: tuple[str, ...], drop_missing: bool, verbose: bool
) -> None:
    """Turn what is loaded and scored into tables (`dbt build`).

    Works on a copy and swaps it in when every model and test has passed: readers are never
    blocked, and a failed build changes nothing. It picks up whatever a running `score` has
    landed so far. So it is in a shared warehouse too (docs/shared-warehouse.md).

    A file variables.json in the home holds variables that every build starts from.
    """
    arguments: list[str] = []
    if select:
        arguments += ["--select", select]
    home = current_home()
    settled = home_variables(home)
    chosen = settled | dict(map(_variable, variables))
    if chosen:
        arguments += ["--vars", json.dumps(chosen)]
    if not landed_cell_count(home) and not loaded_survey_count(home):
        raise ValuescopeError(
            f"Nothing to build in {home.path}: no survey is loaded and no model is scored. Run "
            "`valuescope ingest FILE` (or `ingest --sample`) and `valuescope score --model NAME`."
        )
    if settled:
        say(f"Variables of {home.variables}: {json.dumps(settled)}")
    if home.lake is not None and not drop_missing:
        _refuse_to_drop(home)
    if verbose:
        summary = build_warehouse(home, tuple(arguments), verbose=True)
    else:
        with step_progress("dbt build"):
            summary = build_warehouse(home, tuple(arguments))
    for notice in other_versions_notices(home):
        say(notice)
    for warning in summary.warnings:
        say(f"Warning: {warning}")
    if not landed_cell_count(home):
        say("No model is scored yet, so only the human tables have rows: `valuescope score`.")
    if not loaded_survey_count(home):
        say("No survey is loaded yet, so nothing is compared: `valuescope ingest FILE`.")
    say(f"Built {summary.models} models, {summary.tests} checks passed: {home.warehouse}")


def _variable(setting: str) -> tuple[str, object]:
    name, equals, value = setting.partition("=")
    if not equals:
        raise click.BadParameter(f"'{setting}' is not NAME=VALUE.", param_hint="--var")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _refuse_to_drop(home: Home) -> None:
    """Others may have built with answers that have not landed here."""
    missing = designs_missing_here(home)
    if missing:
        raise ValuescopeError(
            f"{home.warehouse[0].upper()}{home.warehouse[1:]} holds answers of {len(missing)} "
            f"models and prompts that {home.landing} lacks, such as {missing[0]}. Bring them with "
            "`valuescope land` first, or drop them with --drop-missing."
        )
