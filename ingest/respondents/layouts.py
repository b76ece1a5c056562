"""Recognise the World Values Survey's files of respondents by their columns."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from valuescope.ingest.formats.sources import Source
from valuescope.ingest.respondents.breakdowns import AGE, EDUCATION, SEX, URBAN, Trait
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import SEEDS
from valuescope.warehouse.instruments.seeds import DEFAULT_SURVEY, Instrument
from valuescope.warehouse.problems import Problems, listed

TREND_ITEMS = SEEDS / "trend_items.csv"
INVERTED_ITEMS = SEEDS / "inverted_items.csv"
# Q260 and later are about the respondent, not about values.
LAST_QUESTION = 259
# The European Values Study, which asked many of these questions in its fifth wave (2017 to 2021).
EVS, EVS_WAVE = "evs", 5
# How merged files number the studies.
EVS_STUDY, WVS_STUDY = 1, 2
_WVS_WAVES = {
    **{"1981": 1, "1989": 2, "1990": 2, "1994": 3, "1995": 3, "1999": 4, "2005": 5},
    **{"2010": 6, "2017": 7},
}
_EVS_WAVES = {"1981": 1, "1990": 2, "1999": 3, "2008": 4, "2017": EVS_WAVE}


@dataclass(frozen=True)
class TraitColumn:
    """The column of a trait, and its code -> category number where they differ."""

    column: str
    recodes: Mapping[int, int] = field(default_factory=dict)


# Levels 0 to 8 of the international classification of education, grouped as the survey does.
_ISCED = {level: 1 if level < 3 else 2 if level < 5 else 3 for level in range(9)}


@dataclass(frozen=True)
class Layout:
    """The columns of a respondent file by their use; several names are tried in order.

    `wave` holds the wave; a file of one wave only has `only_wave`, fielded in `only_years`.
    If a file has the rows of two surveys, `own_study` in the column `study` marks those of
    `survey_id`; without that column the waves in `other_wave` and `wave` do. `wave_years` maps the
    first year of a wave's fieldwork, by which labels name it, to the wave. `release_sizes` are the
    respondents of complete files by the first number of their release.
    """

    layout_id: str
    title: str
    country: tuple[str, ...]
    country_number: tuple[str, ...]
    wave: tuple[str, ...]
    year: str
    weight: str
    interview: str
    mode: tuple[str, ...]
    traits: Mapping[Trait, tuple[TraitColumn, ...]]
    survey_id: str = DEFAULT_SURVEY
    study: tuple[str, ...] = ()
    own_study: int = WVS_STUDY
    other_wave: tuple[str, ...] = ()
    wave_years: Mapping[str, int] = field(default_factory=lambda: _WVS_WAVES)
    only_wave: int | None = None
    only_years: range | None = None
    release: str = "version"
    doi: str = "doi"
    release_sizes: Mapping[str, int] = field(default_factory=dict)


WAVE7 = Layout(
    layout_id="wvs7",
    title="official wave 7 file",
    country=("B_COUNTRY_ALPHA",),
    country_number=("B_COUNTRY",),
    wave=("A_WAVE",),
    year="A_YEAR",
    weight="W_WEIGHT",
    interview="D_INTERVIEW",
    mode=("Q_MODE",),
    traits={
        SEX: (TraitColumn("Q260"),),
        AGE: (TraitColumn("Q262"),),
        EDUCATION: (TraitColumn("Q275R"), TraitColumn("Q275", _ISCED)),
        URBAN: (TraitColumn("H_URBRURAL"),),
    },
    only_wave=7,
    only_years=range(2017, 2024),
    release_sizes={"6": 97220, "5": 94278, "4": 94278, "2": 76897},
)
TIME_SERIES = Layout(
    layout_id="wvs_time_series",
    title="integrated time series",
    country=("COUNTRY_ALPHA",),
    country_number=("S003",),
    wave=("S002VS", "S002"),
    year="S020",
    weight="S017",
    interview="S007",
    mode=("mode",),
    traits={
        SEX: (TraitColumn("X001"),),
        AGE: (TraitColumn("X003"),),
        EDUCATION: (TraitColumn("X025R"),),
        URBAN: (TraitColumn("X050C"),),
    },
    study=("S001",),
    other_wave=("S002EVS",),
)
# The surveys of 2017 to 2022 of both, whose questions are named as in the time series.
JOINT_EVS_WVS = Layout(
    layout_id="evs_wvs_joint",
    title="joint EVS/WVS file",
    country=("cntry_AN",),
    country_number=("cntry",),
    wave=("wave",),
    year="year",
    weight="gwght",
    interview="uniqid",
    mode=("mode",),
    traits=TIME_SERIES.traits,
    study=("study",),
    other_wave=("wave",),
)


@dataclass(frozen=True)
class Item:
    """One question of the file; `recodes` maps its codes to the question's where they differ.

    Non-negative codes that `recodes` lacks are then no answers of the question; in an edition
    with codes of its own they show that its codes are others than those that are known.
    """

    question_id: str
    column: str
    recodes: Mapping[int, int] | None = None
    has_edition_codes: bool = False


@dataclass(frozen=True)
class Stated:
    """The user's values for all rows, for columns that were dropped because they are constant."""

    country_id: str | None = None
    wave: int | None = None
    year: int | None = None


