"""The commands as functions: the same names, arguments and errors, but values instead of print.

A command's option `--kv-cache` is the argument `kv_cache`. All functions take `home`, the folder of
a study, by default the one that VALUESCOPE_HOME names, and raise ValuescopeError where the command
would end with an error; its message says what to do next.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valuescope.warehouse import connect
from valuescope.warehouse.errors import WrongUsageError
from valuescope.warehouse.home import named_home

if TYPE_CHECKING:
    import pyarrow as pa

    from valuescope.ingest import FileReport, LoadReport
    from valuescope.ingest.loads.effects import Confirm
    from valuescope.reports.files.report import Report
    from valuescope.scorer.brought.landing import Brought
    from valuescope.scorer.brought.questions import AskedCell
    from valuescope.scorer.runs.plan import Listener
    from valuescope.scorer.runs.run import RunSummary
    from valuescope.warehouse.landing_zone.download import Landed
    from valuescope.warehouse.status.home_state import HomeState
    from valuescope.warehouse.tables.build import BuildSummary

__all__ = [
    "build",
    "check",
    "connect",
    "ingest",
    "land",
    "query",
    "questions",
    "report",
    "score",
    "status",
]

_NOT_FOR_SAMPLE = ("by", "split_halves", "member", "survey", "year", "country")

# Each function imports what it needs: a room costs up to a second, and most calls need one.


def ingest(
    file: str | Path | None = None,
    *,
    sample: bool = False,
    since: int | None = None,
    yes: bool = False,
    confirm: "Confirm | None" = None,
    home: str | Path | None = None,
    **options: Any,
) -> "LoadReport":
    """Load what people said, a survey file or the open sample; return what was loaded.

    `options` are those of `check`. A load that repeats people or changes what models are compared
    with raises ValuescopeError unless `yes`; `confirm` is called instead with what it changes, and
    raises to stop it.
    """
    from valuescope.ingest import load_file, load_sample
    from valuescope.ingest.loads.effects import refuse_effects
    from valuescope.ingest.request import load_options
    from valuescope.warehouse.instruments.seeds import load_instrument

    study, wave = named_home(home), options.get("wave")
    if (file is None) != sample:
        raise WrongUsageError("Name a FILE, or ask for --sample (one of the two).")
    if wave is not None and since is not None:
        raise WrongUsageError("Choose one of --wave and --since.")
    if file is not None:
        if since is not None:
            raise WrongUsageError("--since applies to --sample only.")
        chosen = load_options(**options)
        asked = None if yes else confirm or refuse_effects
        return load_file(Path(file), study, load_instrument(study), chosen, asked)
    if options.get("weighting"):
        raise WrongUsageError("--weighting does not apply to --sample: it carries no weights.")
    if any(options.get(name) for name in _NOT_FOR_SAMPLE):
        raise WrongUsageError("--sample takes no option but --wave and --since.")
    load_options(**options)
    return load_sample(study, load_instrument(study), wave=wave, since=since)


def check(file: str | Path, *, home: str | Path | None = None, **options: Any) -> "FileReport":
    """Return what a survey file holds and what is wrong with it; load nothing.

    `options` are `wave`, `weighting`, `by` (such as "sex,age" or a list of these), `minimum_cell`,
    `split_halves`, `seed`, `year`, `country`, `missing_weights`, `member` and `survey`.
    """
    from valuescope.ingest import check_file
    from valuescope.ingest.request import load_options
    from valuescope.warehouse.instruments.seeds import load_instrument

    study = named_home(home)
    return check_file(Path(file), study, load_instrument(study), load_options(**options))


def score(
    model: str | Sequence[str] = (),
    *,
    listener: "Listener | None" = None,
    home: str | Path | None = None,
    **options: Any,
) -> "tuple[RunSummary, ...]":
    """Ask models the survey's questions, land what they answer, and return what each run did.

    `model` is a registry name, the path of a GGUF file, a model that another program holds, or a
    list of these. `options` are `name`, `study`, `part`, `ray`, `gpus`, `survey`, `countries`,
    `questions`, `categories`, `orders`, `answer`, `coding`, `template`, `wordings`, `chat`, `by`
    (such as "sex,age" or a list of these), `placebos`, `elicit`, `draws`, `temperature`, `compute`,
    `kv_cache`, `flash_attention`, `batch_size`, `threads`, `gpu_layers`, `path`, `pre_tokenizer`,
    `limit`, `landing` and `verbose`; lists are lists of names. `listener` hears of progress and
    notices.
    """
    from valuescope.scorer.runs.plan import Listener
    from valuescope.scorer.runs.request import scoring_request
    from valuescope.warehouse.status.loaded import looking_at

    models, study = (model,) if isinstance(model, str) else model, named_home(home)
    request = scoring_request(study, models, loaded=looking_at(study), **options)
    return request.score(listener or Listener())


def questions(*, home: str | Path | None = None, **options: Any) -> "tuple[AskedCell, ...]":
    """Return exactly what is to be asked with another tool: prompts, choices and their ids.

    `options` are `survey`, `countries`, `questions`, `categories`, `orders`, `answer`, `coding`,
    `template`, `wordings`, `chat`, `elicit`, `by` and `placebos`.
    """
    from valuescope.scorer.brought.questions import asked_questions

    cells, _ = asked_questions(named_home(home), **options)
    return tuple(cells)


def land(
    address: str | Path,
    *,
    study: str | None = None,
    check: bool = False,
    model: str | None = None,
    format: str = "tidy",  # noqa: A002  named as the command's option
    survey: str | None = None,
    home: str | Path | None = None,
) -> "Brought | Landed":
    """Bring a file of anyone's answers, or download runs from a shared store; return what landed.

    With `check` a file is only looked at. What of a store was refused is in `refused`.
    """
    from valuescope.scorer.brought.request import land as land_answers_or_runs

    return land_answers_or_runs(
        named_home(home),
        str(address),
        study=study,
        check=check,
        model=model,
        format_name=format,
        survey=survey,
    )


def build(
    *,
    select: str | None = None,
    var: Mapping[str, Any] | None = None,
    drop_missing: bool = False,
    full_refresh: bool = False,
    home: str | Path | None = None,
) -> "BuildSummary":
    """Turn what is loaded and scored into tables; return how many, and dbt's warnings.

    `var` holds dbt variables by their names, such as {"question_set": "common"}. Where nothing has
    changed since the last build, its outcome is returned, unless `full_refresh`.
    """
    from valuescope.warehouse.status.checked_build import checked_build

    return checked_build(named_home(home), select, var, drop_missing, full_refresh)


def query(
    statement: str | None = None,
    *,
    saved: str | None = None,
    var: Mapping[str, str] | None = None,
    files: bool = False,
    home: str | Path | None = None,
) -> "pa.Table":
    """Return the rows of one SQL statement, or of the saved query of that name, as an Arrow table.

    `var` narrows a saved query down, such as {"country": "JPN"}. Tables of the schema `marts` need
    no prefix. With `files` the statement may read files and addresses outside of the warehouse.
    `.to_pandas()` makes a data frame of the result.
    """
    from valuescope.warehouse.tables.query import run_query, saved_statement

    if (statement is None) == (saved is None):
        raise WrongUsageError("Give one of STATEMENT and --saved.")
    if var and saved is None:
        raise WrongUsageError("--var is for a saved query; add --saved NAME.")
    study = named_home(home)
    if saved is not None:
        settings = [f"{name}={value}" for name, value in (var or {}).items()]
        statement = saved_statement(study, saved, settings)
    return run_query(study, statement or "", reads_files=files)


def report(
    *,
    model: str | None = None,
    prompt: str | None = None,
    compare: tuple[str, str] | None = None,
    format: str | None = None,  # noqa: A002  named as the command's option
    output: str | Path | None = None,
    overwrite: bool = False,
    country: str | None = None,
    question: str | None = None,
    home: str | Path | None = None,
) -> "Report":
    """Return how close models are to people, or write it as a page, a document or files.

    Without `format` the result has `summaries`: for each model and prompt, its countries,
    continents, categories and questions, best first. `html`, `svg`, `png` and `csv` write `files`;
    `md`, `json` and `methods` give a `document`, or write it to `output`.
    """
    from valuescope.reports.files.report import make_report

    return make_report(
        named_home(home),
        model=model,
        prompt=prompt,
        compare=compare,
        format_name=format,
        output=Path(output) if output else None,
        overwrite=overwrite,
        country=country,
        question=question,
    )


def status(*, home: str | Path | None = None) -> "HomeState":
    """Return what is loaded, scored and built, and what the tables lack."""
    from valuescope.warehouse.status.home_state import describe_home

    return describe_home(named_home(home))
