"""Generated people and models whose agreement is known exactly.

Mean scores are sums of independent parts: what the world shares, what a country adds, and each
model's own error, in all countries alike and in each country apart. Every part has a share that the
items of a battery have in common. A measure of agreement over many batteries depends on the parts'
variances alone, so that its true value is arithmetic, done here without any code of the project.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Variances and shares of batteries of mean scores in WVS wave 7 (44 countries, 175 questions) are
# .16 and .56 of what the world shares, .07 and .42 of what a country adds. Half of each variance
# keeps scores within -1 and 1, which no r notices.
WORLD, WORLD_SHARE = 0.08, 0.56
COUNTRY, COUNTRY_SHARE = 0.035, 0.42
RESPONDENTS = 1000


@dataclass(frozen=True)
class GeneratedModel:
    """A model's score: known parts of people's scores and sources of error.

    `sources` are the error's parts by name, as shares of its variance; models with a source of
    the same name make the same error. Of each, `everywhere` is the same in all countries.
    """

    world: float
    country: float
    error: float
    sources: dict[str, float]
    everywhere: float = 0.8


@dataclass(frozen=True)
class Truth:
    """The true measures of one model in a country, alike for all countries."""

    pearson_r: float
    blind_baseline_r: float
    demeaned_pearson_r: float
    country_gain: float
    skill: float

    @property
    def r_above_blind(self) -> float:
        """Return r minus the blind baseline's, which is also the difference of rho0."""
        return self.pearson_r - self.blind_baseline_r


@dataclass(frozen=True)
class World:
    """A number of countries, and everything that is true of models in them."""

    countries: int

    @cached_property
    def human_variance(self) -> float:
        return WORLD + COUNTRY

    @cached_property
    def blind_r(self) -> float:
        """Return the r of the mean of all other countries."""
        return float(
            WORLD / np.sqrt(self.human_variance * (WORLD + COUNTRY / (self.countries - 1)))
        )

    def error_for(self, r: float, world: float, country: float) -> float:
        """Return the variance of the error that leaves a model this r."""
        signal = world**2 * WORLD + country**2 * COUNTRY
        covariance = world * WORLD + country * COUNTRY
        error = covariance**2 / (r**2 * self.human_variance) - signal
        assert error > 0
        return float(error)

    def truth(self, model: GeneratedModel) -> Truth:
        """Return a model's true measures."""
        others = self.countries - 1
        apart = model.error * (1 - model.everywhere)
        together = model.world**2 * WORLD + model.error * model.everywhere
        own_part = model.country**2 * COUNTRY + apart
        variance, covariance = together + own_part, model.world * WORLD + model.country * COUNTRY
        r = covariance / np.sqrt(variance * self.human_variance)
        # The mean of the other countries' answers knows nothing of this country's people.
        mean_variance = together + own_part / others
        mean_r = model.world * WORLD / np.sqrt(mean_variance * self.human_variance)
        squared_error = variance - 2 * covariance + self.human_variance
        blind_error = COUNTRY / others + COUNTRY
        return Truth(
            float(r),
            self.blind_r,
            float(model.country * COUNTRY / np.sqrt(own_part * COUNTRY)),
            float(r - mean_r),
            float(1 - squared_error / blind_error),
        )


@dataclass(frozen=True)
class Scores:
    """People's true mean scores (countries x questions) and each model's."""

    people: Floats
    models: dict[str, Floats]


def draw(
    random: np.random.Generator,
    countries: int,
    batteries: npt.NDArray[np.intp],
    models: dict[str, GeneratedModel],
) -> Scores:
    """Return scores of one study, whose questions belong to these batteries."""

    def part(variance: float, share: float, rows: int) -> Floats:
        together = random.standard_normal((rows, int(batteries.max()) + 1))[:, batteries]
        own = random.standard_normal((rows, len(batteries)))
        mixed: Floats = np.sqrt(share) * together + np.sqrt(1 - share) * own
        scaled: Floats = mixed * variance**0.5
        return scaled

    def names() -> Iterable[str]:
        return sorted({source for model in models.values() for source in model.sources})

    world = part(WORLD, WORLD_SHARE, 1)
    country = part(COUNTRY, COUNTRY_SHARE, countries)
    errors = {
        name: (part(1, WORLD_SHARE, 1), part(1, COUNTRY_SHARE, countries)) for name in names()
    }
    scores = {}
    for name, model in models.items():
        score = model.world * world + model.country * country
        for source, share in model.sources.items():
            everywhere, apart = errors[source]
            score = score + np.sqrt(model.error * share) * (
                np.sqrt(model.everywhere) * everywhere + np.sqrt(1 - model.everywhere) * apart
            )
        scores[name] = score
    return Scores(world + country, scores)
