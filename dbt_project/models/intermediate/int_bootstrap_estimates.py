"""Bootstrap of agreement: intervals of each design (model and prompt) and of paired differences.

One draw takes the survey's batteries with replacement and moves every human mean score by its
sampling error. All countries, models and prompts of a survey share the draws, so differences of
two designs come from the same draws on the same cells. Each design's numerical noise is its own.

Draws are the last axis of all arrays, and draw 0 is no draw: every battery once and nothing moved,
which gives the estimates themselves.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

RESULT = pa.schema(
    [
        ("survey_id", pa.string()),
        ("model_id", pa.string()),
        ("prompt_id", pa.string()),
        ("other_model_id", pa.string()),
        ("other_prompt_id", pa.string()),
        ("area_kind", pa.string()),
        ("area_id", pa.string()),
        ("measure", pa.string()),
        ("estimate", pa.float64()),
        ("model_estimate", pa.float64()),
        ("other_estimate", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("standard_error", pa.float64()),
        ("p_value", pa.float64()),
        ("replicates_used", pa.int64()),
        ("country_count", pa.int64()),
        ("question_count", pa.int64()),
        ("battery_count", pa.int64()),
        ("interval_basis", pa.string()),
        ("interval_null_reason", pa.string()),
    ]
)
MEASURES = ("pearson_r", "demeaned_pearson_r", "r_above_blind", "country_gain")
# The differences of two designs, whose countries differ no more than their own measures.
PAIRED_MEASURES = MEASURES[:3]
# An r by itself is tested against nothing: one that ignores the country has 0.83.
TESTED = np.array([measure != "pearson_r" for measure in MEASURES])
# An r is at most 1 and a difference of two at most 2; their draws scatter beyond on both sides.
LARGEST = np.array([1, 1, 2, 2])
LARGEST_DIFFERENCE = np.full(len(MEASURES), 2)
# Draws of few batteries can be 0 but for their last bits, whose sign means nothing.
ZERO = 1e-12
CELL_COLUMNS = [
    "model_id",
    "prompt_id",
    "survey_id",
    "coding_id",
    "question_id",
    "country_id",
    "llm_mean_score",
    "noise_sensitivity",
]
PEOPLE_COLUMNS = [
    "survey_id",
    "coding_id",
    "question_id",
    "country_id",
    "human_mean_score",
    "human_standard_error",
]
PAIR_KEYS = ["model_id", "prompt_id", "other_model_id", "other_prompt_id"]
MEMBERSHIPS = ("western_paper", "western_weog", "western_inglehart_welzel")
# Variance below this part of the whole sample's is rounding.
DUST = 1e-12
# An interval rests on at least this share of the draws having a value.
LEAST_SHARE_OF_DRAWS = 0.9


class Settings(NamedTuple):
    """The build's variables that the bootstrap depends on."""

    replicates: int
    seed: int
    minimum_questions: int
    minimum_batteries: int
    minimum_countries: int
    minimum_reference_countries: int


class Area(NamedTuple):
    """A group of countries whose mean is taken."""

    kind: str
    name: str
    members: frozenset[str]
    is_compared: bool


class People(NamedTuple):
    """A survey's human mean scores under one coding: countries x questions, NaN where not asked.

    Questions stand battery by battery.
    """

    survey_id: str
    countries: pd.Index
    questions: pd.Index
    battery_of_question: Places
    is_reference: Flags
    mean: Floats
    error: Floats


class Answers(NamedTuple):
    """Mean scores of designs and the variance of their noise: designs x countries x questions.

    Scores are NaN where there is no cell; the variance is 0 where noise is not measured. Where a
    design does not tell a country from others it has no demeaned r (designs x countries).
    """

    designs: pd.MultiIndex
    score: Floats
    variance: Floats
    has_noise: Flags
    has_demeaned: Flags


class CellSet(NamedTuple):
    """The designs and pairs that are measured over the same cells (countries x questions).

    `pairs` are places in `designs`; `is_own` says of a design whether these are all its cells.
    """

    present: Flags
    designs: Places
    is_own: Flags
    pairs: Places


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
        return (products - x_mean * y_mean) / np.sqrt(x_variance * y_variance)


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
        return np.sqrt(residual / (total**2 * variance))


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


