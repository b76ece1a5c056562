"""The columns of a landed row that depend on how it was asked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.scorer.elicitation.drawing import drawn_counts
from valuescope.scorer.paths.path import CellScore
from valuescope.scorer.paths.tokens import TokenisedCell

# What only answers have whose own tokens are scored.
_NO_TOKENS: dict[str, Any] = {
    "label_log_likelihood": None,
    "token_log_likelihoods": [],
    "label_token_count": None,
    "token_count": None,
    "byte_count": None,
}


@dataclass(frozen=True)
class CellValues:
    """A cell's values: `answers` are columns of the landing zone for each answer, as shown."""

    off_choice_mass: float
    answers: tuple[dict[str, Any], ...]


def likelihood_values(cell: TokenisedCell, score: CellScore) -> CellValues:
    """Return the log-likelihoods of a cell's answers."""
    return CellValues(
        score.off_choice_mass,
        tuple(
            {
                "log_likelihood": answer_score.log_likelihood,
                "label_log_likelihood": answer_score.label_log_likelihood,
                "token_log_likelihoods": list(answer_score.token_log_likelihoods),
                "label_token_count": answer.label_token_count,
                "token_count": len(answer_score.token_log_likelihoods),
                "byte_count": len(answer.text.encode()),
            }
            for answer, answer_score in zip(cell.answers, score.answers, strict=True)
        ),
    )


def drawn_values(
    cell: TokenisedCell, score: CellScore, draws: int, temperature: float, model_id: str
) -> CellValues:
    """Return the shares of sampled answers.

    No draw is outside the choices; the mass that the grammar took away is kept beside them.
    """
    counts = drawn_counts(cell, score, draws, temperature, model_id)
    return CellValues(
        score.off_choice_mass,
        tuple(
            {**_NO_TOKENS, "log_likelihood": _log(count / draws), "draws": draws}
            for count in counts
        ),
    )


def stated_values(cell: TokenisedCell, percentages: Sequence[int]) -> CellValues:
    """Return the shares that a model names: percentages over their sum, which is kept.

    An answer of nothing but 0% is outside the choices.
    """
    whole = sum(percentages)
    return CellValues(
        0.0 if whole else 1.0,
        tuple(
            {
                **_NO_TOKENS,
                "answer_text": f"{answer.answer.label}) {percentage}%",
                "log_likelihood": _log(percentage / whole) if whole else -math.inf,
                "stated_sum": whole / 100,
            }
            for answer, percentage in zip(cell.answers, percentages, strict=True)
        ),
    )


def _log(share: float) -> float:
    return math.log(share) if share > 0 else -math.inf
