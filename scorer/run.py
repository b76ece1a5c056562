"""Score what is missing of a model and a design, question by question, into the landing zone."""

import fcntl
import hashlib
import json
import os
import signal
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from scorer.design import PromptDesign
from scorer.engine import Context, Model, Numerics, engine_version
from scorer.models import ModelFile
from scorer.prompts import render_prompt
from scorer.scores import CellScore, Scorer
from scorer.sequence import SequenceScorer
from scorer.tokens import TokenisedCell, tokenise_cell
from scorer.tree import TreeScorer
from warehouse.errors import ValuescopeError
from warehouse.home import Home
from warehouse.instrument import Country, Question
from warehouse.landing import compact_shards, done_cells, ensure_landing_zone, write_shard
from warehouse.version import project_version

CONTEXT_SIZE = 4096
# llama.cpp's own limit.
_MOST_SEQUENCES = 256
# Beyond the noise of quantized weights (0.1 to 0.7 nats): the tree is wrong for the model.
_TOLERANCE = 1.5
# A stop loses at most the cells since the last shard of a question.
_CELLS_A_SHARD = 200
PATHS = ("auto", "tree", "sequence")

# Question, country and SHA-256 of the text.
CellKey = tuple[str, str, str]


@dataclass(frozen=True)
class RunSummary:
    """What a run did. `status` is finished, interrupted or failed; times are UTC."""

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
    boundary_merged_cells: int
    mean_off_choice_mass: float | None
    started_at: datetime
    finished_at: datetime


