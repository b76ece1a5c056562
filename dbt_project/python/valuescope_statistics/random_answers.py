"""What random answers reach in every difference from the blind baseline.

The blind baseline is no neutral reference: r minus its r rewards whoever is unlike the world, so
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

DESIGN = ["model_id", "prompt_id", "survey_id"]
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
    ]
)
SCORES = ["llm_mean_score", "option_position_score", "country_free_llm_score"]
# Standard deviations and values closer than this are equal but for rounding.
ROUNDING = 1e-12


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
    lengths = np.sqrt((rows**2).sum(axis=-1) * (human**2).sum())
    has_variance = (rows.std(axis=-1) >= ROUNDING) & (human.std() >= ROUNDING)
    with np.errstate(invalid="ignore", divide="ignore"):
        r: Floats = np.where(has_variance, rows @ human / lengths, np.nan)
    return r


class Sums(NamedTuple):
    """Sums over a category's cells of m h and of m^2, for each row of scores."""

    products: Floats
    squares: Floats

    def rho0(self, human_squares: Floats) -> Floats:
        """Return sum(m h) / sqrt(sum(m^2) sum(h^2)); NaN where either is 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            squares = self.squares * human_squares
            return np.where(squares > ROUNDING**2, self.products / np.sqrt(squares), np.nan)


def above_blind(
    cells: Cells, design: tuple[str, ...], draws: int, seed: int, minimum: int
) -> tuple[Floats, Floats]:
    """Return r above blind of countries, and rho0 above blind of categories, by column.

    Column 0 is the model, column 1 its answers without a country, the others are random answers.
    Countries and categories of fewer than `minimum` questions have none, nor have those with a
    question that no other country was asked. rho0 does not depend on which way items are coded, so
    for categories all items are turned to where people's mean is positive before spread is taken
    and deviates are drawn; what is left of a leaning to positions is part of the spread.
    """
    leaning = cells.model - cells.position
    of_countries = Deviates(leaning, cells.battery, design, draws, seed)
    turn = np.where(np.nanmean(cells.human, axis=0) < 0, -1.0, 1.0)
    of_categories = Deviates(
        turn * cells.model, cells.battery, (*design, "categories"), draws, seed
    )
    width = draws + 2
    countries = np.full((len(cells.countries), width), np.nan)
    of_category = np.eye(len(cells.categories))[cells.category]
    products, squares = np.zeros((2, len(cells.categories), width))
    blind_products, blind_squares, human_squares = np.zeros((3, len(cells.categories)))
    for country, name in enumerate(cells.countries):
        asked = np.isfinite(cells.human[country])
        human, blind = cells.human[country, asked], cells.blind[country, asked]
        known = np.stack([cells.model[country, asked], cells.country_free[country, asked]])
        if asked.sum() >= minimum:
            random = cells.position[country] + of_countries.of_country(name)
            scores = np.vstack([known, random[:, asked]])
            countries[country] = pearson(scores, human) - pearson(blind[None], human)
        scores = np.vstack([known, (turn * of_categories.of_country(name))[:, asked]])
        belongs = of_category[asked]
        products += (scores * human @ belongs).T
        squares += (scores**2 @ belongs).T
        blind_products += blind * human @ belongs
        blind_squares += blind**2 @ belongs
        human_squares += human**2 @ belongs
    model = Sums(products, squares).rho0(human_squares[:, None])
    reference = Sums(blind_products, blind_squares).rho0(human_squares)
    categories = model - reference[:, None]
    categories[np.bincount(cells.category, minlength=len(categories)) < minimum] = np.nan
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
    cells: pd.DataFrame, areas: list[Area], draws: int, seed: int, minimum: int
) -> pd.DataFrame:
    """Return what random answers reach beside each difference from blind; see `RESULT`.

    `cells` has `DESIGN`, country_id, question_id, category_id, battery_id, human_mean_score,
    blind_mean_score and `SCORES`. `random_place` is the share of draws below the estimate, those
    equal to it by half. The p-value is one-sided, of reaching the estimate at random: (1 + #) /
    (1 + draws). q-values are Benjamini's and Hochberg's over the areas of one kind.
    """
    rows: list[dict[str, Any]] = []
    for key, own in cells.groupby(DESIGN, observed=True, sort=True):
        design = tuple(map(str, key))
        read = read_cells(own)
        countries, categories = above_blind(read, design, draws, seed, minimum)
        for kind, name, values in area_rows(read, countries, categories, areas):
            estimate, free, random = values[0], values[1], values[2:]
            if not np.isfinite(estimate) or not np.isfinite(random).all():
                continue
            low, high = np.quantile(random, [0.025, 0.975])
            below = (random < estimate - ROUNDING).mean()
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
                    "random_p_value": (1 + round((1 - below) * draws)) / (1 + draws),
                    "country_free_estimate": free,
                }
            )
    result = pd.DataFrame(rows, columns=RESULT.names)
    for _, family in result.groupby([*DESIGN, "area_kind"]):
        q_values = false_discovery_control(family["random_p_value"].to_numpy(float))
        result.loc[family.index, "random_q_value"] = q_values
    return result
