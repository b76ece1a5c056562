"""One run in the landing zone: its record, its shards and its counts."""

import json
import signal
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from valuescope.scorer.engine.numerics import engine_version
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.process.messages import (
    CellKey,
    Effort,
    Opening,
    Row,
    ScoredQuestion,
)
from valuescope.scorer.runs.locks import DesignLock
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Question
from valuescope.warehouse.landing_zone.shards import (
    compact_shards,
    done_cells,
    loose_shards,
    model_record,
    remove_leftovers,
    run_records,
    write_shard,
)
from valuescope.warehouse.version import project_version

# Questions that are decoded together: few enough to share out among machines and to be done again
# when one fails, enough that a batch that is not full at their end costs nothing.
QUESTIONS_A_BLOCK = 16

Block = tuple[Question, ...]


@dataclass(frozen=True)
class StudyReference:
    """The study that a run is part of: its name and the SHA-256 of its file."""

    name: str
    sha256: str


@dataclass(frozen=True)
class RunSummary:
    """The outcome of a run. `status` is finished, interrupted or failed; times are UTC.

    `seconds_scoring` is for all cells, tokenising and landing them too; `seconds_decoding` is the
    part of it in llama.cpp and its output rows.
    """

    run_id: str
    model_id: str
    model_name: str
    prompt_id: str
    elicitation: str
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
    """SIGTERM or SIGHUP, treated as Ctrl-C."""


def earlier_compute_type(model_id: str, home: Home) -> str | None:
    """Return the compute type of the model's latest run in this home."""
    runs = run_records(home, model_id)
    latest = max(runs, key=lambda run: run["started_at"], default=None)
    return str(latest["compute_type"]) if latest else None


def landed_name(model_id: str, home: Home) -> str | None:
    """Return the name that the model has in this home's landing zone; None before it landed."""
    record = model_record(home, model_id)
    return str(record["model_name"]) if record else None


def blocks_of(questions: Sequence[Question]) -> tuple[Block, ...]:
    """Cut `questions` into blocks, in their order."""
    return tuple(
        tuple(questions[first : first + QUESTIONS_A_BLOCK])
        for first in range(0, len(questions), QUESTIONS_A_BLOCK)
    )


class Run:
    """One run in the landing zone: its record, its shards and its counts.

    The caller adds to `effort` what scoring took.
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
        """Begin a run whose lock of model and design is held; `model` is its landed row.

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
        """Return how many cells are scored or were done before."""
        return self._already_done + self.cells_scored

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Keep the record of what happens inside, whatever ends it.

        SIGTERM and SIGHUP end it as Ctrl-C does.
        """
        status = "failed"
        self.begin()
        try:
            with stop_on_signals():
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
        """Return a summary of the run."""
        return RunSummary(
            run_id=self._run_id,
            model_id=self._model["model_id"],
            model_name=self._model["model_name"],
            prompt_id=self._design.prompt_id,
            elicitation=self._design.elicitation,
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
        """Merge the shards of this run and, if no other process scores, of stopped ones.

        While others score the model and design, their shards are left to them. A part merges its
        own before it asks whether it is alone: the answer no gives its lock away, and the next to
        ask may then merge all shards there.
        """
        ids = (str(self._model["model_id"]), self._design.prompt_id)
        merged = [] if self._lock.is_exclusive else self._merge(self._shards)
        if self._lock.is_alone():
            remove_leftovers(self._home, *ids)
            if loose := loose_shards(self._home, *ids):
                self._merge([*merged, *loose])

    def _merge(self, shards: Sequence[Path]) -> list[Path]:
        """Merge `shards` into the one file of this run, if there are any."""
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
            "metadata_overrides": _as_json(opening.metadata_overrides),
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


def _as_json(overrides: Mapping[str, str]) -> str | None:
    return json.dumps(overrides, ensure_ascii=False, sort_keys=True) if overrides else None


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end what is inside as Ctrl-C does, so that records are closed.

    A hang-up that is ignored, as `nohup` has it, stays ignored.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _Stopped

    handled = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handled.append(signal.SIGHUP)
    try:
        before = {number: signal.signal(number, stop) for number in handled}
    except ValueError:  # not the main thread: signals are not ours to handle
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
