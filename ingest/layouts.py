"""The files of respondents that the World Values Survey gives out, told apart by their columns."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from valuescope.ingest.breakdowns import AGE, EDUCATION, SEX, URBAN, Trait
from valuescope.ingest.problems import Problems, listed
from valuescope.ingest.sources import Source
from valuescope.warehouse.home import SEEDS
from valuescope.warehouse.instrument import Instrument

TREND_ITEMS = SEEDS / "trend_items.csv"
# Q260 and later are about the respondent, not about values.
LAST_QUESTION = 259


@dataclass(frozen=True)
class TraitColumn:
    """Where a trait stands, and its code -> category number where they differ."""

    column: str
    recodes: Mapping[int, int] = field(default_factory=dict)


# Levels 0 to 8 of the international classification of education, grouped as the survey does.
_ISCED = {level: 1 if level < 3 else 2 if level < 5 else 3 for level in range(9)}


@dataclass(frozen=True)
class Layout:
    """Which columns of a respondent file play which part; several names are tried in order.

    `wave` holds the wave; a file of one wave only has `only_wave`. `release_sizes` are the
    respondents of complete files by the first number of their release.
    """

    layout_id: str
    title: str
    country: tuple[str, ...]
    country_number: tuple[str, ...]
    wave: str
    year: str
    weight: str
    interview: str
    mode: tuple[str, ...]
    traits: Mapping[Trait, tuple[TraitColumn, ...]]
    only_wave: int | None = None
    release: str = "version"
    doi: str = "doi"
    release_sizes: Mapping[str, int] = field(default_factory=dict)


WAVE7 = Layout(
    layout_id="wvs7",
    title="official wave 7 file",
    country=("B_COUNTRY_ALPHA",),
    country_number=("B_COUNTRY",),
    wave="A_WAVE",
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
    release_sizes={"6": 97220, "5": 94278, "4": 94278, "2": 76897},
)
TIME_SERIES = Layout(
    layout_id="wvs_time_series",
    title="integrated time series",
    country=("COUNTRY_ALPHA",),
    country_number=("S003",),
    wave="S002VS",
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
)


@dataclass(frozen=True)
class Item:
    """One question of the file; `recodes` maps its codes to the question's where they differ.

    Non-negative codes that `recodes` lacks are then no answers of the question.
    """

    question_id: str
    column: str
    recodes: Mapping[int, int] | None = None


@dataclass(frozen=True)
class RespondentFile:
    """A file of respondents: what it is and what it holds."""

    source: Source
    layout: Layout
    items: tuple[Item, ...]
    inverted: tuple[str, ...] = ()

    @property
    def format_id(self) -> str:
        """As `raw.survey_loads` calls it, such as `wvs7_csv` or `wvs7_inverted_spss`."""
        edition = "_inverted" if self.inverted else ""
        return f"{self.layout.layout_id}{edition}_{self.source.kind}"

    def ignored_columns(self) -> tuple[str, ...]:
        """Columns that look like questions but are not loaded: variants such as `Q33_3`."""
        if self.layout is not WAVE7:
            return ()
        used = {item.column for item in self.items}
        return tuple(
            column
            for column in self.source.columns
            if re.match(r"Q\d", column, re.IGNORECASE) and column not in used
        )


def recognise(source: Source, instrument: Instrument, problems: Problems) -> RespondentFile | None:
    """The respondent file that the columns show, complete or not; None for anything else."""
    wave7 = (*WAVE7.country, *WAVE7.country_number, WAVE7.wave, WAVE7.interview, WAVE7.weight)
    has_questions = any(re.match(r"Q\d", column, re.IGNORECASE) for column in source.columns)
    if has_questions and source.find(*wave7) is not None:
        items, inverted = _wave7_items(source, instrument, problems)
        return RespondentFile(source, WAVE7, items, inverted)
    if source.find(TIME_SERIES.wave) is not None and source.find("S003", "COUNTRY_ALPHA"):
        return RespondentFile(source, TIME_SERIES, _trend_items(source))
    return None


def missing_columns(file: RespondentFile, is_weighted: bool) -> tuple[str, ...]:
    """The columns without which the file cannot be loaded."""
    layout, source = file.layout, file.source
    missing = []
    if source.find(*layout.country, *layout.country_number) is None:
        missing.append(layout.country[0])
    needed = (
        (layout.wave, layout.year, layout.weight) if is_weighted else (layout.wave, layout.year)
    )
    missing += [name for name in needed if source.find(name) is None]
    if not file.items:
        missing.append("Q1 to Q259" if layout is WAVE7 else "questions that wave 7 asks too")
    return tuple(missing)


def other_edition(source: Source) -> str | None:
    """What a file of the survey is that cannot be loaded as it is, None when it is not known."""
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
    """Exact question names only: `Q33_3` is another variable, `Q11P` is Q11 turned round."""
    own: dict[str, str] = {}
    turned: dict[str, str] = {}
    for column in source.columns:
        named = re.fullmatch(r"Q([1-9]\d*)(P?)", column, re.IGNORECASE)
        if named and int(named.group(1)) <= LAST_QUESTION:
            (turned if named.group(2) else own)[f"Q{named.group(1)}"] = column
    items = [Item(question_id, column) for question_id, column in own.items()]
    inverted, unclear = [], []
    for question_id, column in turned.items():
        if question_id in own:
            continue
        question = instrument.questions.get(question_id)
        if question is None:
            problems.warn(f"{column} was left out: the instrument has no {question_id}.")
            continue
        codes = [code for choice in question.choices["native"] for code in choice.survey_codes]
        outside = question.codes_outside_scale["native"]
        if codes != sorted(codes) or any(code > max(codes) for code in outside):
            # What takes which code's place is nowhere said.
            unclear.append(column)
            continue
        recodes = {code: codes[0] + codes[-1] - code for code in codes}
        recodes |= {code: code for code in outside}
        items.append(Item(question_id, column, recodes))
        inverted.append(column)
    if unclear:
        problems.warn(
            f"{listed(unclear)} were left out: it is not documented how this edition turns round a "
            "scale whose codes are not in order or that has an answer outside it. The edition "
            "without inverted scales has them."
        )
    order = {question_id: n for n, question_id in enumerate(instrument.questions)}
    items.sort(key=lambda item: order.get(item.question_id, len(order)))
    return tuple(items), tuple(inverted)


def _trend_items(source: Source) -> tuple[Item, ...]:
    items = []
    with TREND_ITEMS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            column = source.find(row["trend_variable"])
            if column is None:
                continue
            recodes = None
            if row["recodes"]:
                pairs = (pair.split(">") for pair in row["recodes"].split("|"))
                recodes = {int(old): int(new) for old, new in pairs}
            items.append(Item(row["question_id"], column, recodes))
    return tuple(items)
