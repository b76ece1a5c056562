"""`valuescope status`."""

import json
from collections.abc import Iterator

import click

from valuescope.console import out
from valuescope.reports.terminal.fitting_table import FittingTable
from valuescope.warehouse.counted import counted
from valuescope.warehouse.home import CLONE, DBT_PROJECT, Home, current_home, earlier_home
from valuescope.warehouse.status.home_state import (
    HomeState,
    describe_home,
    landing_notices,
    newer_version_notice,
)
from valuescope.warehouse.status.reference import Reference


@click.command(name="status")
def command() -> None:
    """Show where everything is, what is loaded, scored, built and out of date."""
    home = current_home()
    state = describe_home(home)
    console = out()
    for line in _locations(home):
        console.print(line, soft_wrap=True)
    console.print(_loads(state) if state.loads else "Loaded: no survey yet.")
    for reference in state.references:
        console.print(_reference_line(reference, state), soft_wrap=True)
    console.print(_runs(state) if state.runs else "Scored: no model yet.")
    for notice in (*landing_notices(home), newer_version_notice(state)):
        if notice is not None:
            console.print(notice, soft_wrap=True)
    console.print(_build_line(home, state), soft_wrap=True)


def _locations(home: Home) -> Iterator[str]:
    yield f"Home: {home.path}"
    if earlier := earlier_home():
        folder = CLONE / "warehouse"
        yield (
            f"  {folder} holds {', '.join(earlier)}: a home of earlier versions. To have it where "
            f"homes of this version are, move them to {folder / 'home'}."
        )
    yield f"Models and written-out weights of all homes: {home.cache}"
    yield f"dbt project: {DBT_PROJECT}"


def _loads(state: HomeState) -> FittingTable:
    table = FittingTable(title="Loaded surveys", title_justify="left", header_style="bold")
    for column in ("load", "survey", "wave", "weighting", "file"):
        table.add_column(column, overflow="fold")
    for column in ("countries", "questions"):
        table.add_column(column, justify="right")
    table.add_column("loaded")
    for load in state.loads:
        table.add_row(
            load.load_id,
            load.survey_id,
            load.wave_selection,
            load.weighting,
            load.file_name,
            str(load.countries),
            str(load.questions),
            f"{load.loaded_at:%Y-%m-%d %H:%M}",
        )
    return table


def _reference_line(reference: Reference, state: HomeState) -> str:
    named = state.variables.get("reference_populations", {}).get(reference.survey_id)
    if named:
        return (
            f"Compared with people of {reference.survey_id}: {named}, which the last build's "
            "variable reference_populations names."
        )
    people = (
        f"{reference.population_id} ({counted(reference.countries, 'country')}, "
        f"{counted(reference.cells, 'answer')} by country)"
    )
    asked = state.question_surveys.get(reference.survey_id, reference.survey_id)
    if any(other.survey_id == asked != reference.survey_id for other in state.references):
        setting = json.dumps({asked: reference.population_id})
        return (
            f"People of {reference.survey_id}: {people}. They answered questions of {asked}; "
            f"`valuescope build --var 'reference_populations={setting}'` compares models with them."
        )
    return f"Compared with people of {reference.survey_id}: {people}: {reference.reason}."


def _runs(state: HomeState) -> FittingTable:
    table = FittingTable(title="Scoring runs", title_justify="left", header_style="bold")
    for column in ("run", "model", "prompt", "answers", "order", "coding", "chat", "state"):
        table.add_column(column, overflow="fold")
    table.add_column("new cells", justify="right")
    table.add_column("planned", justify="right")
    table.add_column("started")
    for run in state.runs:
        table.add_row(
            run.run_id,
            run.model_name,
            run.prompt_id,
            run.answer_style
            if run.elicitation == "likelihood"
            else f"{run.answer_style}, {run.elicitation}",
            run.choice_order,
            run.coding_id,
            run.chat_mode,
            run.status,
            str(run.cells),
            str(run.cells_planned),
            f"{run.started_at:%Y-%m-%d %H:%M}",
        )
    return table


def _build_line(home: Home, state: HomeState) -> str:
    if state.has_other_tables:
        return (
            "Built: only a part, or by an earlier version of valuescope; run `valuescope build`. "
            "Nothing loaded or scored is lost."
        )
    if not state.is_built:
        return "Built: not yet; run `valuescope build`."
    variables = ", ".join(f"{name}={value}" for name, value in state.variables.items())
    given = f" with {variables}" if variables else ""
    if state.stale:
        return f"Built{given}, but out of date: {'; '.join(state.stale)}. Run `valuescope build`."
    return f"Built{given} and up to date: {home.warehouse}"
