"""A model in memory and a design opened for it: questions in, rows of answers out.

Nothing here knows where rows land, so that it runs beside the landing zone or far from it.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from valuescope.scorer.elicitation.elicitor import Elicitor, elicitor, with_room_for_percentages
from valuescope.scorer.elicitation.values import CellValues
from valuescope.scorer.engine.closing import Closing
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import UNPACKED, Numerics, numerics_id
from valuescope.scorer.engine.weights import Computation
from valuescope.scorer.models.files import ModelFile, require_unchanged
from valuescope.scorer.models.gguf_header import norms_sha256, read_header
from valuescope.scorer.paths.choice import (
    SEQUENCES,
    OpenedScorer,
    Probe,
    fastest_path,
    open_scorer,
    require_trained_length,
    shortened,
)
from valuescope.scorer.paths.remembered import TriedPaths
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.process.messages import CellKey, Effort, Opening, Row, ScoredQuestion
from valuescope.warehouse.instruments.seeds import Question
from valuescope.warehouse.instruments.subjects import Subject, is_country

OnCells = Callable[[int], None]
# Questions, each with the subjects that it is asked about; None is nobody in particular.
Asked = Sequence[tuple[Question, list[Subject]]]

# Tokens of the cache that the survey's prompts need.
_USUAL_CONTEXT = 512
# A share of the model's context from which on tokens are counted exactly.
_NEARLY_FULL = 0.8


@dataclass(frozen=True)
class _Waiting:
    question_id: str
    already_done: int
    cells: Sequence[TokenisedCell]
    about_others: bool


class LoadedModel(Closing):
    """A model's weights and description. Use as a context manager."""

    def __init__(
        self,
        model_file: ModelFile,
        computation: Computation,
        numerics: Numerics,
        threads: int,
        path: str = "auto",
        tried_paths: Path | None = None,
    ) -> None:
        """Load the file of `computation`; `tried_paths` is where it is kept what probes find.

        Raises ValuescopeError for a file that cannot be used.
        """
        self.model_file = model_file
        self.numerics = replace(numerics, compute_type=computation.compute_type)
        self.threads, self.path = threads, path
        self._tried_paths = tried_paths
        self.model = Model.of(
            model_file,
            computation.path,
            numerics.gpu_layers,
            unpacks=computation.compute_type == UNPACKED,
        )
        self.description = self.model.description
        if computation.path != model_file.path:
            # What the named file says of itself, not the copy of its weights.
            with Model.of(model_file, vocabulary_only=True) as named:
                self.description = replace(
                    named.description, parameter_count=self.model.description.parameter_count
                )

    def close(self) -> None:
        """Free the weights."""
        self.model.close()

    def as_row(self) -> Row:
        """Return the model as a row of the landing zone's `models`."""
        template = self.description.chat_template
        return {
            "model_id": self.model_file.model_id,
            "model_name": self.model_file.name,
            "is_in_registry": self.model_file.registered is not None,
            "file_name": self.model_file.file_name,
            "file_bytes": self.model_file.file_bytes,
            "architecture": self.description.architecture,
            "parameter_count": self.description.parameter_count,
            "quantization": self.description.quantization,
            "context_length": self.description.context_length,
            "vocabulary_size": self.description.vocabulary_size,
            "is_chat": self.model.is_chat,
            "chat_template_sha256": _sha256(template) if template else None,
            "base_name": read_header(self.model_file.path).base_name,
            "norms_sha256": norms_sha256([part.path for part in self.model_file.parts]),
            "described_at": datetime.now(UTC),
        }

    def memory_bytes(self) -> int:
        """Return the memory that scoring takes with a cache of a usual size.

        Raises ValuescopeError where it is not there.
        """
        sequences = SEQUENCES[fastest_path(self.model)]
        with self.model.new_context(
            _USUAL_CONTEXT, self.numerics, self.threads, sequences
        ) as context:
            return self.model.memory_bytes(context)

    @contextmanager
    def open(
        self, design: PromptDesign, questions: Sequence[Question], subjects: Sequence[Subject]
    ) -> Iterator["OpenedDesign"]:
        """Yield a design, ready to ask any of `questions` about all of `subjects` and nobody.

        The path is probed and the context sized for all of them, so that every part of them is
        computed in the same way. Raises ValuescopeError when the design asks none of them or one
        does not fit the model.
        """
        with ExitStack() as stack:
            tokenisers = stack.enter_context(ThreadPoolExecutor(self.threads))
            asking = _Asking(self.model, design, tokenisers)
            asked = design.asked(questions, subjects)
            probe = asking.probe(asked)
            choice_counts = [len(question.choices[design.coding_id]) for question, _ in asked]
            is_stated = design.elicitation == "verbalised"
            if is_stated:
                probe = with_room_for_percentages(probe, max(choice_counts))
            model = self.model
            opened = stack.enter_context(
                open_scorer(
                    model,
                    self.numerics,
                    self.threads,
                    self.path,
                    probe,
                    not is_stated,
                    TriedPaths(
                        self._tried_paths,
                        (
                            self.model_file.model_id,
                            *sorted(model.metadata_overrides.values()),
                            design.prompt_id,
                        ),
                        self.numerics,
                    ),
                )
            )
            elicits = elicitor(design, model, self.model_file.model_id, opened, choice_counts)
            yield OpenedDesign(self, asking, opened, elicits, asked)


