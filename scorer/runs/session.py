"""Score what is missing of a model, design after design, into the landing zone.

The engine computes in a process of its own; this one lands what it says.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from valuescope.scorer.doctor.examination import QUESTIONS, Examination
from valuescope.scorer.engine.closing import Closing
from valuescope.scorer.engine.numerics import ALL_LAYERS, Numerics
from valuescope.scorer.models.files import ModelFile, file_on_machine
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.process.engine_process import EngineError, EngineProcess, has_other_backends
from valuescope.scorer.process.messages import (
    Effort,
    Estimate,
    LoadRequest,
    Opening,
    Pace,
    Prepared,
    PromptDescription,
)
from valuescope.scorer.runs.locks import DesignLock, part_of_run, whole_run
from valuescope.scorer.runs.run import (
    Block,
    Run,
    RunSummary,
    StudyReference,
    blocks_of,
    earlier_compute_type,
)
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument, Question
from valuescope.warehouse.instruments.subjects import Subject
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone

OnProgress = Callable[[int, int], None]


class ScoringSession(Closing):
    """A loaded model that scores one design after the other. Use as a context manager."""

    def __init__(
        self,
        home: Home,
        model_file: ModelFile,
        *,
        numerics: Numerics,
        threads: int,
        path: str = "auto",
        verbose: bool = False,
        measures: bool = True,
        on_notice: Callable[[str], None] = lambda notice: None,
    ) -> None:
        """Choose how to compute where `numerics` leaves it open, and load the weights.

        Without `measures` the choice is the same on every machine. `on_notice` gets what the user
        should know and cannot see in the summary. Raises ValuescopeError for a model that cannot
        be used.
        """
        ensure_landing_zone(home)
        self.home, self.model_file, self.on_notice = home, model_file, on_notice
        self._request = LoadRequest(
            model_file=model_file,
            numerics=numerics,
            home=home,
            threads=threads,
            path=path,
            earlier=earlier_compute_type(model_file.model_id, home),
            measures=measures,
        )
        self._verbose = verbose
        self._failure: EngineError | None = None
        self._has_scored = False
        self._start()
        for notice in self._prepared.notices:
            on_notice(notice)

    @property
    def numerics(self) -> Numerics:
        """Return the numerics of the model, with every choice made."""
        return self._prepared.numerics

    @property
    def engine_process_id(self) -> int:
        """Return the system's number of the process that computes."""
        return self._process.process_id

    def close(self) -> None:
        """End the engine's process."""
        self._process.close()

    def estimate(
        self, design: PromptDesign, questions: Sequence[Question], subjects: Sequence[Subject]
    ) -> Estimate:
        """Return what a design will take. Raises ValuescopeError as scoring does."""
        estimate: Estimate = self._asked("estimate", design, questions, subjects)
        return estimate

    def score(
        self,
        design: PromptDesign,
        questions: Sequence[Question],
        subjects: Sequence[Subject],
        *,
        blocks: Sequence[Block] | None = None,
        part: str | None = None,
        limit: int | None = None,
        study: StudyReference | None = None,
        on_progress: OnProgress = lambda done, planned: None,
    ) -> RunSummary:
        """Score each question about each subject and once without naming a country.

        Only cells that have not landed yet for this model, design, text and numerics are scored,
        and only those that the design asks. `blocks` are those of `blocks_of(questions)` that are
        meant, by default all; `part` names them where other processes score others at once.
        `limit` caps how many cells are scored; `on_progress` gets (cells done so far, cells
        planned). A stop (Ctrl-C, SIGTERM, SIGKILL) loses at most the questions of the decode in
        hand; the next call goes on. Raises ValuescopeError for a question or disk that cannot be
        used, and EngineError when the engine's process ends, after the record of the run is
        closed.
        """
        chosen = blocks_of(questions) if blocks is None else blocks
        with self._lock(design, part) as lock:
            opening: Opening = self._asked("open", design, questions, subjects)
            for notice in opening.notices:
                self.on_notice(notice)
            planned = sum(
                len(design.asked_subjects(question, subjects))
                for block in chosen
                for question in block
            )
            run = Run(self.home, self._prepared.row, design, opening, planned, lock, study)
            with run.recorded():
                started = time.perf_counter()
                try:
                    for block in chosen:
                        left = None if limit is None else limit - run.cells_scored
                        self._score_block(run, block, left, on_progress)
                finally:
                    seconds = time.perf_counter() - started
                    run.effort = replace(run.effort, seconds_scoring=seconds)
            return run.summary

    def _score_block(
        self, run: Run, block: Block, limit: int | None, on_progress: OnProgress
    ) -> None:
        self._process.on_report = tell = _teller(run, on_progress)
        names = [question.question_id for question in block]
        done = {cell for cell in run.done if cell[0] in names}
        scored = self._process.stream("score", names, done, limit)
        try:
            for item in scored:
                if isinstance(item, Effort):
                    run.effort += item
                else:
                    run.land(item)
                    self._has_scored = True
                    tell(0)
        except EngineError as failure:
            self._failure = failure
            raise
        except KeyboardInterrupt:
            # The question in hand is given up.
            self._process.close()
            raise

    def _start(self) -> None:
        self._process = EngineProcess(
            self.model_file.name, verbose=self._verbose, on_notice=self.on_notice
        )
        try:
            self._prepared: Prepared = self._process.call("load", self._request)
        except BaseException:
            self._process.close()
            raise

    def _asked(self, method: str, *arguments: object) -> Any:
        """Ask the engine's process, started anew where the last design ended it.

        A process that ended before anything was scored would end again.
        """
        if self._process.is_over:
            if self._failure is not None and not self._has_scored:
                raise self._failure
            self._process.close()
            self._start()
        try:
            return self._process.call(method, *arguments)
        except EngineError as failure:
            if not failure.by_engine or self._request.path != "auto":
                self._failure = failure
                raise
            self.on_notice(_gave_up(self.model_file, failure))
        self._request = replace(self._request, path="sequence")
        return self._asked(method, *arguments)

    @contextmanager
    def _lock(self, design: PromptDesign, part: str | None) -> Iterator[DesignLock]:
        name, model_id = self.model_file.name, self.model_file.model_id
        with (
            whole_run(self.home, name, model_id, design.prompt_id, self.on_notice)
            if part is None
            else part_of_run(self.home, name, model_id, design.prompt_id, part, self.on_notice)
        ) as lock:
            yield lock


