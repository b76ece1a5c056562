"""`valuescope score`."""

from pathlib import Path

import click
from click.core import ParameterSource

from valuescope.cluster import ClusterOptions, run_plan_on_cluster
from valuescope.console import say
from valuescope.forecasts import print_parts, print_planned_runs
from valuescope.options import (
    LANDING_VARIABLE,
    comma_separated,
    design_options,
    survey_option,
)
from valuescope.scorer.cluster.connection import THIS_MACHINE
from valuescope.scorer.engine.numerics import (
    COMPUTE_TYPES,
    PATHS,
    Numerics,
    default_batch_size,
    default_threads,
)
from valuescope.scorer.planning.division import Part, divide, expand, parse_part, part_estimate
from valuescope.scorer.planning.study import (
    Plan,
    choose_countries,
    choose_questions,
    design_grid,
    freeze_study,
    load_study,
)
from valuescope.scorer.runs.session import default_gpu_layers, measured_pace
from valuescope.scoring import Settings, plan_runs, run_plan
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home, current_home
from valuescope.warehouse.instruments.seeds import Instrument, load_instrument
from valuescope.warehouse.landing_zone.stores import open_store
from valuescope.warehouse.landing_zone.upload import Sender

# What a study file fixes, so that it cannot be given beside one.
_FIXED_BY_STUDY = (
    "model_names",
    "survey_id",
    "countries",
    "questions",
    "categories",
    "answer_style",
    "coding_id",
    "template_id",
    "wording_set",
    "orders",
    "chat_mode",
)


