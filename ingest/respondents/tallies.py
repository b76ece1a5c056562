"""Counts of codes in groups of people, with sums of weights that no order of rows changes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from valuescope.ingest.coding.answers import BAD, BLANK, Codes

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Of more cells only those that somebody is in are counted, which takes a sort.
_MOST_CELLS = 1 << 20


@dataclass(frozen=True)
class Tallies:
    """The codes that people in each group gave; one entry per group and code."""

    groups: Integers
    codes: Integers
    respondents: Integers
    sums: Sequence[Floats]


def exact_parts(values: Floats) -> tuple[Floats, Floats]:
    """Return two parts of numbers: sums of the first are exact, the second is what it lacks.

    The first are multiples of a power of two that fit into 53 bits when all are added up.
    """
    total = float(np.abs(values).sum())
    if not 0 < total < math.inf:
        return values, np.zeros_like(values)
    unit = 2.0 ** (math.frexp(total)[1] - 51)
    coarse = np.round(values / unit) * unit
    return coarse, values - coarse


def tallies(groups: Integers, codes: Codes, *amounts: tuple[Floats, Floats]) -> Tallies:
    """Count the codes in each group, and add up amounts, each given as `exact_parts`."""
    low, high = int(codes.min()), int(codes.max())
    has_marks = low <= BLANK
    if has_marks:
        low = int(codes.min(where=codes > BLANK, initial=max(high, 0)))
    if (high - low + 3) * (int(groups.max()) + 1) > _MOST_CELLS:
        values, positions = np.unique(codes.astype(np.int64), return_inverse=True)
    else:
        values = np.array([BAD, BLANK, *range(low, high + 1)])
        positions = codes - np.int64(low - 2)
        if has_marks:
            positions[codes == BLANK], positions[codes == BAD] = 1, 0
    cells = groups * len(values) + positions
    respondents = np.bincount(cells)
    found = np.flatnonzero(respondents)
    return Tallies(
        found // len(values),
        values[found % len(values)],
        respondents[found],
        [_sums(cells, parts)[found] for parts in amounts],
    )


def _sums(cells: Integers, parts: tuple[Floats, Floats]) -> Floats:
    coarse, fine = (np.bincount(cells, part) for part in parts)
    return np.asarray(coarse + fine, np.float64)
