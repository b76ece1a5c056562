"""`valuescope score`."""

from collections.abc import Sequence

import click

from scorer.design import PromptDesign
from scorer.engine import Numerics, default_gpu_layers, default_threads
from scorer.models import ModelFile, resolve_model
from scorer.run import PATHS, RunSummary, score
from scorer.templates import named_template
from valuescope.console import cell_progress, say
from valuescope.options import comma_separated, design_options
from warehouse.home import Home, current_home
from warehouse.instrument import Country, Instrument, Question, load_instrument


@click.command(
    name="score",
    epilog="""\b
    Examples:
      valuescope score --model smollm2-135m-instruct --categories ethical_values --countries USA
      valuescope score --model ~/models/my-model.Q4_K_M.gguf --answer label""",
)
@click.option(
    "--model", "model_name", required=True, metavar="NAME_OR_PATH", help="A registry name or GGUF."
)
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
    help="Question ids, comma-separated: Q1,Q46. [default: all]",
)
@click.option(
    "--categories",
    callback=comma_separated,
    metavar="LIST",
    help="Category ids, comma-separated; together with --questions, both are asked.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Score at most this many new cells.")
@design_options
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
    help="tree shares work between answers and countries; sequence is the slow oracle; auto "
    "takes the tree where both agree on a probe.",
)
@click.option("--verbose", is_flag=True, help="Show llama.cpp's own log.")
def command(
    model_name: str,
    countries: tuple[str, ...] | None,
    questions: tuple[str, ...] | None,
    categories: tuple[str, ...] | None,
    limit: int | None,
    answer_style: str,
    coding_id: str,
    template_id: str,
    chat_mode: str,
    threads: int | None,
    gpu_layers: int | None,
    path: str,
    verbose: bool,
) -> None:
    """Ask a model the survey's questions and keep the log-likelihood of every answer.

    Every question is asked once for each country and once without naming a country. Answers
    land as they come: `build` and SQL see them while this runs, and a stopped run goes on where
    it was when the command is repeated. No survey has to be loaded.
    """
    home, instrument = current_home(), load_instrument()
    design = PromptDesign(
        named_template(template_id), instrument.coding(coding_id), answer_style, chat_mode=chat_mode
    )
    asked = choose_questions(instrument, questions, categories)
    where = choose_countries(instrument, countries)
    score_and_print(
        home,
        resolve_model(model_name, home, instrument),
        design,
        asked,
        where,
        limit=limit,
        threads=threads,
        gpu_layers=gpu_layers,
        path=path,
        verbose=verbose,
    )
    say("Next: valuescope build")


def choose_questions(
    instrument: Instrument, questions: Sequence[str] | None, categories: Sequence[str] | None
) -> list[Question]:
    """The named questions and those of the named categories, in survey order; None is all."""
    if questions is None and categories is None:
        return list(instrument.questions.values())
    wanted = {instrument.question(question_id).question_id for question_id in questions or ()}
    wanted |= {
        question.question_id
        for question in instrument.questions_of_categories(tuple(categories or ()))
    }
    return [
        question for question in instrument.questions.values() if question.question_id in wanted
    ]


def choose_countries(instrument: Instrument, countries: Sequence[str] | None) -> list[Country]:
    """The named countries, each once; None is those of wave 7."""
    if countries is None:
        return [country for country in instrument.countries.values() if country.in_wvs7]
    return list({c.country_id: c for c in map(instrument.country, countries)}.values())


def score_and_print(
    home: Home,
    model_file: ModelFile,
    design: PromptDesign,
    questions: Sequence[Question],
    countries: Sequence[Country],
    *,
    limit: int | None = None,
    threads: int | None = None,
    gpu_layers: int | None = None,
    path: str = "auto",
    verbose: bool = False,
) -> RunSummary:
    """Score with a progress bar, then say what landed."""
    numerics = Numerics(gpu_layers=default_gpu_layers() if gpu_layers is None else gpu_layers)
    with cell_progress() as progress:
        task = progress.add_task(model_file.name, total=None)
        summary = score(
            home,
            model_file,
            design,
            questions,
            countries,
            numerics=numerics,
            threads=threads or default_threads(),
            path=path,
            limit=limit,
            verbose=verbose,
            on_progress=lambda done, planned: progress.update(task, completed=done, total=planned),
        )
    _print_summary(summary)
    return summary


def _print_summary(summary: RunSummary) -> None:
    seconds = (summary.finished_at - summary.started_at).total_seconds()
    rate = f" ({summary.cells_scored / seconds:.1f} cells/s)" if summary.cells_scored else ""
    say(
        f"{summary.model_name}, prompt {summary.prompt_id}: {summary.cells_scored} cells scored in "
        f"{seconds:.0f} s{rate}, {summary.cells_already_done} were there already, "
        f"{summary.tokens_decoded} tokens decoded on the {summary.scoring_path} path."
    )
    if summary.path_difference is not None:
        say(
            f"Tree and sequence path differ by at most {summary.path_difference:.2g} nats an "
            "answer on the probe: the numerical noise of these weights."
        )
    if summary.mean_off_choice_mass is not None:
        say(f"Probability that begins no choice: {summary.mean_off_choice_mass:.1%} on average.")
    if summary.boundary_merged_cells:
        say(
            f"In {summary.boundary_merged_cells} cells the tokenizer merges the prompt's end with "
            "the answer; they are marked boundary_merged."
        )
    left = summary.cells_planned - summary.cells_already_done - summary.cells_scored
    if left:
        say(f"{left} cells are left by --limit; repeat the command to score more.")
