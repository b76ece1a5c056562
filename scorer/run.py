"""Score what is missing of a model and a design, question by question, into the landing zone."""

import signal
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from valuescope.scorer.compute import choose_computation
from valuescope.scorer.design import PromptDesign
from valuescope.scorer.engine import Model, Numerics, engine_version
from valuescope.scorer.loaded import CellKey, Effort, LoadedModel, Opening, Row, ScoredQuestion
from valuescope.scorer.locks import DesignLock, part_of_run, whole_run
from valuescope.scorer.models import ModelFile
from valuescope.warehouse.home import Home
from valuescope.warehouse.instrument import Country, Question
from valuescope.warehouse.landing import (
    compact_shards,
    done_cells,
    ensure_landing_zone,
    loose_shards,
    remove_leftovers,
    write_shard,
)
from valuescope.warehouse.version import project_version

# Questions that are decoded together: few enough to share out among machines and to be done again
# when one fails, enough that a batch that is not full at their end costs nothing.
QUESTIONS_A_BLOCK = 16

Block = tuple[Question, ...]
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class StudyReference:
    """The study that a run is part of: its name and the SHA-256 of its file."""

    name: str
    sha256: str


@dataclass(frozen=True)
class RunSummary:
    """What a run did. `status` is finished, interrupted or failed; times are UTC.

    `seconds_scoring` is for all cells, tokenising and landing them too; `seconds_decoding` is the
    part of it in llama.cpp and its output rows.
    """

    run_id: str
    model_id: str
    model_name: str
    prompt_id: str
    numerics_id: str
    status: str
    scoring_path: str
    path_difference: float | None
    cells_planned: int
    cells_already_done: int
    cells_scored: int
    tokens_decoded: int
    seconds_scoring: float
    seconds_decoding: float
    boundary_merged_cells: int
    mean_off_choice_mass: float | None
    started_at: datetime
    finished_at: datetime


