"""How much faster the token tree is than single sequences, as ratios within one run."""

import time
from collections.abc import Callable

import pytest

from scorer.design import PromptDesign
from scorer.engine import Model, Numerics, default_threads
from scorer.models import resolve_model
from scorer.prompts import render_prompt
from scorer.sequence import SequenceScorer
from scorer.templates import named_template
from scorer.tokens import TokenisedCell, tokenise_cell
from scorer.tree import TreeScorer
from warehouse.home import current_home
from warehouse.instrument import load_instrument

pytestmark = pytest.mark.benchmark


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


@pytest.mark.parametrize("model_name", ["smollm2-135m-instruct", "gemma-3-270m"])
@pytest.mark.parametrize("answer_style", ["label", "label_text"])
def test_choices_a_second_of_the_tree_over_single_sequences(
    model_name: str, answer_style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Q181 (10 choices) for the 66 countries of wave 7; the slow path is timed on 2 of them."""
    instrument = load_instrument()
    model_file = resolve_model(model_name, current_home(), instrument)
    design = PromptDesign(named_template("paper"), answer_style=answer_style)
    countries = [country for country in instrument.countries.values() if country.in_wvs7]
    is_chat = instrument.models[model_name].is_chat
    with (
        Model(model_file.path, model_name, is_chat) as model,
        model.new_context(4096, Numerics(), default_threads(), 256) as context,
    ):
        cells: list[TokenisedCell] = [
            tokenise_cell(
                model,
                render_prompt(instrument.question("Q181"), country, design),
                design.chat_mode,
                with_label=True,
            )
            for country in countries
        ]
        tree, sequence = TreeScorer(context), SequenceScorer(context)
        list(sequence.score(cells[:1]))  # warms up weights and threads
        sequence_seconds = seconds(lambda: list(sequence.score(cells[:2]))) / 2
        before = context.tokens_decoded
        tree_seconds = seconds(lambda: list(tree.score(cells))) / len(cells)
        tokens = context.tokens_decoded - before
    ratio = sequence_seconds / tree_seconds
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{model_name} {answer_style}: {10 / tree_seconds:.0f} choices/s on the tree, "
            f"{10 / sequence_seconds:.1f} on single sequences, ratio {ratio:.1f}; "
            f"{tokens / len(cells):.1f} tokens decoded a cell"
        )
    assert ratio > 1
