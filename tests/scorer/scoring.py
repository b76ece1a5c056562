"""One design scored with one model, as most tests need it."""

from collections.abc import Callable, Sequence

from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import Numerics, default_threads
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.paths.path import CellScore
from valuescope.scorer.paths.sequence import SequenceScorer
from valuescope.scorer.paths.tokens import TokenisedCell
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.runs.run import RunSummary
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Country, Question


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
    on_progress: Callable[[int, int], None] = lambda done, planned: None,
) -> RunSummary:
    """Score one design with one model: a `ScoringSession` of a single run."""
    with ScoringSession(home, model_file, numerics=numerics, threads=threads, path=path) as session:
        return session.score(design, questions, countries, limit=limit, on_progress=on_progress)


def single_scores(
    model: Model, numerics: Numerics, cells: Sequence[TokenisedCell]
) -> list[CellScore]:
    """Score cells as single sequences, on all threads."""
    with model.new_context(512, numerics, default_threads()) as context:
        return list(SequenceScorer(context).score([cells]))