@click.command(
    name="score",
    epilog="""\b
    Examples:
      valuescope score --model smollm2-135m-instruct --categories ethical_values --countries USA
      valuescope score --model ~/models/my-model.Q4_K_M.gguf --answer label --orders forward,reverse
      valuescope score --study study.toml --dry-run
      valuescope score --study study.toml --part 1/4
      valuescope score --study study.toml --ray""",
)
@click.option(
    "--model",
    "model_names",
    multiple=True,
    metavar="NAME_OR_PATH",
    help="A registry name or GGUF. Repeatable.",
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
@survey_option
@click.option(
    "--countries",
    callback=comma_separated,
    metavar="LIST",
    help="ISO3 codes or names, comma-separated. [default: the 66 of wave 7]",
)
@click.option(
    "--questions",
    callback=comma_separated,
    metavar="LIST",
    help="Question ids, comma-separated: Q1,Q46. [default: all of the survey]",
)
@click.option(
    "--categories",
    callback=comma_separated,
    metavar="LIST",
    help="Category ids, comma-separated; together with --questions, both are asked.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Score at most this many new cells a run."
)
@click.option(
    "--orders",
    callback=comma_separated,
    default="forward",
    show_default=True,
    metavar="LIST",
    help="Orders of the choices, each a design of its own: forward, reverse, rotate_N, or cyclic "
    "for every rotation.",
)
@design_options
@click.option(
    "--compute",
    "compute_type",
    type=click.Choice(COMPUTE_TYPES),
    default="auto",
    show_default=True,
    help="f32 and f16 write the weights out first: more memory, less rounding, often faster. auto "
    "keeps what the model was computed with before, else takes f32 where it fits and is fast.",
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
@click.option(
    "--landing",
    metavar="ADDRESS",
    envvar=LANDING_VARIABLE,
    help="Also send what lands to this folder or object store, after every run; `valuescope land` "
    "brings it home (docs/shared-landing.md). [default: VALUESCOPE_LANDING, where it is set]",
)
@click.option("--dry-run", is_flag=True, help="Estimate tokens, memory and time; score nothing.")
@click.option("--verbose", is_flag=True, help="Show llama.cpp's own log.")
@click.pass_context
def command(
    context: click.Context,
    model_names: tuple[str, ...],
    study_file: Path | None,
    part_text: str | None,
    ray_address: str | None,
    gpus: float,
    survey_id: str,
    countries: tuple[str, ...] | None,
    questions: tuple[str, ...] | None,
    categories: tuple[str, ...] | None,
    limit: int | None,
    orders: tuple[str, ...],
    answer_style: str,
    coding_id: str,
    template_id: str,
    wording_set: str,
    chat_mode: str,
    compute_type: str,
    kv_cache_type: str,
    flash_attention: bool,
    batch_size: int | None,
    threads: int | None,
    gpu_layers: int | None,
    path: str,
    landing: str | None,
    dry_run: bool,
    verbose: bool,
) -> None:
    """Ask models the survey's questions and keep the log-likelihood of every answer.

    Every question is asked once for each country and once without naming a country. Answers
    land as they come: `build` and SQL see them while this runs, and a stopped run goes on where
    it was when the command is repeated. No survey has to be loaded.

    Several models or orders, or a study, run one after the other; one that fails does not stop
    the rest.
    """
    if part_text is not None and study_file is None:
        raise click.UsageError("--part needs a --study: its file says what is divided.")
    if ray_address is not None and (limit is not None or verbose):
        raise click.UsageError(
            "--limit and --verbose are for one machine: leave them or --ray out."
        )
    part = None if part_text is None else parse_part(part_text)
    home = current_home()
    store = open_store(landing) if landing else None
    instrument = load_instrument(home)
    study = None
    if study_file is not None:
        _refuse_beside_study(context)
        study = load_study(study_file, home, instrument)
        plan = study.plan
    elif not model_names:
        raise click.UsageError("Name a --model, or a --study that names some.")
    else:
        chosen = choose_questions(instrument, questions, categories, survey_id)
        plan = Plan(
            models=model_names,
            designs=design_grid(
                home,
                instrument,
                templates=(template_id,),
                wording_sets=(wording_set,),
                answers=(answer_style,),
                orders=orders,
                chats=(chat_mode,),
                coding_id=coding_id,
                questions=chosen,
            ),
            questions=chosen,
            countries=choose_countries(instrument, countries),
        )
        if questions is not None:
            _require_words(plan)
    layers = default_gpu_layers() if gpu_layers is None else gpu_layers
    numerics = Numerics(
        compute_type=compute_type,
        kv_cache_type=kv_cache_type,
        flash_attention=flash_attention,
        batch_size=batch_size or default_batch_size(layers),
        gpu_layers=layers,
    )
    settings = Settings(
        numerics=numerics,
        threads=threads or default_threads(),
        path=path,
        limit=limit,
        verbose=verbose,
    )
    if dry_run and part is not None:
        _print_parts(home, instrument, plan, settings, part)
        return
    if dry_run:
        print_planned_runs(list(plan_runs(home, instrument, plan, settings)))
        if study is not None:
            say(
                f"{len(expand(plan, instrument))} tasks; what each of 4 parts of them takes: "
                f"valuescope score --study {study_file} --part 1/4 --dry-run"
            )
        return
    if study is not None:
        say(f"Study {study.name}, frozen as {study.sha256[:16]}: {freeze_study(study, home)}")
    sender = Sender(home, store) if store is not None else None
    if ray_address is None:
        run_plan(home, instrument, plan, settings, sender, part)
    else:
        options = ClusterOptions(ray_address, gpus, threads, gpu_layers, batch_size)
        run_plan_on_cluster(home, instrument, plan, numerics, path, options, sender, part)
    if part is not None:
        say(f"Part {part} of the study has landed.")
    if sender is None or store is None:
        say("Next: valuescope build")
        return
    # What could not be sent after its run, while the store was away.
    sender.send()
    say(f"Sent to {store.address}. Next, at home: valuescope land {store.address}")


def _refuse_beside_study(context: click.Context) -> None:
    given = [
        f"--{option.opts[0].lstrip('-')}"
        for option in context.command.params
        if option.name in _FIXED_BY_STUDY
        and context.get_parameter_source(option.name) is not ParameterSource.DEFAULT
    ]
    if given:
        raise click.UsageError(
            f"{', '.join(given)} cannot stand beside --study: the study file says what is asked."
        )


def _require_words(plan: Plan) -> None:
    """Questions that were named must have words in the wording set."""
    design = plan.designs[0]
    unworded = design.wordings.unworded(plan.questions, design.coding_id, plan.countries)
    if unworded:
        raise ValuescopeError(
            f"The wording set '{design.wordings.name}' has no words for "
            f"{', '.join(question.question_id for question in unworded)}. Add them to "
            f"{design.wordings.folder}, or leave them out of --questions."
        )


def _print_parts(
    home: Home, instrument: Instrument, plan: Plan, settings: Settings, part: Part
) -> None:
    tasks = expand(plan, instrument)
    pace = measured_pace(plan.models, home, instrument, settings.numerics, settings.threads)
    parts = [part_estimate(chosen) for chosen in divide(tasks, part.count)]
    print_parts(parts, part_estimate(tasks), part, pace, settings.numerics)
