"""Which questions go together over countries: people's pattern and a model's (Mantel).

Where people of one country say yes to one question more than others do, they may say yes to another
one more, too. Each pair of questions has such a correlation over countries. Pairs are of different
batteries: questions of one battery go together because they are asked together.
"""

import hashlib
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from valuescope_statistics.agreement.cells import Floats, Places
from valuescope_statistics.agreement.jackknife import (
    LEAST_EFFECTIVE_BATTERIES,
    effective_number,
    summary,
)
from valuescope_statistics.relations import DESIGN
from valuescope_statistics.variance_components import full_rectangle

RESULT = pa.schema(
    [
        *((name, pa.string()) for name in DESIGN),
        ("country_count", pa.int64()),
        ("question_count", pa.int64()),
        ("pair_count", pa.int64()),
        ("structure_r", pa.float64()),
        ("structure_ci_low", pa.float64()),
        ("structure_ci_high", pa.float64()),
        ("battery_count", pa.int64()),
        ("effective_battery_count", pa.float64()),
        ("interval_null_reason", pa.string()),
        ("shuffled_low", pa.float64()),
        ("shuffled_high", pa.float64()),
        ("shuffled_p_value", pa.float64()),
        ("structure_ceiling", pa.float64()),
        ("null_reason", pa.string()),
    ]
)
DIVISIONS = 100
# Standard deviations of scores below this, differences of r and its variances are rounding.
ROUNDING = 1e-12


class Limits(NamedTuple):
    """The build's variables that the result depends on."""

    draws: int
    seed: int
    minimum_countries: int
    minimum_questions: int
    minimum_batteries: int


class Patterns:
    """People's pattern and a model's: r over countries of each pair of questions.

    A pattern is U U' where the rows of U, questions x countries, have mean 0 and length 1. So sums
    over all pairs are squares of products of countries x countries: over (P P')_ij (M M')_ij the
    sum is |P' M|^2. What is within batteries, where no pair counts, is taken off.
    """

    def __init__(self, people: Floats, model: Floats, battery: Places) -> None:
        """Take scores, questions x countries. A question that does not vary is left out."""
        varies = (people.std(axis=1) > ROUNDING) & (model.std(axis=1) > ROUNDING)
        self.people, self.model = (_unit(scores[varies]) for scores in (people, model))
        self.battery = np.unique(battery[varies], return_inverse=True)[1]
        first, second = np.nonzero(self.battery[:, None] == self.battery)
        self.pair_count = (len(self.battery) ** 2 - len(first)) // 2
        self._people_within, self._model_within = (
            np.einsum("pc,pc->p", unit[first], unit[second]) for unit in (self.people, self.model)
        )
        self._of_people = self._moments(self.people, self._people_within)

    def r(self, model: Floats | None = None) -> float:
        """Return Pearson's r between the patterns, NaN where one of them has no variance.

        `model` is the model's scores in another order that is the same within each battery.
        """
        if not self.pair_count:
            return np.nan
        model = self.model if model is None else model
        people_mean, people_variance = self._of_people
        model_mean, model_variance = self._moments(model, self._model_within)
        product = self._mean_product(self.people, model, self._people_within @ self._model_within)
        if min(people_variance, model_variance) <= ROUNDING:
            return np.nan
        covariance = product - people_mean * model_mean
        return float(covariance / np.sqrt(people_variance * model_variance))

    def shuffled(self, random: np.random.Generator) -> Floats:
        """Return the model's scores with countries shuffled, in each battery in another way.

        What is in a battery stays together; what goes together across batteries does so by chance.
        """
        order = np.tile(np.arange(self.model.shape[1]), (1 + int(self.battery.max()), 1))
        order = random.permuted(order, axis=1)
        mixed: Floats = np.take_along_axis(self.model, order[self.battery], axis=1)
        return mixed

    def _moments(self, unit: Floats, within: Floats) -> tuple[float, float]:
        """Return the mean of r over pairs, and its variance."""
        if not self.pair_count:
            return np.nan, np.nan
        total = np.square(unit.sum(axis=0)).sum() - within.sum()
        mean = float(total / 2 / self.pair_count)
        return mean, self._mean_product(unit, unit, float(within @ within)) - mean**2

    def _mean_product(self, one: Floats, other: Floats, within: float) -> float:
        """Return the mean over pairs of the product of r in two patterns."""
        return float((np.square(one.T @ other).sum() - within) / 2 / self.pair_count)


