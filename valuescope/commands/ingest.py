"""`valuescope ingest`."""

import dataclasses
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from valuescope import api
from valuescope.console import ask, can_ask, out, say, step_progress
from valuescope.ingest import FileReport, LoadReport
from valuescope.ingest.loads.effects import refuse_effects
from valuescope.ingest.respondents.breakdowns import DEFAULT_MINIMUM_CELL, DEFAULT_SEED, TRAITS
from valuescope.reports.terminal.fitting_table import FittingTable
from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home, current_home
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.problems import listed
from valuescope.warehouse.status.loaded import default_survey, loaded_people
from valuescope.warehouse.tables.json_text import json_text

_SHOWN = 10
# Shares of missing answers from here on are worth a look.
_HIGH_MISSING_RATE = 0.1


@click.command(name="ingest")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--sample",
    is_flag=True,
    help="Load the open sample instead of a file: real respondents of waves 1 to 6 on bribes "
    "(Q181) and immigration policy (Q130), and six more questions for the United States.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Only look: say what the file holds, what is wrong with it and how it differs from what "
    "is loaded, and load nothing. Exits with 1 when the file cannot be loaded.",
)
@click.option("--json", "as_json", is_flag=True, help="With --check: the whole report as JSON.")
@click.option(
    "--wave",
    type=click.IntRange(1),
    help="Load this wave only, or say which wave a file without a column for it holds. [default: "
    "all waves of the file; 7 for marginals without waves; for the sample the latest wave of each "
    "country and question]",
)
@click.option(
    "--since", type=click.IntRange(1), help="Sample only: the latest wave, from this one on."
)
@click.option(
    "--weighting",
    type=click.Choice(["within_country", "unweighted"]),
    help="For respondents: weigh them within their country (W_WEIGHT, S017) or count each once. "
    "For shares: say how they were made. [default: within_country; unstated for shares]",
)
@click.option(
    "--by",
    "traits",
    multiple=True,
    metavar="TRAITS",
    help="Also load each cell of respondents by these traits as a population of its own, such as "
    f"sex,age (crossed). Can be repeated. Traits: {', '.join(TRAITS)}.",
)
@click.option(
    "--minimum-cell",
    type=click.IntRange(1),
    default=DEFAULT_MINIMUM_CELL,
    show_default=True,
    help="Leave out a country's cells with fewer respondents.",
)
@click.option(
    "--split-halves",
    "splits",
    type=click.IntRange(1),
    metavar="N",
    help="Also divide respondents at random into halves, N times: how well one half of a country "
    "predicts the other is the most that a model can reach.",
)
@click.option(
    "--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Seed of the halves."
)
@click.option(
    "--year", type=click.IntRange(1980, 2100), help="Year of fieldwork of a file without A_YEAR."
)
@click.option("--country", metavar="NAME", help="Country of a file of respondents that names none.")
@click.option(
    "--missing-weights",
    type=click.Choice(["leave-out", "as-one"]),
    default="leave-out",
    show_default=True,
    help="What becomes of respondents without a weight.",
)
@click.option(
    "--yes",
    is_flag=True,
    help="Load without asking, even where the same people are loaded already or models would be "
    "compared with another population.",
)
@click.option("--member", metavar="NAME", help="Which file of a ZIP archive to load.")
@click.option(
    "--survey",
    "survey_id",
    metavar="NAME",
    help="Marginals only: the survey that they belong to. For a survey of your own also what to "
    "call it. [default: wvs; the folder's name]",
)
def command(
    file: Path | None,
    sample: bool,
    check: bool,
    as_json: bool,
    wave: int | None,
    since: int | None,
    weighting: str | None,
    traits: tuple[str, ...],
    minimum_cell: int,
    splits: int | None,
    seed: int,
    year: int | None,
    country: str | None,
    missing_weights: str,
    yes: bool,
    member: str | None,
    survey_id: str | None,
) -> None:
    """Load what people said: a survey FILE, or the open sample.

    FILE is what you have: the World Values Survey's wave 7 (plain or with inverted scales), its
    integrated time series 1981-2022, or the files merged with the European Values Study, as CSV,
    SPSS, Stata, Excel, OpenDocument, Parquet, Arrow or JSON lines; GlobalOpinionQA; answer shares
    or counts (columns country or iso3, question or variable, code, and share, share_of_all or
    count); or a folder with a survey of your own (docs/own-surveys.md). Each also compressed, or
    inside the ZIP archive it came in. What it is, is found by its content.

    Loading a file again changes nothing; a corrected file of the same name replaces its own
    rows. Several files of a survey can be loaded: counts go before shares, then the newest. Where
    the same people are loaded already, or models would be compared with another population, the
    command says so and asks (--yes in scripts).
    """
    if as_json and not check:
        raise click.UsageError("--json goes with --check.")
    options: dict[str, Any] = {
        "wave": wave,
        "weighting": weighting,
        "by": traits,
        "minimum_cell": minimum_cell,
        "split_halves": splits,
        "seed": seed,
        "year": year,
        "country": country,
        "missing_weights": missing_weights,
        "member": member,
        "survey": survey_id,
    }
    if not check:
        with step_progress(f"Loading {file or 'the open sample'}") as progress:
            confirm = partial(_confirm, progress)
            report = api.ingest(
                file, sample=sample, since=since, yes=yes, confirm=confirm, **options
            )
        print_load_report(report, current_home())
        return
    if file is None or since is not None:
        raise click.UsageError("--check looks at a FILE; it does not go with --sample or --since.")
    with step_progress(f"Looking at {file}"):
        found = api.check(file, **options)
    if as_json:
        click.echo(json_text(dataclasses.asdict(found)), nl=False)
    else:
        _print_check(found)
    if found.refusals:
        raise SystemExit(1)


