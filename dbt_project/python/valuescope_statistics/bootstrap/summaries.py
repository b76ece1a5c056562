"""What the draws of a quantity come to: interval, standard error and p-value."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from valuescope_statistics.bootstrap.cells import Floats

# Draws of few batteries can be 0 but for their last bits, whose sign means nothing.
ZERO = 1e-12


class Summary(NamedTuple):
    """What the draws of one quantity come to; one value for each row of draws."""

    estimate: Floats
    ci_low: Floats
    ci_high: Floats
    standard_error: Floats
    p_value: Floats
    replicates_used: npt.NDArray[np.int64]


def summary(draws: Floats) -> Summary:
    """Summarise draws (.. x 1 + replicates), of which the first is the estimate.

    The interval goes from the 2.5th to the 97.5th percentile of the finite draws, the standard
    error is their standard deviation. The p-value of "it is 0" is two-sided, twice the smaller
    share of draws on one side of 0, 0 itself on both, with the estimate counted among them:
    2 (1 + #) / (1 + B), at most 1.
    """
    estimate = draws[..., 0]
    # NaN sorts behind all numbers.
    ordered = np.sort(draws[..., 1:], axis=-1)
    finite = np.isfinite(ordered)
    used = finite.sum(axis=-1)
    low, high = (percentile(ordered, used, share) for share in (0.025, 0.975))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(finite, ordered, 0).sum(axis=-1) / used
        squares = np.where(finite, (ordered - mean[..., None]) ** 2, 0).sum(axis=-1)
        error = np.sqrt(squares / np.where(used > 1, used - 1, np.nan))
        fewer = np.minimum((ordered <= ZERO).sum(axis=-1), (ordered >= -ZERO).sum(axis=-1))
        p_value = np.minimum(1, 2 * (1 + fewer) / (1 + used))
    return Summary(estimate, low, high, error, p_value, used.astype(np.int64))


def percentile(ordered: Floats, used: npt.NDArray[np.intp], share: float) -> Floats:
    """The quantile of the first `used` of the ordered values, as numpy interpolates it."""
    place = np.maximum(used - 1, 0) * share
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(used - 1, 0))
    lower = np.take_along_axis(ordered, below[..., None], -1)[..., 0]
    upper = np.take_along_axis(ordered, above[..., None], -1)[..., 0]
    return np.where(used > 0, lower + (place - below) * (upper - lower), np.nan)
