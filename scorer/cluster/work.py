"""The work left of a study while replicas score it: models, designs, and blocks to score."""

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf
from typing import Any

from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.division import ModelWork
from valuescope.scorer.planning.forecast import PlannedModel
from valuescope.scorer.runs.run import Block, Run


@dataclass(eq=False)
class DesignRun:
    """A design of a model: its run, once a replica has opened it, and what is left of it.

    `is_reported` once the listener knows how it ended.
    """

    design: PromptDesign
    cells: int
    blocks_left: int
    run: Run | None = None
    numerics_id: str = ""
    landed: set[tuple[str, bool]] = field(default_factory=set)
    is_over: bool = False
    is_reported: bool = False
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def cells_over(self) -> int:
        """Return the number of cells that need no more scoring."""
        if self.is_over:
            return self.cells
        return self.run.cells_settled if self.run else 0

    def close(self, status: str) -> None:
        """End the record and give the lock back, once."""
        was_over, self.is_over = self.is_over, True
        if self.run is not None and not was_over:
            with self.stack:
                self.run.end(status)


@dataclass(eq=False)
class Job:
    """A block of a design that is to be scored; `tries` counts the workers that it ended."""

    run: DesignRun
    block: Block
    tries: int = 0


@dataclass(eq=False)
class ModelState:
    """A model: what is left of it, how many score it and which nodes cannot.

    `numerics`, `memory_bytes` and `model_id` are settled by the driver's own file or the first
    replica.
    """

    model: PlannedModel
    numerics: Numerics
    memory_bytes: int
    runs: list[DesignRun]
    jobs: deque[Job]
    model_id: str | None = None
    is_looked_up: bool = False
    row: dict[str, Any] = field(default_factory=dict)
    replicas: int = 0
    is_waiting: bool = False
    has_scored: bool = False
    failed_loads: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)

    @property
    def cost_for_each(self) -> float:
        """Return the work left for each replica; infinity without replicas."""
        return self.model.parameters * len(self.jobs) / self.replicas if self.replicas else inf

    def next_job(self) -> Job | None:
        """Take the next block whose design is not over; None when nothing is left."""
        while self.jobs:
            job = self.jobs.popleft()
            if not job.run.is_over:
                return job
        return None


def state_of(work: ModelWork, numerics: Numerics) -> ModelState:
    """Return the state of a model before anything of it is scored."""
    runs = [DesignRun(asked.design, asked.cells, len(asked.blocks)) for asked in work.designs]
    jobs = deque(
        Job(run, block)
        for run, asked in zip(runs, work.designs, strict=True)
        for block in asked.blocks
    )
    return ModelState(work.model, numerics, work.model.memory_bytes(numerics), runs, jobs)