def read_people(
    survey_id: str, of_survey: pd.DataFrame, coding_id: str, countries: pd.DataFrame
) -> People:
    """Human mean scores of one coding, on the countries and questions of all codings."""
    surveyed = pd.Index(sorted(of_survey["country_id"].unique()))
    questions = of_survey.drop_duplicates("question_id").sort_values(["battery_id", "question_id"])
    asked = pd.Index(questions["question_id"])
    coded = of_survey[of_survey["coding_id"] == coding_id]
    places = surveyed.get_indexer(coded["country_id"]), asked.get_indexer(coded["question_id"])
    mean, error = np.full((2, len(surveyed), len(asked)), np.nan)
    mean[places] = coded["human_mean_score"]
    error[places] = coded["human_standard_error"]
    is_reference = countries.set_index("country_id")["is_reference_country"]
    return People(
        survey_id,
        surveyed,
        asked,
        pd.factorize(questions["battery_id"].astype(object), sort=True)[0],
        is_reference.reindex(surveyed).fillna(False).to_numpy(bool),
        mean,
        error,
    )


def read_answers(
    cells: pd.DataFrame, noise: pd.DataFrame, without_demeaned: pd.DataFrame, people: People
) -> Answers:
    """The designs of one coding on the places of its people."""
    own = [cells[name].astype("category") for name in ("model_id", "prompt_id")]
    models, prompts = (names.cat.categories for names in own)
    codes = own[0].cat.codes.to_numpy(np.int64) * len(prompts) + own[1].cat.codes.to_numpy()
    known, design_of_cell = np.unique(codes, return_inverse=True)
    designs = pd.MultiIndex.from_arrays(
        [models[known // len(prompts)], prompts[known % len(prompts)]]
    )
    places = (
        design_of_cell,
        places_of(people.countries, cells["country_id"]),
        places_of(people.questions, cells["question_id"]),
    )
    shape = len(designs), len(people.countries), len(people.questions)
    score, variance = np.full(shape, np.nan), np.zeros(shape)
    score[places] = cells["llm_mean_score"]
    variance[places] = cells["noise_sensitivity"].to_numpy(float, na_value=np.nan) ** 2
    of_design = noise.set_index(["model_id", "prompt_id"])["log_likelihood_noise"]
    variance *= of_design.reindex(designs).to_numpy(float, na_value=np.nan)[:, None, None] ** 2
    has_noise = np.isfinite(variance).all(axis=(1, 2))
    variance[~has_noise] = 0
    has_demeaned = np.ones(shape[:2], bool)
    without = designs.get_indexer(pd.MultiIndex.from_frame(without_demeaned[PAIR_KEYS[:2]]))
    country = people.countries.get_indexer(without_demeaned["country_id"])
    is_here = (without >= 0) & (country >= 0)
    has_demeaned[without[is_here], country[is_here]] = False
    return Answers(designs, score, variance, has_noise, has_demeaned)


def places_of(index: pd.Index, names: pd.Series) -> Places:
    """Where the names stand in the index."""
    named = names.astype("category").cat.remove_unused_categories()
    places = index.get_indexer(named.cat.categories)
    if (places < 0).any():
        unknown = named.cat.categories[places < 0]
        raise ValueError(f"Cells without people's mean score: {', '.join(unknown)}")
    return places[named.cat.codes]


def read_areas(countries: pd.DataFrame) -> list[Area]:
    """The world, the continents, and the West as each membership has it."""
    areas = [Area("world", "world", frozenset(countries["country_id"]), True)]
    for continent, members in countries.groupby("continent"):
        areas.append(Area("continent", str(continent), frozenset(members["country_id"]), True))
    for membership in MEMBERSHIPS:
        is_western = countries[f"is_{membership}"]
        for name, value in (("west", True), ("elsewhere", False)):
            members = countries.loc[is_western.eq(value).fillna(False).astype(bool)]
            areas.append(Area(membership, name, frozenset(members["country_id"]), False))
    return areas


def cell_sets(answers: Answers, pairs: list[tuple[int, int]]) -> Iterator[CellSet]:
    """Group designs by the cells that they have, and pairs by the cells that both have."""
    present = np.isfinite(answers.score)
    masks: dict[bytes, Flags] = {}
    own: dict[bytes, set[int]] = defaultdict(set)
    paired: dict[bytes, list[tuple[int, int]]] = defaultdict(list)

    def key_of(mask: Flags) -> bytes:
        key = hashlib.sha256(np.packbits(mask).tobytes()).digest()
        masks.setdefault(key, mask)
        return key

    for design in range(len(answers.designs)):
        own[key_of(present[design])].add(design)
    for first, second in pairs:
        paired[key_of(present[first] & present[second])].append((first, second))
    for key, mask in masks.items():
        designs = np.array(sorted(own[key].union(*paired[key])), dtype=np.intp)
        yield CellSet(
            mask,
            designs,
            np.isin(designs, list(own[key])),
            np.searchsorted(designs, np.array(paired[key], dtype=np.intp).reshape(-1, 2)),
        )


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


def described(
    human: HumanDraws,
    area: AreaDraws,
    draws: Floats,
    largest: npt.NDArray[np.intp],
    country_count: npt.NDArray[np.intp],
    has_few_countries: Flags,
    is_tested: Flags,
) -> dict[str, npt.NDArray[Any]]:
    """Columns of the rows of draws (measures x designs or pairs x draws), measures outermost.

    Draws are held within the `largest` value that each measure can have.
    """
    settings, people = human.settings, human.people
    bound = largest[: len(draws), None, None]
    found = summary(np.clip(draws, -bound, bound))
    shape = found.estimate.shape
    measures = MEASURES[: shape[0]]
    questions = area.questions[: shape[0]]
    batteries = [len(np.unique(people.battery_of_question[of_measure])) for of_measure in questions]

    def of_measures(values: Any) -> npt.NDArray[Any]:
        return np.broadcast_to(np.asarray(values)[:, None], shape)

    reason = np.full(shape, None, object)
    reason[found.replicates_used < LEAST_SHARE_OF_DRAWS * settings.replicates] = "too_few_draws"
    reason[has_few_countries] = "too_few_countries"
    reason[of_measures(batteries) < settings.minimum_batteries] = "too_few_batteries"
    is_known = np.equal(reason, None)
    columns = {
        "survey_id": np.full(shape, people.survey_id, object),
        "area_kind": np.full(shape, area.area.kind, object),
        "area_id": np.full(shape, area.area.name, object),
        "measure": of_measures(np.array(measures, object)),
        "estimate": found.estimate,
        "ci_low": np.where(is_known, found.ci_low, np.nan),
        "ci_high": np.where(is_known, found.ci_high, np.nan),
        "standard_error": np.where(is_known, found.standard_error, np.nan),
        "p_value": np.where(is_known & of_measures(is_tested), found.p_value, np.nan),
        "replicates_used": found.replicates_used,
        "country_count": country_count,
        "question_count": of_measures(questions.sum(axis=1)),
        "battery_count": of_measures(batteries),
        "interval_null_reason": reason,
    }
    return {name: values.ravel() for name, values in columns.items()}


def interval_basis(area: AreaDraws, noise_known: Flags) -> list[str]:
    """What moves in the draws, for designs (x 1) or pairs (x 2) whose noise is known or not."""
    parts = ["batteries"]
    if True in area.has_error:
        parts.append("partial_human_error" if False in area.has_error else "human_error")
    noise = {0: [], noise_known.shape[1]: ["numerical_noise"]}
    return [
        " + ".join(parts + noise.get(known, ["partial_numerical_noise"]))
        for known in noise_known.sum(axis=1).tolist()
    ]


class Estimates:
    """The rows of the result for one survey and coding."""

    def __init__(self, human: HumanDraws, answers: Answers) -> None:
        self.human = human
        self.answers = answers
        self.blocks: list[pd.DataFrame] = []

    def add_area(self, area: AreaDraws) -> None:
        """Add the mean over an area's countries, of designs and of pairs."""
        needed = 1 if area.area.kind == "country" else self.human.settings.minimum_countries
        count = area.own.used[..., 0].astype(np.intp)
        self._add_own(area, area.own.value(), LARGEST, count, count < needed, TESTED)
        if len(area.cell_set.pairs) and area.area.is_compared:
            self._add_pairs(area, needed)

    def add_difference(self, west: AreaDraws, elsewhere: AreaDraws) -> None:
        """Add the West's mean minus that of all others."""
        counts = np.stack([area.own.used[..., 0].astype(np.intp) for area in (west, elsewhere)])
        both = AreaDraws(west.area._replace(name="west_minus_elsewhere"), west.cell_set, 1)
        both.questions = west.questions | elsewhere.questions
        both.has_error = west.has_error | elsewhere.has_error
        has_few = (counts < self.human.settings.minimum_countries).any(axis=0)
        difference = west.own.value() - elsewhere.own.value()
        is_tested = np.full(len(MEASURES), True)
        self._add_own(both, difference, LARGEST_DIFFERENCE, counts.sum(axis=0), has_few, is_tested)

    def _add_own(
        self,
        area: AreaDraws,
        draws: Floats,
        largest: npt.NDArray[np.intp],
        country_count: npt.NDArray[np.intp],
        has_few: Flags,
        is_tested: Flags,
    ) -> None:
        designs = area.cell_set.designs[area.cell_set.is_own]
        block = described(self.human, area, draws, largest, country_count, has_few, is_tested)
        basis = interval_basis(area, self.answers.has_noise[designs][:, None])
        self._add(block, basis, self._names(designs, "model_id", "prompt_id"))

    def _add_pairs(self, area: AreaDraws, needed: int) -> None:
        count = area.pairs.used[..., 0].astype(np.intp)
        is_tested = np.full(len(PAIRED_MEASURES), True)
        block = described(
            self.human,
            area,
            area.pairs.value(),
            LARGEST_DIFFERENCE,
            count,
            count < needed,
            is_tested,
        )
        block["model_estimate"], block["other_estimate"] = area.sides.value().reshape(-1, 2).T
        first, second = area.cell_set.designs[area.cell_set.pairs].T
        basis = interval_basis(area, self.answers.has_noise[np.stack([first, second], axis=1)])
        names = self._names(first, "model_id", "prompt_id")
        self._add(block, basis, names | self._names(second, "other_model_id", "other_prompt_id"))

    def _names(self, designs: Places, model: str, prompt: str) -> dict[str, npt.NDArray[Any]]:
        named = self.answers.designs[designs]
        return {model: named.get_level_values(0), prompt: named.get_level_values(1)}

    def _add(
        self, block: dict[str, npt.NDArray[Any]], basis: list[str], names: dict[str, Any]
    ) -> None:
        """Add a block; `basis` and `names` have one value a design or pair."""
        if not basis:
            return
        times = len(block["estimate"]) // len(basis)
        repeated = {
            name: np.tile(np.asarray(values, object), times)
            for name, values in {"interval_basis": basis, **names}.items()
        }
        frame = pd.DataFrame({**block, **repeated})
        self.blocks.append(frame[np.isfinite(block["estimate"])])


def estimates(
    human: HumanDraws, answers: Answers, areas: list[Area], pairs: list[tuple[int, int]]
) -> list[pd.DataFrame]:
    """All rows of one survey and coding."""
    people = human.people
    draw_count = len(human.battery_weights)
    result = Estimates(human, answers)
    for cell_set in cell_sets(answers, pairs):
        measures = CountryMeasures(human, answers, cell_set)
        pooled = {(area.kind, area.name): AreaDraws(area, cell_set, draw_count) for area in areas}
        has_enough = cell_set.present.sum(axis=1) >= human.settings.minimum_questions
        for country in np.flatnonzero(has_enough).tolist():
            name = people.countries[country]
            has_error = np.isfinite(people.error[country, cell_set.present[country]])
            draws, questions = measures.draws(country)
            alone = AreaDraws(Area("country", name, frozenset([name]), True), cell_set, draw_count)
            members = [area for area in pooled.values() if name in area.area.members]
            for area in [alone, *members]:
                area.add(draws, questions, has_error)
            result.add_area(alone)
        for area in pooled.values():
            result.add_area(area)
        for membership in MEMBERSHIPS:
            result.add_difference(pooled[membership, "west"], pooled[membership, "elsewhere"])
    return result.blocks


def bootstrap(
    cells: pd.DataFrame,
    noise: pd.DataFrame,
    without_demeaned: pd.DataFrame,
    people: pd.DataFrame,
    countries: pd.DataFrame,
    pairs: pd.DataFrame,
    settings: Settings,
) -> pd.DataFrame:
    """Estimates and intervals of all designs and pairs; see `RESULT` for the columns.

    `cells` has model_id, prompt_id, survey_id, coding_id, question_id, country_id, llm_mean_score
    and noise_sensitivity, one row a cell that is compared. `noise` has model_id, prompt_id and
    log_likelihood_noise in nats: their product is the standard deviation of the noise of a mean
    score, which counts as not measured for a design where any of it is null. `without_demeaned`
    has survey_id, model_id, prompt_id and country_id where a model does not tell the country from
    others, so that there is no demeaned r. `people` has survey_id, coding_id, question_id,
    country_id, battery_id, human_mean_score and
    human_standard_error of the surveys' reference populations, whether scored or not. `countries`
    has country_id, continent, is_reference_country and the three memberships; `pairs` survey_id,
    model_id, prompt_id, other_model_id and other_prompt_id, both of one coding.
    """
    areas = read_areas(countries)
    blocks = []
    for (survey_id, coding_id), own in cells.groupby(["survey_id", "coding_id"], observed=True):
        of_survey = people[people["survey_id"] == survey_id]
        human = HumanDraws(read_people(survey_id, of_survey, coding_id, countries), settings)
        lacking = without_demeaned[without_demeaned["survey_id"] == survey_id]
        answers = read_answers(own, noise, lacking, human.people)
        compared = pairs[pairs["survey_id"] == survey_id]
        places = np.stack(
            [
                answers.designs.get_indexer(pd.MultiIndex.from_frame(compared[names]))
                for names in (PAIR_KEYS[:2], PAIR_KEYS[2:])
            ],
            axis=1,
        )
        of_coding = np.unique(places[(places >= 0).all(axis=1)], axis=0).tolist()
        blocks += estimates(human, answers, areas, [(first, other) for first, other in of_coding])
    result = pd.concat(blocks) if blocks else pd.DataFrame()
    return result.reindex(columns=RESULT.names).reset_index(drop=True)


def frame(relation: Any, *columns: str) -> pd.DataFrame:
    """Some columns of a relation, names as categories, so that millions of rows stay small."""
    table = relation.project(", ".join(columns)).to_arrow_table()
    return table.to_pandas(strings_to_categorical=True)


def model(dbt: Any, session: Any) -> pa.Table:
    dbt.config(materialized="table")
    settings = Settings(
        replicates=int(dbt.config.get("bootstrap_replicates")),
        seed=int(dbt.config.get("bootstrap_seed")),
        minimum_questions=int(dbt.config.get("minimum_questions")),
        minimum_batteries=int(dbt.config.get("minimum_batteries")),
        minimum_countries=int(dbt.config.get("minimum_interval_countries")),
        minimum_reference_countries=int(dbt.config.get("minimum_reference_countries")),
    )
    cells = frame(dbt.ref("int_comparable_cells"), *CELL_COLUMNS, "population_id")
    without_demeaned = dbt.ref("int_country_correlations").filter(
        "demeaned_null_reason is not null"
    )
    populations = cells.drop_duplicates("population_id")["population_id"]
    people = frame(dbt.ref("fct_human_mean_scores"), *PEOPLE_COLUMNS, "population_id")
    people = people[people["human_mean_score"].notna() & people["population_id"].isin(populations)]
    batteries = frame(dbt.ref("stg_questions"), "question_id", "battery_id")
    result = bootstrap(
        cells,
        frame(dbt.ref("int_numerical_noise"), "model_id", "prompt_id", "log_likelihood_noise"),
        frame(without_demeaned, "survey_id", "model_id", "prompt_id", "country_id"),
        people.merge(batteries, on="question_id"),
        dbt.ref("dim_countries").filter("not is_country_free").df(),
        frame(dbt.ref("int_compared_pairs"), "survey_id", *PAIR_KEYS),
        settings,
    )
    return pa.Table.from_pandas(result, schema=RESULT, preserve_index=False)