class _Stopped(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C."""


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
    on_progress: Callable[[int, int], None] = lambda done, planned: None,
) -> RunSummary:
    """Score each question for each country and once without naming a country.

    Only cells that have not landed yet for this model, design, text and numerics are scored;
    `limit` caps how many. `on_progress` gets (cells done so far, cells planned). A stop
    (Ctrl-C, SIGTERM, SIGKILL) loses at most the question in hand; the next call goes on.
    Raises ValuescopeError for a model, question or disk that cannot be used, after the
    record of the run is closed.
    """
    ensure_landing_zone(home)
    registered = model_file.registered
    with (
        _model_lock(home, model_file, design),
        Model(
            model_file.path,
            model_file.name,
            registered.is_chat if registered else None,
            numerics.gpu_layers,
            verbose=verbose,
        ) as model,
    ):
        chosen, reason = _choose_path(model, path)
        with model.new_context(
            CONTEXT_SIZE, numerics, threads, _MOST_SEQUENCES if chosen == "tree" else 1
        ) as context:
            run = _Run(home, model_file, model, design, numerics, threads, context)
            return run.score(questions, countries, chosen, reason, limit, on_progress)


class _Run:
    """One run: its record, its shards and its counts."""

    def __init__(
        self,
        home: Home,
        model_file: ModelFile,
        model: Model,
        design: PromptDesign,
        numerics: Numerics,
        threads: int,
        context: Context,
    ) -> None:
        self._home, self._model_file, self._model = home, model_file, model
        self._design, self._numerics, self._threads = design, numerics, threads
        self._context = context
        self._run_id = uuid.uuid4().hex[:12]
        self._started_at = datetime.now(UTC)
        self._shards: list[Path] = []
        self._planned = self._already_done = self._scored = self._merged = 0
        self._off_choice_mass = 0.0
        self._path = "sequence"
        self._path_difference: float | None = None
        self._numerics_id = ""

    def score(
        self,
        questions: Sequence[Question],
        countries: Sequence[Country],
        path: str,
        is_free_to_choose: bool,
        limit: int | None,
        on_progress: Callable[[int, int], None],
    ) -> RunSummary:
        oracle = SequenceScorer(self._context)
        scorer: Scorer = oracle
        self._path = path
        if path == "tree":
            scorer = self._probed_tree(questions, countries, is_free_to_choose, oracle)
        self._numerics_id = numerics_id(self._numerics, self._path)
        self._planned = len(questions) * (len(countries) + 1)
        done = done_cells(
            self._home, self._model_file.model_id, self._design.prompt_id, self._numerics_id
        )
        self._describe_run()
        status = "failed"
        try:
            with _stop_on_sigterm():
                self._record("running")
                for question in questions:
                    cells = self._missing_cells(question, countries, done)
                    if limit is not None:
                        cells = cells[: limit - self._scored]
                    for group in _chunks(cells, _CELLS_A_SHARD):
                        self._land(group, self._scores(scorer, group, on_progress))
                        on_progress(self._already_done + self._scored, self._planned)
                    on_progress(self._already_done + self._scored, self._planned)
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
        finally:
            if status == "finished" and len(self._shards) > 1:
                compact_shards(
                    self._home,
                    "choice_log_likelihoods",
                    self._shards,
                    f"{self._run_id}.parquet",
                )
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
            boundary_merged_cells=self._merged,
            mean_off_choice_mass=self._off_choice_mass / self._scored if self._scored else None,
            started_at=self._started_at,
            finished_at=finished_at,
        )

    def _tokenise(self, question: Question, country: Country | None) -> TokenisedCell:
        return tokenise_cell(
            self._model,
            render_prompt(question, country, self._design),
            self._design.chat_mode,
            with_label=self._design.answer_style != "text",
        )

    def _probed_tree(
        self,
        questions: Sequence[Question],
        countries: Sequence[Country],
        is_free_to_choose: bool,
        oracle: SequenceScorer,
    ) -> Scorer:
        """The tree when it agrees with the oracle on a few cells, else the oracle."""
        tree = TreeScorer(self._context)
        question = min(questions, key=lambda q: len(q.choices.get(self._design.coding_id, ())))
        cells = [self._tokenise(question, country) for country in [None, *countries[:2]]]
        self._path_difference = _largest_difference(
            list(tree.score(cells)), list(oracle.score(cells))
        )
        if self._path_difference <= _TOLERANCE:
            return tree
        if not is_free_to_choose:
            raise ValuescopeError(
                f"Tree and sequence path differ by {self._path_difference:.2f} nats on "
                f"{question.question_id} with {self._model.name}: the tree is wrong for this "
                "model. Leave --path out or use --path sequence."
            )
        self._path = "sequence"
        return oracle

    def _missing_cells(
        self, question: Question, countries: Sequence[Country], done: Collection[CellKey]
    ) -> list[TokenisedCell]:
        cells = [self._tokenise(question, country) for country in [None, *countries]]
        missing = [cell for cell in cells if _cell_key(cell) not in done]
        self._already_done += len(cells) - len(missing)
        return missing

    def _scores(
        self,
        scorer: Scorer,
        cells: Sequence[TokenisedCell],
        on_progress: Callable[[int, int], None],
    ) -> list[CellScore]:
        """The scores of `cells`, told one by one; the last is told once all have landed."""
        scores = []
        for score in scorer.score(cells):
            scores.append(score)
            if len(scores) < len(cells):
                on_progress(self._already_done + self._scored + len(scores), self._planned)
        return scores

    def _land(self, cells: Sequence[TokenisedCell], scores: Sequence[CellScore]) -> None:
        rows = [
            row
            for cell, cell_score in zip(cells, scores, strict=True)
            for row in self._rows(cell, cell_score)
        ]
        self._shards.append(write_shard(self._home, "choice_log_likelihoods", rows))
        self._scored += len(cells)
        self._merged += sum(cell.boundary_merged for cell in cells)
        self._off_choice_mass += sum(cell_score.off_choice_mass for cell_score in scores)

    def _rows(self, cell: TokenisedCell, cell_score: CellScore) -> Iterator[dict[str, Any]]:
        text_sha256 = _text_sha256(cell)
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
                "text_sha256": text_sha256,
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
        design, description = self._design, self._model.description
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
            "threads": self._threads,
            "engine_version": engine_version(),
            "valuescope_version": project_version(),
            "path_difference": self._path_difference,
            "cells_planned": self._planned,
            "cells_already_done": self._already_done,
            "cells_scored": self._scored,
            "tokens_decoded": self._context.tokens_decoded,
            "started_at": self._started_at,
            "finished_at": None if status == "running" else now,
        }
        write_shard(self._home, "runs", [row], f"{self._run_id}.parquet")
        return now


def numerics_id(numerics: Numerics, path: str) -> str:
    """The identity of everything that moves answers by rounding: the first 16 hex digits."""
    content = asdict(numerics) | {"scoring_path": path, "engine_version": engine_version()}
    return _sha256(json.dumps(content, sort_keys=True))[:16]


def _choose_path(model: Model, path: str) -> tuple[str, bool]:
    """The path to try, and whether another may be taken instead."""
    if path == "auto":
        return ("tree" if model.is_attention_only else "sequence"), True
    if path == "tree" and not model.is_attention_only:
        raise ValuescopeError(
            f"{model.name} has a recurrent memory, whose sequences cannot share a past: use "
            "--path sequence."
        )
    return path, False


def _largest_difference(left: Sequence[CellScore], right: Sequence[CellScore]) -> float:
    return max(
        abs(a.log_likelihood - b.log_likelihood)
        for one, other in zip(left, right, strict=True)
        for a, b in zip(one.answers, other.answers, strict=True)
    )


def _cell_key(cell: TokenisedCell) -> CellKey:
    return cell.prompt.question_id, cell.prompt.country_id, _text_sha256(cell)


def _text_sha256(cell: TokenisedCell) -> str:
    """Over the rendered prompt, its tokens (so BOS too) and the answers."""
    content = [cell.text, cell.answers[0].token_ids[: cell.boundary]]
    content += [[answer.answer.choice_index, answer.text] for answer in cell.answers]
    return _sha256(json.dumps(content, ensure_ascii=False))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _chunks(cells: Sequence[TokenisedCell], size: int) -> Iterator[Sequence[TokenisedCell]]:
    for first in range(0, len(cells), size):
        yield cells[first : first + size]


@contextmanager
def _model_lock(home: Home, model_file: ModelFile, design: PromptDesign) -> Iterator[None]:
    """Keep two runs from scoring the same cells of one model and design."""
    folder = home.path / "landing" / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / f"{model_file.model_id[:16]}-{design.prompt_id}.lock"
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValuescopeError(
                f"Another process is scoring {model_file.name} with prompt {design.prompt_id}. "
                "Wait for it to end; `valuescope status` shows how far it is."
            ) from None
        yield
    finally:
        os.close(descriptor)


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
