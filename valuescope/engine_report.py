"""The engine in `valuescope doctor`: a trial on demand, and the processor."""

import dataclasses

import click

from valuescope.console import out, step_progress
from valuescope.reports.terminal.fitting_table import FittingTable
from valuescope.scorer.engine.numerics import default_threads, engine_version
from valuescope.scorer.engine.processor import notable_features, processor_name
from valuescope.scorer.trial.records import Engine, failed_trial
from valuescope.scorer.trial.try_engine import Trial, try_engine
from valuescope.warehouse.tables.json_text import json_text


def report_engine(as_json: bool) -> None:
    """Try the installed engine, print what is known of it, and record a passed trial.

    Raises ValuescopeError when a weight type fails.
    """
    engine = Engine.installed()
    with step_progress("trying the engine"):
        trial = try_engine()
    if not trial.failures:
        engine.keep(trial)
    facts = {
        "engine": engine_version(),
        "folder": str(engine.folder),
        "variant": engine.variant(),
        "compiled_features": trial.compiled_features,
        "processor": processor_name(),
        "processor_features": notable_features(),
        "threads": default_threads(),
    }
    if as_json:
        content = {**facts, "weight_types": [dataclasses.asdict(r) for r in trial.results]}
        click.echo(json_text(content), nl=False)
    else:
        console = out()
        for name, value in facts.items():
            shown = ", ".join(value) if isinstance(value, tuple) else value
            console.print(f"{name.replace('_', ' ')}: {shown or 'unknown'}", soft_wrap=True)
        console.print(_table(trial))
    if trial.failures:
        raise failed_trial(engine, trial)


def _table(trial: Trial) -> FittingTable:
    table = FittingTable(
        title="Log-probabilities of a generated model, against float64",
        title_justify="left",
        header_style="bold",
    )
    table.add_column("weight type")
    table.add_column("status")
    for column in ("largest difference, nats", "bound"):
        table.add_column(column, justify="right")
    table.add_column("detail", overflow="fold")
    for result in trial.results:
        difference = result.largest_difference
        table.add_row(
            result.weight_type,
            result.status,
            "" if difference is None else f"{difference:.2g}",
            f"{result.bound:g}",
            result.detail or "",
        )
    return table
