"""A model in memory that is asked from another process: the one on this machine, or a Ray actor."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from valuescope.scorer.doctor.describe import describe_prompt
from valuescope.scorer.doctor.estimate import estimate
from valuescope.scorer.doctor.examination import Examination
from valuescope.scorer.engine.contexts import Model, has_gpu_support
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.engine.weights import choose_computation, tokens_a_second
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.process.messages import (
    CellKey,
    Effort,
    Estimate,
    LoadRequest,
    Opening,
    Pace,
    Prepared,
    PromptDescription,
    ScoredQuestion,
)
from valuescope.scorer.process.opened_design import LoadedModel, OpenedDesign
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Question
from valuescope.warehouse.instruments.subjects import Subject

# How often progress within a question is reported.
_SECONDS_BETWEEN_REPORTS = 0.1


class Replica:
    """A model and all that is done with it; its methods are called one after the other."""

    def __init__(self, report: Callable[[int], None] = lambda in_hand: None) -> None:
        """Open nothing yet; `report` is called with the cells decoded, or nearly, not yet given."""
        self._report = report
        self._reported_at = 0.0
        self._stack = ExitStack()
        self._loaded: LoadedModel | None = None
        self._opened: OpenedDesign | None = None
        self._questions: dict[str, Question] = {}
        # By what is asked for: rows of a large vocabulary cost more than tokens.
        self._speeds: dict[tuple[str, str], float] = {}

    def has_gpu_support(self) -> bool:
        """Return whether llama.cpp was built for a GPU and finds one."""
        return has_gpu_support()

    def load(self, request: LoadRequest) -> Prepared:
        """Choose how to compute the model and load it.

        Raises ValuescopeError for a model that cannot be used.
        """
        if request.numerics.gpu_layers and not has_gpu_support():
            raise ValuescopeError(
                f"--gpu-layers {request.numerics.gpu_layers} needs a GPU, and llama.cpp finds none "
                "here: it was compiled without one, or its driver does not see the card. Leave the "
                "option out, or see docs/scoring.md."
            )
        computation = choose_computation(
            request.model_file,
            request.numerics,
            request.home,
            request.threads,
            request.earlier,
            request.measures,
        )
        self._loaded = LoadedModel(
            request.model_file,
            computation,
            request.numerics,
            request.threads,
            request.path,
            request.home.cache / "paths",
        )
        return Prepared(
            self._loaded.as_row(),
            self._loaded.numerics,
            self._loaded.memory_bytes(),
            (*filter(None, [computation.reason]), *self._loaded.model.notices),
        )

    def estimate(
        self, design: PromptDesign, questions: Sequence[Question], subjects: Sequence[Subject]
    ) -> Estimate:
        """Return what a design will take; speed is measured once for each style of answers.

        Raises ValuescopeError as scoring does.
        """
        loaded = self._model()
        kind = design.answer_style, design.elicitation
        found = estimate(
            loaded.model,
            design,
            questions,
            subjects,
            loaded.numerics,
            loaded.threads,
            self._speeds.get(kind),
        )
        self._speeds[kind] = found.tokens_a_second
        return found

    def open(
        self, design: PromptDesign, questions: Sequence[Question], subjects: Sequence[Subject]
    ) -> Opening:
        """Make a design ready instead of the one before.

        Raises ValuescopeError as scoring does.
        """
        self._stack.close()
        self._opened = self._stack.enter_context(self._model().open(design, questions, subjects))
        self._questions = {question.question_id: question for question in questions}
        return self._opened.opening

    def score(
        self, question_ids: Sequence[str], done: Collection[CellKey], limit: int | None = None
    ) -> Iterator[ScoredQuestion | Effort]:
        """Yield the questions of one block as they are ready, and what they took, in parts."""
        opened = self._opened
        assert opened is not None
        before = opened.effort
        block = [self._questions[name] for name in question_ids]
        for scored in opened.score(block, done, limit, self._report_sometimes):
            yield scored
            yield opened.effort - before
            before = opened.effort
        yield opened.effort - before

    def pace(self, name: str, path: Path, numerics: Numerics, threads: int) -> Pace:
        """Measure how fast this machine computes a file as it is.

        Raises ValuescopeError when the file cannot be used.
        """
        with Model(path, name, gpu_layers=numerics.gpu_layers) as model:
            speed = tokens_a_second(model, numerics, threads)
            return Pace(name, speed * model.description.parameter_count)

    def describe_prompt(self, *asked: Any) -> PromptDescription:
        """Return what `describe.describe_prompt` does."""
        return describe_prompt(*asked)

    def examine(self, *asked: Any, **settings: Any) -> Examination:
        """Return what `doctor.examine` does."""
        # Here, because its statistics take longer to import than all else.
        from valuescope.scorer.doctor.examine import examine

        return examine(*asked, **settings)

    def _model(self) -> LoadedModel:
        assert self._loaded is not None
        return self._loaded

    def _report_sometimes(self, in_hand: int) -> None:
        now = time.monotonic()
        if now - self._reported_at >= _SECONDS_BETWEEN_REPORTS:
            self._reported_at = now
            self._report(in_hand)