def _confirm(progress: Progress, effects: Sequence[str]) -> None:
    """Ask whether to load. Raises ValuescopeError if the user declines or there is no terminal."""
    progress.stop()
    if not can_ask():
        refuse_effects(effects)
    ask(effects, "Load it all the same?", "Nothing was loaded.")


def print_load_report(report: LoadReport, home: Home | None = None) -> None:
    """Say what was loaded; what could mislead goes to stderr as warnings.

    With its `home` also the next step.
    """
    _print_summary(report.file)
    _say_warnings(report.file)
    for effect in report.effects:
        say(effect)
    if report.already_loaded:
        say(f"Already loaded on {report.loaded_at:%Y-%m-%d %H:%M}; nothing changed.")
    elif report.replaced_earlier_version:
        say("Replaced the rows of an earlier file of this name. Next: valuescope build")
    elif home is not None:
        score, build = _next_steps(report.file, home)
        say(f"Loaded. Next: {score}, then {build}")


def _next_steps(file: FileReport, home: Home) -> tuple[str, str]:
    """Return the commands that ask a model this file's questions and compare the answers."""
    score, build = "valuescope score --model NAME", "valuescope build"
    instrument = load_instrument(home)
    survey = instrument.survey(file.survey_id)
    compared = loaded_people(home, instrument, survey.question_survey_id)
    if compared is None or compared.population_id in file.populations:
        try:
            is_default = default_survey(home, instrument) == survey.question_survey_id
        except ValuescopeError:
            is_default = False
        return score if is_default else f"{score} --survey {file.survey_id}", build
    if survey.question_survey_id != survey.survey_id:
        score += f" --survey {survey.survey_id}"
        named = json.dumps({survey.question_survey_id: file.populations[0]})
        build += f" --var 'reference_populations={named}'"
    return score, build


def _print_summary(file: FileReport) -> None:
    console = out()
    years = f", fielded {_span(file.first_year, file.last_year)}" if file.first_year else ""
    waves = ", ".join(str(wave) for wave in file.waves)
    release = f", release {', '.join(file.releases)}" if file.releases else ""
    console.print(
        f"{file.file_name}: {file.format_id}, survey {file.survey_id}, wave {waves}{release}"
        f"{years}, weighting {file.weighting}",
        soft_wrap=True,
    )
    console.print(
        f"  {counted(len(file.country_ids), 'country')}, "
        f"{counted(len(file.questions), 'question')}, {counted(file.rows_read, 'row')} read, "
        f"{counted(file.marginal_count, 'marginal')}",
        soft_wrap=True,
    )
    populations = list(file.populations)
    noun = "population" if len(populations) == 1 else "populations"
    console.print(f"  {noun} {listed(populations)}", soft_wrap=True)


