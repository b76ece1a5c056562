"""A study divided: every task in one part, on every machine in the same."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.division import (
    Part,
    Task,
    by_model,
    divide,
    expand,
    parse_part,
    part_estimate,
    tasks_of,
)
from valuescope.scorer.planning.forecast import PlannedModel
from valuescope.scorer.planning.study import Plan, choose_countries, choose_questions, design_grid
from valuescope.scorer.planning.templates import named_template
from valuescope.scorer.runs.run import QUESTIONS_A_BLOCK
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument

MODELS = ("small-1b.gguf", "large-70b.gguf", "smollm2-135m-instruct")
DESIGN = PromptDesign(named_template("paper"))


@pytest.fixture(scope="module")
def plan(instrument: Instrument, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Two orders, all questions; the second order asks those with more than four choices."""
    home = Home(tmp_path_factory.mktemp("home"))
    return Plan(
        MODELS,
        design_grid(home, instrument, answers=("label",), orders=("forward", "rotate_4")),
        choose_questions(instrument, None, None),
        choose_countries(instrument, ("JPN", "USA")),
    )


@pytest.fixture(scope="module")
def tasks(plan: Plan, instrument: Instrument) -> tuple[Task, ...]:
    return expand(plan, instrument)


def task(tokens: int, parameters: int = 1) -> Task:
    return Task(PlannedModel("m", parameters, 4, is_chat=True), DESIGN, (), 1, tokens)


def test_each_model_is_loaded_once_and_each_design_opened_once(
    tasks: tuple[Task, ...], plan: Plan
) -> None:
    works = by_model(tasks)
    assert [work.model.name for work in works] == list(MODELS)
    for work in works:
        assert [asked.design for asked in work.designs] == list(plan.designs)
        forward, _ = work.designs
        assert [q for block in forward.blocks for q in block] == list(plan.questions)
        assert forward.cells == 3 * len(plan.questions)


def test_a_block_that_a_design_asks_nothing_of_is_no_task(
    tasks: tuple[Task, ...], plan: Plan
) -> None:
    rotated = plan.designs[1]
    blocks = Counter(task.design.choice_order for task in tasks)
    assert blocks["forward"] == -(-len(plan.questions) // QUESTIONS_A_BLOCK) * len(MODELS)
    assert 0 < blocks["rotate_4"] < blocks["forward"]
    asked = [task for task in tasks if task.design == rotated]
    assert sum(task.cells for task in asked) == len(MODELS) * 3 * sum(
        rotated.allows(question) for question in plan.questions
    )
    assert all(any(map(rotated.allows, task.block)) for task in asked)


def test_a_design_that_asks_nothing_is_one_task_so_that_somebody_tells(
    plan: Plan, instrument: Instrument, tmp_path: Path
) -> None:
    nothing = design_grid(Home(tmp_path), instrument, orders=("rotate_30",))
    (only, *_) = found = expand(
        Plan(MODELS[:1], nothing, plan.questions, plan.countries), instrument
    )
    assert len(found) == 1
    assert (only.block, only.cells, only.cost) == ((), 0, 0)


def test_a_model_that_is_named_twice_is_asked_once(plan: Plan, instrument: Instrument) -> None:
    once = Plan(MODELS[:1], plan.designs, plan.questions, plan.countries)
    twice = Plan(MODELS[:1] * 2, plan.designs, plan.questions, plan.countries)
    assert expand(twice, instrument) == expand(once, instrument)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40, 1000])
def test_every_task_is_in_one_part(tasks: tuple[Task, ...], count: int) -> None:
    parts = divide(tasks, count)
    assert len(parts) == count
    assert [task for part in parts for task in part] == list(tasks)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**12)), max_size=60),
    st.integers(1, 70),
)
def test_no_part_costs_more_than_its_share_and_one_task(
    sizes: list[tuple[int, int]], count: int
) -> None:
    tasks = [task(tokens, parameters) for tokens, parameters in sizes]
    parts = divide(tasks, count)
    whole, largest = sum(t.cost for t in tasks), max((t.cost for t in tasks), default=0)
    assert [t for part in parts for t in part] == tasks
    for part in parts:
        assert count * sum(t.cost for t in part) <= whole + count * largest


def test_the_large_model_is_divided_and_the_small_ones_stay_together(
    tasks: tuple[Task, ...],
) -> None:
    first, second = (part_estimate(part) for part in divide(tasks, 2))
    assert [model.name for model in first.models] == ["small-1b.gguf", "large-70b.gguf"]
    assert [model.name for model in second.models] == ["large-70b.gguf", "smollm2-135m-instruct"]
    assert first.cost == pytest.approx(second.cost, rel=0.1)
    assert first.tokens + second.tokens == part_estimate(tasks).tokens


def test_parts_do_not_depend_on_the_models_that_a_machine_has(
    tasks: tuple[Task, ...],
    plan: Plan,
    instrument: Instrument,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in MODELS[:2]:
        Path(name).write_bytes(b"GGUF and some more")
    assert expand(plan, instrument) == tasks


def test_a_question_that_cannot_be_rendered_is_left_to_whoever_scores_it(
    plan: Plan, instrument: Instrument
) -> None:
    broken = plan.questions[0]
    same = (broken.choices["native"][0],) * 2
    question = replace(broken, choices={"native": same})
    (only,) = expand(Plan(MODELS[:1], plan.designs[:1], (question,), plan.countries), instrument)
    assert (only.cells, only.block) == (3, (question,))


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1.0/2"])
def test_what_is_no_part_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValuescopeError, match=r"names no part\. Write it as I/N"):
        parse_part(text)


def test_a_part_is_counted_from_one(tasks: tuple[Task, ...]) -> None:
    assert parse_part(" 2/3 ") == Part(2, 3)
    assert tasks_of(Part(1, 3), tasks) == divide(tasks, 3)[0]
    assert tasks_of(Part(3, 3), tasks) == divide(tasks, 3)[2]