NOTHING_STATED = Stated()


@dataclass(frozen=True)
class RespondentFile:
    """A file of respondents: what it is and what it holds."""

    source: Source
    layout: Layout
    items: tuple[Item, ...]
    inverted: tuple[str, ...] = ()

    @property
    def is_joint(self) -> bool:
        """Return whether it is the joint file, in which rows of both surveys may have no wave."""
        return self.layout.layout_id == JOINT_EVS_WVS.layout_id

    @property
    def format_id(self) -> str:
        """Return its id in `raw.survey_loads`, such as `wvs7_csv` or `wvs7_inverted_spss`."""
        edition = "_inverted" if self.inverted else ""
        return f"{self.layout.layout_id}{edition}_{self.source.kind}"

    def ignored_columns(self) -> tuple[str, ...]:
        """Return columns that look like questions but are not loaded: variants such as `Q33_3`."""
        if self.layout is not WAVE7:
            return ()
        used = {item.column for item in self.items}
        return tuple(
            column
            for column in self.source.columns
            if re.match(r"Q\d", column, re.IGNORECASE) and column not in used
        )


def of_evs(file: RespondentFile) -> RespondentFile:
    """Return what a merged file holds of the European Values Study of 2017.

    Raises ValuescopeError when the file is of the World Values Survey alone.
    """
    layout, source = file.layout, file.source
    joint = layout is JOINT_EVS_WVS
    if not joint and source.find(*layout.other_wave) is None:
        raise ValuescopeError(
            f"{source.path} is the {layout.title} of the World Values Survey and has no rows of "
            "the European Values Study. Leave --survey out."
        )
    return replace(
        file,
        layout=replace(
            layout,
            survey_id=EVS,
            own_study=EVS_STUDY,
            wave=layout.wave if joint else layout.other_wave,
            other_wave=layout.wave,
            wave_years=_EVS_WAVES,
        ),
        items=_trend_items(source, of_evs=True),
    )


def recognise(source: Source, instrument: Instrument, problems: Problems) -> RespondentFile | None:
    """Return the respondent file that the columns show, complete or not; None for anything else."""
    wave7 = (*WAVE7.country, *WAVE7.country_number, *WAVE7.wave, WAVE7.interview, WAVE7.weight)
    has_questions = any(re.match(r"Q\d", column, re.IGNORECASE) for column in source.columns)
    if has_questions and source.find(*wave7) is not None:
        items, inverted = _wave7_items(source, instrument, problems)
        return RespondentFile(source, WAVE7, items, inverted)
    for layout in (TIME_SERIES, JOINT_EVS_WVS):
        if source.find(*layout.country_number) and source.find(*layout.wave, layout.weight):
            return RespondentFile(source, layout, _trend_items(source))
    return None


