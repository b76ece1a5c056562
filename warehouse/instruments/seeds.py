"""The instrument: questions, choices, countries, surveys and models.

Read from the dbt seeds and, for surveys of the user's own, from files of the home. dbt loads the
same files, so each text and code is written once.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import SEEDS, Home
from valuescope.warehouse.instruments.own_models import read_own_models
from valuescope.warehouse.instruments.surveys import OwnInstrument, read_own_instruments

# The survey whose questions are meant where no survey is named.
DEFAULT_SURVEY = "wvs"
# Prompts of this pseudo-country name no country; no aggregate over countries contains it.
COUNTRY_FREE = "ZZZ"


@dataclass(frozen=True)
class Survey:
    """One survey: what it is called and which of its waves is meant where none is named.

    `question_survey_id` is the survey whose questions it asks, mostly its own.
    """

    survey_id: str
    name: str
    default_wave: int
    citation: str
    doi: str | None
    question_survey_id: str


@dataclass(frozen=True)
class Choice:
    """One answer option of a question in one coding; `index` is 1-based."""

    coding_id: str
    question_id: str
    index: int
    text: str
    survey_codes: tuple[int, ...]


@dataclass(frozen=True)
class Question:
    """One question of a survey; `choices` maps each coding to its choices in scale order."""

    question_id: str
    survey_id: str
    category_id: str
    battery_id: str
    short_label: str
    wording: str
    scale_kind: str
    choices: dict[str, tuple[Choice, ...]]
    codes_outside_scale: dict[str, frozenset[int]]

    @cached_property
    def known_codes(self) -> frozenset[int]:
        """Return the non-negative survey codes of the native coding, on the scale or not."""
        on_scale = {code for choice in self.choices["native"] for code in choice.survey_codes}
        return frozenset(on_scale) | self.codes_outside_scale["native"]


@dataclass(frozen=True)
class Country:
    """One country: its ISO codes, the numeric codes that surveys use and its name in prompts."""

    country_id: str
    iso_alpha_2: str | None
    numeric_codes: tuple[int, ...]
    name: str
    other_names: tuple[str, ...]
    in_wvs7: bool

    @property
    def known_as(self) -> tuple[str, ...]:
        """Return every code and name of the country."""
        codes = (self.country_id, self.iso_alpha_2) if self.iso_alpha_2 else (self.country_id,)
        return (*codes, self.name, *self.other_names)


@dataclass(frozen=True)
class RegisteredModel:
    """One row of the model registry; what could not be verified is None.

    `is_own` is true of the rows in the user's home.
    """

    model_name: str
    display_name: str
    is_chat: bool
    parameter_count: int | None
    hub_repository: str | None
    hub_file: str | None
    hub_revision: str | None
    file_sha256: str | None
    package_name: str | None
    package_file: str | None
    licence: str | None
    is_own: bool = False

    @property
    def hub_reference(self) -> str:
        """Return the file's place on the hub in lower case: `owner/name/file`."""
        return f"{self.hub_repository}/{self.hub_file}".casefold()


