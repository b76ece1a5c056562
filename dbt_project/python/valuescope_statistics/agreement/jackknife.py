"""Every measure without one battery after another, and the certainty that follows from it.

The estimate moves much without a battery that carries much of it. The sum of the squared moves is
the jackknife's variance, in which everything is that differs from battery to battery: what people
and model say, people's sampling error and numerical noise. Few large batteries tell less of that
variance than many small ones: Student's t has the degrees of freedom of their effective number.
docs/calibration.md has the coverage of the intervals.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from valuescope_statistics.agreement.cells import Flags, Floats, Places

# Variance below this part of the whole sample's, and a difference below it, is rounding.
DUST = 1e-12
# As near to 1 as an r comes on Fisher's scale, where 1 itself is infinitely far away.
LARGEST_R = 1 - 1e-12
# With fewer batteries in effect less than one degree of freedom is left.
LEAST_EFFECTIVE_BATTERIES = 2


class Samples(NamedTuple):
    """Some questions: all of them in sample 0, then without each battery in turn, then in halves.

    `weights` is samples x batteries, `starts` has each battery's first question, `total` the number
    of questions of each sample. A product with the designs as its outer axis is a product of equal
    size for each of them: a design's sums are the same bit for bit with any other designs.
    """

    weights: Floats
    starts: Places
    total: Floats

    def means(self, values: Floats) -> Floats:
        """Return the means of values (.. x questions) in each sample (.. x samples)."""
        by_battery = np.add.reduceat(values, self.starts, axis=-1)
        means: Floats = by_battery @ self.weights.T / self.total
        return means


def samples_of(battery_of_question: Places, halves: Flags) -> Samples:
    """Return the samples of questions that are in order of their batteries.

    `halves` (halves x batteries of the survey) says which batteries each half has. There is one
    sample for each half, and one without each battery, whole where it has no question here.
    """
    starts = np.flatnonzero(np.diff(battery_of_question, prepend=-1))
    sizes = np.diff(starts, append=len(battery_of_question))
    batteries = battery_of_question[starts]
    weights = np.vstack([np.ones((1 + halves.shape[1], len(starts))), halves[:, batteries]])
    weights[1 + batteries, np.arange(len(starts))] = 0
    return Samples(weights, starts, weights @ sizes)


def correlations(samples: Samples, scores: Floats, human: Floats) -> Floats:
    """Return Pearson's r of scores (designs x kinds x questions) with people's (questions).

    The result is designs x kinds x samples, NaN where a sample has no variance.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = standardised(scores), standardised(human)
        x_mean, y_mean = samples.means(x), samples.means(y)
        x_variance = samples.means(x**2) - x_mean**2
        y_variance = samples.means(y**2) - y_mean**2
        products = samples.means(x * y) - x_mean * y_mean
        has_variance = (x_variance > DUST) & (y_variance > DUST)
        return np.where(has_variance, products / np.sqrt(x_variance * y_variance), np.nan)


def standardised(values: Floats) -> Floats:
    """Return values (.. x questions) about their mean, in units of their standard deviation.

    r stays as it is. Where the standard deviation is below 1e-12, which is dust, they become NaN.
    """
    deviation = values.std(axis=-1, keepdims=True)
    centred = values - values.mean(axis=-1, keepdims=True)
    scaled: Floats = centred / np.where(deviation < DUST, np.nan, deviation)
    return scaled


def effective_number(sizes: npt.NDArray[np.generic]) -> float:
    """Return how many equal batteries tell as much as those of these sizes.

    It is Kish's n^2 / sum n_b^2, for n_b items in battery b.
    """
    total = float(sizes.sum())
    return total**2 / float((sizes.astype(float) ** 2).sum()) if total else 0.0


def freedom_of_items(sizes: Floats) -> float:
    """Return Satterthwaite's degrees of freedom where batteries count by their size.

    They do where items err independently.
    """
    return effective_number(sizes) - 1


def freedom_of_batteries(sizes: Floats) -> float:
    """Return degrees of freedom where batteries count by size^1.5.

    Items that are all alike would have them count by the square of their size. By simulation errors
    of distances and of means over countries are between the two (docs/calibration.md).
    """
    return effective_number(sizes**1.5) - 1


class Summary(NamedTuple):
    """Certainty of quantities, one value each; NaN where a sample lacks a value."""

    estimate: Floats
    ci_low: Floats
    ci_high: Floats
    standard_error: Floats
    p_value: Floats
    smallest_detectable: Floats


def summary(
    values: Floats, is_r: npt.NDArray[np.bool_], batteries: Floats, freedom: Floats
) -> Summary:
    """Summarise quantities from their values in all samples (.. x samples).

    The 95% interval is estimate +- t SE. For an r (`is_r`) it is made on Fisher's scale, atanh r,
    where r is nearly normal. The p-value of "it is 0" is two-sided and of the same t. The
    smallest detectable difference from 0 is the one that this test at 5% finds in 80% of studies.
    `batteries` are those with a question, `freedom` the degrees of freedom; all apply to `..`.
    """
    estimate = values[..., 0]
    bounded = np.clip(values, -LARGEST_R, LARGEST_R)
    scaled = np.where(is_r[..., None], np.arctanh(bounded), values)
    error, scaled_error = (standard_error(rows, batteries) for rows in (values, scaled))
    centre = scaled[..., 0]
    quantile = t.ppf(0.975, freedom)
    low, high = centre - quantile * scaled_error, centre + quantile * scaled_error
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = 2 * t.sf(np.abs(centre) / scaled_error, freedom)
    return Summary(
        estimate,
        np.where(is_r, np.minimum(np.tanh(low), estimate), np.maximum(low, -2)),
        np.where(is_r, np.maximum(np.tanh(high), estimate), np.minimum(high, 2)),
        error,
        # What is 0 but for its last bits does not show a difference.
        np.where(np.abs(estimate) < DUST, 1.0, p_value),
        (quantile + t.ppf(0.8, freedom)) * error,
    )


def standard_error(values: Floats, batteries: Floats) -> Floats:
    """Return the jackknife's standard error: sqrt((n - 1) / n sum (theta_-b - theta)^2)."""
    moves = values[..., 1:] - values[..., :1]
    error: Floats = np.sqrt((batteries - 1) / np.maximum(batteries, 1) * (moves**2).sum(axis=-1))
    return error


def interval_of_ratio(
    logs: Floats, batteries: Floats, freedom: npt.NDArray[np.floating]
) -> tuple[Floats, Floats]:
    """Return the 95% interval of ratios from their logarithms in all samples (.. x samples)."""
    half = t.ppf(0.975, freedom) * standard_error(logs, batteries)
    with np.errstate(over="ignore"):
        return np.exp(logs[..., 0] - half), np.exp(logs[..., 0] + half)