def missing_columns(
    file: RespondentFile, is_weighted: bool, stated: Stated
) -> tuple[tuple[str, str], ...]:
    """Return the columns without which the file cannot be loaded, and what to do about each."""
    layout, source = file.layout, file.source
    missing = []
    has_country = source.find(*layout.country, *layout.country_number) is not None
    if not has_country and stated.country_id is None:
        missing.append((layout.country[0], "name the country with --country"))
    has_wave = source.find(*layout.wave) is not None or layout.only_wave is not None
    if not has_wave and stated.wave is None:
        remedy = "name the wave with --wave"
        if file.is_joint:
            remedy = (
                "say whose rows it has: --wave 7 for the World Values Survey's, --survey evs for "
                "the European Values Study's"
            )
        missing.append((layout.wave[0], remedy))
    if is_weighted and source.find(layout.weight) is None:
        missing.append((layout.weight, "load it with --weighting unweighted"))
    if not file.items:
        missing.append(
            (
                "Q1 to Q259" if layout is WAVE7 else "questions that wave 7 asks too",
                "download the complete file",
            )
        )
    return tuple(missing)


def other_edition(source: Source) -> str | None:
    """Describe an edition of the survey that cannot be loaded; None if it is not recognised."""
    numbered = [c for c in source.columns if re.fullmatch(r"V[1-9]\d*[A-Z]?", c, re.IGNORECASE)]
    if len(numbered) > 1 and source.find("V2", "V1") is not None:
        return (
            f"the file of a single earlier wave (columns {listed(numbered)}), in which every wave "
            "numbers its questions anew. Load the integrated time series (1981-2022), which has "
            "all waves under common names"
        )
    return None


def _wave7_items(
    source: Source, instrument: Instrument, problems: Problems
) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Find the questions by exact names: `Q33_3` is another variable, `Q11P` is Q11."""
    inverted = _items_of_seed(INVERTED_ITEMS, "inverted_variable")
    items, turned = [], []
    for question in instrument.questions_of_survey(DEFAULT_SURVEY):
        question_id = question.question_id
        if (column := source.find(question_id)) is not None:
            items.append(Item(question_id, column))
        elif (column := source.find(f"{question_id}P")) is None:
            continue
        elif (known := inverted.get(f"{question_id}P")) is None:
            problems.warn(
                f"{column} was left out: its codes are not documented ({INVERTED_ITEMS.name}). "
                f"The edition without inverted scales has {question_id}."
            )
        else:
            items.append(Item(question_id, column, known[1], has_edition_codes=True))
            turned.append(column)
    # Answers to questions that the instrument lacks are kept in raw where they are codes.
    unknown = {
        name
        for column in source.columns
        if re.fullmatch(r"Q[1-9]\d{0,2}", name := column.upper())
        and name not in instrument.questions
        and int(name[1:]) <= LAST_QUESTION
    }
    items += [Item(name, column) for name in sorted(unknown) if (column := source.find(name))]
    return tuple(items), tuple(turned)


def _trend_items(source: Source, of_evs: bool = False) -> tuple[Item, ...]:
    return tuple(
        Item(question_id, column, recodes)
        for variable, (question_id, recodes) in _items_of_seed(
            TREND_ITEMS, "trend_variable", "evs_source" if of_evs else None
        ).items()
        if (column := source.find(variable)) is not None
    )


def _items_of_seed(
    path: Path, variable: str, filled: str | None = None
) -> dict[str, tuple[str, Mapping[int, int] | None]]:
    """Return each variable's question, and its codes if they differ from the question's.

    Only rows in which the column `filled` is not empty.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row[variable]: (row["question_id"], _recodes(row["recodes"]))
            for row in csv.DictReader(file)
            if row[filled or variable]
        }


def _recodes(text: str) -> Mapping[int, int] | None:
    if not text:
        return None
    pairs = (pair.split(">") for pair in text.split("|"))
    return {int(old): int(new) for old, new in pairs}
