"""Score what is missing of a model and a design, question by question, into the landing zone."""

import fcntl
import hashlib
import json
import os
import signal
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from scorer.compute import choose_computation
from scorer.design import PromptDesign
from scorer.engine import Model, Numerics, engine_version
from scorer.models import ModelFile, require_unchanged
from scorer.paths import Probe, open_scorer
from scorer.prompts import render_prompt
from scorer.scores import CellScore, Scorer
from scorer.tokens import TokenisedCell, tokenise_cell
from warehouse.errors import ValuescopeError
from warehouse.home import Home
from warehouse.instrument import Country, Question
from warehouse.landing import (
    compact_shards,
    done_cells,
    ensure_landing_zone,
    loose_shards,
    remove_leftovers,
    write_shard,
)
from warehouse.version import project_version

# Question, country and SHA-256 of the text.
CellKey = tuple[str, str, str]
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
        on_notice: Callable[[str], None] = lambda notice: None,
    ) -> None:
        """Choose how to compute where `numerics` leaves it open, and load the weights.

        `on_notice` gets what the user should know and cannot see in the summary. Raises
        ValuescopeError for a model that cannot be used.
        """
        ensure_landing_zone(home)
        self.home, self.model_file = home, model_file
        self.threads, self.path = threads, path
        self.on_notice = on_notice
        computation = choose_computation(model_file, numerics, home, threads)
        if computation.reason:
            on_notice(computation.reason)
        self.numerics = replace(numerics, compute_type=computation.compute_type)
        registered = model_file.registered
        self.model = Model(
            computation.path,
            model_file.name,
            registered.is_chat if registered else None,
            numerics.gpu_layers,
            verbose=verbose,
        )
        self.description = self.model.description
        if computation.path != model_file.path:
            # What the named file says of itself, not the copy of its weights.
            with Model(model_file.path, model_file.name, vocabulary_only=True) as named:
                self.description = replace(
                    named.description, parameter_count=self.model.description.parameter_count
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.model.close()

    def score(
        self,
        design: PromptDesign,
        questions: Sequence[Question],
        countries: Sequence[Country],
        *,
        limit: int | None = None,
        study: StudyReference | None = None,
        on_progress: OnProgress = lambda done, planned: None,
    ) -> RunSummary:
        """Score each question for each country and once without naming a country.

        Only cells that have not landed yet for this model, design, text and numerics are scored,
        and only those that the design asks; `limit` caps how many. `on_progress` gets (cells done
        so far, cells planned). A stop (Ctrl-C, SIGTERM, SIGKILL) loses at most the questions of
        the decode in hand; the next call goes on. Raises ValuescopeError for a question or disk
        that cannot be used, after the record of the run is closed.
        """
        with _run_lock(self, design), ExitStack() as stack:
            run = _Run(self, design, questions, countries, limit, study, on_progress)
            return run.score(stack)


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


class _Run:
    """One run: its record, its shards and its counts."""

    def __init__(
        self,
        session: ScoringSession,
        design: PromptDesign,
        questions: Sequence[Question],
        countries: Sequence[Country],
        limit: int | None,
        study: StudyReference | None,
        on_progress: OnProgress,
    ) -> None:
        self._session, self._home = session, session.home
        self._model_file, self._model = session.model_file, session.model
        self._design, self._numerics = design, session.numerics
        self._asked = design.asked(questions, countries)
        self._limit, self._study, self._on_progress = limit, study, on_progress
        self._run_id = uuid.uuid4().hex[:12]
        self._started_at = datetime.now(UTC)
        self._shards: list[Path] = []
        self._planned = sum(len(places) for _, places in self._asked)
        self._already_done = self._scored = self._merged = self._told = 0
        self._off_choice_mass = self._seconds_scoring = 0.0
        self._numerics_id = ""

    def score(self, stack: ExitStack) -> RunSummary:
        self._tokenisers = stack.enter_context(ThreadPoolExecutor(self._session.threads))
        probe = Probe(self._longest_cell(), self._probe_cells())
        opened = stack.enter_context(
            open_scorer(
                self._model, self._numerics, self._session.threads, self._session.path, probe
            )
        )
        self._path, self._path_difference = opened.scorer.name, opened.difference
        self._context = opened.context
        self._numerics_id = numerics_id(self._numerics, self._path)
        for notice in opened.notices:
            self._session.on_notice(notice)
        remove_leftovers(self._home, self._model_file.model_id, self._design.prompt_id)
        done = done_cells(
            self._home, self._model_file.model_id, self._design.prompt_id, self._numerics_id
        )
        self._describe_run()
        status = "failed"
        try:
            with _stop_on_sigterm():
                self._record("running")
                started = time.perf_counter()
                try:
                    self._score_missing(opened.scorer, done)
                finally:
                    self._seconds_scoring = time.perf_counter() - started
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
        finally:
            if status == "finished":
                self._compact()
            finished_at = self._record(status)
        if status == "interrupted":
            raise KeyboardInterrupt
        return RunSummary(
            run_id=self._run_id,
            model_id=self._model_file.model_id,
            model_name=self._model_file.name,
            prompt_id=self._design.prompt_id,
            numerics_id=self._numerics_id,
            status=status,
            scoring_path=self._path,
            path_difference=self._path_difference,
            cells_planned=self._planned,
            cells_already_done=self._already_done,
            cells_scored=self._scored,
            tokens_decoded=self._context.tokens_decoded,
            seconds_scoring=self._seconds_scoring,
            seconds_decoding=self._context.seconds_decoding + self._context.seconds_reading,
            boundary_merged_cells=self._merged,
            mean_off_choice_mass=self._off_choice_mass / self._scored if self._scored else None,
            started_at=self._started_at,
            finished_at=finished_at,
        )

    def _score_missing(self, scorer: Scorer, done: Collection[CellKey]) -> None:
        """Score the missing cells; each question lands as soon as all its cells are scored."""
        waiting: deque[Sequence[TokenisedCell]] = deque()

        def missing() -> Iterator[Sequence[TokenisedCell]]:
            left = self._limit
            for question, places in self._asked:
                cells = self._missing_cells(question, places, done)[:left]
                left = None if left is None else left - len(cells)
                if cells:
                    waiting.append(cells)
                    yield cells
                else:
                    self._tell(0)

        self._context.on_decode = lambda: self._tell(scorer.cells_in_hand)
        scores: list[CellScore] = []
        for cell_score in scorer.score(missing()):
            scores.append(cell_score)
            if len(scores) == len(waiting[0]):
                self._land(waiting.popleft(), scores)
                scores = []
            self._tell(len(scores) + scorer.cells_in_hand)

    def _tell(self, in_hand: int) -> None:
        self._told = max(self._told, self._already_done + self._scored + in_hand)
        self._on_progress(self._told, self._planned)

    def _tokenise(self, question: Question, country: Country | None) -> TokenisedCell:
        return tokenise_cell(
            self._model,
            render_prompt(question, country, self._design),
            self._design.chat_mode,
            with_label=self._design.answer_style != "text",
        )

    def _longest_cell(self) -> TokenisedCell:
        """The cell with the most tokens, of each question that for the longest name of a place.

        Every question is tokenised, because the longest text need not be the longest in tokens.
        """

        def characters(place: Country | None) -> int:
            return 0 if place is None else len(place.name)

        cells = self._tokenisers.map(
            lambda asked: self._tokenise(asked[0], max(asked[1], key=characters)), self._asked
        )
        return max(cells, key=lambda cell: max(len(a.token_ids) for a in cell.answers))

    def _probe_cells(self) -> list[TokenisedCell]:
        """A few cells of the question that is scored fastest."""
        question, places = min(
            self._asked, key=lambda asked: len(asked[0].choices.get(self._design.coding_id, ()))
        )
        return [self._tokenise(question, place) for place in places[:3]]

    def _missing_cells(
        self, question: Question, places: Sequence[Country | None], done: Collection[CellKey]
    ) -> list[TokenisedCell]:
        cells = list(self._tokenisers.map(lambda place: self._tokenise(question, place), places))
        missing = [cell for cell in cells if _cell_key(cell) not in done]
        self._already_done += len(cells) - len(missing)
        return missing

    def _land(self, cells: Sequence[TokenisedCell], scores: Sequence[CellScore]) -> None:
        require_unchanged(self._model_file)
        rows = [
            row
            for cell, cell_score in zip(cells, scores, strict=True)
            for row in self._rows(cell, cell_score)
        ]
        name = f"{self._run_id}-{len(self._shards):05}.parquet"
        self._shards.append(write_shard(self._home, "choice_log_likelihoods", rows, name))
        self._scored += len(cells)
        self._merged += sum(cell.boundary_merged for cell in cells)
        self._off_choice_mass += sum(cell_score.off_choice_mass for cell_score in scores)

    def _compact(self) -> None:
        """Merge the shards of this run and of earlier ones that were stopped."""
        shards = loose_shards(self._home, self._model_file.model_id, self._design.prompt_id)
        if shards:
            compact_shards(self._home, "choice_log_likelihoods", shards, f"{self._run_id}.parquet")

    def _rows(self, cell: TokenisedCell, cell_score: CellScore) -> Iterator[dict[str, Any]]:
        scored_at = datetime.now(UTC)
        for answer, answer_score in zip(cell.answers, cell_score.answers, strict=True):
            yield {
                "run_id": self._run_id,
                "model_id": self._model_file.model_id,
                "prompt_id": self._design.prompt_id,
                "numerics_id": self._numerics_id,
                "coding_id": self._design.coding_id,
                "question_id": cell.prompt.question_id,
                "country_id": cell.prompt.country_id,
                "choice_index": answer.answer.choice_index,
                "choice_position": answer.answer.position,
                "choice_label": answer.answer.label,
                "choice_text": answer.answer.choice_text,
                "prompt_text": cell.text,
                "answer_text": answer.text,
                "text_sha256": cell.text_sha256,
                "log_likelihood": answer_score.log_likelihood,
                "label_log_likelihood": answer_score.label_log_likelihood,
                "token_log_likelihoods": list(answer_score.token_log_likelihoods),
                "label_token_count": answer.label_token_count,
                "token_count": len(answer_score.token_log_likelihoods),
                "byte_count": len(answer.text.encode()),
                "off_choice_mass": cell_score.off_choice_mass,
                "boundary_merged": cell.boundary_merged,
                "scored_at": scored_at,
            }

    def _describe_run(self) -> None:
        """Write what the rows of this run point to: the design and the model."""
        design, description = self._design, self._session.description
        template = description.chat_template
        model = {
            "model_id": self._model_file.model_id,
            "model_name": self._model_file.name,
            "is_in_registry": self._model_file.registered is not None,
            "file_name": self._model_file.path.name,
            "file_bytes": self._model_file.file_bytes,
            "architecture": description.architecture,
            "parameter_count": description.parameter_count,
            "quantization": description.quantization,
            "context_length": description.context_length,
            "vocabulary_size": description.vocabulary_size,
            "is_chat": self._model.is_chat,
            "chat_template_sha256": _sha256(template) if template else None,
            "described_at": self._started_at,
        }
        write_shard(self._home, "prompts", [design.as_row()], f"{design.prompt_id}.parquet")
        write_shard(self._home, "models", [model], f"{self._model_file.model_id}.parquet")

    def _record(self, status: str) -> datetime:
        """Write the run's own row, replacing the earlier one."""
        now = datetime.now(UTC)
        row = {
            "run_id": self._run_id,
            "model_id": self._model_file.model_id,
            "prompt_id": self._design.prompt_id,
            "numerics_id": self._numerics_id,
            "status": status,
            "scoring_path": self._path,
            **asdict(self._numerics),
            "context_size": self._context.size,
            "threads": self._session.threads,
            "engine_version": engine_version(),
            "valuescope_version": project_version(),
            "path_difference": self._path_difference,
            "study_name": self._study.name if self._study else None,
            "study_sha256": self._study.sha256 if self._study else None,
            "cells_planned": self._planned,
            "cells_already_done": self._already_done,
            "cells_scored": self._scored,
            "tokens_decoded": self._context.tokens_decoded,
            "seconds_scoring": self._seconds_scoring,
            "seconds_decoding": self._context.seconds_decoding + self._context.seconds_reading,
            "started_at": self._started_at,
            "finished_at": None if status == "running" else now,
        }
        write_shard(self._home, "runs", [row], f"{self._run_id}.parquet")
        return now


def numerics_id(numerics: Numerics, path: str) -> str:
    """The identity of everything that moves answers by rounding: the first 16 hex digits."""
    content = asdict(numerics) | {"scoring_path": path, "engine_version": engine_version()}
    return _sha256(json.dumps(content, sort_keys=True))[:16]


def _cell_key(cell: TokenisedCell) -> CellKey:
    return cell.prompt.question_id, cell.prompt.country_id, cell.text_sha256


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _run_lock(session: ScoringSession, design: PromptDesign) -> Iterator[None]:
    """Keep two runs from scoring the same cells; tell of runs of the model in other designs."""
    folder = session.home.path / "landing" / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    name, short_id = session.model_file.name, session.model_file.model_id[:16]
    with (
        _lock_file(folder / f"{short_id}-{design.prompt_id}.lock") as own,
        _lock_file(folder / f"{short_id}.lock") as shared,
    ):
        if not _try_lock(own, fcntl.LOCK_EX):
            raise ValuescopeError(
                f"Another process is scoring {name} with prompt {design.prompt_id}. Wait for it to "
                "end; `valuescope status` shows how far it is."
            )
        if not _try_lock(shared, fcntl.LOCK_EX):
            session.on_notice(
                f"Another process is scoring {name} in another design. Both are safe, but share "
                "the processor."
            )
        fcntl.flock(shared, fcntl.LOCK_SH)
        yield


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _stop_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, so that its record is closed."""

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
