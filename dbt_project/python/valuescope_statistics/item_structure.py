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
# Standard deviations below this, and differences of r, are rounding.
ROUNDING = 1e-12


class Limits(NamedTuple):
    """The build's variables that the result depends on."""

    draws: int
    seed: int
    minimum_countries: int
    minimum_questions: int
    minimum_batteries: int


def pairs_of(battery: Places) -> tuple[Places, Places]:
    """Return the places of all pairs of questions that are of different batteries."""
    first, second = np.triu_indices(len(battery), 1)
    apart = battery[first] != battery[second]
    return first[apart], second[apart]


def pair_correlations(scores: Floats, pairs: tuple[Places, Places]) -> Floats:
    """Return r over countries of each pair of questions; `scores` is countries x questions.

    NaN where one of them has no variance.
    """
    centred = scores - scores.mean(axis=0)
    lengths = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(lengths > 0, lengths, np.nan)
    found: Floats = (unit.T @ unit)[pairs]
    return found


def correlation(x: Floats, y: Floats) -> float:
    """Return Pearson's r of what is finite on both sides, NaN without variance."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known] - x[known].mean(), y[known] - y[known].mean()
    square = float((x @ x) * (y @ y))
    return float(x @ y / np.sqrt(square)) if square > ROUNDING**2 else np.nan


def interval(
    people: Floats, model: Floats, battery: Places, pairs: tuple[Places, Places], minimum: int
) -> dict[str, Any]:
    """Return the columns of the interval of r between two patterns, by a jackknife over batteries.

    A pair is left out with each of its two batteries.
    """
    sizes = np.bincount(battery)
    effective = effective_number(sizes)
    columns = {"battery_count": len(sizes), "effective_battery_count": effective}
    if len(sizes) < minimum:
        return {**columns, "interval_null_reason": "too_few_batteries"}
    if effective < LEAST_EFFECTIVE_BATTERIES:
        return {**columns, "interval_null_reason": "one_battery_dominates"}
    of_pair = [battery[place] for place in pairs]
    left = [(of_pair[0] != one) & (of_pair[1] != one) for one in range(len(sizes))]
    values = [correlation(people[some], model[some]) for some in left]
    samples = np.array([[correlation(people, model), *values]])
    found = summary(
        samples, np.array([True]), np.array([float(len(sizes))]), np.array([effective - 1])
    )
    if not np.isfinite(found.standard_error[0]):
        return {**columns, "interval_null_reason": "no_variance"}
    ends = {"structure_ci_low": found.ci_low[0], "structure_ci_high": found.ci_high[0]}
    return {**columns, **ends, "interval_null_reason": None}


def ceiling(human: Floats, pairs: tuple[Places, Places], random: np.random.Generator) -> float:
    """Return the highest r that a predictor of people's true pattern would reach.

    The root of the pattern's reliability: Spearman's and Brown's 2r / (1 + r) of the r between
    random halves of the countries, its mean over divisions.
    """
    half = len(human) // 2
    halves = []
    for _ in range(DIVISIONS):
        order = random.permutation(len(human))
        parts = human[order[:half]], human[order[half:]]
        halves.append(correlation(*(pair_correlations(part, pairs) for part in parts)))
    r = max(0.0, float(np.mean(halves)))
    return float(np.sqrt(2 * r / (1 + r)))


def shuffled(scores: Floats, battery: Places, random: np.random.Generator) -> Floats:
    """Return scores whose countries are shuffled, in each battery in another way.

    What is in a battery stays together; what goes together across batteries does so by chance.
    """
    order = np.stack([random.permutation(len(scores)) for _ in range(1 + int(battery.max()))])
    mixed: Floats = np.take_along_axis(scores, order[battery].T, axis=0)
    return mixed


def structure(
    model: Floats, human: Floats, battery: Places, names: tuple[str, ...], limits: Limits
) -> dict[str, Any]:
    """Return the row of one design; `model` and `human` are countries x questions, complete."""
    varies = (human.std(axis=0) > ROUNDING) & (model.std(axis=0) > ROUNDING)
    battery = np.unique(battery[varies], return_inverse=True)[1]
    model, human = model[:, varies], human[:, varies]
    row: dict[str, Any] = {"country_count": len(human), "question_count": int(varies.sum())}
    if len(human) < limits.minimum_countries:
        return {**row, "pair_count": 0, "null_reason": "too_few_countries"}
    if not varies.any():
        return {**row, "pair_count": 0, "null_reason": "no_country_variation"}
    if varies.sum() < limits.minimum_questions or not battery.any():
        return {**row, "pair_count": 0, "null_reason": "too_few_questions"}
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    random = np.random.default_rng([limits.seed, int.from_bytes(digest, "big")])
    pairs = pairs_of(battery)
    people = pair_correlations(human, pairs)
    own = pair_correlations(model, pairs)
    found = correlation(people, own)
    if not np.isfinite(found):
        return {**row, "pair_count": len(people), "null_reason": "no_variance"}
    drawn = np.array(
        [
            correlation(people, pair_correlations(shuffled(model, battery, random), pairs))
            for _ in range(limits.draws)
        ]
    )
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {
        **row,
        "pair_count": len(people),
        "structure_r": found,
        **interval(people, own, battery, pairs, limits.minimum_batteries),
        "shuffled_low": low,
        "shuffled_high": high,
        "shuffled_p_value": (1 + (drawn >= found - ROUNDING).sum()) / (1 + limits.draws),
        "structure_ceiling": ceiling(human, pairs, random),
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
            own.pivot(index="country_id", columns="question_id", values=f"{side}_mean_score")
            for side in ("llm", "human")
        ]
        batteries = own.drop_duplicates("question_id").set_index("question_id")["battery_id"]
        battery = pd.factorize(batteries.reindex(sides[0].columns).to_numpy(object))[0]
        model, human = (side.to_numpy(float) for side in sides)
        is_question, is_country = full_rectangle(np.isfinite(model).T)
        model, human = (side[is_country][:, is_question] for side in (model, human))
        row = structure(model, human, battery[is_question], names, limits)
        rows.append({**dict(zip(DESIGN, names, strict=True)), **row})
    return pd.DataFrame(rows, columns=RESULT.names)
