"""Marginals counted in plain Python: what any reader of the same respondents must arrive at."""

from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from tests.ingest.survey_files import Respondent, Survey

BLANK = -5


class Cell(NamedTuple):
    """Wave, country, question and code."""

    wave: int
    country_id: str
    question_id: str
    code: int


class Marginal(NamedTuple):
    """How many gave the answer, and their weights; sums are exact before they are rounded once."""

    respondents: int
    sum_of_weights: float
    sum_of_squared_weights: float


def marginals(
    survey: Survey,
    *,
    weighted: bool = True,
    among: Callable[[Respondent], bool] = lambda _: True,
) -> dict[Cell, Marginal]:
    """The marginals of all questions among some respondents; a blank answer has code -5."""
    weights: dict[Cell, list[Fraction]] = defaultdict(list)
    for person in filter(among, survey.respondents):
        weight = Fraction(person.weight) if weighted else Fraction(1)
        for question in survey.questions:
            code = person.answers.get(question, BLANK)
            weights[Cell(person.wave, person.country_id, question, code)].append(weight)
    return {
        cell: Marginal(len(some), float(sum(some)), float(sum(weight**2 for weight in some)))
        for cell, some in sorted(weights.items())
    }