@dataclass(frozen=True)
class Instrument:
    """Everything that is asked, of whom and of which models.

    `categories` maps each category to its survey.
    """

    surveys: dict[str, Survey]
    questions: dict[str, Question]
    countries: dict[str, Country]
    models: dict[str, RegisteredModel]
    categories: dict[str, str]
    codings: tuple[str, ...]

    @cached_property
    def _questions_by_name(self) -> dict[str, Question]:
        return {question_id.casefold(): q for question_id, q in self.questions.items()}

    def survey(self, survey_id: str) -> Survey:
        """Return the survey of that id. Raises ValuescopeError with the nearest ids."""
        if survey_id not in self.surveys:
            raise unknown_name(
                "survey",
                survey_id,
                self.surveys,
                f"Surveys: {', '.join(self.surveys)}. `valuescope ingest` brings others "
                "(docs/own-surveys.md).",
            )
        return self.surveys[survey_id]

    def questions_of_survey(self, survey_id: str) -> tuple[Question, ...]:
        """Return a survey's questions in order. Raises ValuescopeError for an unknown survey."""
        own = self.survey(survey_id).question_survey_id
        return tuple(q for q in self.questions.values() if q.survey_id == own)

    def surveys_of_same_questions(self, survey_id: str) -> tuple[Survey, ...]:
        """Return the surveys that ask the questions of a survey, itself among them."""
        own = self.survey(survey_id).question_survey_id
        return tuple(s for s in self.surveys.values() if s.question_survey_id == own)

    def question(self, question_id: str, survey_id: str = DEFAULT_SURVEY) -> Question:
        """Return the question of that id, in any case; `survey_id` allows names without the survey.

        Raises ValuescopeError with the nearest ids.
        """
        name = question_id.strip().casefold()
        found = self._questions_by_name.get(
            f"{survey_id}:{name}", self._questions_by_name.get(name)
        )
        if found is None:
            prefix, colon, _ = name.partition(":")
            meant = prefix if colon and prefix in self.surveys else survey_id
            known = {
                spelling: None
                for question in self.questions_of_survey(meant)
                for spelling in (
                    question.question_id.removeprefix(f"{meant}:"),
                    question.question_id,
                )
            }
            raise unknown_name("question", question_id, known, self._known_questions(meant))
        return found

    def _known_questions(self, survey_id: str) -> str:
        if survey_id == DEFAULT_SURVEY:
            others = [
                s.survey_id for s in self.surveys.values() if s.question_survey_id != survey_id
            ]
            hint = f" Those of {', '.join(others)} are named with --survey." if others else ""
            return f"Questions are Q1 to Q259 without Q223.{hint}"
        questions = self.questions_of_survey(survey_id)
        first, last = questions[0].question_id, questions[-1].question_id
        return f"Questions of {survey_id} are {first} to {last}."

    def country(self, country_id: str) -> Country:
        """Return the country of that ISO code (three or two letters) or name (any case).

        Raises ValuescopeError with the nearest codes and names.
        """
        wanted = country_id.strip().casefold()
        for country in self.countries.values():
            if wanted in (name.casefold() for name in country.known_as):
                return country
        known = [name for c in self.countries.values() for name in (c.country_id, c.name)]
        raise unknown_name(
            "country",
            country_id,
            known,
            'Use an ISO3 code; `valuescope sql "select * from marts.dim_countries"` lists them.',
        )

    def questions_of_categories(
        self, category_ids: tuple[str, ...], survey_id: str = DEFAULT_SURVEY
    ) -> list[Question]:
        """Return the questions of these categories in survey order.

        Of `survey_id` a category's name without the survey does too. Raises ValuescopeError for
        an unknown category.
        """
        found = {self._category(category_id, survey_id) for category_id in category_ids}
        return [q for q in self.questions.values() if q.category_id in found]

    def _category(self, category_id: str, survey_id: str) -> str:
        for known in (f"{survey_id}:{category_id}", category_id):
            if known in self.categories:
                return known
        prefix, colon, _ = category_id.partition(":")
        meant = prefix if colon and prefix in self.surveys else survey_id
        own = self.survey(meant).question_survey_id
        of_survey = [known for known, survey in self.categories.items() if survey == own]
        raise unknown_name(
            "category", category_id, of_survey, f"Categories: {', '.join(of_survey)}."
        )

    def coding(self, coding_id: str) -> str:
        """Return `coding_id` if it exists. Raises ValuescopeError otherwise."""
        if coding_id not in self.codings:
            raise unknown_name(
                "coding", coding_id, self.codings, f"Codings: {', '.join(self.codings)}."
            )
        return coding_id

    def with_survey(self, own: OwnInstrument) -> "Instrument":
        """Return this instrument with a survey added; it replaces an earlier version of itself."""

        def others(belongs: dict[str, str]) -> list[str]:
            return [name for name, survey_id in belongs.items() if survey_id != own.survey_id]

        kept = others({q.question_id: q.survey_id for q in self.questions.values()})
        added = {row["category_id"]: own.survey_id for _, row in own.categories}
        return replace(
            self,
            surveys=self.surveys | {own.survey_id: _survey(own.survey[1])},
            questions={name: self.questions[name] for name in kept}
            | _questions([row for _, row in own.questions], [row for _, row in own.choices]),
            categories={name: self.categories[name] for name in others(self.categories)} | added,
        )


