"""`valuescope demo`."""

import shutil
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import click
import duckdb
from rich.text import Text

from valuescope.commands.ingest import print_load_report
from valuescope.console import out, say, step_progress
from valuescope.ingest import load_sample
from valuescope.reports.files.report import make_report
from valuescope.reports.terminal.agreement import country_agreement, question_agreement
from valuescope.reports.terminal.nearest_countries import countries_by_error
from valuescope.reports.terminal.summary import Design, designs
from valuescope.reports.terminal.summary_tables import nearest_and_farthest
from valuescope.scorer.engine.numerics import Numerics, default_threads
from valuescope.scorer.models.files import is_installed
from valuescope.scorer.models.found import found_files
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.study import Plan
from valuescope.scorer.planning.templates import named_template
from valuescope.scorer.runs.plan import Settings, score_plan
from valuescope.scorer.runs.session import default_gpu_layers
from valuescope.scoring_display import ScoringDisplay
from valuescope.warehouse.counted import counted
from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.home import Home, current_home
from valuescope.warehouse.instruments.seeds import Country, Instrument, Question, load_instrument
from valuescope.warehouse.status.checked_build import checked_build
from valuescope.warehouse.tables.caveats import caveats

MODEL = "smollm2-135m-instruct"
LARGER = "llama-3.2-1b-instruct"
_SHOWN = 4


@click.command(name="demo")
def command() -> None:
    """Try the whole job on real people and a real model, in a few minutes.

    Loads the open sample of survey respondents, asks SmolLM2-135M-Instruct the same questions,
    builds the warehouse and shows what the model gets right. `make demo` installs both; a
    second call loads and scores nothing again.
    """
    # A demo stays on this machine.
    home, instrument = replace(current_home(), lake=None), load_instrument()
    say("1. What people said: World Values Survey respondents of the open sample")
    with step_progress("Loading the open sample"):
        report = load_sample(home, instrument)
    print_load_report(report)
    say(f"2. What {MODEL} expects them to say")
    design = PromptDesign(named_template("paper"))
    settings = Settings(Numerics(gpu_layers=default_gpu_layers()), default_threads())
    for questions, countries in _asked_together(home, instrument, report.load_ids[0]):
        plan = Plan((MODEL,), (design,), tuple(questions), tuple(countries))
        with ScoringDisplay(on_cluster=False) as display:
            score_plan(home, instrument, plan, settings, display)
    say("3. Both as tables")
    with step_progress("dbt build"):
        summary = checked_build(home)
    say(f"{summary.sentence}.")
    connection = open_for_reading(home)
    try:
        _print_findings(connection, designs(connection, MODEL, design.prompt_id)[0])
    finally:
        connection.close()
    with step_progress("Drawing the page"):
        (page,) = make_report(
            home,
            model=MODEL,
            prompt=design.prompt_id,
            format_name="html",
            output=home.path / "demo.html",
            overwrite=True,
        ).files
    _print_next_steps(home, page, next_model(home, instrument))


def next_model(home: Home, instrument: Instrument) -> str:
    """Return what `score --model` takes next with what is installed, with a remark if need be."""
    for registered in instrument.models.values():
        if registered.model_name != MODEL and is_installed(registered, home):
            return registered.model_name
    for file in found_files():
        if file.problem is None and file.name != MODEL:
            return file.name
    if find_spec("huggingface_hub") is not None:
        return f"{LARGER}   (downloads it)"
    return "FILE.gguf   (any GGUF file that you have)"


def _asked_together(
    home: Home, instrument: Instrument, load_id: str
) -> list[tuple[list[Question], list[Country]]]:
    """Return the questions of a load, grouped with the countries that were asked them."""
    connection = open_for_reading(home)
    try:
        rows = connection.execute(
            """
            select question_id, list(distinct country_id order by country_id)
            from raw.human_marginals
            where load_id = $load_id and code >= 0
            group by question_id
            """,
            {"load_id": load_id},
        ).fetchall()
    finally:
        connection.close()
    groups: dict[tuple[str, ...], list[str]] = {}
    for question_id, country_ids in rows:
        groups.setdefault(tuple(country_ids), []).append(question_id)
    return [
        (
            [instrument.questions[question_id] for question_id in sorted(question_ids)],
            [instrument.countries[country_id] for country_id in country_ids],
        )
        for country_ids, question_ids in sorted(groups.items(), key=lambda group: -len(group[0]))
    ]


def _print_findings(connection: duckdb.DuckDBPyConnection, design: Design) -> None:
    console = out()
    console.print(Text("\nWhat the model gets right, and what wrong", style="bold"))
    for question in question_agreement(connection, design):
        if question.r is None:
            continue
        console.print(
            Text(
                f"{question.name}: r = {question.r:.2f} across {counted(question.count, 'country')}"
            )
        )
        rows = countries_by_error(connection, design, question.unit_id)
        console.print(nearest_and_farthest("Nearest and farthest countries", rows, _SHOWN))
    for country in country_agreement(connection, design):
        if country.unit_id == "USA":
            verdict = f"r = {country.r:.2f}" if country.r is not None else country.reason
            console.print(
                Text(f"{country.name}: {verdict} over its {counted(country.count, 'question')}")
            )
    console.print(
        Text(
            "\nA model of 135 million parameters is a smoke test: it shows that everything works, "
            "not how well language models know countries, and so few questions carry no "
            f"conclusion. {caveats(connection)}",
            style="dim",
        )
    )


def _print_next_steps(home: Home, page: Path, model: str) -> None:
    console = out()
    console.print(f"\nOpen the page:  {page}", soft_wrap=True)
    console.print(f"Warehouse:      {home.database}", soft_wrap=True)
    if shutil.which("valuescope") is None:
        console.print(f"First:          source {_activation()}", soft_wrap=True)
    console.print(
        'Query it now:   valuescope sql "select question_id, pearson_r from '
        'agg_question_correlations"\n'
        f"Another model:  valuescope score --model {model}\n"
        "All questions:  valuescope ingest WVS_Cross-National_Wave_7_csv_v6_0.csv   (from the WVS "
        "site)\n"
        "Then:           valuescope build && valuescope report",
        soft_wrap=True,
    )


def _activation() -> Path:
    """Return the script that puts this environment's commands on the path."""
    script, here = Path(sys.prefix) / "bin" / "activate", Path.cwd()
    return script.relative_to(here) if script.is_relative_to(here) else script
