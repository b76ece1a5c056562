"""One design scored with one model, as most tests need it."""

from collections.abc import Callable, Sequence

from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile
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