def load_instrument(home: Home | None = None, seeds: Path = SEEDS) -> Instrument:
    """Read the instrument from the seed files and, with `home`, its other surveys and models.

    Raises ValuescopeError when a seed is missing, and with file and line when a file of the
    home is wrong.
    """
    instrument = _read_seeds(seeds)
    if home is not None:
        registry = {row["model_name"]: row for row in _rows(seeds / "models.csv")}
        own_models = (_model(row, is_own=True) for row in read_own_models(home, registry))
        if added := {model.model_name: model for model in own_models}:
            instrument = replace(instrument, models=instrument.models | added)
        for own in read_own_instruments(home, instrument.surveys):
            instrument = instrument.with_survey(own)
    return instrument


@cache
def _read_seeds(seeds: Path) -> Instrument:
    choices = list(_rows(seeds / "choices.csv"))
    countries = {
        row["country_id"]: Country(
            country_id=row["country_id"],
            iso_alpha_2=row["iso_alpha_2"] or None,
            numeric_codes=tuple(
                int(code)
                for code in (row["iso_numeric"], *row["other_numeric_codes"].split("|"))
                if code
            ),
            name=row["country_name"],
            other_names=tuple(name for name in row["survey_names"].split("|") if name),
            in_wvs7=_is_true(row["in_wvs7"]),
        )
        for row in _rows(seeds / "countries.csv")
    }
    return Instrument(
        surveys={row["survey_id"]: _survey(row) for row in _rows(seeds / "surveys.csv")},
        questions=_questions(_rows(seeds / "questions.csv"), choices),
        countries=countries,
        models={row["model_name"]: _model(row) for row in _rows(seeds / "models.csv")},
        categories={
            row["category_id"]: row["survey_id"] for row in _rows(seeds / "categories.csv")
        },
        codings=tuple(dict.fromkeys(row["coding_id"] for row in choices)),
    )


def _model(row: dict[str, str], is_own: bool = False) -> RegisteredModel:
    return RegisteredModel(
        model_name=row["model_name"],
        display_name=row["display_name"],
        is_chat=_is_true(row["is_chat"]),
        parameter_count=int(row["parameter_count"]) if row["parameter_count"] else None,
        hub_repository=row["hub_repository"] or None,
        hub_file=row["hub_file"] or None,
        hub_revision=row["hub_revision"] or None,
        file_sha256=row["file_sha256"] or None,
        package_name=row.get("package_name") or None,
        package_file=row.get("package_file") or None,
        licence=row["licence"] or None,
        is_own=is_own,
    )


def _survey(row: dict[str, str]) -> Survey:
    return Survey(
        survey_id=row["survey_id"],
        name=row["survey_name"],
        default_wave=int(row["default_wave"]),
        citation=row["citation"],
        doi=row["doi"] or None,
        question_survey_id=row.get("question_survey_id") or row["survey_id"],
    )


def _questions(
    question_rows: Iterable[dict[str, str]], choice_rows: Iterable[dict[str, str]]
) -> dict[str, Question]:
    on_scale: dict[str, dict[str, list[Choice]]] = {}
    outside: dict[str, dict[str, set[int]]] = {}
    for row in choice_rows:
        coding_id, question_id = row["coding_id"], row["question_id"]
        codes = tuple(int(code) for code in row["survey_codes"].split("|"))
        choices = on_scale.setdefault(question_id, {}).setdefault(coding_id, [])
        left_out = outside.setdefault(question_id, {}).setdefault(coding_id, set())
        if _is_true(row["is_on_scale"]):
            index = int(row["choice_index"])
            choices.append(Choice(coding_id, question_id, index, row["choice_text"], codes))
        else:
            left_out.update(codes)
    return {
        row["question_id"]: Question(
            question_id=row["question_id"],
            survey_id=row["survey_id"],
            category_id=row["category_id"],
            battery_id=row["battery_id"],
            short_label=row["short_label"],
            wording=row["wording"],
            scale_kind=row["scale_kind"],
            choices={
                coding_id: tuple(sorted(choices, key=lambda choice: choice.index))
                for coding_id, choices in on_scale[row["question_id"]].items()
            },
            codes_outside_scale={
                coding_id: frozenset(codes)
                for coding_id, codes in outside[row["question_id"]].items()
            },
        )
        for row in question_rows
    }


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.exists():
        raise ValuescopeError(f"The seed file {path} is missing; restore it from the clone.")
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _is_true(value: str) -> bool:
    return value.strip().lower() == "true"
