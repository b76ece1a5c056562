"""Draws of batteries, of people's sampling error and of numerical noise, and r in each of them."""

import hashlib
from typing import NamedTuple

import numpy as np

from valuescope_statistics.bootstrap.cells import Answers, Flags, Floats, People, Places, Settings

# Variance below this part of the whole sample's is rounding.
DUST = 1e-12


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return random numbers that depend on the seed and the names alone."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "big")])


def battery_weights(people: People, settings: Settings) -> Floats:
    """How often each draw has each battery (1 + replicates x batteries)."""
    battery_count = int(people.battery_of_question.max()) + 1
    random = generator(settings.seed, people.survey_id, "batteries")
    even = np.full(battery_count, 1 / battery_count)
    times_drawn = random.multinomial(battery_count, even, size=settings.replicates)
    all_once = np.ones((1, battery_count))
    return np.concatenate([all_once, times_drawn])


def moved_scores(people: People, country: int, settings: Settings) -> Floats:
    """Draws of one country's human mean scores, h + SE z (1 + replicates x questions).

    z depends on seed, survey and country; a question has the same z under every coding.
    """
    random = generator(settings.seed, people.survey_id, "people", people.countries[country])
    deviates = random.standard_normal((settings.replicates, len(people.questions)))
    deviates *= np.nan_to_num(people.error[country])
    deviates += people.mean[country]
    return np.concatenate([people.mean[country][None], deviates])


def noise_deviates(
    people: People, country: int, answers: Answers, designs: Places, settings: Settings
) -> Floats:
    """Standard normal deviates of each design's own noise (designs x 1 + replicates)."""
    deviates = np.zeros((len(designs), settings.replicates + 1))
    for row, design in enumerate(designs):
        if answers.has_noise[design]:
            names = (people.survey_id, "noise", *answers.designs[design], people.countries[country])
            random = generator(settings.seed, *names)
            deviates[row, 1:] = random.standard_normal(settings.replicates)
    return deviates


def standardised(rows: Floats) -> tuple[Floats, Floats]:
    """Rows about their mean in units of their standard deviation, which is returned too.

    r stays as it is. Rows whose standard deviation is below 1e-12, which is dust, become NaN.
    """
    deviation = rows.std(axis=1, keepdims=True)
    deviation[deviation < 1e-12] = np.nan
    return (rows - rows.mean(axis=1, keepdims=True)) / deviation, deviation


class Drawn(NamedTuple):
    """How often draws have some questions, which stand battery by battery.

    `weights` is draws x questions, `by_battery` draws x batteries, `starts` each battery's first
    question. A product with the designs as its outer axis is a product of equal size for each of
    them, so that a design's sums are the same bit for bit whoever else is there.
    """

    weights: Floats
    by_battery: Floats
    starts: Places
    total: Floats

    def sums(self, values: Floats) -> Floats:
        """Weighted sums of values (.. x questions) in each draw (.. x draws)."""
        return np.add.reduceat(values, self.starts, axis=-1) @ self.by_battery.T


class Moved(NamedTuple):
    """Scores that draws move: draws x questions, and the variance of the moves (questions)."""

    draws: Floats
    error: Floats

    def standardised(self) -> "Moved":
        """The same by the mean and standard deviation of draw 0, which r does not notice."""
        deviation = self.draws[0].std()
        scale = deviation if deviation >= 1e-12 else np.nan
        return Moved((self.draws - self.draws[0].mean()) / scale, self.error / scale**2)

    def moments(self, drawn: Drawn) -> tuple[Floats, Floats]:
        """Mean and variance over questions in each draw, NaN where no variance is left.

        The variance is less what the moves add on average: otherwise every r would be drawn too
        close to 0, and intervals would lie beside their estimates.
        """
        weighted = drawn.weights * self.draws
        mean = weighted.sum(axis=1) / drawn.total
        added = drawn.sums(self.error) / drawn.total
        added[0] = 0
        variance = (weighted * self.draws).sum(axis=1) / drawn.total - mean**2 - added
        return mean, np.where(variance < DUST, np.nan, variance)