class OpenedDesign:
    """A design that a loaded model is ready for."""

    def __init__(
        self,
        loaded: LoadedModel,
        asking: "_Asking",
        opened: OpenedScorer,
        elicits: Elicitor,
        asked: Asked,
    ) -> None:
        self._model_file, self._asking, self._elicitor = loaded.model_file, asking, elicits
        self._context = opened.context
        self._subjects = {question.question_id: subjects for question, subjects in asked}
        self._asks_about_others = not all(
            is_country(subject) for _, subjects in asked for subject in subjects
        )
        design = asking.design
        self._prompt_id = design.prompt_id
        self._seconds_scoring = 0.0
        self.opening = Opening(
            numerics=loaded.numerics,
            numerics_id=numerics_id(
                loaded.numerics, opened.scorer.name, design.draws if design.is_sampled else None
            ),
            scoring_path=opened.scorer.name,
            # Of likelihoods, which are not what is named.
            path_difference=None if design.elicitation == "verbalised" else opened.difference,
            context_size=opened.context.size,
            threads=loaded.threads,
            metadata_overrides=loaded.model.metadata_overrides,
            notices=opened.notices,
        )

    @property
    def effort(self) -> Effort:
        """Return the effort of scoring since the design was opened."""
        context = self._context
        return Effort(
            context.tokens_decoded,
            self._seconds_scoring,
            context.seconds_decoding + context.seconds_reading,
        )

    def score(
        self,
        block: Sequence[Question],
        done: Collection[CellKey],
        limit: int | None = None,
        on_cells: OnCells = lambda in_hand: None,
    ) -> Iterator[ScoredQuestion]:
        """Yield the questions of `block` that the design asks, each once all its cells are scored.

        First those about countries; where groups or invented countries are asked about, the same
        questions again about them. Cells in `done` are left out; `limit` caps how many are scored.
        A block is decoded by itself, and its countries before all else, so that their numbers do
        not depend on what else is scored. `on_cells` gets how many cells are decoded, or nearly,
        and not given yet. Raises ValuescopeError when llama.cpp fails or the model file has
        changed.
        """
        for about_others in (False, True):
            if about_others and not self._asks_about_others:
                return
            for scored in self._score(block, about_others, done, limit, on_cells):
                limit = None if limit is None else limit - scored.cells
                yield scored

    def _score(
        self,
        block: Sequence[Question],
        about_others: bool,
        done: Collection[CellKey],
        limit: int | None,
        on_cells: OnCells,
    ) -> Iterator[ScoredQuestion]:
        elicits = self._elicitor
        waiting: deque[_Waiting] = deque()

        def missing() -> Iterator[Sequence[TokenisedCell]]:
            left = limit
            for question in block:
                subjects = self._subjects.get(question.question_id, [])
                meant = [subject for subject in subjects if is_country(subject) != about_others]
                cells = self._asking.cells(question, meant)
                unscored = [cell for cell in cells if _cell_key(cell) not in done]
                chosen = unscored[:left]
                left = None if left is None else left - len(chosen)
                landed = len(cells) - len(unscored)
                waiting.append(_Waiting(question.question_id, landed, chosen, about_others))
                if chosen:
                    yield chosen

        started = time.perf_counter()
        self._context.on_decode = lambda: on_cells(elicits.cells_in_hand)
        values: list[CellValues] = []
        try:
            for cell_values in elicits.values(missing()):
                while not waiting[0].cells:
                    yield self._scored(waiting.popleft(), ())
                values.append(cell_values)
                if len(values) == len(waiting[0].cells):
                    yield self._scored(waiting.popleft(), values)
                    values = []
                on_cells(len(values) + elicits.cells_in_hand)
            while waiting:
                yield self._scored(waiting.popleft(), ())
        finally:
            self._seconds_scoring += time.perf_counter() - started

    def _scored(self, waiting: _Waiting, values: Sequence[CellValues]) -> ScoredQuestion:
        if values:
            require_unchanged(self._model_file)
        return ScoredQuestion(
            question_id=waiting.question_id,
            already_done=waiting.already_done,
            cells=len(waiting.cells),
            merged_cells=sum(cell.boundary_merged for cell in waiting.cells),
            off_choice_mass=sum(cell_values.off_choice_mass for cell_values in values),
            rows=tuple(
                row
                for cell, cell_values in zip(waiting.cells, values, strict=True)
                for row in self._rows(cell, cell_values)
            ),
            about_others=waiting.about_others,
        )

    def _rows(self, cell: TokenisedCell, values: CellValues) -> Iterator[Row]:
        scored_at = datetime.now(UTC)
        for answer, answer_values in zip(cell.answers, values.answers, strict=True):
            yield {
                "model_id": self._model_file.model_id,
                "prompt_id": self._prompt_id,
                "numerics_id": self.opening.numerics_id,
                "coding_id": self._asking.design.coding_id,
                "question_id": cell.prompt.question_id,
                "country_id": cell.prompt.country_id,
                "choice_index": answer.answer.choice_index,
                "choice_position": answer.answer.position,
                "choice_label": answer.answer.label,
                "choice_text": answer.answer.choice_text,
                "prompt_text": cell.text,
                "answer_text": answer.text,
                "text_sha256": cell.text_sha256,
                "off_choice_mass": values.off_choice_mass,
                "boundary_merged": cell.boundary_merged,
                "scored_at": scored_at,
                "group_id": cell.prompt.group_id,
                "placebo_id": cell.prompt.placebo_id,
                **answer_values,
            }


