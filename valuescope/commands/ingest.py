"""`valuescope ingest`."""

from pathlib import Path

import click

from ingest import LoadReport, load_file, load_sample
from valuescope.console import out, say, step_progress
from warehouse.home import current_home
from warehouse.instrument import load_instrument

_SHOWN_CODES = 10


@click.command(name="ingest")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--sample",
    is_flag=True,
    help="Load the open sample instead of a file: real respondents of waves 1 to 6 on bribes "
    "(Q181) and immigration policy (Q130), and six more questions for the United States.",
)
@click.option(
    "--wave",
    type=click.IntRange(1),
    help="The wave of the answers. [default: 7 for a file; for the sample the latest wave of "
    "each country and question]",
)
@click.option(
    "--since", type=click.IntRange(1), help="Sample only: the latest wave, from this one on."
)
@click.option(
    "--weighting",
    type=click.Choice(["within_country", "unweighted"]),
    help="For respondents: weigh them within their country (W_WEIGHT) or count each once. For "
    "shares: say how they were made. [default: within_country; unstated for shares]",
)
def command(
    file: Path | None, sample: bool, wave: int | None, since: int | None, weighting: str | None
) -> None:
    """Load what people said: a survey FILE, or the open sample.

    FILE is the official World Values Survey wave 7 CSV, or a CSV or Parquet of answer shares or
    counts with the columns country (or iso3), question (or variable), code, and share,
    share_of_all or count. The format is found by its columns.

    Loading a file again changes nothing; a corrected file of the same name replaces its own
    rows. Files of the same survey stand side by side: counts go before shares, then the newest.
    """
    if (file is None) == (not sample):
        raise click.UsageError("Name a FILE, or ask for --sample (one of the two).")
    if sample and weighting:
        raise click.UsageError("--weighting does not apply to --sample: it carries no weights.")
    if file and since is not None:
        raise click.UsageError("--since applies to --sample only.")
    if wave is not None and since is not None:
        raise click.UsageError("Choose one of --wave and --since.")
    home, instrument = current_home(), load_instrument()
    with step_progress(f"Loading {file or 'the open sample'}"):
        if file is None:
            report = load_sample(home, instrument, wave=wave, since=since)
        else:
            report = load_file(file, home, instrument, wave=wave, weighting=weighting)
    print_load_report(report)


def print_load_report(report: LoadReport, next_step: bool = True) -> None:
    """Say what was loaded and the next step; what could mislead goes to stderr as warnings."""
    console = out()
    years = f", fielded {_span(report.first_year, report.last_year)}" if report.first_year else ""
    waves = ", ".join(str(wave) for wave in report.waves)
    console.print(
        f"{report.file_name}: {report.format_id}, survey {report.survey_id}, wave {waves}{years}, "
        f"weighting {report.weighting}",
        soft_wrap=True,
    )
    console.print(
        f"  {len(report.countries)} countries, {len(report.questions)} questions, "
        f"{report.rows_read} rows read, {report.rows_loaded} marginals",
        soft_wrap=True,
    )
    console.print(f"  population {report.population_id}", soft_wrap=True)
    for outside in report.codes_outside_instrument[:_SHOWN_CODES]:
        count = "" if outside.respondents is None else f", {outside.respondents} respondents"
        say(
            f"Warning: {outside.question_id} has code {outside.code}, which the instrument does "
            f"not know, in {', '.join(outside.countries)}{count}: kept in raw, left out of shares."
        )
    more = len(report.codes_outside_instrument) - _SHOWN_CODES
    if more > 0:
        say(f"Warning: {more} more codes outside the instrument, kept in raw.")
    if report.questions_outside_instrument:
        say(
            "Warning: not in the instrument, kept in raw only: "
            f"{', '.join(report.questions_outside_instrument)}"
        )
    for warning in report.warnings:
        say(f"Warning: {warning}")
    if report.already_loaded:
        say(f"Already loaded on {report.loaded_at:%Y-%m-%d %H:%M}; nothing changed.")
    elif report.replaced_earlier_version:
        say("Replaced the rows of an earlier file of this name. Next: valuescope build")
    elif next_step:
        say("Loaded. Next: valuescope score --model NAME, then valuescope build")


def _span(first: int | None, last: int | None) -> str:
    return str(first) if first == last else f"{first}-{last}"
