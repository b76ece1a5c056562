"""Generated people and models whose agreement is known exactly.

Mean scores are sums of independent parts: what the world shares, what a country adds, and each
model's own error, in all countries alike and in each country apart. Every part has a share that the
items of a battery have in common. A measure of agreement over many batteries depends on the parts'
variances alone, so that its true value is arithmetic, done here without any code of the project.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Variances and shares of batteries of mean scores in WVS wave 7 (44 countries, 175 questions) are
# .16 and .56 of what the world shares, .07 and .42 of what a country adds. Half of each variance
# keeps scores within -1 and 1, which no r notices.
WORLD, WORLD_SHARE = 0.08, 0.56
COUNTRY, COUNTRY_SHARE = 0.035, 0.42
# Half the difference of two groups of a country; half of it is alike in all countries.
GROUP, GROUP_EVERYWHERE = 0.003, 0.5
RESPONDENTS = 1000
# What a model takes over of what the world shares and of what a country adds.
KNOWN_OF_WORLD, KNOWN_OF_COUNTRY = 0.7, 0.35
# A likelier answer has no finite log-likelihood, or none that a model gives.
CERTAIN = 1 - 1e-4
# So many cells give a mean distance to its third digit.
CELLS_OF_DISTANCES = 2_000_000
# So many studies give a standard deviation to 2%.
STUDIES_OF_PROMPTS = 1000


@dataclass(frozen=True)
class GeneratedModel:
    """A model's score: known parts of people's scores and sources of error.

    `sources` are the error's parts by name, as shares of its variance; models with a source of
    the same name make the same error. Of each, `everywhere` is the same in all countries.
    `sampling` is the variance of drawing answers, anew in each cell and no part of the error.
    """

    world: float
    country: float
    error: float
    sources: dict[str, float]
    everywhere: float = 0.8
    sampling: float = 0.0


@dataclass(frozen=True)
class GroupedModel:
    """A model that is asked about countries, invented countries and two groups of people.

    Half the difference that it makes between groups is people's times `knowledge`, and an own one
    of variance `error`. Answers about invented countries are as far apart as those about real ones
    are, divided by `steering`.
    """

    country: GeneratedModel
    knowledge: float
    error: float
    steering: float


@dataclass(frozen=True)
class Prompted:
    """A model that is asked in every template and order, each with errors of its own.

    `errors` are variances: of the model's own error, of a template, of an order, and of a template
    in an order. The last three are multiplied by exp(`spread` z), z being normal and drawn anew for
    each, so that some templates are worse than others.
    """

    world: float
    country: float
    errors: tuple[float, float, float, float]
    spread: float

    def in_prompt(
        self, factors: tuple[float, float, float], template: str, order: str
    ) -> GeneratedModel:
        """Return the model under one prompt, whose errors are multiplied by these factors."""
        own, *others = self.errors
        sources = {
            "own": own,
            f"template {template}": others[0] * factors[0],
            f"order {order}": others[1] * factors[1],
            f"{template} in {order}": others[2] * factors[2],
        }
        error = sum(sources.values())
        shares = {name: variance / error for name, variance in sources.items()}
        return GeneratedModel(self.world, self.country, error, shares)

    def draw(
        self, random: np.random.Generator, templates: Iterable[str], orders: Iterable[str]
    ) -> dict[tuple[str, str], GeneratedModel]:
        """Return the model under every template and order, for one study."""
        templates, orders = list(templates), list(orders)

        def factors(names: Iterable[object]) -> Mapping[object, float]:
            return {name: float(np.exp(self.spread * random.standard_normal())) for name in names}

        both = list(product(templates, orders))
        drawn = [factors(names) for names in (templates, orders, both)]
        return {
            (template, order): self.in_prompt(
                (drawn[0][template], drawn[1][order], drawn[2][template, order]), template, order
            )
            for template, order in both
        }


@dataclass(frozen=True)
class Truth:
    """The true measures of one model in a country, alike for all countries."""

    pearson_r: float
    blind_baseline_r: float
    demeaned_pearson_r: float
    country_gain: float
    skill: float

    @property
    def structure_r(self) -> float:
        """Return r between correlations of pairs of questions over the same countries.

        Of people and model drawn independently in each question, with r between the two, the
        products of two questions' deviations have the r r * r.
        """
        return self.demeaned_pearson_r**2

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
        apart = model.error * (1 - model.everywhere) + model.sampling
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

    def model_of(self, r: float, demeaned_r: float, sources: dict[str, float]) -> GeneratedModel:
        """Return a model with these measures, whose error is partly the same in all countries."""
        world, country = KNOWN_OF_WORLD, KNOWN_OF_COUNTRY
        error = self.error_for(r, world, country)
        apart = country**2 * COUNTRY * (1 / demeaned_r**2 - 1)
        assert apart < error
        return GeneratedModel(world, country, error, sources, everywhere=1 - apart / error)

    def means_over_prompts(
        self, model: Prompted, batteries: "Places", templates: int, orders: int
    ) -> dict[str, Floats]:
        """Return the mean of each r over so many prompts and all countries, study by study."""
        random = np.random.default_rng([self.countries, templates, orders])
        names = [[f"{number}" for number in range(count)] for count in (templates, orders)]
        found: dict[str, list[float]] = {"pearson_r": [], "demeaned_pearson_r": []}
        for _ in range(STUDIES_OF_PROMPTS):
            prompts = {"-".join(name): one for name, one in model.draw(random, *names).items()}
            scores = draw(random, self.countries, batteries, prompts)
            share = np.clip((1 + scores.people) / 2, 1 - CERTAIN, CERTAIN)
            people = random.binomial(RESPONDENTS, share) / RESPONDENTS
            said = np.clip(np.stack(list(scores.models.values())), -1, 1)
            found["pearson_r"].append(_mean_r(said, people))
            apart = (side - side.mean(axis=-2, keepdims=True) for side in (said, people))
            found["demeaned_pearson_r"].append(_mean_r(*apart))
        return {measure: np.array(means) for measure, means in found.items()}

    def truth_over_prompts(self, model: Prompted) -> Truth:
        """Return the mean of the true measures over all prompts, by Gauss-Hermite quadrature."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(9)
        scaled = np.exp(model.spread * nodes)
        places = list(product(range(len(nodes)), repeat=3))
        truths = [
            self.truth(model.in_prompt((scaled[a], scaled[b], scaled[c]), "any", "any"))
            for a, b, c in places
        ]
        shares = np.array([weights[list(place)].prod() for place in places])
        means = {
            name: float(np.average([getattr(truth, name) for truth in truths], weights=shares))
            for name in Truth.__dataclass_fields__
        }
        return replace(truths[0], **means)

    def truth_of_groups(self, model: GroupedModel) -> dict[str, float]:
        """Return the true measures of what a model says of two groups, as a survey shows them.

        A group is half of a country's respondents, whose sampling error is part of the measures.
        """
        country = model.country
        variance = country.world**2 * WORLD + country.country**2 * COUNTRY + country.error
        covariance = country.world * WORLD + country.country * COUNTRY
        own, shared = model.knowledge**2 * GROUP + model.error, model.knowledge * GROUP
        people = self.human_variance + GROUP
        sampling = (1 - people) / (RESPONDENTS / 2)
        r = (covariance + shared) / np.sqrt((variance + own) * (people + sampling))
        country_r = covariance / np.sqrt(variance * (people + sampling))
        variation = self._distances(people, variance + own, covariance + shared, RESPONDENTS // 2)[
            "mean_total_variation"
        ]
        return {
            "pearson_r": float(r),
            "gain": float(r - country_r),
            # Half of a difference has half of both groups' variance.
            "deviation_r": float(shared / np.sqrt(own * (GROUP + sampling / 2))),
            "stereotyping": float(np.sqrt(own / GROUP)),
            "mean_total_variation": variation,
            "mean_wasserstein_1": 2 * variation,
        }

    def distances(self, model: GeneratedModel) -> dict[str, float]:
        """Return the mean distances of a cell's two shares from those of a sample of people."""
        signal = model.world**2 * WORLD + model.country**2 * COUNTRY
        covariance = model.world * WORLD + model.country * COUNTRY
        return self._distances(self.human_variance, signal + model.error, covariance, RESPONDENTS)

    @staticmethod
    def _distances(
        human_variance: float, variance: float, covariance: float, respondents: int
    ) -> dict[str, float]:
        random = np.random.default_rng(1)
        both = random.multivariate_normal(
            [0, 0],
            [[human_variance, covariance], [covariance, variance]],
            CELLS_OF_DISTANCES,
        )
        people, own = np.clip((1 + both.T) / 2, 1 - CERTAIN, CERTAIN)
        survey = random.binomial(respondents, people) / respondents
        own_shares, survey_shares = (np.stack([side, 1 - side]) for side in (own, survey))
        middle = (own_shares + survey_shares) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            bits = [
                np.where(side > 0, side * np.log2(side / middle), 0).sum(axis=0)
                for side in (own_shares, survey_shares)
            ]
        variation = np.abs(own - survey).mean()
        # Scores are -1 and 1.
        spread = 4 * survey * (1 - survey)
        squared_error = (4 * (own - survey) ** 2 - spread / (respondents - 1)).mean()
        return {
            "mean_total_variation": float(variation),
            # Of two choices, whose scores are 2 apart.
            "mean_absolute_error": float(2 * variation),
            "mean_wasserstein_1": float(2 * variation),
            "total_variation_score": float(100 * (1 - variation / np.abs(survey - 0.5).mean())),
            "mean_jensen_shannon_distance": float(np.sqrt(np.maximum(sum(bits) / 2, 0)).mean()),
            "effective_respondents": float(spread.mean() / squared_error),
        }


