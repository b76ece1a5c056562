"""Bootstrap of agreement: intervals of each design (model and prompt) and of paired differences.

One draw takes the survey's batteries with replacement and moves every human mean score by its
sampling error. All countries, models and prompts of a survey share the draws, so differences of
two designs come from the same draws on the same cells. Each design's numerical noise is its own.

Draws are the last axis of all arrays, and draw 0 is no draw: every battery once and nothing moved,
which gives the estimates themselves.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from valuescope_statistics.bootstrap.cells import (
    MEMBERSHIPS,
    PAIR_KEYS,
    Answers,
    Area,
    Flags,
    Floats,
    Places,
    Settings,
    cell_sets,
    read_answers,
    read_areas,
    read_people,
)
from valuescope_statistics.bootstrap.draws import HumanDraws
from valuescope_statistics.bootstrap.measures import (
    MEASURES,
    PAIRED_MEASURES,
    AreaDraws,
    CountryMeasures,
)
from valuescope_statistics.bootstrap.summaries import summary

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
# An r by itself is tested against nothing: one that ignores the country has 0.83.
TESTED = np.array([measure != "pearson_r" for measure in MEASURES])
# An r is at most 1 and a difference of two at most 2; their draws scatter beyond on both sides.
LARGEST = np.array([1, 1, 2, 2])
LARGEST_DIFFERENCE = np.full(len(MEASURES), 2)
# An interval rests on at least this share of the draws having a value.
LEAST_SHARE_OF_DRAWS = 0.9


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
    is_known = pd.isna(reason)
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
        has_few = np.logical_or.reduce(counts < self.human.settings.minimum_countries)
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
        return {
            model: named.get_level_values(0).to_numpy(),
            prompt: named.get_level_values(1).to_numpy(),
        }

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
    for key, own in cells.groupby(["survey_id", "coding_id"], observed=True):
        survey_id, coding_id = map(str, key)
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
