"""The estimated cost of scoring a design: a count of its tree and a short measurement."""

import time
from collections.abc import Sequence

from valuescope.scorer.elicitation.answer_form import percentage_form
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.paths.choice import SCORERS, SEQUENCES, context_size, fastest_path
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.paths.tree import count_nodes
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.process.messages import Estimate
from valuescope.warehouse.instruments.seeds import Question
from valuescope.warehouse.instruments.subjects import Subject, is_country

# Questions whose trees are counted, spread evenly over those asked.
_COUNTED_QUESTIONS = 8
# Tokens that are decoded to measure the speed, about.
_MEASURED_TOKENS = 256


def estimate(
    model: Model,
    design: PromptDesign,
    questions: Sequence[Question],
    subjects: Sequence[Subject],
    numerics: Numerics,
    threads: int,
    tokens_a_second: float | None = None,
) -> Estimate:
    """Count the trees of a few questions and time a part of one, unless its speed is known.

    Raises ValuescopeError when the design asks none of the questions.
    """
    asked = design.asked(questions, subjects)
    step = max(1, len(asked) // _COUNTED_QUESTIONS)
    counted = asked[step // 2 :: step]

    def trees_of(about_others: bool) -> tuple[list[list[TokenisedCell]], int, int]:
        trees = [
            [
                _tokenise(model, design, question, subject)
                for subject in subjects
                if is_country(subject) != about_others
            ]
            for question, subjects in counted
        ]
        cells = sum(is_country(s) != about_others for _, subjects in asked for s in subjects)
        in_trees = sum(map(len, trees))
        tokens = sum(count_nodes(tree) + _tokens_written(model, design, tree) for tree in trees)
        tokens_of_all = cells * tokens / in_trees if in_trees else 0
        return [tree for tree in trees if tree], cells, round(tokens_of_all)

    trees, cells, tokens = trees_of(about_others=False)
    other_trees, other_cells, other_tokens = trees_of(about_others=True)
    middle = sorted(trees, key=count_nodes)[len(trees) // 2]
    longest = max(
        (cell for tree in trees + other_trees for cell in tree),
        key=lambda cell: max(len(answer.token_ids) for answer in cell.answers),
    )
    path = "copies" if design.elicitation == "verbalised" else fastest_path(model)
    size = context_size(longest, numerics, model, path)
    if tokens_a_second is None:
        tokens_a_second = _measured_speed(model, middle, path, size, numerics, threads)
    return Estimate(
        cells=cells + other_cells,
        tokens=tokens + other_tokens,
        tokens_a_second=tokens_a_second,
        memory_bytes=model.weight_bytes
        + model.cache_bytes(size, numerics)
        + model.row_bytes(numerics),
        other_cells=other_cells,
        other_tokens=other_tokens,
    )


def _tokens_written(model: Model, design: PromptDesign, tree: Sequence[TokenisedCell]) -> int:
    """Return the tokens of answers that models write themselves, cell by cell."""
    if design.elicitation != "verbalised" or not tree:
        return 0
    longest = percentage_form(len(tree[0].answers), " ").longest
    return len(tree) * len(model.tokenise(longest))


def _measured_speed(
    model: Model,
    cells: Sequence[TokenisedCell],
    path: str,
    size: int,
    numerics: Numerics,
    threads: int,
) -> float:
    """Return tokens a second on as many of `cells` as make a short measurement."""
    part = list(cells)
    while len(part) > 1 and count_nodes(part) > _MEASURED_TOKENS:
        part = part[: len(part) // 2]
    with model.new_context(size, numerics, threads, SEQUENCES[path]) as context:
        scorer = SCORERS[path](context)
        list(scorer.score([part[:1]]))  # reads the weights into memory
        before, started = context.tokens_decoded, time.perf_counter()
        list(scorer.score([part]))
        return (context.tokens_decoded - before) / (time.perf_counter() - started)


def _tokenise(
    model: Model, design: PromptDesign, question: Question, subject: Subject
) -> TokenisedCell:
    return tokenise_cell(
        model, render_prompt(question, subject, design), design.chat_mode, with_label=False
    )
