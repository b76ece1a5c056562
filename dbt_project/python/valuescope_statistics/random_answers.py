"""What random answers reach in every difference from the blind baseline.

The blind baseline is not a neutral reference: r minus its r rewards what is unlike the world, so
that random answers have a Western gap and a ranking of countries and categories, too. Here answers
are drawn that know nothing: the model's leaning to option positions plus normal deviates with the
model's own variance between batteries, between the items of a battery, and between countries.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import false_discovery_control

from valuescope_statistics.agreement.cells import MEMBERSHIPS, Area, Flags, Floats, Places
from valuescope_statistics.agreement.rankings import ROUNDING
from valuescope_statistics.category_ranks import CategorySums, category_ranks, distance
from valuescope_statistics.relations import DESIGN

RESULT = pa.schema(
    [
        *((name, pa.string()) for name in DESIGN),
        ("area_kind", pa.string()),
        ("area_id", pa.string()),
        ("estimate", pa.float64()),
        ("random_mean", pa.float64()),
        ("random_standard_deviation", pa.float64()),
        ("random_low", pa.float64()),
        ("random_high", pa.float64()),
        ("random_place", pa.float64()),
        ("random_p_value", pa.float64()),
        ("random_q_value", pa.float64()),
        ("country_free_estimate", pa.float64()),
        ("random_distance", pa.float64()),
        ("rank", pa.int64()),
        ("rank_low", pa.int64()),
        ("rank_high", pa.int64()),
        ("ranked_count", pa.int64()),
        ("ranking_reliability", pa.float64()),
        ("ranking_null_reason", pa.string()),
    ]
)
SCORES = ["llm_mean_score", "option_position_score", "country_free_llm_score"]


class Cells(NamedTuple):
    """One design's cells, countries x questions; NaN where there is none."""

    countries: list[str]
    human: Floats
    blind: Floats
    model: Floats
    position: Floats
    country_free: Floats
    battery: Places
    category: Places
    categories: list[str]


class Spread(NamedTuple):
    """Standard deviations of a model's scores about its leaning to positions."""

    between_batteries: float
    between_items: float
    between_countries: float


def read_cells(cells: pd.DataFrame) -> Cells:
    """Arrange one design's cells; questions keep their names' order."""
    countries, country = np.unique(cells["country_id"].to_numpy(str), return_inverse=True)
    questions, first, question = np.unique(
        cells["question_id"].to_numpy(str), return_index=True, return_inverse=True
    )
    of_question = cells.iloc[first]
    category, categories = pd.factorize(of_question["category_id"].astype(object), sort=True)

    def matrix(name: str) -> Floats:
        values = np.full((len(countries), len(questions)), np.nan)
        values[country, question] = cells[name].to_numpy(float, na_value=np.nan)
        return values

    return Cells(
        countries.tolist(),
        matrix("human_mean_score"),
        matrix("blind_mean_score"),
        matrix("llm_mean_score"),
        matrix("option_position_score"),
        matrix("country_free_llm_score"),
        pd.factorize(of_question["battery_id"].astype(object))[0],
        category,
        list(categories),
    )


def spread(scores: Floats, battery: Places) -> Spread:
    """Estimate the components of variance by expected mean squares, negative ones as 0.

    `scores` is countries x questions. Items are questions' means over countries, in a one-way
    layout of unequal batteries: with n_0 = (N - sum n_b^2 / N) / (b - 1) the mean square between
    batteries has the expectation s_items^2 + n_0 s_batteries^2. Countries deviate from a question's
    mean.
    """
    count = np.isfinite(scores).sum(axis=0)
    item = np.nansum(scores, axis=0) / count
    freedom = (count - 1).sum()
    between_countries = np.nansum((scores - item) ** 2) / freedom if freedom else 0.0
    sizes = np.bincount(battery)
    total, batteries = len(item), len(sizes)
    means = np.bincount(battery, item) / sizes
    within = ((item - means[battery]) ** 2).sum()
    between = (sizes * (means - item.mean()) ** 2).sum()
    if total == batteries or batteries == 1:
        # Nothing tells batteries from items.
        return Spread(0.0, float(item.std(ddof=1)) if total > 1 else 0.0, between_countries**0.5)
    square = within / (total - batteries)
    size = (total - (sizes**2).sum() / total) / (batteries - 1)
    of_batteries = max(0.0, (between / (batteries - 1) - square) / size)
    if not of_batteries:
        square = (within + between) / (total - 1)
    return Spread(float(of_batteries**0.5), float(square**0.5), float(between_countries**0.5))


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return random numbers that depend on the seed and the names alone."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "big")])


