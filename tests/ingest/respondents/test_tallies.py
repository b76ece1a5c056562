"""Counts and sums in groups, as exact arithmetic has them."""

import math
from collections import defaultdict

import numpy as np
import pytest

from valuescope.ingest.coding.answers import BAD, BLANK
from valuescope.ingest.respondents.tallies import exact_parts, tallies


@pytest.mark.parametrize("largest", [9, 9_000_000], ids=["few codes", "codes far apart"])
def test_sums_are_the_exact_ones_in_any_order(largest: int) -> None:
    random = np.random.default_rng(20220)
    groups = random.integers(0, 5, 3000)
    codes = random.choice([BAD, BLANK, -5, -1, 0, 1, 2, largest], 3000).astype(np.int32)
    weights = random.gamma(0.3, 1, 3000) * 10.0 ** random.integers(-6, 3, 3000)
    by_cell = defaultdict(list)
    for group, code, weight in zip(groups, codes, weights, strict=True):
        by_cell[int(group), int(code)].append(float(weight))

    for order in (np.arange(3000), random.permutation(3000)):
        found = tallies(groups[order], codes[order], exact_parts(weights[order]))
        cells = list(zip(found.groups.tolist(), found.codes.tolist(), strict=True))

        assert dict(zip(cells, found.respondents.tolist(), strict=True)) == {
            cell: len(own) for cell, own in by_cell.items()
        }
        assert dict(zip(cells, found.sums[0].tolist(), strict=True)) == {
            cell: pytest.approx(math.fsum(own), rel=2.5e-16) for cell, own in by_cell.items()
        }
