"""How sure a model's mean r is, other batteries and prompts in mind (generalizability theory).

A mean r under one prompt has an error from the batteries that were asked. In another template,
order, answer style or wording the same model has another mean r, and how much so differs from
battery to battery. Designs that cross these facets show all three parts: the jackknife's
pseudo-values n theta - (n - 1) theta_-b of every design are a full table of batteries x facets.
All effects are random, and expected mean squares give the variance of each.

Sources: Tukey's pseudo-values (Miller 1974, Biometrika 61, 1-15); variance components and the
decision study (Brennan 2001, Generalizability Theory, chapters 3 and 4); degrees of freedom
(Satterthwaite 1946, Biometrics Bulletin 2, 110-114). docs/calibration.md has the coverage.
"""

from collections.abc import Iterator
from itertools import chain, combinations, product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import t

from valuescope_statistics.agreement.cells import (
    Answers,
    CellSet,
    Floats,
    People,
    Places,
    Settings,
    read_answers,
    read_people,
)
from valuescope_statistics.agreement.jackknife import (
    DUST,
    LARGEST_R,
    LEAST_EFFECTIVE_BATTERIES,
    effective_number,
)
from valuescope_statistics.agreement.measures import CountryMeasures
from valuescope_statistics.variance_components import crossed_layout

# The facets of prompts, of which other levels could have been drawn. Chat mode and elicitation are
# not among them: they are other ways of using a model.
FACETS = ["choice_order", "template", "answer_style", "wording"]
# What could have been asked.
TEMPLATE_COUNTS = (1, 2, 3, 5, 10, 20)
ORDER_COUNTS = (1, 2, 4)
MEASURES = ("pearson_r", "demeaned_pearson_r")
BATTERY = 0

RESULT = pa.schema(
    [
        ("model_id", pa.string()),
        ("survey_id", pa.string()),
        ("measure", pa.string()),
        ("template_count", pa.int64()),
        ("order_count", pa.int64()),
        ("is_asked", pa.bool_()),
        ("coding_id", pa.string()),
        ("chat_mode", pa.string()),
        ("elicitation", pa.string()),
        ("answer_style_count", pa.int64()),
        ("wording_count", pa.int64()),
        ("crossed_design_count", pa.int64()),
        ("estimate", pa.float64()),
        ("standard_error", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("battery_standard_error", pa.float64()),
        ("battery_share", pa.float64()),
        ("prompt_share", pa.float64()),
        ("battery_by_prompt_share", pa.float64()),
        ("country_count", pa.int64()),
        ("question_count", pa.int64()),
        ("battery_count", pa.int64()),
        ("effective_battery_count", pa.float64()),
        ("null_reason", pa.string()),
    ]
)


class Component(NamedTuple):
    """The variance that an effect adds to a pseudo-value, and the freedom of its mean square."""

    axes: frozenset[int]
    variance: float
    freedom: float


def components(table: Floats, battery_freedom: float) -> list[Component]:
    """Return the variance component of each effect of a full table, axis 0 being batteries.

    Of random effects with one value a cell, sigma^2_a = 1 / prod_{i not in a} n_i times
    sum_{b contains a} (-1)^(|b| - |a|) MS_b; a negative one is 0. Batteries have `battery_freedom`
    in place of n - 1 degrees of freedom, since they are unequal.
    """
    axes = range(table.ndim)
    # An axis of one level has no effects.
    varied = [axis for axis in axes if table.shape[axis] > 1]
    subsets = [
        frozenset(some)
        for some in chain.from_iterable(combinations(varied, n) for n in range(len(varied) + 1))
    ]
    effects: dict[frozenset[int], Floats] = {}
    square: dict[frozenset[int], float] = {}
    freedom: dict[frozenset[int], float] = {}
    for subset in subsets:
        means = table.mean(axis=tuple(set(axes) - subset), keepdims=True)
        below = [effect for other, effect in effects.items() if other < subset]
        effects[subset] = means - sum(below, np.zeros(1))
        if subset:
            levels = np.prod([table.shape[axis] - 1 for axis in subset])
            square[subset] = float((effects[subset] ** 2).mean() * table.size / levels)
            scale = battery_freedom / (table.shape[BATTERY] - 1) if BATTERY in subset else 1.0
            freedom[subset] = float(levels * scale)
    found = []
    for subset, degrees in freedom.items():
        total = sum(
            (-1) ** (len(other) - len(subset)) * mean
            for other, mean in square.items()
            if subset <= other
        )
        repeated = np.prod([table.shape[axis] for axis in set(axes) - subset])
        found.append(Component(subset, max(0.0, float(total / repeated)), degrees))
    return found


class Error(NamedTuple):
    """The error of a mean over batteries and prompts: its variance's parts and freedom."""

    battery: float
    prompt: float
    battery_by_prompt: float
    freedom: float

    @property
    def variance(self) -> float:
        """Return the variance of the mean."""
        return self.battery + self.prompt + self.battery_by_prompt


def error(parts: list[Component], levels: tuple[int, ...], battery_freedom: float) -> Error:
    """Return the error of the mean over so many `levels` of each axis, as asked or not.

    Its variance is sum sigma^2_a / prod_{i in a} levels_i; by Satterthwaite it has V^2 / sum (V_a^2
    / freedom_a) degrees of freedom, from 1 to those of the batteries: the components are as sure as
    what was asked makes them.
    """
    shares = {
        part: part.variance / float(np.prod([levels[axis] for axis in part.axes])) for part in parts
    }
    variance = sum(shares.values())
    squares = sum(share**2 / part.freedom for part, share in shares.items())
    freedom = variance**2 / squares if squares > 0 else battery_freedom

    def of(has_battery: bool, has_prompt: bool) -> float:
        return sum(
            share
            for part, share in shares.items()
            if (BATTERY in part.axes) == has_battery and bool(part.axes - {BATTERY}) == has_prompt
        )

    return Error(
        of(True, False), of(False, True), of(True, True), min(max(freedom, 1.0), battery_freedom)
    )


def interval(estimate: float, variance: float, freedom: float) -> tuple[float, float]:
    """Return the 95% interval of an r or a mean of them, made on Fisher's scale.

    There its standard error is SE / (1 - r^2) (delta method).
    """
    centre = np.arctanh(np.clip(estimate, -LARGEST_R, LARGEST_R))
    half = t.ppf(0.975, freedom) * np.sqrt(variance) / max(1 - estimate**2, DUST)
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))