def correlations(drawn: Drawn, human: Moved, scores: Floats) -> Floats:
    """Pearson's r of scores (designs x kinds x questions) with people's scores.

    Returns designs x kinds x draws, NaN where a draw has no variance.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        human_mean, human_variance = human.moments(drawn)
        mean = drawn.sums(scores) / drawn.total
        variance = drawn.sums(scores**2) / drawn.total - mean**2
        variance[variance < DUST] = np.nan
        products = scores @ (drawn.weights * human.draws).T / drawn.total
        return (products - mean * human_mean) / np.sqrt(variance * human_variance)


def correlation_of_draws(drawn: Drawn, x: Moved, y: Moved) -> Floats:
    """Pearson's r in each draw of two scores that it moves independently of each other."""
    with np.errstate(invalid="ignore", divide="ignore"):
        x_mean, x_variance = x.moments(drawn)
        y_mean, y_variance = y.moments(drawn)
        products = (drawn.weights * x.draws * y.draws).sum(axis=1) / drawn.total
        r: Floats = (products - x_mean * y_mean) / np.sqrt(x_variance * y_variance)
    return r


def noise_of_correlations(drawn: Drawn, human: Floats, scores: Floats, noise: Floats) -> Floats:
    """Standard deviation that noise of the scores gives Pearson's r (designs x draws).

    `scores` and `noise`, the variance of each score, are designs x questions, `human` has the
    scores of people as they are. To first order a score that moves by e moves r by
    e (h - r m) / (n s_m), with h and m standardised within the draw, so that r gets the variance
    sum_q w v (h - r m)^2 / (n s_m)^2: each time that a draw has a question it brings noise of its
    own. For equal v it is v (1 - r^2) / (n s_m^2).
    """
    total = drawn.total
    rows = np.stack([scores, scores**2, scores * human], axis=1)
    human_rows = np.stack([human, human**2])
    powers = [noise, noise * scores, noise * scores**2]
    weighted = [noise * human, noise * human**2, noise * scores * human]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, square, product = np.moveaxis(drawn.sums(rows) / total, 1, 0)
        human_mean, human_square = drawn.sums(human_rows) / total
        variance, human_variance = square - mean**2, human_square - human_mean**2
        of_v, of_vm, of_vmm, of_vh, of_vhh, of_vhm = np.moveaxis(
            drawn.sums(np.stack(powers + weighted, axis=1)), 1, 0
        )
        # The residual is h - r m = a (h - b m - c), h and m as they come.
        b = (product - mean * human_mean) / variance
        c = human_mean - b * mean
        squares = of_vhh + b**2 * of_vmm + c**2 * of_v
        products = b * c * of_vm - b * of_vhm - c * of_vh
        residual = np.maximum(squares + 2 * products, 0) / human_variance
        deviation: Floats = np.sqrt(residual / (total**2 * variance))
    return deviation


class HumanDraws:
    """Draws of people's side of one survey and coding, which all designs share.

    Countries' scores are drawn anew when they are needed: all of them at once may be gigabytes.
    """

    def __init__(self, people: People, settings: Settings) -> None:
        self.people = people
        self.settings = settings
        self.battery_weights = battery_weights(people, settings)
        self.error = np.nan_to_num(people.error) ** 2
        is_asked = np.isfinite(people.mean)
        self.other_count = is_asked.sum(axis=0) - 1
        self.total = self.sum_over_countries(is_asked)

    def moved(self, country: int) -> Floats:
        """Draws of a country's mean scores (draws x questions)."""
        return moved_scores(self.people, country, self.settings)

    def drawn(self, questions: Places) -> Drawn:
        """How often each draw has some questions."""
        batteries = self.people.battery_of_question[questions]
        starts = np.flatnonzero(np.diff(batteries, prepend=-1))
        weights = self.battery_weights[:, batteries]
        return Drawn(weights, weights[:, starts], starts, weights.sum(axis=1))

    def sum_over_countries(self, cells: Flags) -> Moved:
        """Draws of each question's sum over the countries of some cells, 0 without any."""
        total = np.zeros((len(self.battery_weights), cells.shape[1]))
        for country in np.flatnonzero(cells.any(axis=1)):
            total[:, cells[country]] += self.moved(int(country))[:, cells[country]]
        return Moved(total, np.where(cells, self.error, 0).sum(axis=0))
