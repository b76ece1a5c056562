"""People, designs, areas, and the cells that are compared."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

PAIR_KEYS = ["model_id", "prompt_id", "other_model_id", "other_prompt_id"]
MEMBERSHIPS = ("western_paper", "western_weog", "western_inglehart_welzel")


class Settings(NamedTuple):
    """The build's variables that the estimates depend on."""

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

    Questions are ordered battery by battery.
    """

    survey_id: str
    countries: pd.Index
    questions: pd.Index
    battery_of_question: Places
    is_reference: Flags
    mean: Floats

    @property
    def battery_count(self) -> int:
        """Return how many batteries the questions belong to."""
        return 1 + int(self.battery_of_question.max())


class Answers(NamedTuple):
    """Mean scores of designs: designs x countries x questions, NaN where there is no cell.

    Where a design does not tell a country from others it has no demeaned r (designs x countries).
    """

    designs: pd.MultiIndex
    score: Floats
    has_demeaned: Flags


class CellSet(NamedTuple):
    """The designs and pairs that are measured over the same cells (countries x questions).

    `pairs` are places in `designs`; `is_own` says of a design whether it is measured by itself,
    and these are all its cells. `cells_id` is the same for the same cells of a survey.
    """

    cells_id: str
    present: Flags
    designs: Places
    is_own: Flags
    pairs: Places


def read_people(
    survey_id: str, of_survey: pd.DataFrame, coding_id: str, countries: pd.DataFrame
) -> People:
    """Return human mean scores of one coding, on the countries and questions of all codings."""
    surveyed = pd.Index(sorted(of_survey["country_id"].unique()))
    questions = of_survey.drop_duplicates("question_id").sort_values(["battery_id", "question_id"])
    asked = pd.Index(questions["question_id"])
    coded = of_survey[of_survey["coding_id"] == coding_id]
    places = surveyed.get_indexer(coded["country_id"]), asked.get_indexer(coded["question_id"])
    mean = np.full((len(surveyed), len(asked)), np.nan)
    mean[places] = coded["human_mean_score"]
    is_reference = countries.set_index("country_id")["is_reference_country"]
    return People(
        survey_id,
        surveyed,
        asked,
        pd.factorize(questions["battery_id"].astype(object), sort=True)[0],
        is_reference.reindex(surveyed).fillna(False).to_numpy(bool),
        mean,
    )


def read_answers(cells: pd.DataFrame, without_demeaned: pd.DataFrame, people: People) -> Answers:
    """Return the designs of one coding, on the cells of its people."""
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
    score = np.full(shape, np.nan)
    score[places] = cells["llm_mean_score"]
    has_demeaned = np.ones(shape[:2], bool)
    without = designs.get_indexer(pd.MultiIndex.from_frame(without_demeaned[PAIR_KEYS[:2]]))
    country = people.countries.get_indexer(pd.Index(without_demeaned["country_id"]))
    is_here = (without >= 0) & (country >= 0)
    has_demeaned[without[is_here], country[is_here]] = False
    return Answers(designs, score, has_demeaned)


def places_of(index: pd.Index, names: pd.Series) -> Places:
    """Return the positions of the names in the index."""
    named = names.astype("category").cat.remove_unused_categories()
    places = index.get_indexer(named.cat.categories)
    if (places < 0).any():
        unknown = named.cat.categories[places < 0]
        raise ValueError(f"Cells without people's mean score: {', '.join(unknown)}")
    return places[named.cat.codes]


def read_areas(countries: pd.DataFrame) -> list[Area]:
    """Return the world, the continents, and the West as each membership has it."""
    areas = [Area("world", "world", frozenset(countries["country_id"]), True)]
    for continent, members in countries.groupby("continent"):
        areas.append(Area("continent", str(continent), frozenset(members["country_id"]), True))
    for membership in MEMBERSHIPS:
        is_western = countries[f"is_{membership}"]
        for name, value in (("west", True), ("elsewhere", False)):
            members = countries.loc[is_western.eq(value).fillna(False).astype(bool)]
            areas.append(Area(membership, name, frozenset(members["country_id"]), False))
    return areas


def cell_sets(
    answers: Answers, by_themselves: Flags, pairs: list[tuple[int, int]]
) -> Iterator[CellSet]:
    """Group designs by the cells that they have, and pairs by the cells that both have.

    `by_themselves` says which designs are measured by themselves, too.
    """
    present = np.isfinite(answers.score)
    masks: dict[str, Flags] = {}
    own: dict[str, set[int]] = defaultdict(set)
    paired: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def key_of(mask: Flags) -> str:
        key = hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()
        masks.setdefault(key, mask)
        return key

    for design in np.flatnonzero(by_themselves).tolist():
        own[key_of(present[design])].add(design)
    for first, second in pairs:
        paired[key_of(present[first] & present[second])].append((first, second))
    for key, mask in masks.items():
        designs = np.array(sorted(own[key].union(*paired[key])), dtype=np.intp)
        yield CellSet(
            key,
            mask,
            designs,
            np.isin(designs, list(own[key])),
            np.searchsorted(designs, np.array(paired[key], dtype=np.intp).reshape(-1, 2)),
        )
