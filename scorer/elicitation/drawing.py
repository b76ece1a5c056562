"""Answers drawn under a grammar of the choices, from the likelihoods of their tokens.

A sampler under a grammar masks, at each token, what no answer goes on with, and draws from others.
The tokens that answers go on with are a tree, and scoring has the probability of each of its
branches: drawing from them is drawing from the model, without another token to decode.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from valuescope.scorer.paths.path import CellScore
from valuescope.scorer.paths.tokens import TokenisedCell

Tokens = tuple[int, ...]


def drawn_counts(
    cell: TokenisedCell, score: CellScore, draws: int, temperature: float, model_id: str
) -> tuple[int, ...]:
    """Return how many of `draws` answers are each of the cell's.

    The same for the same model, cell and number of draws, whatever else is scored, and independent
    between models and cells.
    """
    named = f"{model_id}:{cell.text_sha256}:{draws}:{temperature!r}"
    seed = int.from_bytes(hashlib.sha256(named.encode()).digest())
    shares = drawn_probabilities(cell, score, temperature)
    counts = np.random.default_rng(seed).multinomial(draws, shares)
    return tuple(map(int, counts))


def drawn_probabilities(
    cell: TokenisedCell, score: CellScore, temperature: float
) -> tuple[float, ...]:
    """Return the probability of each answer under the grammar of the cell's answers.

    The product over its tokens of exp(l_t / T) over the sum of the same of all tokens that answers
    go on with there, where l_t is log P of the token and T the temperature. Where each answer is a
    single token and T is 1, this is the softmax of the answers' log-likelihoods. All answers begin
    with a label of their own, so that none is the beginning of another.
    """
    answers = [answer.token_ids[answer.start :] for answer in cell.answers]
    branches: dict[Tokens, dict[int, float]] = defaultdict(dict)
    for tokens, answer_score in zip(answers, score.answers, strict=True):
        for position, value in enumerate(answer_score.token_log_likelihoods):
            branches[tokens[:position]][tokens[position]] = value / temperature
    assert branches.keys().isdisjoint(answers), cell.prompt.question_id
    totals = {prefix: _log_sum(list(found.values())) for prefix, found in branches.items()}
    shares = [
        math.exp(
            math.fsum(
                branches[tokens[:position]][tokens[position]] - totals[tokens[:position]]
                for position in range(len(tokens))
            )
        )
        for tokens in answers
    ]
    whole = math.fsum(shares)
    return tuple(share / whole for share in shares)


def _log_sum(values: Sequence[float]) -> float:
    largest = max(values)
    return largest + math.log(math.fsum(math.exp(value - largest) for value in values))
