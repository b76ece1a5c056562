"""What `make bench` measures of scoring: each speed beside a yardstick in the same process."""

import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import llama_cpp
import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from tests.benchmarks.multiple_choice import (
    SETTINGS,
    Task,
    compiled_tool,
    llama_cpp_vocabularies,
    run_tool,
)
from tests.benchmarks.true_shapes import Shape, write_true_shape
from valuescope.scorer.engine.contexts import BatchToken, Model
from valuescope.scorer.engine.numerics import AUTO, Numerics, default_threads
from valuescope.scorer.engine.weights import Computation, choose_computation, computed_file
from valuescope.scorer.models.files import ModelFile, resolve_model
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.paths.tree import count_nodes
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.forecast import planned_tokens
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.planning.templates import named_template
from valuescope.scorer.process.messages import Estimate, LoadRequest, ScoredQuestion
from valuescope.scorer.process.replica import Replica
from valuescope.scorer.runs.locks import whole_run
from valuescope.scorer.runs.run import Run, RunSummary, blocks_of
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.home import Home, current_home
from valuescope.warehouse.instruments.seeds import (
    DEFAULT_SURVEY,
    Country,
    Instrument,
    Question,
    load_instrument,
)
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone

_QUESTION_STEP = 65
_YARDSTICK_COUNTRIES = ("JPN", "USA")
_PROMPT_TOKENS = 512
_TOOL_COUNTRY_STEP = 11


@dataclass(frozen=True)
class Workload:
    """Evenly spread questions in all countries of wave 7, asked of one model in one style."""

    model_file: ModelFile
    is_chat: bool
    design: PromptDesign
    questions: tuple[Question, ...]
    countries: tuple[Country, ...]

    def cells(
        self, model: Model, countries: Sequence[Country | None] | None = None
    ) -> list[list[TokenisedCell]]:
        """The cells of each question."""
        return [
            [
                tokenise_cell(
                    model,
                    render_prompt(question, country, self.design),
                    self.design.chat_mode,
                    with_label=True,
                )
                for country in (countries or (None, *self.countries))
            ]
            for question in self.questions
        ]


def workload(model_name: str, answer_style: str, chat_mode: str = "template") -> Workload:
    """Every 65th question, 66 countries and the prompt without one; of a name or a path."""
    instrument: Instrument = load_instrument()
    model_file = resolve_model(model_name, current_home(), instrument)
    return Workload(
        model_file=model_file,
        is_chat=model_file.registered is not None and model_file.registered.is_chat,
        design=PromptDesign(
            named_template("paper"), answer_style=answer_style, chat_mode=chat_mode
        ),
        questions=tuple(instrument.questions.values())[::_QUESTION_STEP],
        countries=_countries(instrument),
    )


def workload_of_shape(shape: Shape, answer_style: str, folder: Path) -> Workload:
    """The same of a model of random weights in Q4_0, written into `folder`."""
    path = folder / f"{shape.name}-random.Q4_0.gguf"
    write_true_shape(path, shape, "Q4_0", llama_cpp_vocabularies())
    return workload(str(path), answer_style)


def _countries(instrument: Instrument) -> tuple[Country, ...]:
    return tuple(c for c in instrument.countries.values() if c.in_wvs7)


def scored(
    work: Workload, compute_type: str, gpu_layers: int = 0, batch_size: int = Numerics.batch_size
) -> tuple[RunSummary, NDArray[np.float64]]:
    """A whole run into a landing zone of its own, and its log-likelihoods in the cells' order."""
    computed(work, compute_type)
    with tempfile.TemporaryDirectory() as folder:
        numerics = Numerics(compute_type, batch_size=batch_size, gpu_layers=gpu_layers)
        with _session(work, numerics, folder) as session:
            run = session.score(work.design, work.questions, work.countries)
        shards = f"{Home(Path(folder)).landing}/choice_log_likelihoods/*.parquet"
        statement = (
            f"select log_likelihood from '{shards}' order by question_id, country_id, choice_index"
        )
        answers = duckdb.connect().execute(statement).fetchnumpy()["log_likelihood"]
    return run, np.asarray(answers)


def chosen_by_auto(work: Workload) -> Computation:
    """The computation that `--compute auto` takes in a new home, with its reason."""
    with tempfile.TemporaryDirectory() as folder:
        return choose_computation(
            work.model_file, Numerics(compute_type=AUTO), Home(Path(folder)), default_threads()
        )


def seconds_without_a_process(work: Workload, compute_type: str) -> float:
    """Return how long the same run takes where the engine computes in the process that lands."""
    computed(work, compute_type)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        ensure_landing_zone(home)
        replica = Replica()
        numerics = Numerics(compute_type=compute_type)
        prepared = replica.load(
            LoadRequest(work.model_file, numerics, home, default_threads(), "auto", None, False)
        )
        opening = replica.open(work.design, work.questions, work.countries)
        ids = work.model_file.model_id, work.design.prompt_id
        with whole_run(home, work.model_file.name, *ids, lambda notice: None) as lock:
            run = Run(home, prepared.row, work.design, opening, choices(work), lock)
            with run.recorded():
                started = time.perf_counter()
                for block in blocks_of(work.questions):
                    for item in replica.score([q.question_id for q in block], run.done):
                        if isinstance(item, ScoredQuestion):
                            run.land(item)
                return time.perf_counter() - started


def choices(work: Workload) -> int:
    """How many choices a run scores."""
    return sum(len(q.choices["native"]) for q in work.questions) * (1 + len(work.countries))


def distinct_nodes(work: Workload) -> int:
    """The nodes of the questions' trees."""
    with Model(work.model_file.path, "vocabulary", work.is_chat, vocabulary_only=True) as model:
        return sum(map(count_nodes, work.cells(model)))


