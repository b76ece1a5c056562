"""Sampled answers: drawn from what a sampler under a grammar would draw from."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.scorer.elicitation import grammars
from tests.scorer.scoring import single_scores
from valuescope.scorer.elicitation.drawing import drawn_counts, drawn_probabilities
from valuescope.scorer.elicitation.values import drawn_values, stated_values
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.paths.path import AnswerScore, CellScore
from valuescope.scorer.paths.tokens import TokenisedAnswer, TokenisedCell, tokenise_cell
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import Answer, Prompt, render_prompt
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.instruments.seeds import Instrument

# Of a prompt of one token, 0.
LIKELY, RARE = math.log(0.6), math.log(0.2)


def cell(*answers: Sequence[int]) -> TokenisedCell:
    """A cell whose answers have these tokens."""
    shown = [Answer(n, n, chr(64 + n), f"text {n}", f"text {n}") for n in range(1, 27)]
    prompt = Prompt("Q1", "JPN", "?", tuple(shown[: len(answers)]))
    tokenised = tuple(
        TokenisedAnswer(answer, answer.text, (0, *tokens), 1, None, None, 1)
        for answer, tokens in zip(shown, answers, strict=False)
    )
    return TokenisedCell(prompt, "?", tokenised, 1, False)


def scored(*token_values: Sequence[float]) -> CellScore:
    return CellScore(tuple(AnswerScore(tuple(values), None) for values in token_values), 0.25)


def test_single_tokens_have_the_softmax_of_their_likelihoods() -> None:
    found = drawn_probabilities(cell([1], [2], [3]), scored([LIKELY], [RARE], [RARE]), 1.0)
    assert found == pytest.approx((0.6, 0.2, 0.2))


def test_longer_answers_are_weighed_token_by_token_among_those_that_go_on_alike() -> None:
    """By hand: first comes 1 (.2) or 2 (.6), a quarter to three quarters; after 1 come 3 or 4.

    Both are unlikely in the model, .02 and .06, and share what 1 has all the same.
    """
    found = drawn_probabilities(
        cell([1, 3], [1, 4], [2, 5]),
        scored([RARE, math.log(0.02)], [RARE, math.log(0.06)], [LIKELY, math.log(0.01)]),
        1.0,
    )
    assert found == pytest.approx((1 / 16, 3 / 16, 3 / 4))


def test_the_temperature_divides_the_likelihood_of_each_token() -> None:
    found = drawn_probabilities(cell([1], [2]), scored([LIKELY], [RARE]), 0.5)
    assert found == pytest.approx((0.9, 0.1))
    hot = drawn_probabilities(cell([1], [2]), scored([LIKELY], [RARE]), 10.0)
    assert hot[0] == pytest.approx(3**0.1 / (1 + 3**0.1))


def test_draws_are_the_same_again_and_others_of_another_model_cell_or_number() -> None:
    one, score = cell([1], [2]), scored([LIKELY], [RARE])
    counts = drawn_counts(one, score, 1000, 1.0, "m")
    assert sum(counts) == 1000
    assert drawn_counts(one, score, 1000, 1.0, "m") == counts
    other = replace(one, text="??")
    others = [
        drawn_counts(one, score, 1000, 1.0, "n"),
        drawn_counts(other, score, 1000, 1.0, "m"),
        drawn_counts(one, score, 1001, 1.0, "m"),
    ]
    assert counts not in others


def test_counts_land_as_shares_with_their_number_and_the_mass_that_the_grammar_took_away() -> None:
    values = drawn_values(cell([1], [2]), scored([0.0], [-1000.0]), 7, 1.0, "m")
    assert values.off_choice_mass == 0.25
    assert [(row["log_likelihood"], row["draws"]) for row in values.answers] == [
        (0.0, 7),
        (-math.inf, 7),
    ]
    assert {row["token_count"] for row in values.answers} == {None}


def test_percentages_land_over_their_sum_which_is_kept() -> None:
    values = stated_values(cell([1], [2], [3]), (90, 30, 0))
    assert values.off_choice_mass == 0
    shares = [(row["answer_text"], math.exp(row["log_likelihood"])) for row in values.answers]
    assert shares == [
        ("A) 90%", pytest.approx(0.75)),
        ("B) 30%", pytest.approx(0.25)),
        ("C) 0%", 0),
    ]
    assert {row["stated_sum"] for row in values.answers} == {1.2}


def test_an_answer_of_nothing_but_zeros_is_outside_the_choices() -> None:
    values = stated_values(cell([1], [2]), (0, 0))
    assert values.off_choice_mass == 1
    assert [(row["log_likelihood"], row["stated_sum"]) for row in values.answers] == [
        (-math.inf, 0)
    ] * 2


def tokenised(model: Model, instrument: Instrument, style: str) -> list[TokenisedCell]:
    """Three cells in one answer style."""
    design = PromptDesign(named_template("paper"), answer_style=style)
    asked = [("Q1", "JPN"), ("Q46", "USA"), ("Q182", None)]
    return [
        tokenise_cell(
            model,
            render_prompt(
                instrument.question(question),
                instrument.country(country) if country else None,
                design,
            ),
            design.chat_mode,
            with_label=False,
        )
        for question, country in asked
    ]


def test_two_thousand_draws_agree_with_the_softmax_of_label_answers(
    instrument: Instrument, exact_smollm2: Model, numerics: Numerics
) -> None:
    draws = 2000
    away = []
    for one in tokenised(exact_smollm2, instrument, "label"):
        (score,) = single_scores(exact_smollm2, numerics, [one])
        likelihoods = np.array([answer.log_likelihood for answer in score.answers])
        weights = np.exp(likelihoods - likelihoods.max())
        expected = weights / weights.sum()
        shares = np.array(drawn_counts(one, score, draws, 1.0, "model")) / draws
        away += list((shares - expected) / np.sqrt(expected * (1 - expected) / draws))
    assert np.abs(away).max() < 4
    assert np.std(away) > 0.3


@pytest.mark.parametrize("style", ["label", "label_text"])
def test_draws_are_from_the_distribution_of_llama_cpps_own_grammar_sampler(
    style: str, instrument: Instrument, exact_smollm2: Model, numerics: Numerics
) -> None:
    """Its samplers allow answers in any spelling; after a chat template a label has one."""
    own = exact_smollm2
    one, *_ = tokenised(own, instrument, style)
    (score,) = single_scores(own, numerics, [one])
    texts = [answer.text for answer in one.answers]
    prompt = one.answers[0].token_ids[: one.boundary]
    with grammars.opened(own.path) as model:
        expected = grammars.distribution(model, prompt, texts)
    assert sum(expected.values()) == pytest.approx(1, abs=1e-3)
    found = drawn_probabilities(one, score, 1.0)
    assert found == pytest.approx([expected[text] for text in texts], abs=1e-4)