class _Asking:
    """Questions as one model reads them in one design."""

    def __init__(self, model: Model, design: PromptDesign, pool: ThreadPoolExecutor) -> None:
        self._model, self.design, self._pool = model, design, pool
        # Tokens of single words.
        self._counts: dict[str, int] = {}

    def cells(self, question: Question, subjects: Sequence[Subject]) -> list[TokenisedCell]:
        return list(self._pool.map(lambda subject: self._tokenise(question, subject), subjects))

    def probe(self, asked: Asked) -> Probe:
        """Return the longest cell, and what paths are tried on.

        A few cells of the question that is scored fastest, and the longest one with another cell of
        its question.
        """
        longest, others = self._longest(asked)
        fastest, subjects = min(
            asked, key=lambda asked: len(asked[0].choices.get(self.design.coding_id, ()))
        )
        beside = [cell for cell in others if cell.prompt != longest.prompt][:1]
        return Probe(
            longest,
            [
                [self._tokenise(fastest, subject) for subject in subjects[:3]],
                [shortened(cell) for cell in (*beside, longest)],
            ],
        )

    def _longest(self, asked: Asked) -> tuple[TokenisedCell, list[TokenisedCell]]:
        """Return the cell with the most tokens, and its question's first cells.

        The longest of each question is found by counting tokens word by word. Where the longest of
        all nearly fills the model's context, all cells are tokenised.
        """
        likely = self._pool.map(
            lambda asked: self._tokenise(asked[0], max(asked[1], key=self._counted(asked[0]))),
            asked,
        )
        longest = max(likely, key=lambda cell: cell.length)
        if _NEARLY_FULL * self._model.description.context_length < longest.length:
            every = (
                cell for question, subjects in asked for cell in self.cells(question, subjects)
            )
            longest = max(every, key=lambda cell: cell.length)
        question, subjects = next(
            entry for entry in asked if entry[0].question_id == longest.prompt.question_id
        )
        return longest, [self._tokenise(question, subject) for subject in subjects[:2]]

    def _counted(self, question: Question) -> Callable[[Subject], int]:
        """Return a function that estimates the tokens of a subject's prompt and longest answer."""

        def count(subject: Subject) -> int:
            prompt = render_prompt(question, subject, self.design)
            answers = (self._count(answer.text) for answer in prompt.answers)
            return self._count(prompt.text) + max(answers)

        return count

    def _count(self, text: str) -> int:
        counts = self._counts
        total = 0
        for word in text.split():
            if word not in counts:
                counts[word] = len(self._model.tokenise(f" {word}"))
            total += counts[word]
        return total

    def _tokenise(self, question: Question, subject: Subject) -> TokenisedCell:
        cell = tokenise_cell(
            self._model,
            render_prompt(question, subject, self.design),
            self.design.chat_mode,
            with_label=self.design.answer_style != "text",
        )
        require_trained_length(cell, self._model)
        return cell


def _cell_key(cell: TokenisedCell) -> CellKey:
    return cell.prompt.question_id, cell.prompt.country_id, cell.text_sha256


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
