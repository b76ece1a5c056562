"""Marginals and moments counted in plain Python: what any reader of the same people arrives at."""

from collections import defaultdict
from collections.abc import Callable, Mapping
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


class Pair(NamedTuple):
    """Wave, country, which respondents are left out, and two indicators."""

    wave: int
    country_id: str
    deletion: str
    indicator_id: str
    other_indicator_id: str


class Moments(NamedTuple):
    """Sums over those who answered both indicators, exact before they are rounded once.

    `magnitude` is the largest sum of absolute terms, which rounding errors are measured by.
    """

    respondents: int
    sum_of_weights: float
    sum_of_values: float
    sum_of_squares: float
    sum_of_products: float
    sum_of_squared_weights: float
    squared_weight_values: float
    squared_weight_products: float
    magnitude: float = 0.0


def indicators(answers: Mapping[str, int]) -> dict[str, int | None]:
    """The ten indicators of one respondent, None where they did not answer."""

    def within(question: str, largest: int) -> int | None:
        code = answers.get(question, BLANK)
        return code if 1 <= code <= largest else None

    def turned(question: str, largest: int) -> int | None:
        code = within(question, largest)
        return None if code is None else largest + 1 - code

    qualities = [within(question, 2) for question in ("Q8", "Q14", "Q15", "Q17")]
    aims = [within(question, 4) for question in ("Q154", "Q155")]
    autonomy = postmaterialism = None
    if None not in qualities:
        independence, determination, faith, obedience = (code == 1 for code in qualities)
        autonomy = independence + determination - faith - obedience
    if None not in aims:
        postmaterialism = sum(code in (2, 4) for code in aims)
    trust = turned("Q57", 2)
    return {
        "importance_of_god": turned("Q164", 10),
        "autonomy": autonomy,
        "abortion": within("Q184", 10),
        "national_pride": within("Q254", 4),
        "respect_for_authority": within("Q45", 3),
        "postmaterialism": postmaterialism,
        "happiness": turned("Q46", 4),
        "petition": turned("Q209", 3),
        "homosexuality": within("Q182", 10),
        "trust": None if trust is None else trust - 1,
    }


def moments(
    survey: Survey,
    *,
    weighted: bool = True,
    among: Callable[[Respondent], bool] = lambda _: True,
) -> dict[Pair, Moments]:
    """The moments of all pairs of indicators among some respondents."""
    pairs: dict[Pair, list[tuple[Fraction, int, int]]] = defaultdict(list)
    for person in filter(among, survey.respondents):
        weight = Fraction(person.weight) if weighted else Fraction(1)
        values = indicators(person.answers)
        for deletion in ("pairwise", "listwise"):
            if deletion == "listwise" and None in values.values():
                continue
            for one, x in values.items():
                for other, y in values.items():
                    if x is not None and y is not None:
                        pair = Pair(person.wave, person.country_id, deletion, one, other)
                        pairs[pair].append((weight, x, y))
    return {
        pair: Moments(
            len(people),
            float(sum(w for w, _, _ in people)),
            float(sum(w * x for w, x, _ in people)),
            float(sum(w * x * x for w, x, _ in people)),
            float(sum(w * x * y for w, x, y in people)),
            float(sum(w * w for w, _, _ in people)),
            float(sum(w * w * x for w, x, _ in people)),
            float(sum(w * w * x * y for w, x, y in people)),
            float(sum((w + w * w) * (1 + x * x + abs(x * y)) for w, x, y in people)),
        )
        for pair, people in pairs.items()
    }
