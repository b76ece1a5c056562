"""`valuescope score`."""

from pathlib import Path
from typing import Any

import click

from valuescope.console import say
from valuescope.forecasts import print_parts, print_planned_runs, print_power
from valuescope.options import (
    asked_options,
    design_options,
    elicit_option,
    given_options,
    orders_option,
    pre_tokenizer_option,
    subject_options,
)
from valuescope.scorer.cluster.connection import THIS_MACHINE
from valuescope.scorer.engine.numerics import COMPUTE_TYPES, PATHS
from valuescope.scorer.runs.request import Request, scoring_request
from valuescope.scoring_display import ScoringDisplay
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import current_home
from valuescope.warehouse.landing_zone.stores import LANDING_VARIABLE
from valuescope.warehouse.status.home_state import landing_notices
from valuescope.warehouse.status.loaded import looking_at


@click.command(
    name="score",
    epilog="""\b
    Examples:
      valuescope score --model smollm2-135m-instruct --categories ethical_values --countries USA
      valuescope score --model ~/models/my-model.Q4_K_M.gguf --answer label --orders forward,reverse
      valuescope score --model smollm2-135m-instruct --elicit sampled --answer label --draws 500
      valuescope score --model llama3.2:1b --name llama-3.2-1b-instruct    # of Ollama
      valuescope score --study study.toml --dry-run
      valuescope score --study study.toml --part 1/4
      valuescope score --study study.toml --ray""",
)
@click.option(
    "--model",
    "model_names",
    multiple=True,
    metavar="NAME_OR_PATH",
    help="A registry name, a GGUF file, or a model that Ollama, LM Studio, llama.cpp or the "
    "Hugging Face cache holds (`valuescope models --found`). Repeatable.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="What to call the --model. A name of the registry says that the file is a precision of "
    "that model. [default: the registry's name, else the file's, else its metadata's]",
)
@click.option(
    "--study",
    "study_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A study file that names models, designs, countries and questions (docs/studies.md).",
)
@click.option(
    "--part",
    "--shard",
    "part_text",
    metavar="I/N",
    help="Score the I-th of N fixed parts of the study: on several machines, or as an array of "
    "jobs (docs/cluster.md).",
)
@click.option(
    "--ray",
    "ray_address",
    is_flag=False,
    flag_value=THIS_MACHINE,
    metavar="[ADDRESS]",
    help="Share the work out on a Ray cluster (docs/cluster.md): host:port, or auto for "
    "that of this machine. Without an address Ray is started on this machine and ended after.",
)
@click.option(
    "--gpus",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="With --ray: GPUs for each copy of a model that is computed on GPUs.",
)
@asked_options
@subject_options
@click.option(
    "--limit", type=click.IntRange(min=1), help="Score at most this many new cells a run."
)
@orders_option
@design_options
@elicit_option
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    help="Sampled answers of each cell. [default: 200]",
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    help="Temperature of sampled answers; other than 1 it is a design of its own. [default: 1]",
)
@click.option(
    "--compute",
    "compute_type",
    type=click.Choice(COMPUTE_TYPES),
    default="auto",
    show_default=True,
    help="f32 and f16 write the weights out first: more memory, less rounding, often faster; "
    "unpacked is as exact as f32 in the file's own size, with an engine that has BLAS; as-is "
    "rounds. exact: the first of f32, unpacked and f16 that is possible; fast: the fastest here, "
    "measured. auto: what the model was computed with before, else as exact, but not what is very "
    "slow, and as-is where nothing else is possible or on a GPU.",
)
@click.option(
    "--kv-cache",
    "kv_cache_type",
    type=click.Choice(["f32", "f16"]),
    default="f32",
    show_default=True,
    help="Type of the key-value cache; f16 halves it and adds rounding.",
)
@click.option(
    "--flash-attention/--no-flash-attention",
    default=False,
    show_default=True,
    help="Faster attention that rounds more.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=8, max=4096),
    help="Tokens decoded at once. [default: 128, on a GPU 512]",
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="Processor threads. [default: all of them]"
)
@click.option(
    "--gpu-layers",
    type=click.IntRange(min=0),
    help="Layers on the GPU. [default: all where the engine was built for a GPU, else 0]",
)
@click.option(
    "--path",
    type=click.Choice(PATHS),
    default="auto",
    show_default=True,
    help="tree shares work between answers and countries; copies does so for recurrent models; "
    "sequence is the slow oracle; auto takes the first that agrees with it on a probe.",
)
@pre_tokenizer_option
@click.option(
    "--landing",
    metavar="ADDRESS",
    envvar=LANDING_VARIABLE,
    help="Also send what lands to this folder or object store, after every run; `valuescope land` "
    "brings it home (docs/shared-landing.md). [default: VALUESCOPE_LANDING, where it is set]",
)
@click.option(
    "--dry-run", is_flag=True, help="Estimate tokens, memory, time and power; score nothing."
)
@click.option("--verbose", is_flag=True, help="Show llama.cpp's own log.")
@click.pass_context
def command(context: click.Context, /, **_options: Any) -> None:
    """Ask models the survey's questions and keep the log-likelihood of every answer.

    Or, with --elicit, answers that are sampled or percentages that models name.

    Every question is asked once for each country and once without naming a country. Answers
    land as they come: `build` and SQL see them while this runs, and a stopped run goes on where
    it was when the command is repeated. No survey has to be loaded; where one is, models are asked
    what its people were asked.

    Several models or orders, or a study, run one after the other; one that fails does not stop
    the rest.
    """
    given = given_options(context)
    is_dry_run = given.pop("dry_run", False)
    home = current_home()
    request = scoring_request(home, **given, loaded=looking_at(home))
    display = ScoringDisplay(on_cluster=request.cluster is not None)
    if is_dry_run:
        _print_forecast(request, display, given.get("study"))
        return
    with display:
        request.score(display)
    for notice in landing_notices(home):
        say(notice)
    if request.part is not None:
        say(f"Part {request.part} of the study has landed.")
    if request.store is None:
        say("Next: valuescope build")
    else:
        address = request.store.address
        say(f"Sent to {address}. Next, at home: valuescope land {address}")


def _print_forecast(request: Request, display: ScoringDisplay, study: Path | None) -> None:
    if request.part is not None:
        pace = request.measured_pace()
        parts, whole = request.planned_parts(request.part.count)
        print_parts(parts, whole, request.part, pace, request.settings.numerics)
        print_power(request.plan)
        return
    runs = request.planned_runs(display)
    print_planned_runs(runs)
    print_power(request.plan)
    if unusable := dict.fromkeys(run.model_name for run in runs if run.is_model_unusable):
        count = len({run.model_name for run in runs})
        raise ValuescopeError(
            f"{len(unusable)} of {count} models cannot be scored: "
            f"{', '.join(unusable)}. Why is above."
        )
    if study is not None:
        _, whole = request.planned_parts(1)
        say(
            f"{whole.tasks} tasks; what each of 4 parts of them takes: "
            f"valuescope score --study {study} --part 1/4 --dry-run"
        )
