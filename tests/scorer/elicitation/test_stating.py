"""Percentages that a model names, under a grammar that always parses."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.scorer.elicitation import grammars
from tests.scorer.tiny_models import write_tiny_model
from valuescope.scorer.elicitation.answer_form import percentage_form
from valuescope.scorer.elicitation.stating import StatingScorer
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import AS_IS, Numerics, default_threads
from valuescope.scorer.engine.weights import Computation
from valuescope.scorer.models.files import resolve_model
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.planning.templates import PERCENTAGES, named_template
from valuescope.scorer.process.opened_design import LoadedModel
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument

DESIGN = PromptDesign(named_template(PERCENTAGES), answer_style="label", elicitation="verbalised")


def tokenised(model: Model, instrument: Instrument, question: str) -> list[TokenisedCell]:
    asked = [*map(instrument.country, ("JPN", "USA", "BRA")), None]
    return [
        tokenise_cell(
            model,
            render_prompt(instrument.question(question), country, DESIGN),
            DESIGN.chat_mode,
            with_label=True,
        )
        for country in asked
    ]


def test_answers_are_those_of_llama_cpps_own_grammar_sampler(
    instrument: Instrument, exact_shallow: Model, numerics: Numerics
) -> None:
    """Decoded one by one and, of several cells at once, step by step."""
    own = exact_shallow
    questions = [tokenised(own, instrument, question) for question in ("Q1", "Q106")]
    stated = []
    for sequences in (9, 1):
        with own.new_context(1024, numerics, default_threads(), sequences) as context:
            scorer = StatingScorer(own, context, as_chat=True)
            stated.append(list(scorer.score(questions)))
    assert stated[0] == stated[1]
    cells = [cell for question in questions for cell in question]
    with grammars.opened(own.path) as model:
        for cell, numbers in list(zip(cells, stated[0], strict=True))[::3]:
            form = percentage_form(len(numbers), "")
            labels = "".join(answer.answer.label for answer in cell.answers)
            prompt = cell.answers[0].token_ids[: cell.boundary]
            grammar = grammars.percentages(labels, "")
            assert grammars.greedy(model, prompt, grammar) == form.filled(list(numbers))


@pytest.fixture(params=["mamba", "jamba", "llama"])
def tiny(
    request: pytest.FixtureRequest, tmp_path: Path, models_home: Home, instrument: Instrument
) -> Iterator[LoadedModel]:
    """Models of random weights, of every kind of memory."""
    path = tmp_path / "tiny.gguf"
    write_tiny_model(path, request.param)
    model_file = resolve_model(str(path), models_home, instrument)
    with LoadedModel(model_file, Computation(AS_IS, path), Numerics(AS_IS), threads=1) as loaded:
        yield loaded


def test_every_memory_names_the_same_percentages_on_each_path(
    tiny: LoadedModel, instrument: Instrument
) -> None:
    """Ten choices, whose answers are spelled in bytes, fill the room that is made for them."""
    questions = [instrument.question("Q182"), instrument.question("Q1")]
    countries = [instrument.country(name) for name in ("JPN", "KEN", "USA")]
    found = []
    for path in ("auto", "sequence"):
        tiny.path = path
        with tiny.open(DESIGN, questions, countries) as opened:
            scored = list(opened.score(questions, done=()))
            assert opened.opening.path_difference is None
            assert opened.opening.scoring_path == ("copies" if path == "auto" else "sequence")
        found.append(
            [
                (row["question_id"], row["country_id"], row["answer_text"], row["stated_sum"])
                for question in scored
                for row in question.rows
            ]
        )
    assert found[0] == found[1]
    assert len(found[0]) == 4 * (10 + 4)


@pytest.mark.parametrize("tiny", ["llama"], indirect=True)
def test_no_tree_is_shared_by_answers_that_are_written(
    tiny: LoadedModel, instrument: Instrument
) -> None:
    tiny.path = "tree"
    with (
        pytest.raises(ValuescopeError, match="use --path copies or --path sequence"),
        tiny.open(DESIGN, [instrument.question("Q1")], [instrument.country("JPN")]),
    ):
        raise AssertionError("the path should have been refused")


def test_a_vocabulary_that_cannot_spell_the_answers_is_refused_by_name(
    smollm2: Model, numerics: Numerics, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Model.texts_of
    monkeypatch.setattr(
        Model,
        "texts_of",
        lambda model, characters: (
            (token, text) for token, text in whole(model, characters) if text not in ("%", "7")
        ),
    )
    with smollm2.new_context(256, numerics, 1) as context:
        scorer = StatingScorer(smollm2, context, as_chat=True)
        with pytest.raises(
            ValuescopeError, match=f"vocabulary of {smollm2.name} has no token for '%', '7'"
        ):
            scorer.form_tokens(4)


@pytest.mark.parametrize("tiny", ["llama"], indirect=True)
def test_a_prompt_without_room_for_the_answer_is_named_before_anything_is_asked(
    tiny: LoadedModel, instrument: Instrument
) -> None:
    """The question and a label fit a context of 4096 bytes; with the longest answer they do not."""
    question = instrument.question("Q182")
    others = len(render_prompt(question, None, DESIGN).text) - len(question.wording)
    long = replace(question, wording=("Is it? " * 600)[: 4080 - others])
    cell = tokenise_cell(tiny.model, render_prompt(long, None, DESIGN), "template", with_label=True)
    assert cell.length <= tiny.model.description.context_length
    with (
        pytest.raises(ValuescopeError, match="tiny was trained for 4096"),
        tiny.open(DESIGN, [long], []),
    ):
        raise AssertionError("the question should have been refused")
