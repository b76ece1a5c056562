"""Forecast of what scoring takes, as measured or as planned, and of what it can show."""

from collections.abc import Sequence

from valuescope.console import out, say
from valuescope.reports.files.number_format import number
from valuescope.reports.terminal.fitting_table import FittingTable
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.planning.division import Part, PartEstimate
from valuescope.scorer.planning.forecast import duration, planned_power
from valuescope.scorer.planning.study import Plan
from valuescope.scorer.process.messages import Estimate, Pace
from valuescope.scorer.runs.plan import PlannedRun

# Of middling and of good models, and a difference that papers report.
_TYPICAL_R = (0.5, 0.8)
_SMALL_DIFFERENCE = 0.05


def print_planned_runs(runs: Sequence[PlannedRun]) -> None:
    """Print one row per run of a model and a design."""
    table = _table("What scoring will take", "model", "design", "computed")
    for column in ("cells", "tokens", "tokens/s", "time", "memory"):
        table.add_column(column, justify="right")
    for run in runs:
        design = (
            f"{run.design.template.template_id} {run.design.answer_style} "
            f"{run.design.choice_order} {run.design.elicitation} ({run.design.prompt_id})"
        )
        if run.estimate is None:
            table.add_row(run.model_name, design, *["-"] * 6)
            continue
        table.add_row(
            run.model_name,
            design,
            run.compute_type,
            f"{run.estimate.cells:,}",
            f"{run.estimate.tokens:,}",
            f"{run.estimate.tokens_a_second:,.0f}",
            duration(run.estimate.seconds),
            f"{run.estimate.memory_bytes / 1e9:.1f} GB",
        )
    out().print(table)
    for problem in dict.fromkeys(run.problem for run in runs if run.problem):
        say(f"No estimate: {problem}")
    for run in runs:
        if run.estimate is not None and run.estimate.other_cells:
            say(_cost_of_others(run.estimate))
    estimates = [run.estimate for run in runs if run.estimate is not None]
    if not estimates:
        return
    total = sum(estimate.seconds for estimate in estimates)
    say(
        f"{duration(total)} in all, from a short measurement on this machine; cells that have "
        "landed already are counted too but will not be scored again."
    )


def print_power(plan: Plan) -> None:
    """Print which difference between two models a plan can show."""
    power = planned_power(plan.questions, len(plan.countries))
    if not power.is_enough:
        say("No comparison of two models: too few batteries of questions with a scale.")
        return
    smallest, shown = (
        [number(value, 2) for value in values]
        for values in (
            map(power.smallest_difference, _TYPICAL_R),
            (power.of(_SMALL_DIFFERENCE, r) for r in _TYPICAL_R),
        )
    )
    say(
        f"Two models with r near {number(_TYPICAL_R[0], 2)} differ with power .8 if "
        f"their mean r are {smallest[0]} apart (near {number(_TYPICAL_R[1], 2)}: {smallest[1]}); a "
        f"difference of {number(_SMALL_DIFFERENCE, 2)} shows with power {shown[0]} ({shown[1]})."
    )
    if len({design.choice_order for design in plan.designs}) == 1:
        say("Asked in one order of the choices, no two models get a verdict: add --orders.")


def _cost_of_others(estimate: Estimate) -> str:
    """Say how many tokens groups and invented countries add."""
    others, tokens = estimate.other_cells, estimate.other_tokens
    return (
        f"Groups and invented countries: {others:,} of the cells, {tokens:,} of the tokens "
        f"({tokens / others:.1f} a cell; countries alone take {estimate.tokens - tokens:,})."
    )


def print_parts(
    parts: Sequence[PartEstimate],
    whole: PartEstimate,
    mine: Part,
    pace: Pace | None,
    numerics: Numerics,
) -> None:
    """Print one row per part, with `mine` marked, and one for all."""
    table = _table("The parts of the study", "part")
    for column in ("models", "tasks", "cells", "tokens", "time", "memory"):
        table.add_column(column, justify="right")
    rows = [
        (f"{number}/{mine.count}" + (" <" if number == mine.number else ""), load)
        for number, load in enumerate(parts, start=1)
    ]
    for label, load in [*rows, ("all", whole)]:
        memory = max((model.memory_bytes(numerics) for model in load.models), default=0)
        table.add_row(
            label,
            f"{len(load.models):,}",
            f"{load.tasks:,}",
            f"{load.cells:,}",
            f"{load.tokens:,}",
            duration(load.cost / pace.cost_a_second) if pace else "-",
            f"{memory / 1e9:.1f} GB",
        )
    out().print(table)
    say(
        "Estimated from the texts and from the sizes that the registry and file names tell; memory "
        "is that of the largest model. Cells that have landed are counted too but will not be "
        "scored again."
    )
    say(
        f"Time: as this machine computed {pace.model_name} just now, in proportion to parameters."
        if pace
        else "No time: none of the models is on this machine, so nothing could be measured."
    )


def _table(title: str, *columns: str) -> FittingTable:
    table = FittingTable(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
