"""`valuescope forget`."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import click
import duckdb

from valuescope.console import ask, can_ask, say
from valuescope.ingest import find_loads, forget_loads
from valuescope.scorer.runs.locks import whole_run
from valuescope.warehouse.counted import counted
from valuescope.warehouse.database.connections import (
    create_raw_tables,
    has_warehouse,
    open_for_loading,
    open_for_reading,
    stored_whole,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home, current_home
from valuescope.warehouse.landing_zone.removal import LandedRun, find_runs, remove_runs


@click.command(name="forget")
@click.argument("name", metavar="LOAD|RUN|MODEL")
@click.option("--yes", is_flag=True, help="Remove without asking.")
def command(name: str, yes: bool) -> None:
    """Remove what was loaded or scored: a survey load, a run, or all runs of a model.

    A LOAD is named by its id or its file's name, a RUN by its id, a MODEL by its name, all as
    `valuescope status` shows them. The tables follow with the next `valuescope build`. Files of
    models and surveys stay, and so does what was sent to a shared place.
    """
    home = current_home()
    loads, runs = _loads(home, name), find_runs(home, name)
    if loads and runs:
        raise ValuescopeError(
            f"{name} is a load and a run or model. Name the load or the run by its id, which "
            "`valuescope status` shows."
        )
    if not loads and not runs:
        raise ValuescopeError(
            f"No load, run or model is called {name}. `valuescope status` lists their names."
        )
    what = [*loads.values(), *map(_described, runs)]
    if not yes:
        shown = ["This removes:", *(f"  {line}" for line in what)]
        if not can_ask():
            raise ValuescopeError(
                "\n".join(("Nothing was removed yet.", *shown, "Repeat with --yes to remove it."))
            )
        ask(shown, "Remove it?", "Nothing was removed.")
    if loads:
        with open_for_loading(home) as connection:
            create_raw_tables(connection)
            with stored_whole(home, connection):
                forget_loads(connection, loads)
    else:
        _forget_runs(home, runs)
    for line in what:
        say(f"Removed {line}.")
    say("Next: valuescope build")


def _loads(home: Home, name: str) -> Mapping[str, str]:
    if not has_warehouse(home):
        return {}
    with open_for_reading(home, is_latest=True) as connection:
        try:
            return find_loads(connection, name)
        except duckdb.CatalogException:
            return {}


def _described(run: LandedRun) -> str:
    return (
        f"run {run.run_id}: {run.model_name}, prompt {run.prompt_id}, {counted(run.cells, 'cell')}"
    )


def _forget_runs(home: Home, runs: Sequence[LandedRun]) -> None:
    """Remove runs while no process scores their models and designs."""
    with ExitStack() as locks:
        for model_id, prompt_id in dict.fromkeys((run.model_id, run.prompt_id) for run in runs):
            locks.enter_context(whole_run(home, model_id[:16], model_id, prompt_id, say))
        remove_runs(home, runs)
