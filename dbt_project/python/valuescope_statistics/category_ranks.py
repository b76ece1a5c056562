"""Ranks of categories by how far they are beyond random answers, and how sure they are."""

from typing import Any, NamedTuple

import numpy as np

from valuescope_statistics.agreement.cells import Floats, Places
from valuescope_statistics.agreement.rankings import DIVISIONS, ROUNDING, halves, ranking


class CategorySums(NamedTuple):
    """Sums over the cells of each battery of a category, batteries in rows.

    `products` (m h) and `squares` (m^2) have a column for each row of scores; the blind baseline's
    b h and b^2, and h^2, have one. `sizes` are the questions.
    """

    products: Floats
    squares: Floats
    blind_products: Floats
    blind_squares: Floats
    human_squares: Floats
    sizes: Places

    def whole(self) -> Floats:
        """Return rho0 above blind over all batteries, by column."""
        found: Floats = self.above_blind(np.ones((1, len(self.sizes))))[0]
        return found

    def above_blind(self, samples: Floats) -> Floats:
        """Return rho0 above blind (samples x columns); `samples` (x batteries) weight batteries.

        rho0 is sum(m h) / sqrt(sum(m^2) sum(h^2)), NaN where either is 0.
        """
        products, squares, blind_products, blind_squares, human_squares = (
            samples @ sums for sums in self[:5]
        )
        model, blind = squares * human_squares, blind_squares * human_squares
        with np.errstate(invalid="ignore", divide="ignore"):
            rho0: Floats = np.where(model > ROUNDING**2, products / np.sqrt(model), np.nan)
            return rho0 - np.where(blind > ROUNDING**2, blind_products / np.sqrt(blind), np.nan)


def distance(values: Floats) -> Floats:
    """Return how many standard deviations the first column is above the random answers' mean.

    Column 1, answers without a country, is passed over. NaN where random answers do not differ.
    """
    random = values[..., 2:]
    deviation = random.std(axis=-1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        above = (values[..., 0] - random.mean(axis=-1)) / deviation
    found: Floats = np.where(deviation > ROUNDING, above, np.nan)
    return found


def category_ranks(
    categories: dict[str, CategorySums],
    minimum_questions: int,
    minimum_batteries: int,
    minimum_units: int,
) -> dict[str, dict[str, Any]]:
    """Return the rank of each category that is ranked, by its distance from random answers.

    Each category has halves of its own batteries, which are in no other category.
    """
    distances = {
        name: distance(category.above_blind(samples(len(category.sizes))))
        for name, category in categories.items()
        if category.sizes.sum() >= minimum_questions
    }
    names = [name for name, values in distances.items() if np.isfinite(values[0])]
    if not names:
        return {}
    sizes = [categories[name].sizes for name in names]
    starts = np.cumsum([0, *map(len, sizes)])
    moves, divided = np.zeros((len(names), starts[-1])), np.empty((len(names), 2 * DIVISIONS))
    for place, name in enumerate(names):
        whole, jackknifed, divided[place] = np.split(distances[name], [1, 1 + len(sizes[place])])
        moves[place, starts[place] : starts[place + 1]] = jackknifed - whole
    values = np.array([distances[name][0] for name in names])
    found = ranking(values, moves, sizes, divided, minimum_batteries, minimum_units)
    return {name: found.of_unit(place) for place, name in enumerate(names)}


def samples(count: int) -> Floats:
    """Return weights of batteries (x batteries): all, all but each in turn, and halves."""
    return np.vstack([np.ones(count), 1 - np.eye(count), halves(count)])
