"""A study as tasks: model x design x block of questions, divided without coordination.

Tasks and parts follow from the study file and the instrument alone. They do not depend on what
has landed, nor on which models a machine has: else two machines would divide a study differently,
and cells could belong to no part.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.forecast import (
    PlannedModel,
    chat_tokens,
    estimated_tokens,
    planned_model,
)
from valuescope.scorer.planning.study import Plan
from valuescope.scorer.runs.run import Block, blocks_of
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Instrument, Question
from valuescope.warehouse.instruments.subjects import Subject

_PART = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")


@dataclass(frozen=True)
class Part:
    """Part `number`, from 1 on, of `count` parts of a study."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


@dataclass(frozen=True, slots=True)
class Task:
    """One block of questions, asked of one model in one design, about all subjects.

    `tokens` is an estimate. A design that asks no question has one task without any, so that
    its run reports this.
    """

    model: PlannedModel
    design: PromptDesign
    block: Block
    cells: int
    tokens: int

    @property
    def cost(self) -> int:
        """Return the approximate arithmetic: tokens times parameters."""
        return self.tokens * self.model.parameters


@dataclass(frozen=True)
class DesignWork:
    """The blocks of one design that are asked of a model."""

    design: PromptDesign
    blocks: tuple[Block, ...]
    cells: int


@dataclass(frozen=True)
class ModelWork:
    """All work of one model while it is loaded."""

    model: PlannedModel
    designs: tuple[DesignWork, ...]


def parse_part(text: str) -> Part:
    """Return the part that `I/N` names. Raises ValuescopeError for another text.

    >>> parse_part("2/4")
    Part(number=2, count=4)
    """
    found = _PART.fullmatch(text.strip())
    if found is None or int(found[1]) > int(found[2]):
        raise ValuescopeError(
            f"'{text}' names no part. Write it as I/N: 1/4 is the first of four parts, 4/4 the "
            "last; a SLURM array gives $SLURM_ARRAY_TASK_ID/4."
        )
    return Part(int(found[1]), int(found[2]))


def expand(plan: Plan, instrument: Instrument) -> tuple[Task, ...]:
    """Return the tasks of a plan, models in their order, so that each is loaded once."""
    asked = [(design, _asked_blocks(plan, design)) for design in plan.designs]
    return tuple(
        Task(model, design, block, cells, plain + in_chat if model.is_chat else plain)
        for name in dict.fromkeys(plan.models)
        for model in [planned_model(name, instrument)]
        for design, blocks in asked
        for block, cells, plain, in_chat in blocks
    )


def tasks_of(part: Part, tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Return the tasks of one part: a stretch of about a `count`-th of the cost of all.

    Every task is in exactly one part; no part costs more than a `count`-th of all and one task.
    """
    return divide(tasks, part.count)[part.number - 1]


def divide(tasks: Sequence[Task], count: int) -> tuple[tuple[Task, ...], ...]:
    """Return all parts. A task belongs where the middle of its stretch of the cost falls."""
    # Whole numbers, which are the same on every machine.
    whole = sum(task.cost for task in tasks)
    parts: list[list[Task]] = [[] for _ in range(count)]
    before = 0
    for task in tasks:
        middle = 2 * before + task.cost
        parts[min(count - 1, middle * count // (2 * whole)) if whole else 0].append(task)
        before += task.cost
    return tuple(map(tuple, parts))


@dataclass(frozen=True)
class PartEstimate:
    """The size of a part of a study; `tokens` and `cost` are estimates, `models` those to load."""

    tasks: int
    models: tuple[PlannedModel, ...]
    cells: int
    tokens: int
    cost: int


def part_estimate(tasks: Sequence[Task]) -> PartEstimate:
    """Return the size of a part that has these tasks."""
    return PartEstimate(
        tasks=len(tasks),
        models=tuple(dict.fromkeys(task.model for task in tasks)),
        cells=sum(task.cells for task in tasks),
        tokens=sum(task.tokens for task in tasks),
        cost=sum(task.cost for task in tasks),
    )


def by_model(tasks: Sequence[Task]) -> tuple[ModelWork, ...]:
    """Group tasks by model and design, in their order."""
    return tuple(
        ModelWork(
            model,
            tuple(
                DesignWork(
                    grouped[0].design,
                    tuple(task.block for task in grouped),
                    sum(task.cells for task in grouped),
                )
                for _, same in groupby(of_model, key=lambda task: id(task.design))
                for grouped in [list(same)]
            ),
        )
        for model, of_model in groupby(tasks, key=lambda task: task.model)
    )


def _asked_blocks(plan: Plan, design: PromptDesign) -> list[tuple[Block, int, int, int]]:
    """Return the blocks that a design asks: cells, tokens, and those that a chat template adds."""
    found = []
    for block in blocks_of(plan.questions):
        asked = [
            (question, subjects)
            for question in block
            if (subjects := design.asked_subjects(question, plan.subjects))
        ]
        cells = sum(len(subjects) for _, subjects in asked)
        tokens = sum(_tokens(design, question, subjects) for question, subjects in asked)
        if asked:
            found.append((block, cells, tokens, chat_tokens(design, len(asked), cells)))
    return found or [((), 0, 0, 0)]


def _tokens(design: PromptDesign, question: Question, subjects: Sequence[Subject]) -> int:
    try:
        return estimated_tokens(design, question, subjects)
    except ValuescopeError:  # reported when the question is scored
        return 0