def _unit(scores: Floats) -> Floats:
    """Return scores, questions x countries, with rows of mean 0 and length 1."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    unit: Floats = centred / np.sqrt(np.square(centred).sum(axis=1, keepdims=True))
    return unit


def interval(patterns: Patterns, minimum: int) -> dict[str, Any]:
    """Return the columns of the interval of r between two patterns, by a jackknife over batteries.

    A pair is left out with each of its two batteries.
    """
    battery = patterns.battery
    sizes = np.bincount(battery)
    effective = effective_number(sizes)
    columns = {"battery_count": len(sizes), "effective_battery_count": effective}
    if len(sizes) < minimum:
        return {**columns, "interval_null_reason": "too_few_batteries"}
    if effective < LEAST_EFFECTIVE_BATTERIES:
        return {**columns, "interval_null_reason": "one_battery_dominates"}
    left = [battery != one for one in range(len(sizes))]
    values = [
        Patterns(patterns.people[some], patterns.model[some], battery[some]).r() for some in left
    ]
    samples = np.array([[patterns.r(), *values]])
    found = summary(
        samples, np.array([True]), np.array([float(len(sizes))]), np.array([effective - 1])
    )
    if not np.isfinite(found.standard_error[0]):
        return {**columns, "interval_null_reason": "no_variance"}
    ends = {"structure_ci_low": found.ci_low[0], "structure_ci_high": found.ci_high[0]}
    return {**columns, **ends, "interval_null_reason": None}


def ceiling(human: Floats, battery: Places, random: np.random.Generator) -> float:
    """Return the highest r that a predictor of people's true pattern would reach.

    The root of the pattern's reliability: Spearman's and Brown's 2r / (1 + r) of the r between
    random halves of the countries, its mean over divisions.
    """
    half = human.shape[1] // 2
    halves = []
    for _ in range(DIVISIONS):
        order = random.permutation(human.shape[1])
        halves.append(Patterns(human[:, order[:half]], human[:, order[half:]], battery).r())
    r = max(0.0, float(np.mean(halves)))
    return float(np.sqrt(2 * r / (1 + r)))


def structure(
    model: Floats, human: Floats, battery: Places, names: tuple[str, ...], limits: Limits
) -> dict[str, Any]:
    """Return the row of one design; `model` and `human` are questions x countries, complete."""
    patterns = Patterns(human, model, battery)
    questions = len(patterns.battery)
    row: dict[str, Any] = {"country_count": human.shape[1], "question_count": questions}
    if human.shape[1] < limits.minimum_countries:
        return {**row, "pair_count": 0, "null_reason": "too_few_countries"}
    if not questions:
        return {**row, "pair_count": 0, "null_reason": "no_country_variation"}
    if questions < limits.minimum_questions or not patterns.pair_count:
        return {**row, "pair_count": 0, "null_reason": "too_few_questions"}
    row["pair_count"] = patterns.pair_count
    found = patterns.r()
    if not np.isfinite(found):
        return {**row, "null_reason": "no_variance"}
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    random = np.random.default_rng([limits.seed, int.from_bytes(digest, "big")])
    drawn = np.array([patterns.r(patterns.shuffled(random)) for _ in range(limits.draws)])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {
        **row,
        "structure_r": found,
        **interval(patterns, limits.minimum_batteries),
        "shuffled_low": low,
        "shuffled_high": high,
        "shuffled_p_value": (1 + (drawn >= found - ROUNDING).sum()) / (1 + limits.draws),
        "structure_ceiling": ceiling(patterns.people, patterns.battery, random),
        "null_reason": None,
    }


def item_structure(cells: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Return one row per design; see `RESULT`.

    `cells` has `DESIGN`, country_id, question_id, battery_id, llm_mean_score and human_mean_score.
    Of each design count the questions that all countries have, without countries that have fewer
    than half as many as the fullest.
    """
    rows = []
    for key, own in cells.groupby(DESIGN, observed=True, sort=True):
        names = tuple(map(str, key))
        # Names as categories would come in the order of the rows.
        own = own.astype(dict.fromkeys(["country_id", "question_id", "battery_id"], str))
        sides = [
            own.pivot(index="question_id", columns="country_id", values=f"{side}_mean_score")
            for side in ("llm", "human")
        ]
        batteries = own.drop_duplicates("question_id").set_index("question_id")["battery_id"]
        battery = pd.factorize(batteries.reindex(sides[0].index).to_numpy(object))[0]
        model, human = (side.to_numpy(float) for side in sides)
        is_question, is_country = full_rectangle(np.isfinite(model))
        model, human = (side[is_question][:, is_country] for side in (model, human))
        row = structure(model, human, battery[is_question], names, limits)
        rows.append({**dict(zip(DESIGN, names, strict=True)), **row})
    return pd.DataFrame(rows, columns=RESULT.names)