def eval_loop(work: Workload, compute_type: str, keep_all_logits: bool) -> float:
    """Choices a second of llama-cpp-python as it is mostly used: one `eval` each, on a few cells.

    On the same file as our own scoring. Without `keep_all_logits` only the last token's value can
    be read, which labels need: the careful way of those who know it.
    """
    instrument = load_instrument()
    with Model(work.model_file.path, "vocabulary", work.is_chat, vocabulary_only=True) as model:
        cells = work.cells(model, [instrument.country(c) for c in _YARDSTICK_COUNTRIES])
    answers = [answer for question in cells for cell in question for answer in cell.answers]
    loop = llama_cpp.Llama(
        str(computed(work, compute_type)),
        n_ctx=512,
        n_threads=default_threads(),
        n_threads_batch=default_threads(),
        logits_all=keep_all_logits,
        verbose=False,
    )
    loop.eval(answers[0].token_ids)
    started = time.perf_counter()
    for answer in answers:
        loop.n_tokens = 0
        loop.eval(answer.token_ids[:-1])
        first = answer.start if keep_all_logits else len(answer.token_ids) - 1
        for place in range(first, len(answer.token_ids)):
            row = loop.scores[place - 1 if keep_all_logits else -1]
            log_softmax(row.astype(np.float64))[answer.token_ids[place]]
    seconds = time.perf_counter() - started
    loop.close()
    return len(answers) / seconds


def multiple_choice_tool(work: Workload, compute_type: str) -> float:
    """Choices a second of llama.cpp's own scorer in C++, on the same file and prompts, at its best.

    It reads control tokens as plain text, so only raw prompts are the same for both.
    """
    assert work.design.chat_mode == "raw"
    with Model(work.model_file.path, "vocabulary", work.is_chat, vocabulary_only=True) as model:
        cells = work.cells(model, work.countries[::_TOOL_COUNTRY_STEP])
    tasks = [
        Task(cell.text, tuple(answer.text.strip() for answer in cell.answers))
        for question in cells
        for cell in question
    ]
    threads = default_threads()
    found = max(
        (
            run_tool(compiled_tool(), computed(work, compute_type), tasks, threads, settings)
            for settings in SETTINGS
        ),
        key=lambda run: run.choices_per_second,
    )
    return found.choices_per_second


def prompt_speed(work: Workload, compute_type: str, tries: int = 4, gpu_layers: int = 0) -> float:
    """Tokens a second of llama.cpp reading one prompt of 512 tokens in one batch: median, warm."""
    numerics = Numerics(compute_type, batch_size=_PROMPT_TOKENS, gpu_layers=gpu_layers)
    prompt = [
        BatchToken(token, token, (0,), (0,) if token == _PROMPT_TOKENS - 1 else ())
        for token in range(_PROMPT_TOKENS)
    ]
    seconds = []
    with (
        Model(computed(work, compute_type), "computed", gpu_layers=gpu_layers) as model,
        model.new_context(_PROMPT_TOKENS, numerics, default_threads()) as context,
    ):
        for _ in range(tries):
            context.clear()
            started = time.perf_counter()
            context.decode(prompt)
            seconds.append(time.perf_counter() - started)
    return _PROMPT_TOKENS / float(np.median(seconds[1:]))


def computed(work: Workload, compute_type: str) -> Path:
    """The file that is loaded, written once."""
    with Model(work.model_file.path, "parameters") as model:
        count = model.description.parameter_count
    return computed_file(work.model_file, count, compute_type, current_home())


@dataclass(frozen=True)
class Forecast:
    """The forecast of `--dry-run` for a workload, and the run itself."""

    estimate: Estimate
    run: RunSummary
    peak_bytes: int

    @property
    def shown(self) -> str:
        """Each forecast over what came; time at the same number of tokens."""
        seconds = self.run.tokens_decoded / self.estimate.tokens_a_second
        pairs = (
            ("tokens", self.estimate.tokens, self.run.tokens_decoded, "{:,.0f}", ""),
            ("time", seconds, self.run.seconds_scoring, "{:.1f}", " s"),
            (
                "peak memory",
                self.estimate.memory_bytes / 1e9,
                self.peak_bytes / 1e9,
                "{:.2f}",
                " GB",
            ),
        )
        return ", ".join(
            f"{what} {said / came:.2f} ({form.format(said)} over {form.format(came)}{unit})"
            for what, said, came, form, unit in pairs
        )


def forecast(work: Workload, compute_type: str) -> Forecast:
    """Forecast a workload in one process of the engine, and score it in another."""
    asked = work.design, work.questions, work.countries
    computed(work, compute_type)
    with tempfile.TemporaryDirectory() as folder:
        with _session(work, Numerics(compute_type), folder) as session:
            estimate = session.estimate(*asked)
        with _session(work, Numerics(compute_type), folder) as session:
            run = session.score(*asked)
            status = Path(f"/proc/{session.engine_process_id}/status").read_text(encoding="ascii")
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return Forecast(estimate, run, int(peak) * 1024)


def survey_tokens(work: Workload, estimate: Estimate) -> float:
    """Tokens of the whole survey in a workload's design, in proportion to those of its part."""
    survey = load_instrument().questions_of_survey(DEFAULT_SURVEY)
    countries = _countries(load_instrument())
    planned = [
        sum(planned_tokens(work.design, question, [None, *some]) for question in questions)
        for questions, some in ((survey, countries), (work.questions, work.countries))
    ]
    return estimate.tokens * planned[0] / planned[1]


def _session(work: Workload, numerics: Numerics, folder: str) -> ScoringSession:
    home = Home(Path(folder))
    return ScoringSession(home, work.model_file, numerics=numerics, threads=default_threads())
