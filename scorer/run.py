"""One scoring run: score the cells that are missing and land them as shards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scorer.design import PromptDesign
from scorer.models import ModelFile
from warehouse.home import Home
from warehouse.instrument import Country, Question


@dataclass(frozen=True)
class Progress:
    """How far a run is; a cell is one question asked of one country (or of none)."""

    cells_done: int
    cells_total: int
    tokens_decoded: int
    question_id: str


@dataclass(frozen=True)
class RunSummary:
    """What a run did. `status` is "finished" or "interrupted"; a failed run raises instead.

    `cells_planned` counts the whole selection, `cells_left` what is still missing (after an
    interruption or with `limit`), `skipped_questions` those without choices in the coding.
    `run_id` is None when nothing was missing and so no run was made.
    """

    run_id: str | None
    model_id: str
    prompt_id: str
    numerics_id: str
    status: str
    cells_planned: int
    cells_already_done: int
    cells_scored: int
    cells_left: int
    skipped_questions: tuple[str, ...]
    tokens_decoded: int
    seconds: float


def score(
    home: Home,
    model: ModelFile,
    design: PromptDesign,
    questions: Sequence[Question],
    countries: Sequence[Country],
    *,
    country_free: bool = True,
    limit: int | None = None,
    threads: int | None = None,
    gpu_layers: int | None = None,
    context_size: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    log: Callable[[str], None] | None = None,
) -> RunSummary:
    """Score every cell of questions x countries that has not landed yet.

    `country_free` adds the prompt that names no country to each question. `limit` is the most
    cells to score in this run. `threads` defaults to the CPUs of this process, `gpu_layers` to
    all layers where the engine was built for a GPU and else to none, `context_size` to what
    the longest prompt needs. `progress` is called after every cell, `log` with llama.cpp's own
    log lines. Ctrl-C and SIGTERM end the run early with status "interrupted"; what was scored
    stays. Raises ValuescopeError for everything that the user can put right.
    """
    raise NotImplementedError
