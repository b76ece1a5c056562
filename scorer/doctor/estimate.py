"""The estimated cost of scoring a design: a count of its tree and a short measurement."""

import time
from collections.abc import Iterator, Sequence

from valuescope.scorer.elicitation.answer_form import percentage_form
from valuescope.scorer.engine.contexts import Context, Model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.paths.choice import SCORERS, SEQUENCES, context_size, fastest_path
from valuescope.scorer.paths.path import chunks
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.paths.tree import count_nodes
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.process.messages import Estimate
from valuescope.warehouse.instruments.seeds import Question
from valuescope.warehouse.instruments.subjects import Subject, is_country

# Questions whose trees are counted, spread evenly over those asked.
_COUNTED_QUESTIONS = 8
# How long speed is measured, and after how many cells the time is looked at: a large model computes
# these for half a minute, and no more of them.
_MEASURED_SECONDS, _CELLS_AT_ONCE = 3.0, 8


def estimate(
    model: Model,
    design: PromptDesign,
    questions: Sequence[Question],
    subjects: Sequence[Subject],
    numerics: Numerics,
    threads: int,
    tokens_a_second: float | None = None,
) -> Estimate:
    """Count the trees of a few questions and time a part of them, unless their speed is known.

    The other questions have tokens in proportion to what their texts are planned with. Raises
    ValuescopeError when the design asks none of the questions.
    """
    # Here, because its statistics take longer to import than all else.
    from valuescope.scorer.planning.forecast import planned_tokens

    asked = design.asked(questions, subjects)
    step = max(1, len(asked) // _COUNTED_QUESTIONS)
    counted = asked[step // 2 :: step]

    def trees_of(about_others: bool) -> tuple[list[list[TokenisedCell]], int, int]:
        def meant(subjects: Sequence[Subject]) -> list[Subject]:
            return [subject for subject in subjects if is_country(subject) != about_others]

        cells = sum(len(meant(subjects)) for _, subjects in asked)
        if not cells:
            return [], 0, 0
        trees = [
            [_tokenise(model, design, question, subject) for subject in meant(subjects)]
            for question, subjects in counted
        ]
        tokens = sum(count_nodes(tree) + _tokens_written(model, design, tree) for tree in trees)
        all_planned, counted_planned = (
            sum(planned_tokens(design, question, meant(subjects)) for question, subjects in some)
            for some in (asked, counted)
        )
        tokens_of_all = tokens * all_planned / counted_planned if counted_planned else 0
        return [tree for tree in trees if tree], cells, round(tokens_of_all)

    trees, cells, tokens = trees_of(about_others=False)
    other_trees, other_cells, other_tokens = trees_of(about_others=True)
    longest = max(
        (cell for tree in trees + other_trees for cell in tree),
        key=lambda cell: max(len(answer.token_ids) for answer in cell.answers),
    )
    path = "copies" if design.elicitation == "verbalised" else fastest_path(model)
    size = context_size(longest, numerics, model, path)
    with model.new_context(size, numerics, threads, SEQUENCES[path]) as context:
        if tokens_a_second is None:
            tokens_a_second = _measured_speed(context, trees, path)
        memory_bytes = model.memory_bytes(context)
    return Estimate(
        cells=cells + other_cells,
        tokens=tokens + other_tokens,
        tokens_a_second=tokens_a_second,
        memory_bytes=memory_bytes,
        other_cells=other_cells,
        other_tokens=other_tokens,
    )


def _tokens_written(model: Model, design: PromptDesign, tree: Sequence[TokenisedCell]) -> int:
    """Return the tokens of answers that models write themselves, cell by cell."""
    if design.elicitation != "verbalised" or not tree:
        return 0
    longest = percentage_form(len(tree[0].answers), " ").longest
    return len(tree) * len(model.tokenise(longest))


def _measured_speed(context: Context, trees: Sequence[Sequence[TokenisedCell]], path: str) -> float:
    """Return tokens a second on as many cells of `trees` as make a short measurement."""
    scorer = SCORERS[path](context)
    list(scorer.score([trees[0][:1]]))  # reads the weights into memory
    before, started = context.tokens_decoded, time.perf_counter()

    def cells() -> Iterator[Sequence[TokenisedCell]]:
        for tree in trees:
            for some in chunks(tree, _CELLS_AT_ONCE):
                yield some
                if time.perf_counter() - started > _MEASURED_SECONDS:
                    return

    list(scorer.score(cells()))
    return (context.tokens_decoded - before) / (time.perf_counter() - started)


def _tokenise(
    model: Model, design: PromptDesign, question: Question, subject: Subject
) -> TokenisedCell:
    return tokenise_cell(
        model, render_prompt(question, subject, design), design.chat_mode, with_label=False
    )