class Crossed(NamedTuple):
    """The crossed designs of a model: mean r (measures x samples x designs) and what it rests on.

    `levels` are how many there are of each of FACETS, the designs' order that of their product.
    Sample 0 is whole, the others lack a battery each. `battery_sizes` and `country_counts` have one
    entry a measure.
    """

    levels: tuple[int, ...]
    means: Floats
    battery_sizes: list[Places]
    country_counts: list[int]


def crossed(people: People, answers: Answers, designs: pd.DataFrame, settings: Settings) -> Crossed:
    """Return the mean r of each design of the largest full layout, all on the same cells.

    `designs` has a column for each factor of `crossed_layout`, its rows in the order of `answers`.
    """
    places, _, has_country = crossed_layout(designs, np.isfinite(answers.score).transpose(0, 2, 1))
    levels = tuple(int(designs.iloc[places][facet].nunique()) for facet in FACETS)
    present = np.isfinite(answers.score[places]).all(axis=0) & has_country[:, None]
    taken = np.array(places, np.intp)
    no_pairs = np.zeros((0, 2), np.intp)
    cell_set = CellSet("crossed", present, taken, np.full(len(taken), True), no_pairs)
    no_halves = np.zeros((0, people.battery_count), bool)
    measures = CountryMeasures(people, answers, cell_set, settings, no_halves)
    values, asked = [], []
    for country in np.flatnonzero(present.sum(axis=1) >= settings.minimum_questions).tolist():
        of_country, questions = measures.values(country)
        values.append(of_country[: len(MEASURES)])
        asked.append(questions[: len(MEASURES)])
    means, sizes, counts = [], [], []
    for measure in range(len(MEASURES)):
        # A country counts where it has a value in all designs.
        known = [place for place, own in enumerate(values) if np.isfinite(own[measure, :, 0]).all()]
        if known:
            means.append(np.mean([values[place][measure].T for place in known], axis=0))
            questions = np.logical_or.reduce([asked[place][measure] for place in known])
            sizes.append(np.bincount(people.battery_of_question[questions]))
        else:
            means.append(np.full((1 + people.battery_count, len(taken)), np.nan))
            sizes.append(np.zeros(0, np.intp))
        counts.append(len(known))
    return Crossed(levels, np.stack(means), sizes, counts)