class Deviates:
    """Normal deviates with the spread of some scores, for one country after the other."""

    def __init__(
        self, scores: Floats, battery: Places, names: tuple[str, ...], draws: int, seed: int
    ) -> None:
        self.names, self.seed = names, seed
        self.spread = spread(scores, battery)
        shared = generator(seed, *names)
        of_battery = shared.standard_normal((draws, int(battery.max()) + 1))[:, battery]
        of_item = shared.standard_normal((draws, len(battery)))
        self.common = (
            self.spread.between_batteries * of_battery + self.spread.between_items * of_item
        )

    def of_country(self, country: str) -> Floats:
        """Return the deviates of a country, draws x questions."""
        random = generator(self.seed, *self.names, country)
        own = random.standard_normal(self.common.shape)
        return self.common + self.spread.between_countries * own


def pearson(rows: Floats, human: Floats) -> Floats:
    """Return Pearson's r of each row with `human`, NaN where a side has no variance."""
    rows = rows - rows.mean(axis=-1, keepdims=True)
    human = human - human.mean()
    squares, human_square = np.einsum("ij,ij->i", rows, rows), human @ human
    # The root of the mean square is the standard deviation.
    has_variance = np.minimum(squares, human_square) >= len(human) * ROUNDING**2
    with np.errstate(invalid="ignore", divide="ignore"):
        r: Floats = np.where(has_variance, rows @ human / np.sqrt(squares * human_square), np.nan)
    return r


class RandomAnswerSettings(NamedTuple):
    """The build's variables that random answers depend on."""

    draws: int
    seed: int
    minimum_questions: int
    minimum_ranked: int
    minimum_batteries: int
    minimum_units: int


def above_blind(
    cells: Cells, design: tuple[str, ...], settings: RandomAnswerSettings
) -> tuple[Floats, list[CategorySums]]:
    """Return r above blind of countries by column, and each category's sums for its rho0.

    Column 0 is the model, column 1 its answers without a country, the others are random answers.
    Countries with fewer than `minimum_questions` questions have no value, nor have those with
    a question that no other country was asked. rho0 does not depend on which way items are coded,
    so for categories all items are turned to where people's mean is positive before spread is taken
    and deviates are drawn; what is left of a leaning to positions is part of the spread.
    """
    draws, seed = settings.draws, settings.seed
    leaning = cells.model - cells.position
    of_countries = Deviates(leaning, cells.battery, design, draws, seed)
    turn = np.where(np.nanmean(cells.human, axis=0) < 0, -1.0, 1.0)
    of_categories = Deviates(
        turn * cells.model, cells.battery, (*design, "categories"), draws, seed
    )
    countries = np.full((len(cells.countries), draws + 2), np.nan)
    order = np.lexsort((cells.battery, cells.category))
    groups = np.stack([cells.category[order], cells.battery[order]])
    starts = np.flatnonzero(np.diff(groups, prepend=-1, axis=1).any(axis=0))
    sums = [np.zeros((len(starts), draws + 2)) for _ in range(2)]
    sums += [np.zeros((len(starts), 1)) for _ in range(3)]
    for country, name in enumerate(cells.countries):
        asked = np.isfinite(cells.human[country])
        human, blind = cells.human[country, asked], cells.blind[country, asked]
        known = np.stack([cells.model[country], cells.country_free[country]])
        if asked.sum() >= settings.minimum_questions:
            random = cells.position[country] + of_countries.of_country(name)
            scores = np.vstack([known, random])[:, asked]
            countries[country] = pearson(scores, human) - pearson(blind[None], human)
        scores = np.vstack([known, turn * of_categories.of_country(name)])
        # What was not asked adds nothing; a blind score that lacks leaves no sum.
        scores, human, blind = (
            np.where(asked, side, 0)[..., order]
            for side in (scores, cells.human[country], cells.blind[country])
        )
        of_cells = (
            *(scores * human, np.square(scores), blind * human, np.square(blind)),
            np.square(human),
        )
        for total, values in zip(sums, of_cells, strict=True):
            total += np.add.reduceat(np.atleast_2d(values), starts, axis=1).T
    sizes = np.diff(starts, append=len(order))
    of_category = cells.category[order][starts]
    categories = []
    for place in range(len(cells.categories)):
        own = of_category == place
        categories.append(CategorySums._make([*(total[own] for total in sums), sizes[own]]))
    return countries, categories


