"""`valuescope doctor`."""

import dataclasses
from dataclasses import replace

import click

from valuescope.console import out, step_progress
from valuescope.engine_report import report_engine
from valuescope.options import design_options, pre_tokenizer_option
from valuescope.reports.terminal.fitting_table import FittingTable
from valuescope.scorer.doctor.examination import QUESTIONS, Difference, Examination
from valuescope.scorer.engine.numerics import Numerics, default_batch_size, default_threads
from valuescope.scorer.models.files import resolve_model
from valuescope.scorer.planning.named_designs import chosen_design
from valuescope.scorer.runs.session import default_gpu_layers, examined
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import current_home
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.tables.json_text import json_text


@click.command(
    name="doctor",
    epilog="""\b
    Examples:
      valuescope doctor    # the engine alone
      valuescope doctor --model smollm2-135m-instruct
      valuescope doctor --model ~/models/my-model.Q4_K_M.gguf --answer label --chat raw""",
)
@click.option("--model", "model_name", metavar="NAME_OR_PATH", help="As in score.")
@design_options
@pre_tokenizer_option
@click.option(
    "--threads", type=click.IntRange(min=1), help="Processor threads. [default: all of them]"
)
@click.option(
    "--gpu-layers",
    type=click.IntRange(min=0),
    help="Layers on the GPU. [default: all where the engine was built for a GPU, else 0]",
)
@click.option(
    "--question-count",
    type=click.IntRange(min=1),
    default=QUESTIONS,
    show_default=True,
    help="Questions of the survey to measure on; fewer are faster, more are more precise.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model_name: str | None,
    answer_style: str,
    coding_id: str,
    template_id: str,
    wording_set: str,
    chat_mode: str,
    pre_tokenizer: str | None,
    threads: int | None,
    gpu_layers: int | None,
    question_count: int,
    as_json: bool,
) -> None:
    """Check the engine, or a model before hours are spent on it.

    Without --model, tries whether the engine computes right numbers on this processor in every
    common weight type, which takes seconds.

    With it, looks at the chat template, the first token, the scoring path, the sliding window, a
    few questions whose answers are known and the probability of tokens that start none of the
    choices. Then measures what rounding does to answers: in nats (the log-likelihood of an
    answer) and in r (the correlation that reports show), and how fast and how exact each
    --compute type is.

    Nothing lands. A model of 135 million parameters takes a minute or two on two processors,
    larger ones longer in proportion. Exit code 1 when a check finds a problem; warnings are for
    you to judge.
    """
    if model_name is None:
        report_engine(as_json)
        return
    home = current_home()
    instrument = load_instrument(home)
    design = chosen_design(
        home,
        instrument,
        wording_set=wording_set,
        template_id=template_id,
        coding_id=coding_id,
        answer_style=answer_style,
        chat_mode=chat_mode,
    )
    model_file = replace(resolve_model(model_name, home, instrument), pre_tokenizer=pre_tokenizer)
    layers = default_gpu_layers() if gpu_layers is None else gpu_layers
    with step_progress(f"examining {model_file.name}"):
        examination = examined(
            home,
            model_file,
            instrument,
            design,
            numerics=Numerics(batch_size=default_batch_size(layers), gpu_layers=layers),
            threads=threads or default_threads(),
            question_count=question_count,
        )
    if as_json:
        click.echo(json_text(dataclasses.asdict(examination)), nl=False)
    else:
        _print(examination)
    problems = examination.problems
    if problems:
        names = ", ".join(check.name for check in problems)
        raise ValuescopeError(
            f"{examination.model_name} does not pass {len(problems)} of {len(examination.checks)} "
            f"checks: {names}. Each of them says what to do."
        )


def _print(examination: Examination) -> None:
    description = examination.description
    console = out()
    console.print(
        f"{examination.model_name}: {description.architecture}, "
        f"{description.parameter_count / 1e6:,.0f}M parameters, {description.quantization}, "
        f"{'chat' if examination.is_chat else 'base'} model, context of "
        f"{description.context_length:,} tokens; prompt {examination.prompt_id}",
        soft_wrap=True,
    )
    console.print(_checks(examination))
    console.print(_noise(examination))
    console.print(_computations(examination))


def _checks(examination: Examination) -> FittingTable:
    table = _table("Checks", "check", "status")
    table.add_column("detail", overflow="fold")
    for check in examination.checks:
        table.add_row(check.name, check.status, check.detail)
    return table


def _noise(examination: Examination) -> FittingTable:
    table = _table(
        f"Numerical noise in {examination.prompts} prompts computed as "
        f"{examination.compute_type}, against single sequences",
        "scored by",
    )
    _add_difference_columns(table)
    for measurement in examination.noise:
        if measurement.problem is not None:
            table.add_row(measurement.scored_by, measurement.problem)
            continue
        table.add_row(measurement.scored_by, *_figures(measurement.difference))
    return table


def _computations(examination: Examination) -> FittingTable:
    table = _table(
        f"Compute types on the {examination.scoring_path} path, answers against those of f32",
        "--compute",
    )
    table.add_column("tokens/s", justify="right")
    _add_difference_columns(table)
    for measurement in examination.computations:
        name = measurement.compute_type
        if name == examination.compute_type:
            name += " (chosen)"
        if measurement.tokens_a_second is None:
            table.add_row(name, measurement.problem)
            continue
        speed = f"{measurement.tokens_a_second:,.0f}"
        table.add_row(name, speed, *_figures(measurement.difference))
    return table


def _table(title: str, *columns: str) -> FittingTable:
    table = FittingTable(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _add_difference_columns(table: FittingTable) -> None:
    for column in ("largest, nats", "mean, nats", "noise in r (1 - r)"):
        table.add_column(column, justify="right")


def _figures(difference: Difference | None) -> tuple[str, ...]:
    if difference is None:
        return ()
    r = difference.pearson_r
    noise_in_r = "" if r is None else f"{max(0.0, 1 - r):.2g}"
    return f"{difference.largest:.2g}", f"{difference.mean:.2g}", noise_in_r