def rows_of(found: Crossed, minimum_designs: int, settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield one row per measure and number of templates and orders, as asked first."""
    order, template, style, wording = found.levels
    for measure, name in enumerate(MEASURES):
        samples, sizes = found.means[measure], found.battery_sizes[measure]
        # Batteries that have a question of the measure.
        batteries = np.flatnonzero(sizes)
        effective = effective_number(sizes)
        row: dict[str, Any] = {
            "measure": name,
            "template_count": template,
            "order_count": order,
            "is_asked": True,
            "answer_style_count": style,
            "wording_count": wording,
            "crossed_design_count": samples.shape[1],
            "estimate": samples[0].mean(),
            "country_count": found.country_counts[measure],
            "question_count": int(sizes.sum()),
            "battery_count": len(batteries),
            "effective_battery_count": max(1.0, effective),
            "null_reason": None,
        }
        reason = None
        without_one = samples[1 + batteries]
        if samples.shape[1] < minimum_designs:
            reason = "too_few_designs"
        elif np.isnan(samples[0]).any():
            reason = "no_country_with_r"
        elif len(batteries) < settings.minimum_batteries:
            reason = "too_few_batteries"
        elif effective < LEAST_EFFECTIVE_BATTERIES:
            reason = "one_battery_dominates"
        elif found.country_counts[measure] < settings.minimum_countries:
            reason = "too_few_countries"
        elif np.isnan(without_one).any():
            reason = "no_variance"
        if reason is not None:
            yield {**row, "null_reason": reason}
            continue
        pseudo = len(batteries) * samples[0] - (len(batteries) - 1) * without_one
        table = pseudo.reshape(len(batteries), *found.levels)
        parts = components(table, effective - 1)
        if not any(part.variance for part in parts):
            yield {**row, "null_reason": "no_variance"}
            continue
        templates = sorted({template, *(TEMPLATE_COUNTS if template > 1 else ())})
        orders = sorted({order, *(ORDER_COUNTS if order > 1 else ())})
        for some_templates, some_orders in product(templates, orders):
            levels = (len(batteries), some_orders, some_templates, style, wording)
            own = error(parts, levels, effective - 1)
            low, high = interval(row["estimate"], own.variance, own.freedom)
            yield {
                **row,
                "template_count": some_templates,
                "order_count": some_orders,
                "is_asked": (some_templates, some_orders) == (template, order),
                "standard_error": np.sqrt(own.variance),
                "ci_low": low,
                "ci_high": high,
                "battery_standard_error": np.sqrt(own.battery),
                "battery_share": own.battery / own.variance,
                "prompt_share": own.prompt / own.variance,
                "battery_by_prompt_share": own.battery_by_prompt / own.variance,
            }


def chosen_designs(designs: pd.DataFrame) -> pd.DataFrame:
    """Return each model's designs of the coding, chat mode and elicitation that has most of them.

    `designs` has model_id, survey_id, coding_id, prompt_id and the factors.
    """
    key = ["model_id", "survey_id"]
    kind = [*key, "coding_id", "chat_mode", "elicitation"]
    count = designs.groupby(kind, observed=True).size().rename("designs").reset_index()
    count = count.sort_values(
        [*key, "designs", *kind[2:]], ascending=[True, True, False, *[True] * 3]
    )
    return designs.merge(count.drop_duplicates(key)[kind])


def prompt_errors(
    cells: pd.DataFrame,
    designs: pd.DataFrame,
    people: pd.DataFrame,
    countries: pd.DataFrame,
    without_demeaned: pd.DataFrame,
    minimum_designs: int,
    settings: Settings,
) -> pd.DataFrame:
    """Return the rows of all models; see `RESULT`.

    `cells` has model_id, prompt_id, survey_id, coding_id, question_id, country_id and
    llm_mean_score; `designs` prompt_id and the factors of `crossed_layout`, of prompts that were
    asked. `people`, `countries` and `without_demeaned` are those of `estimates`.
    """
    names = ["model_id", "survey_id", "coding_id", "prompt_id"]
    own_designs = cells[names].astype(str).drop_duplicates()
    chosen = chosen_designs(own_designs.merge(designs, on="prompt_id"))
    coded: dict[tuple[str, str], People] = {}
    of_model = dict(iter(cells.groupby(names[:3], observed=True)))
    rows = []
    for key, own in chosen.groupby(["model_id", "survey_id"], sort=True):
        model_id, survey_id = map(str, key)
        coding_id, chat_mode, elicitation = own.iloc[0][["coding_id", "chat_mode", "elicitation"]]
        if (survey_id, coding_id) not in coded:
            of_survey = people[people["survey_id"] == survey_id]
            coded[survey_id, coding_id] = read_people(survey_id, of_survey, coding_id, countries)
        asked = of_model[model_id, survey_id, coding_id]
        asked = asked[asked["prompt_id"].isin(own["prompt_id"])]
        lacking = without_demeaned[without_demeaned["survey_id"] == survey_id]
        answers = read_answers(asked, lacking, coded[survey_id, coding_id])
        prompts = answers.designs.get_level_values(1)
        placed = own.set_index("prompt_id").loc[prompts].reset_index()
        found = crossed(coded[survey_id, coding_id], answers, placed, settings)
        names_of_row = {
            "model_id": model_id,
            "survey_id": survey_id,
            "coding_id": coding_id,
            "chat_mode": chat_mode,
            "elicitation": elicitation,
        }
        rows += [{**names_of_row, **row} for row in rows_of(found, minimum_designs, settings)]
    return pd.DataFrame(rows, columns=RESULT.names)