@dataclass(frozen=True)
class Scores:
    """People's true mean scores (countries x questions) and each model's."""

    people: Floats
    models: dict[str, Floats]


Places = npt.NDArray[np.intp]


def _mean_r(said: Floats, people: Floats) -> float:
    """Return the mean r of prompts and countries (prompts x countries x questions)."""
    x, y = (side - side.mean(axis=-1, keepdims=True) for side in (said, people))
    squares = (x**2).sum(axis=-1) * (y**2).sum(axis=-1)
    return float(((x * y).sum(axis=-1) / np.sqrt(squares)).mean())


def _part(
    random: np.random.Generator, batteries: Places, variance: float, share: float, rows: int
) -> Floats:
    """Return rows x questions, of whose variance the items of a battery have a share in common."""
    together = random.standard_normal((rows, int(batteries.max()) + 1))[:, batteries]
    own = random.standard_normal((rows, len(batteries)))
    mixed: Floats = np.sqrt(share) * together + np.sqrt(1 - share) * own
    scaled: Floats = mixed * variance**0.5
    return scaled


@dataclass(frozen=True)
class Halves:
    """Half the difference of two groups, which one adds and the other takes off.

    Countries x questions, of people and of each model.
    """

    people: Floats
    models: dict[str, Floats]


def draw_halves(
    random: np.random.Generator,
    countries: int,
    batteries: Places,
    models: dict[str, GroupedModel],
) -> Halves:
    """Return half differences of groups of one study."""

    def deviations(variance: float) -> Floats:
        everywhere, apart = (
            _part(random, batteries, variance * share, COUNTRY_SHARE, rows)
            for share, rows in ((GROUP_EVERYWHERE, 1), (1 - GROUP_EVERYWHERE, countries))
        )
        return everywhere + apart

    people = deviations(GROUP)
    return Halves(
        people,
        {
            name: model.knowledge * people + deviations(model.error)
            for name, model in models.items()
        },
    )


def draw(
    random: np.random.Generator,
    countries: int,
    batteries: Places,
    models: dict[str, GeneratedModel],
) -> Scores:
    """Return scores of one study, whose questions belong to these batteries."""

    def part(variance: float, share: float, rows: int) -> Floats:
        return _part(random, batteries, variance, share, rows)

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
