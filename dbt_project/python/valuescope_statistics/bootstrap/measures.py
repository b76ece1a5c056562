"""Draws of the measures of agreement, of each country and of the mean over an area's."""

import numpy as np

from valuescope_statistics.bootstrap.cells import Answers, Area, CellSet, Flags, Floats, Places
from valuescope_statistics.bootstrap.draws import (
    Drawn,
    HumanDraws,
    Moved,
    correlation_of_draws,
    correlations,
    noise_deviates,
    noise_of_correlations,
    standardised,
)

MEASURES = ("pearson_r", "demeaned_pearson_r", "r_above_blind", "country_gain")
# The differences of two designs, whose countries differ no more than their own measures.
PAIRED_MEASURES = MEASURES[:3]


class Mean:
    """The mean over countries in each draw, of those that have a value in it."""

    def __init__(self, *shape: int) -> None:
        self.total = np.zeros(shape)
        self.used = np.zeros(shape, np.uint16)

    def add(self, values: Floats) -> None:
        """Add one country's values."""
        finite = np.isfinite(values)
        self.total += np.where(finite, values, 0)
        self.used += finite

    def value(self) -> Floats:
        """The mean of what was added, NaN where nothing was."""
        with np.errstate(invalid="ignore"):
            return self.total / self.used


class AreaDraws:
    """Draws of the mean over an area's countries, and what it rests on.

    A difference of two areas is held as one whose `own` values are the differences.
    """

    def __init__(self, area: Area, cell_set: CellSet, draw_count: int) -> None:
        own, pairs = int(cell_set.is_own.sum()), len(cell_set.pairs)
        self.area = area
        self.cell_set = cell_set
        self.own = Mean(len(MEASURES), own, draw_count)
        self.pairs = Mean(len(PAIRED_MEASURES), pairs if area.is_compared else 0, draw_count)
        self.sides = Mean(len(PAIRED_MEASURES), pairs if area.is_compared else 0, 2)
        self.questions = np.zeros((len(MEASURES), cell_set.present.shape[1]), bool)
        self.has_error: set[bool] = set()

    def add(self, draws: Floats, questions: Flags, has_error: Flags) -> None:
        """Add a country: draws of all measures and designs, and its questions for each measure.

        `has_error` says of its cells whether people's sampling error is known.
        """
        self.own.add(draws[:, self.cell_set.is_own])
        if self.area.is_compared:
            sides = draws[: len(PAIRED_MEASURES), self.cell_set.pairs]
            difference = sides[:, :, 0] - sides[:, :, 1]
            self.pairs.add(difference)
            self.sides.add(np.where(np.isnan(difference[..., :1]), np.nan, sides[..., 0]))
        self.questions |= questions
        self.has_error |= set(has_error.tolist())


class CountryMeasures:
    """Draws of every measure of one country, for the designs of a cell set."""

    def __init__(self, human: HumanDraws, answers: Answers, cell_set: CellSet) -> None:
        self.human = human
        self.answers = answers
        self.cell_set = cell_set
        people, settings, present = human.people, human.settings, cell_set.present
        self.score = answers.score[cell_set.designs]
        self.variance = answers.variance[cell_set.designs]
        country_count = present.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.mean_score = np.where(present, self.score, 0).sum(axis=1) / country_count
        self.is_one_country = present.any(axis=1).sum() == 1
        self.reference = present & people.is_reference[:, None]
        reference_count = self.reference.sum(axis=0)
        self.is_shared = reference_count >= settings.minimum_reference_countries
        count = np.maximum(reference_count, 1)
        self.reference_score = np.where(self.reference, self.score, 0).sum(axis=1) / count
        self.reference_human = human.sum_over_countries(self.reference)
        self.reference_count = count
        self.reference_variance = np.where(self.reference, self.variance, 0).sum(axis=1) / count**2

    def draws(self, country: int) -> tuple[Floats, Flags]:
        """Draws (measures x designs x draws) and the questions of each measure."""
        asked = np.flatnonzero(self.cell_set.present[country])
        shared = asked[self.is_shared[asked]]
        people, settings = self.human.people, self.human.settings
        moved = self.human.moved(country)
        deviates = noise_deviates(people, country, self.answers, self.cell_set.designs, settings)
        result = np.full((len(MEASURES), *deviates.shape), np.nan)
        drawn = self.human.drawn(asked)
        human = Moved(moved[:, asked], self.human.error[country, asked]).standardised()
        own, deviation = standardised(self.score[:, country, asked])
        mean, _ = standardised(self.mean_score[:, asked])
        r, mean_r = np.moveaxis(correlations(drawn, human, np.stack([own, mean], axis=1)), 1, 0)
        variance = self.variance[:, country, asked] / deviation**2
        result[0] = r + self.noise(drawn, human, own, variance) * deviates
        others = self.human.other_count[asked]
        if others.all():
            total = self.human.total
            blind = Moved(
                (total.draws[:, asked] - moved[:, asked]) / others,
                (total.error[asked] - self.human.error[country, asked]) / others**2,
            )
            result[2] = result[0] - correlation_of_draws(drawn, blind.standardised(), human)
        if not self.is_one_country:
            result[3] = result[0] - mean_r
        if len(shared) >= settings.minimum_questions:
            has_demeaned = self.answers.has_demeaned[self.cell_set.designs, country]
            draws = self.demeaned(country, shared, moved, deviates)
            result[1] = np.where(has_demeaned[:, None], draws, np.nan)
        result[np.isnan(result[..., 0])] = np.nan
        questions = np.zeros((len(MEASURES), len(self.is_shared)), bool)
        questions[:, asked] = True
        questions[1] &= self.is_shared
        return result, questions

    def demeaned(self, country: int, shared: Places, moved: Floats, deviates: Floats) -> Floats:
        """Draws of r after both sides lose their mean over the reference countries."""
        drawn = self.human.drawn(shared)
        count, reference = self.reference_count[shared], self.reference_human
        # What moves a country's score also moves the mean that it loses, with all others'.
        own = 1 - 2 * self.reference[country, shared] / count
        error = own * self.human.error[country, shared] + reference.error[shared] / count**2
        human = Moved(moved[:, shared] - reference.draws[:, shared] / count, error).standardised()
        demeaned = self.score[:, country, shared] - self.reference_score[:, shared]
        scores, deviation = standardised(demeaned)
        variance = own * self.variance[:, country, shared] + self.reference_variance[:, shared]
        noise = self.noise(drawn, human, scores, variance / deviation**2)
        return correlations(drawn, human, scores[:, None])[:, 0] + noise * deviates

    def noise(self, drawn: Drawn, human: Moved, scores: Floats, variance: Floats) -> Floats:
        """Standard deviation of r by noise (designs x draws), 0 where noise is not measured."""
        result = np.zeros((len(scores), len(drawn.total)))
        noisy = np.flatnonzero(self.answers.has_noise[self.cell_set.designs])
        if noisy.size:
            result[noisy] = noise_of_correlations(
                drawn, human.draws[0], scores[noisy], variance[noisy]
            )
        return result
