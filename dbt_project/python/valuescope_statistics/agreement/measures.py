"""Measures of agreement in each sample, of each country and of the mean over an area's."""

from typing import NamedTuple

import numpy as np

from valuescope_statistics.agreement.cells import (
    Answers,
    Area,
    CellSet,
    Flags,
    Floats,
    People,
    Places,
    Settings,
)
from valuescope_statistics.agreement.jackknife import correlations, samples_of

MEASURES = ("pearson_r", "demeaned_pearson_r", "r_above_blind", "country_gain")
# The differences of two designs, whose countries differ no more than their own measures.
PAIRED_MEASURES = MEASURES[:3]
# r above blind and country gain rank nothing: they reward what is unlike the world.
RANKED_MEASURES = MEASURES[:2]


class Mean:
    """The mean over countries in each sample, of those that have an estimate."""

    def __init__(self, *shape: int) -> None:
        self.total = np.zeros(shape)
        self.used = np.zeros(shape, np.uint16)

    def add(self, values: Floats) -> None:
        """Add one country's values."""
        finite = np.isfinite(values)
        self.total += np.where(finite, values, 0)
        self.used += finite

    def value(self) -> Floats:
        """Return the mean, NaN in samples in which not all of the countries have a value."""
        with np.errstate(invalid="ignore"):
            return np.where(self.used == self.used[..., :1], self.total / self.used, np.nan)


class AreaValues:
    """Values of the mean over an area's countries in each sample, and what it rests on.

    A difference of two areas is held as one whose `own` values are the differences.
    """

    def __init__(self, area: Area, cell_set: CellSet, sample_count: int) -> None:
        own, pairs = int(cell_set.is_own.sum()), len(cell_set.pairs)
        self.area = area
        self.cell_set = cell_set
        self.own = Mean(len(MEASURES), own, sample_count)
        self.pairs = Mean(len(PAIRED_MEASURES), pairs if area.is_compared else 0, sample_count)
        self.sides = Mean(len(PAIRED_MEASURES), pairs if area.is_compared else 0, 2)
        self.questions = np.zeros((len(MEASURES), cell_set.present.shape[1]), bool)

    def add(self, values: Floats, questions: Flags) -> None:
        """Add a country: all measures and designs in each sample, and each measure's questions."""
        self.own.add(values[:, self.cell_set.is_own])
        if self.area.is_compared:
            sides = values[: len(PAIRED_MEASURES), self.cell_set.pairs]
            difference = sides[:, :, 0] - sides[:, :, 1]
            self.pairs.add(difference)
            self.sides.add(np.where(np.isnan(difference[..., :1]), np.nan, sides[..., 0]))
        self.questions |= questions


class CountryValues(NamedTuple):
    """A country's measures (measures x designs x samples), and the questions of each measure."""

    name: str
    values: Floats
    questions: Flags


class CountryMeasures:
    """Every measure of one country in each sample, for the designs of a cell set.

    `halves` of the batteries (halves x batteries) are samples, too.
    """

    def __init__(
        self,
        people: People,
        answers: Answers,
        cell_set: CellSet,
        settings: Settings,
        halves: Flags,
    ) -> None:
        self.people = people
        self.cell_set = cell_set
        self.settings = settings
        present = cell_set.present
        is_asked = np.isfinite(people.mean)
        self.human_total = np.where(is_asked, people.mean, 0).sum(axis=0)
        self.other_count = is_asked.sum(axis=0) - 1
        self.score = answers.score[cell_set.designs]
        self.has_demeaned = answers.has_demeaned[cell_set.designs]
        self.halves = halves
        self.total_score = np.where(present, self.score, 0).sum(axis=1)
        self.answered_elsewhere = present.sum(axis=0) - 1
        reference = present & people.is_reference[:, None]
        reference_count = reference.sum(axis=0)
        self.is_shared = reference_count >= settings.minimum_reference_countries
        count = np.maximum(reference_count, 1)
        self.reference_score = np.where(reference, self.score, 0).sum(axis=1) / count
        self.reference_human = np.where(reference, people.mean, 0).sum(axis=0) / count

    def values(self, country: int) -> tuple[Floats, Flags]:
        """Return values (measures x designs x samples) and the questions of each measure."""
        asked = np.flatnonzero(self.cell_set.present[country])
        shared = asked[self.is_shared[asked]]
        human = self.people.mean[country, asked]
        own = self.score[:, country, asked]
        r = self.r(asked, own[:, None], human)[:, 0]
        result = np.full((len(MEASURES), *r.shape), np.nan)
        result[0] = r
        others = self.other_count[asked]
        if others.all():
            blind = (self.human_total[asked] - human) / others
            result[2] = r - self.r(asked, blind[None, None], human)[0]
        answered = self.answered_elsewhere[asked]
        if answered.all():
            elsewhere = (self.total_score[:, asked] - own) / answered
            result[3] = r - self.r(asked, elsewhere[:, None], human)[:, 0]
        if len(shared) >= self.settings.minimum_questions:
            demeaned = self.score[:, country, shared] - self.reference_score[:, shared]
            centred = self.people.mean[country, shared] - self.reference_human[shared]
            values = self.r(shared, demeaned[:, None], centred)[:, 0]
            result[1] = np.where(self.has_demeaned[:, country, None], values, np.nan)
        result[np.isnan(result[..., 0])] = np.nan
        questions = np.zeros((len(MEASURES), len(self.is_shared)), bool)
        questions[:, asked] = True
        questions[1] &= self.is_shared
        return result, questions

    def r(self, questions: Places, scores: Floats, human: Floats) -> Floats:
        """Return r of scores (designs x kinds x questions) with people's in each sample."""
        samples = samples_of(self.people.battery_of_question[questions], self.halves)
        return correlations(samples, scores, human)
