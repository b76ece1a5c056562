"""How sure a ranking is: its reliability from halves of the batteries, and intervals of ranks.

What is ranked (countries, models, categories) is a unit here. Units of one ranking share what is
asked of them, so that whatever moves all of them alike moves no rank.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata, t

from valuescope_statistics.agreement.cells import Flags, Floats, Settings
from valuescope_statistics.agreement.jackknife import LEAST_EFFECTIVE_BATTERIES, effective_number

# Random divisions of the batteries into halves. 100 leave .01 of chance in a reliability.
DIVISIONS = 100
# Values closer than this are equal but for rounding.
ROUNDING = 1e-12


class Ranking(NamedTuple):
    """Ranks of units, 1 for the highest value, their intervals, and how sure the ranking is."""

    rank: Floats
    rank_low: Floats
    rank_high: Floats
    ranked_count: int
    ranking_reliability: float
    ranking_null_reason: str | None

    def of_unit(self, place: int) -> dict[str, Any]:
        """Return the columns of one unit."""
        ranks = {name: values[place] for name, values in zip(self._fields, self[:3], strict=False)}
        return {**self._asdict(), **ranks}


def halves(battery_count: int) -> Flags:
    """Return which batteries each half has (halves x batteries), both of one division in turn.

    They depend on the number alone, so that all models, prompts and countries share them.
    """
    random = np.random.default_rng(DIVISIONS)
    order = random.permuted(np.tile(np.arange(battery_count), (DIVISIONS, 1)), axis=1)
    first = order < battery_count // 2
    return np.stack([first, ~first], axis=1).reshape(-1, battery_count)


def ranks_of(settings: Settings, values: Floats, sizes: list[npt.NDArray[np.intp]]) -> Ranking:
    """Rank units by their values in all samples (units x samples); see `ranking` for the sizes."""
    first_half = values.shape[1] - 2 * DIVISIONS
    return ranking(
        values[:, 0],
        values[:, 1:first_half] - values[:, :1],
        sizes,
        values[:, first_half:],
        settings.minimum_batteries,
        settings.minimum_countries,
    )


def ranking(
    values: Floats,
    moves: Floats,
    sizes: list[npt.NDArray[np.intp]],
    divided: Floats,
    minimum_batteries: int,
    minimum_units: int,
) -> Ranking:
    """Rank units by their values, the highest first; ties share the better rank.

    `moves` (units x batteries) is how far a value moves without each battery, 0 without one that
    has no item of the unit; `sizes` are the items in each. The jackknife's variance of a difference
    is the sum of the squared differences of both units' moves, each times sqrt((n - 1) / n). A
    rank's interval reaches from below all units that are surely higher to above all that are surely
    lower, by paired t tests at 5%. Where all are unsure it is wide, and it covers the true rank in
    more than 95% of studies. It is NaN for a unit that has no interval itself.

    `divided` (units x halves) are the values in halves of the batteries, see `reliability`.
    """
    batteries = np.array([np.count_nonzero(of_unit) for of_unit in sizes], np.float64)
    effective = np.array([effective_number(of_unit) for of_unit in sizes])
    has_interval = (batteries >= minimum_batteries) & (effective >= LEAST_EFFECTIVE_BATTERIES)
    has_interval &= np.isfinite(moves).all(axis=1)
    critical = np.asarray(t.ppf(0.975, np.where(has_interval, effective - 1, np.nan)))
    moves = moves * np.sqrt(1 - 1 / batteries.clip(1))[:, None]
    higher, surely_higher, surely_lower = np.zeros((3, len(values)))
    for unit, value in enumerate(values):
        difference = values - value
        error = np.sqrt(((moves - moves[unit]) ** 2).sum(axis=1))
        # Of two units' degrees of freedom the fewer count.
        margin = np.maximum(np.maximum(critical, critical[unit]) * error, ROUNDING)
        # A comparison with what is NaN is False: unsure.
        higher[unit] = (difference > ROUNDING).sum()
        surely_higher[unit] = (difference > margin).sum()
        surely_lower[unit] = (-difference > margin).sum()
    found = reliability(divided, minimum_units)
    can_be_halved = np.isfinite(divided).any(axis=1).sum()
    reason = "too_few_ranked" if can_be_halved < minimum_units else "no_variance"
    return Ranking(
        1 + higher,
        np.where(has_interval, 1 + surely_higher, np.nan),
        np.where(has_interval, len(values) - surely_lower, np.nan),
        len(values),
        found,
        reason if np.isnan(found) else None,
    )


def reliability(divided: Floats, minimum_units: int) -> float:
    """Return the reliability of a ranking from values in halves (units x halves).

    The rank correlation of both halves, its mean over the divisions, is that of half as many
    batteries; by Spearman and Brown, 2r / (1 + r), it becomes that of all: the rank correlation to
    expect with the ranking by as many other batteries. Halves that disagree by chance count as much
    as those that agree by chance: 2r / (1 - r) where r is negative, so that the mean is 0 where all
    units are alike (docs/calibration.md). A division counts with units that have a value in both
    halves, if they are enough.
    """
    first, second = divided.T[::2], divided.T[1::2]
    is_known = np.isfinite(first) & np.isfinite(second)
    counts = is_known.sum(axis=1) >= minimum_units
    both = np.where(is_known, [first, second], np.nan)[:, counts]
    ranks = rankdata(np.round(both, 12), axis=-1, nan_policy="omit")
    x, y = ranks - np.nanmean(ranks, axis=-1, keepdims=True)
    squares = np.nansum(x**2, axis=-1) * np.nansum(y**2, axis=-1)
    found = np.nansum(x * y, axis=-1)[squares > 0] / np.sqrt(squares[squares > 0])
    if not len(found):
        return np.nan
    r = float(np.mean(found))
    return 2 * r / (1 + abs(r))
