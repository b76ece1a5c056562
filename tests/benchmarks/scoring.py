"""What `make bench` measures of scoring: each speed beside a yardstick in the same process."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np
from scipy.special import log_softmax

from tests.benchmarks.multiple_choice import SETTINGS, Task, compiled_tool, run_tool
from valuescope.scorer.engine.contexts import BatchToken, Model
from valuescope.scorer.engine.numerics import Numerics, default_threads
from valuescope.scorer.engine.weights import computed_file
from valuescope.scorer.models.files import ModelFile, resolve_model
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.paths.tree import count_nodes
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.planning.templates import named_template
from valuescope.scorer.process.messages import LoadRequest, ScoredQuestion
from valuescope.scorer.process.replica import Replica
from valuescope.scorer.runs.locks import whole_run
from valuescope.scorer.runs.run import Run, RunSummary, blocks_of
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.home import CLONE, Home, current_home
from valuescope.warehouse.instruments.seeds import Country, Instrument, Question, load_instrument
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


@dataclass(frozen=True)
class Speed:
    """Choices a second of something, and tokens a second where that is known."""

    choices_a_second: float
    tokens_a_second: float | None = None


def workload(model_name: str, answer_style: str, chat_mode: str = "template") -> Workload:
    """Every 65th question, 66 countries and the prompt without one."""
    instrument: Instrument = load_instrument()
    return Workload(
        model_file=resolve_model(model_name, current_home(), instrument),
        is_chat=instrument.models[model_name].is_chat,
        design=PromptDesign(
            named_template("paper"), answer_style=answer_style, chat_mode=chat_mode
        ),
        questions=tuple(instrument.questions.values())[::_QUESTION_STEP],
        countries=tuple(c for c in instrument.countries.values() if c.in_wvs7),
    )


def scored(work: Workload, compute_type: str) -> RunSummary:
    """A whole run into a landing zone of its own."""
    computed(work, compute_type)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        with ScoringSession(
            home,
            work.model_file,
            numerics=Numerics(compute_type=compute_type),
            threads=default_threads(),
        ) as session:
            return session.score(work.design, work.questions, work.countries)


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


def eval_loop(work: Workload, keep_all_logits: bool) -> Speed:
    """llama-cpp-python as it is mostly used: one `eval` a choice, on a few of the cells.

    Without `keep_all_logits` only the last token's value can be read, which labels need.
    """
    instrument = load_instrument()
    with Model(work.model_file.path, "vocabulary", work.is_chat, vocabulary_only=True) as model:
        cells = work.cells(model, [instrument.country(c) for c in _YARDSTICK_COUNTRIES])
    answers = [answer for question in cells for cell in question for answer in cell.answers]
    loop = llama_cpp.Llama(
        str(work.model_file.path),
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
    return Speed(len(answers) / seconds)


def multiple_choice_tool(work: Workload) -> Speed:
    """llama.cpp's own scorer in C++, on the same prompts for some countries, at its fastest.

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
    found = max(
        (
            run_tool(compiled_tool(), work.model_file.path, tasks, default_threads(), settings)
            for settings in SETTINGS
        ),
        key=lambda run: run.choices_per_second,
    )
    return Speed(found.choices_per_second, found.tokens / found.seconds)


def prompt_speed(work: Workload, compute_type: str) -> float:
    """Tokens a second of llama.cpp reading one prompt of 512 tokens in one batch."""
    numerics = Numerics(compute_type=compute_type, batch_size=_PROMPT_TOKENS)
    prompt = [
        BatchToken(token, token, (0,), (0,) if token == _PROMPT_TOKENS - 1 else ())
        for token in range(_PROMPT_TOKENS)
    ]
    seconds = []
    with (
        Model(computed(work, compute_type), "computed") as model,
        model.new_context(_PROMPT_TOKENS, numerics, default_threads()) as context,
    ):
        for _ in range(4):
            context.clear()
            started = time.perf_counter()
            context.decode(prompt)
            seconds.append(time.perf_counter() - started)
    return _PROMPT_TOKENS / float(np.median(seconds[1:]))


def peak_memory(model_name: str, answer_style: str) -> int:
    """Bytes above weights and key-value cache at the peak of a run in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.scoring", model_name, answer_style],
        cwd=CLONE,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: dict[str, int] = json.loads(finished.stdout)
    return measured["peak"] - measured["weights"] - measured["cache"]


def computed(work: Workload, compute_type: str) -> Path:
    """The file that is loaded, written once."""
    with Model(work.model_file.path, "parameters") as model:
        count = model.description.parameter_count
    return computed_file(work.model_file, count, compute_type, current_home())


def _print_memory(model_name: str, answer_style: str) -> None:
    import resource

    work = workload(model_name, answer_style)
    sizes = []
    numerics = Numerics(compute_type="f32")
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        computed(work, "f32")
        with ScoringSession(
            home, work.model_file, numerics=numerics, threads=default_threads()
        ) as session:
            session.score(work.design, work.questions[:1], work.countries, limit=40)
        # Of the process that computed; the one that landed has only rows in hand.
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        with Model(computed(work, "f32"), model_name) as model:
            sizes.append(model.weight_bytes)
            sizes.append(model.cache_bytes(512, numerics))
    print(json.dumps({"peak": peak, "weights": sizes[0], "cache": sizes[1]}))  # noqa: T201


if __name__ == "__main__":
    _print_memory(*sys.argv[1:])
