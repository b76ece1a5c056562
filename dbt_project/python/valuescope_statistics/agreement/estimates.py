"""Agreement of each design (model and prompt) and of paired differences, with intervals and tests.

All countries, models and prompts of a survey lose the same batteries, so that the difference of two
designs, on the same cells, is as certain as it really is.

Samples are the last axis of all arrays. Sample 0 is whole and gives the estimates themselves, the
next lack one battery each, and the others are halves of the batteries, for rankings.

A design's own rows depend on no other design, nor does a pair's row. Ranks of models do: rows of
means over the world keep their samples, so that models can be ranked without being measured again.
"""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from valuescope_statistics.agreement.cells import (
    MEMBERSHIPS,
    PAIR_KEYS,
    Answers,
    Area,
    CellSet,
    Flags,
    Floats,
    People,
    Places,
    Settings,
    cell_sets,
    read_answers,
    read_areas,
    read_people,
)
from valuescope_statistics.agreement.jackknife import (
    LEAST_EFFECTIVE_BATTERIES,
    effective_number,
    freedom_of_batteries,
    freedom_of_items,
    summary,
)
from valuescope_statistics.agreement.measures import (
    MEASURES,
    PAIRED_MEASURES,
    RANKED_MEASURES,
    AreaValues,
    CountryMeasures,
    CountryValues,
)
from valuescope_statistics.agreement.rankings import DIVISIONS, halves, ranks_of

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
        ("smallest_detectable_delta", pa.float64()),
        ("country_count", pa.int64()),
        ("question_count", pa.int64()),
        ("battery_count", pa.int64()),
        ("effective_battery_count", pa.float64()),
        ("interval_null_reason", pa.string()),
        ("rank", pa.int64()),
        ("rank_low", pa.int64()),
        ("rank_high", pa.int64()),
        ("ranked_count", pa.int64()),
        ("ranking_reliability", pa.float64()),
        ("ranking_null_reason", pa.string()),
        ("cells_id", pa.string()),
        ("battery_sizes", pa.list_(pa.int64())),
        ("samples", pa.list_(pa.float64())),
    ]
)
RANK_KEYS = ["model_id", "prompt_id", "area_kind", "area_id", "measure"]
# An r by itself is tested against nothing: one that ignores the country has 0.83.
TESTED = np.array([measure != "pearson_r" for measure in MEASURES])
# Intervals of an r, or a mean of them, are made on Fisher's scale; those of a difference are not.
IS_R = np.array([measure in ("pearson_r", "demeaned_pearson_r") for measure in MEASURES])
IS_NO_R = np.full(len(MEASURES), False)


def described(
    people: People,
    settings: Settings,
    area: AreaValues,
    values: Floats,
    is_r: Flags,
    country_count: npt.NDArray[np.intp],
    has_few_countries: Flags,
    is_tested: Flags,
    freedom_of: Callable[[Floats], float],
) -> dict[str, npt.NDArray[Any]]:
    """Return columns for values (measures x designs or pairs x samples), measures outermost.

    `freedom_of` returns the degrees of freedom of batteries of some sizes.
    """
    shape = values.shape[:-1]
    measures = MEASURES[: shape[0]]
    questions = area.questions[: shape[0]]
    jackknifed = values[..., : 1 + people.battery_count]

    def of_measures(values: Any) -> npt.NDArray[Any]:
        return np.broadcast_to(np.asarray(values)[: len(measures), None], shape)

    sizes = [
        np.bincount(people.battery_of_question[of_measure]).astype(np.float64)
        for of_measure in questions
    ]
    batteries = of_measures([np.count_nonzero(of_measure) for of_measure in sizes])
    effective = of_measures([effective_number(of_measure) for of_measure in sizes])
    freedom = of_measures([freedom_of(of_measure) for of_measure in sizes])
    found = summary(jackknifed, of_measures(is_r), batteries, freedom)
    reason = np.full(shape, None, object)
    reason[np.isnan(found.standard_error)] = "no_variance"
    reason[has_few_countries] = "too_few_countries"
    reason[effective < LEAST_EFFECTIVE_BATTERIES] = "one_battery_dominates"
    reason[batteries < settings.minimum_batteries] = "too_few_batteries"
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
        "smallest_detectable_delta": np.where(is_known, found.smallest_detectable, np.nan),
        "country_count": country_count,
        "question_count": of_measures(questions.sum(axis=1)),
        "battery_count": batteries,
        "effective_battery_count": effective,
        "interval_null_reason": reason,
    }
    return {name: column.ravel() for name, column in columns.items()}