def _say_warnings(file: FileReport) -> None:
    for outside in file.codes_outside_instrument[:_SHOWN]:
        people = outside.respondents
        count = "" if people is None else f", {counted(people, 'respondent')}"
        say(
            f"Warning: {outside.question_id} has code {outside.code}, which the instrument does "
            f"not know, in {', '.join(outside.countries)}{count}: kept in raw, left out of shares."
        )
    more = len(file.codes_outside_instrument) - _SHOWN
    if more > 0:
        say(f"Warning: {counted(more, 'more code')} outside the instrument, kept in raw.")
    if file.questions_outside_instrument:
        say(
            "Warning: not in the instrument, kept in raw only: "
            f"{', '.join(file.questions_outside_instrument)}"
        )
    for direction in file.directions:
        say(
            f"Warning: {direction.question_id} may run the other way ({direction.basis}): "
            f"{direction.detail}."
        )
    for warning in file.warnings:
        say(f"Warning: {warning}")


def _print_check(file: FileReport) -> None:
    """Print the whole report, beginning with what keeps the file from being loaded."""
    console = out()
    _print_summary(file)
    if file.refusals:
        console.print(f"\nCannot be loaded, {counted(len(file.refusals), 'fault')}:")
        for problem in file.refusals:
            console.print(f"  - The file {problem}", soft_wrap=True)
    countries = FittingTable(title="Countries", title_justify="left")
    for column in ("country", "wave", "respondents", "effective", "weights", "years", "mode"):
        countries.add_column(column)
    countries.add_column("questions", justify="right")
    countries.add_column("not asked")
    for country in file.countries:
        countries.add_row(
            country.country_id,
            str(country.wave),
            _number(country.respondents),
            _number(country.effective_sample_size),
            _weights(country.smallest_weight, country.largest_weight),
            _span(country.first_year, country.last_year),
            country.mode or "",
            str(country.question_count),
            f"{len(country.not_asked)}: {listed(country.not_asked)}" if country.not_asked else "",
        )
    console.print(countries)
    for title, questions in (
        ("Questions of the instrument that the file lacks", file.questions_missing),
        ("Questions that nobody answered", file.questions_unanswered),
        ("Questions outside the instrument", file.questions_outside_instrument),
    ):
        if questions:
            console.print(f"{title}, {len(questions)}: {listed(questions)}", soft_wrap=True)
    high = [
        rate
        for rate in file.missing_rates
        if rate.dont_know + rate.no_answer + rate.other_missing >= _HIGH_MISSING_RATE
    ]
    if high:
        rates = FittingTable(title="Missing answers, shares of those asked", title_justify="left")
        for column in ("question", "don't know", "no answer", "other", "not asked (of all)"):
            rates.add_column(column, justify="left" if column == "question" else "right")
        for rate in sorted(high, key=lambda r: -(r.dont_know + r.no_answer + r.other_missing)):
            shares = (rate.dont_know, rate.no_answer, rate.other_missing, rate.not_asked)
            rates.add_row(rate.question_id, *(f"{share:.1%}" for share in shares))
        console.print(rates)
    if file.differences:
        differences = FittingTable(title="Differences from what is loaded", title_justify="left")
        for column in ("population", "question", "largest difference of a share", "in"):
            differences.add_column(column)
        for difference in file.differences[:_SHOWN]:
            differences.add_row(
                difference.population_id,
                difference.question_id,
                f"{difference.largest_difference:.4f}",
                difference.country_id,
            )
        console.print(differences)
        more = len(file.differences) - _SHOWN
        if more > 0:
            console.print(f"{more} more questions differ; --json has all.")
    _say_warnings(file)
    say("Nothing was loaded." if file.refusals else "Nothing was loaded; the file can be.")


def _span(first: int | None, last: int | None) -> str:
    if first is None:
        return ""
    return str(first) if first == last else f"{first}-{last}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _weights(smallest: float | None, largest: float | None) -> str:
    if smallest is None or largest is None:
        return ""
    return "all 1" if smallest == largest == 1 else f"{smallest:.2f}-{largest:.2f}"