def mean_over(values: Floats, members: Flags) -> Floats:
    """Return the mean over countries that the model has a value in, column by column."""
    own = values[members & np.isfinite(values[:, 0])]
    return own.mean(axis=0) if len(own) else np.full(values.shape[1], np.nan)


def area_rows(
    cells: Cells, countries: Floats, categories: Floats, areas: list[Area]
) -> Iterator[tuple[str, str, Floats]]:
    """Yield kind, name and columns of every country, area, difference and category."""
    names = np.array(cells.countries)
    for name, values in zip(cells.countries, countries, strict=True):
        yield "country", name, values
    means = {
        (area.kind, area.name): mean_over(countries, np.isin(names, list(area.members)))
        for area in areas
    }
    for (kind, name), values in means.items():
        yield kind, name, values
    for membership in MEMBERSHIPS:
        gap = means[membership, "west"] - means[membership, "elsewhere"]
        yield membership, "west_minus_elsewhere", gap
    for name, values in zip(cells.categories, categories, strict=True):
        yield "category", name, values


def random_answers(
    cells: pd.DataFrame, areas: list[Area], settings: RandomAnswerSettings
) -> pd.DataFrame:
    """Return what random answers reach beside each difference from blind; see `RESULT`.

    `cells` has `DESIGN`, country_id, question_id, category_id, battery_id, human_mean_score,
    blind_mean_score and `SCORES`. `random_place` is the share of draws below the estimate, those
    equal to it by half. The p-value is one-sided, of reaching the estimate at random: (1 + #) /
    (1 + draws). q-values are Benjamini's and Hochberg's over the areas of one kind. Categories of
    at least `minimum_ranked` questions are ranked by `random_distance`.
    """
    rows: list[dict[str, Any]] = []
    for key, own in cells.groupby(DESIGN, observed=True, sort=True):
        design = tuple(map(str, key))
        read = read_cells(own)
        countries, sums = above_blind(read, design, settings)
        has_enough = np.bincount(read.category) >= settings.minimum_questions
        categories = np.stack([category.whole() for category in sums])
        categories[~has_enough] = np.nan
        ranks = category_ranks(
            dict(zip(read.categories, sums, strict=True)),
            settings.minimum_ranked,
            settings.minimum_batteries,
            settings.minimum_units,
        )
        for kind, name, values in area_rows(read, countries, categories, areas):
            estimate, free, random = values[0], values[1], values[2:]
            if not np.isfinite(estimate) or not np.isfinite(random).all():
                continue
            low, high = np.quantile(random, [0.025, 0.975])
            below = (random < estimate - ROUNDING).mean()
            as_high = round((1 - below) * settings.draws)
            reached = (random <= estimate + ROUNDING).mean()
            rows.append(
                {
                    **dict(zip(DESIGN, design, strict=True)),
                    "area_kind": kind,
                    "area_id": name,
                    "estimate": estimate,
                    "random_mean": random.mean(),
                    "random_standard_deviation": random.std(ddof=1),
                    "random_low": low,
                    "random_high": high,
                    "random_place": (below + reached) / 2,
                    "random_p_value": (1 + as_high) / (1 + settings.draws),
                    "country_free_estimate": free,
                    "random_distance": float(distance(values)),
                    **(ranks.get(name, {}) if kind == "category" else {}),
                }
            )
    result = pd.DataFrame(rows, columns=RESULT.names)
    for _, family in result.groupby([*DESIGN, "area_kind"]):
        q_values = false_discovery_control(family["random_p_value"].to_numpy(float))
        result.loc[family.index, "random_q_value"] = q_values
    return result