class Estimates:
    """The rows of the result for one survey and coding, and the ranks of designs by themselves."""

    def __init__(self, people: People, answers: Answers, settings: Settings) -> None:
        self.people = people
        self.answers = answers
        self.settings = settings
        self.own: list[pd.DataFrame] = []
        self.ranks: list[pd.DataFrame] = []
        self.pairs: list[pd.DataFrame] = []

    def add_area(self, area: AreaValues) -> None:
        """Add the mean over an area's countries, of designs and of pairs."""
        if not area.questions.any():
            return
        needed = 1 if area.area.kind == "country" else self.settings.minimum_countries
        count = area.own.used[..., 0].astype(np.intp)
        self._add_own(area, area.own.value(), IS_R, count, count < needed, TESTED)
        if len(area.cell_set.pairs) and area.area.is_compared:
            self._add_pairs(area, needed)

    def add_difference(self, west: AreaValues, elsewhere: AreaValues) -> None:
        """Add the West's mean minus that of all others."""
        if not (west.questions.any() and elsewhere.questions.any()):
            return
        counts = np.stack([area.own.used[..., 0].astype(np.intp) for area in (west, elsewhere)])
        both = AreaValues(west.area._replace(name="west_minus_elsewhere"), west.cell_set, 1)
        both.questions = west.questions | elsewhere.questions
        has_few = np.logical_or.reduce(counts < self.settings.minimum_countries)
        difference = west.own.value() - elsewhere.own.value()
        is_tested = np.full(len(MEASURES), True)
        self._add_own(both, difference, IS_NO_R, counts.sum(axis=0), has_few, is_tested)

    def add_ranks(self, cell_set: CellSet, countries: list[CountryValues]) -> None:
        """Add each design's ranks of countries."""
        own = cell_set.designs[cell_set.is_own]
        if not countries:
            return
        names = np.array([country.name for country in countries], object)
        values = np.stack([country.values for country in countries])
        questions = np.stack([country.questions for country in countries])
        for place, design in enumerate(own):
            self._add_ranks(values[:, :, place], questions, np.full(len(names), design), names)

    def _add_ranks(
        self,
        values: Floats,
        questions: Flags,
        designs: Places,
        country_ids: npt.NDArray[Any],
    ) -> None:
        """Add ranks of countries by each measure; values are countries x measures x samples."""
        for measure, name in enumerate(RANKED_MEASURES):
            known = np.isfinite(values[:, measure, 0])
            if known.any():
                sizes = [self._sizes(asked) for asked in questions[known, measure]]
                found = ranks_of(self.settings, values[known, measure], sizes)
                names = self._names(designs[known], "model_id", "prompt_id")
                ids = {"area_kind": "country", "area_id": country_ids[known], "measure": name}
                self.ranks.append(pd.DataFrame({**names, **ids, **found._asdict()}))

    def rows(self) -> list[pd.DataFrame]:
        """Return all rows."""
        own = pd.concat(self.own) if self.own else pd.DataFrame()
        if self.ranks:
            own = own.merge(pd.concat(self.ranks), "left", on=RANK_KEYS)
            own.loc[own["interval_null_reason"].notna(), ["rank_low", "rank_high"]] = np.nan
        return [own, *self.pairs]

    def _add_own(
        self,
        area: AreaValues,
        values: Floats,
        is_r: Flags,
        country_count: npt.NDArray[np.intp],
        has_few: Flags,
        is_tested: Flags,
    ) -> None:
        designs = area.cell_set.designs[area.cell_set.is_own]
        # A mean over countries leaves little of single items, and all that a battery's share.
        freedom_of = freedom_of_items if area.area.kind == "country" else freedom_of_batteries
        block = described(
            self.people,
            self.settings,
            area,
            values,
            is_r,
            country_count,
            has_few,
            is_tested,
            freedom_of,
        )
        if area.area.kind == "world":
            block |= self._for_ranks(area, values)
        self.own.append(_frame(block, self._names(designs, "model_id", "prompt_id")))

    def _for_ranks(self, area: AreaValues, values: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return what ranks of models are made of, for the measures that models are ranked by."""
        cells_id, sizes, samples = (np.full(values.shape[:2], None, object) for _ in range(3))
        for measure in range(len(RANKED_MEASURES)):
            for place, of_design in enumerate(values[measure]):
                cells_id[measure, place] = area.cell_set.cells_id
                sizes[measure, place] = self._sizes(area.questions[measure])
                samples[measure, place] = of_design
        columns = {"cells_id": cells_id, "battery_sizes": sizes, "samples": samples}
        return {name: column.ravel() for name, column in columns.items()}

    def _sizes(self, asked: Flags) -> npt.NDArray[np.intp]:
        """Return how many of the questions asked are in each battery."""
        return np.bincount(self.people.battery_of_question[asked])

    def _add_pairs(self, area: AreaValues, needed: int) -> None:
        count = area.pairs.used[..., 0].astype(np.intp)
        is_tested = np.full(len(PAIRED_MEASURES), True)
        block = described(
            self.people,
            self.settings,
            area,
            area.pairs.value(),
            IS_NO_R,
            count,
            count < needed,
            is_tested,
            freedom_of_items,
        )
        block["model_estimate"], block["other_estimate"] = area.sides.value().reshape(-1, 2).T
        first, second = area.cell_set.designs[area.cell_set.pairs].T
        names = self._names(first, "model_id", "prompt_id")
        others = self._names(second, "other_model_id", "other_prompt_id")
        self.pairs.append(_frame(block, names | others))

    def _names(self, designs: Places, model: str, prompt: str) -> dict[str, npt.NDArray[Any]]:
        named = self.answers.designs[designs]
        return {
            model: named.get_level_values(0).to_numpy(),
            prompt: named.get_level_values(1).to_numpy(),
        }


def _frame(block: dict[str, npt.NDArray[Any]], names: dict[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """Return the rows with an estimate; `names` have one value a design or pair."""
    count = len(block["estimate"]) // max(1, len(next(iter(names.values()))))
    repeated = {name: np.tile(values, count) for name, values in names.items()}
    frame = pd.DataFrame({**block, **repeated})
    return frame.dropna(subset="estimate")


def estimates_of_coding(
    people: People,
    answers: Answers,
    areas: list[Area],
    by_themselves: Flags,
    pairs: list[tuple[int, int]],
    settings: Settings,
) -> list[pd.DataFrame]:
    """Return all rows of one survey and coding, without the ranks of models."""
    sample_count = 1 + people.battery_count + 2 * DIVISIONS
    result = Estimates(people, answers, settings)
    divided = halves(people.battery_count)
    for cell_set in cell_sets(answers, by_themselves, pairs):
        measures = CountryMeasures(people, answers, cell_set, settings, divided)
        pooled = {
            (area.kind, area.name): AreaValues(area, cell_set, sample_count) for area in areas
        }
        countries: list[CountryValues] = []
        has_enough = cell_set.present.sum(axis=1) >= settings.minimum_questions
        for country in np.flatnonzero(has_enough).tolist():
            name = people.countries[country]
            values, questions = measures.values(country)
            area = Area("country", name, frozenset([name]), True)
            alone = AreaValues(area, cell_set, sample_count)
            for area_values in [
                alone,
                *(pool for pool in pooled.values() if name in pool.area.members),
            ]:
                area_values.add(values, questions)
            result.add_area(alone)
            countries.append(CountryValues(name, alone.own.value(), questions))
        for area_values in pooled.values():
            result.add_area(area_values)
        result.add_ranks(cell_set, countries)
        for membership in MEMBERSHIPS:
            result.add_difference(pooled[membership, "west"], pooled[membership, "elsewhere"])
    return result.rows()


def with_ranks_of_models(rows: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return rows that have samples with the ranks of models asked alike on the same cells."""
    rows = rows.sort_values("model_id", ignore_index=True)
    for _, alike in rows.groupby(["survey_id", "prompt_id", "cells_id", "measure"], observed=True):
        values = np.array([list(samples) for samples in alike["samples"]], float)
        found = ranks_of(settings, values, [np.array(sizes) for sizes in alike["battery_sizes"]])
        for name, of_models in found._asdict().items():
            rows.loc[alike.index, name] = of_models
    # A mean over few countries has no interval, nor has its rank.
    rows.loc[rows["interval_null_reason"].notna(), ["rank_low", "rank_high"]] = np.nan
    return rows


def estimates(
    cells: pd.DataFrame,
    without_demeaned: pd.DataFrame,
    people: pd.DataFrame,
    countries: pd.DataFrame,
    pairs: pd.DataFrame,
    settings: Settings,
    only_paired: Collection[tuple[str, ...]] = (),
) -> pd.DataFrame:
    """Estimate designs and pairs, with intervals; see `RESULT` for the columns.

    `cells` has model_id, prompt_id, survey_id, coding_id, question_id, country_id and
    llm_mean_score, one row a cell that is compared. `without_demeaned` has survey_id, model_id,
    prompt_id and country_id where a model does not tell the country from others, so that there is
    no demeaned r. `people` has survey_id, coding_id, question_id, country_id, battery_id and
    human_mean_score of the surveys' reference populations, whether scored or not. `countries`
    has country_id, continent, is_reference_country and the three memberships; `pairs` survey_id,
    model_id, prompt_id, other_model_id and other_prompt_id, both of one coding. Designs among
    `only_paired` (model_id, prompt_id, survey_id) have no rows of their own.
    """
    areas = read_areas(countries)
    blocks = []
    for key, own in cells.groupby(["survey_id", "coding_id"], observed=True):
        survey_id, coding_id = map(str, key)
        of_survey = people[people["survey_id"] == survey_id]
        coded = read_people(survey_id, of_survey, coding_id, countries)
        lacking = without_demeaned[without_demeaned["survey_id"] == survey_id]
        answers = read_answers(own, lacking, coded)
        by_themselves = np.array(
            [(*design, survey_id) not in only_paired for design in answers.designs], bool
        )
        compared = pairs[pairs["survey_id"] == survey_id]
        places = np.stack(
            [
                answers.designs.get_indexer(pd.MultiIndex.from_frame(compared[names]))
                for names in (PAIR_KEYS[:2], PAIR_KEYS[2:])
            ],
            axis=1,
        )
        of_coding = np.unique(places[(places >= 0).all(axis=1)], axis=0).tolist()
        known = [(first, other) for first, other in of_coding]
        blocks += estimates_of_coding(coded, answers, areas, by_themselves, known, settings)
    if not blocks:
        return pd.DataFrame(columns=RESULT.names)
    result = pd.concat(blocks).reindex(columns=RESULT.names).reset_index(drop=True)
    has_samples = result["samples"].notna()
    ranked = with_ranks_of_models(result[has_samples], settings)
    return pd.concat([result[~has_samples], ranked], ignore_index=True)