class _Stopped(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C."""


class ScoringSession:
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
        computation = choose_computation(model_file, numerics, home, threads, measures)
        if computation.reason:
            on_notice(computation.reason)
        self.loaded = LoadedModel(model_file, computation, numerics, threads, path, verbose)

    @property
    def model(self) -> Model:
        """The loaded model."""
        return self.loaded.model

    @property
    def numerics(self) -> Numerics:
        """How it is computed, nothing left open."""
        return self.loaded.numerics

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.loaded.close()

    def score(
        self,
        design: PromptDesign,
        questions: Sequence[Question],
        countries: Sequence[Country],
        *,
        blocks: Sequence[Block] | None = None,
        part: str | None = None,
        limit: int | None = None,
        study: StudyReference | None = None,
        on_progress: OnProgress = lambda done, planned: None,
    ) -> RunSummary:
        """Score each question for each country and once without naming a country.

        Only cells that have not landed yet for this model, design, text and numerics are scored,
        and only those that the design asks. `blocks` are those of `blocks_of(questions)` that are
        meant, by default all; `part` names them where other processes score others at once.
        `limit` caps how many cells are scored; `on_progress` gets (cells done so far, cells
        planned). A stop (Ctrl-C, SIGTERM, SIGKILL) loses at most the questions of the decode in
        hand; the next call goes on. Raises ValuescopeError for a question or disk that cannot be
        used, after the record of the run is closed.
        """
        chosen = blocks_of(questions) if blocks is None else blocks
        with (
            self._lock(design, part) as lock,
            self.loaded.open(design, questions, countries) as opened,
        ):
            for notice in opened.opening.notices:
                self.on_notice(notice)
            planned = opened.count_cells(chosen)
            run = Run(self.home, self.loaded.as_row(), design, opened.opening, planned, lock, study)
            tell = _teller(run, on_progress)
            with run.recorded():
                started = time.perf_counter()
                try:
                    for block in chosen:
                        left = None if limit is None else limit - run.cells_scored
                        for scored in opened.score(block, run.done, left, tell):
                            run.land(scored)
                            tell(0)
                finally:
                    seconds = time.perf_counter() - started
                    run.effort = replace(opened.effort, seconds_scoring=seconds)
            return run.summary

    @contextmanager
    def _lock(self, design: PromptDesign, part: str | None) -> Iterator[DesignLock]:
        name, model_id = self.model_file.name, self.model_file.model_id
        with (
            whole_run(self.home, name, model_id, design.prompt_id, self.on_notice)
            if part is None
            else part_of_run(self.home, name, model_id, design.prompt_id, part, self.on_notice)
        ) as lock:
            yield lock


def score(
    home: Home,
    model_file: ModelFile,
    design: PromptDesign,
    questions: Sequence[Question],
    countries: Sequence[Country],
    *,
    numerics: Numerics,
    threads: int,
    path: str = "auto",
    limit: int | None = None,
    verbose: bool = False,
    on_progress: OnProgress = lambda done, planned: None,
) -> RunSummary:
    """Score one design with one model: a `ScoringSession` of a single run."""
    with ScoringSession(
        home, model_file, numerics=numerics, threads=threads, path=path, verbose=verbose
    ) as session:
        return session.score(design, questions, countries, limit=limit, on_progress=on_progress)


def blocks_of(questions: Sequence[Question]) -> tuple[Block, ...]:
    """`questions` cut into blocks, in their order."""
    return tuple(
        tuple(questions[first : first + QUESTIONS_A_BLOCK])
        for first in range(0, len(questions), QUESTIONS_A_BLOCK)
    )


class Run:
    """One run in the landing zone: its record, its shards and its counts.

    Whoever scores adds to `effort` what it took.
    """

    def __init__(
        self,
        home: Home,
        model: Row,
        design: PromptDesign,
        opening: Opening,
        cells_planned: int,
        lock: DesignLock,
        study: StudyReference | None = None,
    ) -> None:
        """`model` is the model's row in the landing zone. Only with the lock of model and design.

        Raises ValuescopeError when the landing zone cannot be read.
        """
        self._home, self._model, self._design, self._opening = home, model, design, opening
        self._lock, self._study = lock, study
        self._run_id = uuid.uuid4().hex[:12]
        self._started_at = self._finished_at = datetime.now(UTC)
        self._status = "running"
        self._shards: list[Path] = []
        self._already_done = self._merged = 0
        self._off_choice_mass = 0.0
        self.cells_planned, self.cells_scored = cells_planned, 0
        self.effort = Effort()
        ids = (str(model["model_id"]), design.prompt_id)
        if lock.is_exclusive:
            remove_leftovers(home, *ids)
        self.done: Collection[CellKey] = done_cells(home, *ids, opening.numerics_id)

    @property
    def cells_settled(self) -> int:
        """How many cells are scored or were done before."""
        return self._already_done + self.cells_scored

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Keep the record of what happens inside, whatever ends it.

        SIGTERM ends it as Ctrl-C does.
        """
        status = "failed"
        self.begin()
        try:
            with stop_on_sigterm():
                yield
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            self.end(status)

    def begin(self) -> None:
        """Write what the rows of this run point to: the design, the model and the run itself."""
        design, model = self._design, self._model
        write_shard(self._home, "prompts", [design.as_row()], f"{design.prompt_id}.parquet")
        write_shard(self._home, "models", [model], f"{model['model_id']}.parquet")
        self._record()

    def land(self, scored: ScoredQuestion) -> None:
        """Write one question's rows. Raises ValuescopeError when they cannot be written."""
        self._already_done += scored.already_done
        if not scored.rows:
            return
        rows = [{"run_id": self._run_id, **row} for row in scored.rows]
        name = f"{self._run_id}-{len(self._shards):05}.parquet"
        self._shards.append(write_shard(self._home, "choice_log_likelihoods", rows, name))
        self.cells_scored += scored.cells
        self._merged += scored.merged_cells
        self._off_choice_mass += scored.off_choice_mass

    def end(self, status: str) -> None:
        """Close the record; the shards of a finished run are merged."""
        self._status = status
        if status == "finished":
            self._compact()
        self._finished_at = datetime.now(UTC)
        self._record()

    @property
    def summary(self) -> RunSummary:
        """What the run did."""
        return RunSummary(
            run_id=self._run_id,
            model_id=self._model["model_id"],
            model_name=self._model["model_name"],
            prompt_id=self._design.prompt_id,
            numerics_id=self._opening.numerics_id,
            status=self._status,
            scoring_path=self._opening.scoring_path,
            path_difference=self._opening.path_difference,
            cells_planned=self.cells_planned,
            cells_already_done=self._already_done,
            cells_scored=self.cells_scored,
            tokens_decoded=self.effort.tokens_decoded,
            seconds_scoring=self.effort.seconds_scoring,
            seconds_decoding=self.effort.seconds_decoding,
            boundary_merged_cells=self._merged,
            mean_off_choice_mass=(
                self._off_choice_mass / self.cells_scored if self.cells_scored else None
            ),
            started_at=self._started_at,
            finished_at=self._finished_at,
        )

    def _compact(self) -> None:
        """Merge the shards of this run and, where nobody else scores, of stopped ones.

        While others score the model and design, their shards are left to them. A part merges its
        own before it asks whether it is alone: the answer no gives its lock away, and the next to
        ask may then merge whatever lies there.
        """
        ids = (str(self._model["model_id"]), self._design.prompt_id)
        merged = [] if self._lock.is_exclusive else self._merge(self._shards)
        if self._lock.is_alone():
            remove_leftovers(self._home, *ids)
            if loose := loose_shards(self._home, *ids):
                self._merge([*merged, *loose])

    def _merge(self, shards: Sequence[Path]) -> list[Path]:
        """`shards` as the one file of this run, if there are any."""
        if not shards:
            return []
        name = f"{self._run_id}.parquet"
        return [compact_shards(self._home, "choice_log_likelihoods", shards, name)]

    def _record(self) -> None:
        """Write the run's own row, replacing the earlier one."""
        opening = self._opening
        row = {
            "run_id": self._run_id,
            "model_id": self._model["model_id"],
            "prompt_id": self._design.prompt_id,
            "numerics_id": opening.numerics_id,
            "status": self._status,
            "scoring_path": opening.scoring_path,
            **asdict(opening.numerics),
            "context_size": opening.context_size,
            "threads": opening.threads,
            "engine_version": engine_version(),
            "valuescope_version": project_version(),
            "path_difference": opening.path_difference,
            "study_name": self._study.name if self._study else None,
            "study_sha256": self._study.sha256 if self._study else None,
            "cells_planned": self.cells_planned,
            "cells_already_done": self._already_done,
            "cells_scored": self.cells_scored,
            **asdict(self.effort),
            "started_at": self._started_at,
            "finished_at": None if self._status == "running" else self._finished_at,
        }
        write_shard(self._home, "runs", [row], f"{self._run_id}.parquet")


def _teller(run: Run, on_progress: OnProgress) -> Callable[[int], None]:
    """Tells how many cells are done, those in hand too, and never fewer than before."""
    told = 0

    def tell(in_hand: int) -> None:
        nonlocal told
        told = max(told, run.cells_settled + in_hand)
        on_progress(told, run.cells_planned)

    return tell


@contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end what is inside as Ctrl-C does, so that records are closed."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _Stopped

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: signals are not ours to handle
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