def _gave_up(model_file: ModelFile, failure: EngineError) -> str:
    """Return what to say of a model that is scored as single sequences because llama.cpp gave up.

    Memories differ in what they can share; some abort instead of saying so.
    """
    return (
        f"llama.cpp gave up on a faster path for {model_file.name}; its answers are computed as "
        f"single sequences. {str(failure).splitlines()[-1].strip()}"
    )


def _teller(run: Run, on_progress: OnProgress) -> Callable[[int], None]:
    """Return a function that reports cells done, those in hand too, never fewer than before."""
    most = 0

    def tell(in_hand: int) -> None:
        nonlocal most
        most = max(most, run.cells_settled + in_hand)
        on_progress(most, run.cells_planned)

    return tell


def default_gpu_layers() -> int:
    """Return all layers where llama.cpp was built for a GPU and finds one, else none."""
    # Its files show a build for processors alone, so that most machines need no process for this.
    if not has_other_backends():
        return 0
    with EngineProcess("llama.cpp") as process:
        return ALL_LAYERS if process.call("has_gpu_support") else 0


def measured_pace(
    names: Sequence[str], home: Home, instrument: Instrument, numerics: Numerics, threads: int
) -> Pace | None:
    """Measure the smallest of the models that are on this machine, as it is, for a moment.

    Returns None where there is none. Raises ValuescopeError when its file cannot be used.
    """
    found = {name: file_on_machine(name, home, instrument) for name in names}
    files = [(path.stat().st_size, name, path) for name, path in found.items() if path]
    if not files:
        return None
    _, name, path = min(files)
    with EngineProcess(name) as process:
        pace: Pace = process.call("pace", name, path, numerics, threads)
        return pace


def described_prompt(
    model_file: ModelFile, question: Question, subject: Subject, design: PromptDesign
) -> PromptDescription:
    """Return one cell as the model reads it. Raises ValuescopeError as scoring would."""
    with EngineProcess(model_file.name) as process:
        description: PromptDescription = process.call(
            "describe_prompt", model_file, question, subject, design
        )
        return description


def examined(
    home: Home,
    model_file: ModelFile,
    instrument: Instrument,
    design: PromptDesign,
    *,
    numerics: Numerics,
    threads: int,
    question_count: int = QUESTIONS,
) -> Examination:
    """Return what `doctor.examine` finds. Raises ValuescopeError when nothing can be examined."""
    settings: dict[str, Any] = {
        "numerics": numerics,
        "threads": threads,
        "earlier": earlier_compute_type(model_file.model_id, home),
        "question_count": question_count,
    }
    asked = (home, model_file, instrument, design)
    try:
        with EngineProcess(model_file.name) as process:
            examination: Examination = process.call("examine", *asked, **settings)
    except EngineError as failure:
        if not failure.by_engine:
            raise
        settings["gave_up"] = _gave_up(model_file, failure)
        with EngineProcess(model_file.name) as process:
            examination = process.call("examine", *asked, **settings)
    return examination
