"""The instrument: questions, choices, countries, surveys and models, read from the dbt seeds.

dbt loads the same files, so a text or a code stands in one place only.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from warehouse.errors import ValuescopeError, unknown_name
from warehouse.home import SEEDS

# Prompts of this pseudo-country name no country; no aggregate over countries contains it.
COUNTRY_FREE = "ZZZ"


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
    short_label: str
    wording: str
    scale_kind: str
    choices: dict[str, tuple[Choice, ...]]
    codes_outside_scale: dict[str, frozenset[int]]

    @property
    def known_codes(self) -> frozenset[int]:
        """Every non-negative survey code of the native coding, on the scale or outside it."""
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
        """Every code and name that stands for the country."""
        codes = (self.country_id, self.iso_alpha_2) if self.iso_alpha_2 else (self.country_id,)
        return (*codes, self.name, *self.other_names)


@dataclass(frozen=True)
class RegisteredModel:
    """One row of the model registry; what could not be verified is None."""

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


@dataclass(frozen=True)
class Instrument:
    """Everything that is asked, of whom and of which models."""

    questions: dict[str, Question]
    countries: dict[str, Country]
    models: dict[str, RegisteredModel]
    categories: tuple[str, ...]
    codings: tuple[str, ...]

    def question(self, question_id: str) -> Question:
        """The question of that id (any case). Raises ValuescopeError with the nearest ids."""
        found = self.questions.get(question_id.upper())
        if found is None:
            raise unknown_name(
                "question", question_id, self.questions, "Questions are Q1 to Q259 without Q223."
            )
        return found

    def country(self, country_id: str) -> Country:
        """The country of that ISO code (three or two letters) or name (any case).

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

    def questions_of_categories(self, category_ids: tuple[str, ...]) -> list[Question]:
        """The questions of these categories in survey order. Raises for an unknown category."""
        for category_id in category_ids:
            if category_id not in self.categories:
                raise unknown_name(
                    "category",
                    category_id,
                    self.categories,
                    f"Categories: {', '.join(self.categories)}.",
                )
        return [q for q in self.questions.values() if q.category_id in category_ids]

    def coding(self, coding_id: str) -> str:
        """`coding_id` when it exists. Raises ValuescopeError otherwise."""
        if coding_id not in self.codings:
            raise unknown_name(
                "coding", coding_id, self.codings, f"Codings: {', '.join(self.codings)}."
            )
        return coding_id


@cache
def load_instrument(seeds: Path = SEEDS) -> Instrument:
    """Read the instrument from the seed files.

    Raises ValuescopeError when a file is missing.
    """
    on_scale: dict[str, dict[str, list[Choice]]] = {}
    outside: dict[str, dict[str, set[int]]] = {}
    codings: list[str] = []
    for row in _rows(seeds / "choices.csv"):
        coding_id, question_id = row["coding_id"], row["question_id"]
        if coding_id not in codings:
            codings.append(coding_id)
        codes = tuple(int(code) for code in row["survey_codes"].split("|"))
        choices = on_scale.setdefault(question_id, {}).setdefault(coding_id, [])
        left_out = outside.setdefault(question_id, {}).setdefault(coding_id, set())
        if _is_true(row["is_on_scale"]):
            index = int(row["choice_index"])
            choices.append(Choice(coding_id, question_id, index, row["choice_text"], codes))
        else:
            left_out.update(codes)
    questions = {
        row["question_id"]: Question(
            question_id=row["question_id"],
            survey_id=row["survey_id"],
            category_id=row["category_id"],
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
        for row in _rows(seeds / "questions.csv")
    }
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
    models = {
        row["model_name"]: RegisteredModel(
            model_name=row["model_name"],
            display_name=row["display_name"],
            is_chat=_is_true(row["is_chat"]),
            parameter_count=int(row["parameter_count"]) if row["parameter_count"] else None,
            hub_repository=row["hub_repository"] or None,
            hub_file=row["hub_file"] or None,
            hub_revision=row["hub_revision"] or None,
            file_sha256=row["file_sha256"] or None,
            package_name=row["package_name"] or None,
            package_file=row["package_file"] or None,
            licence=row["licence"] or None,
        )
        for row in _rows(seeds / "models.csv")
    }
    return Instrument(
        questions=questions,
        countries=countries,
        models=models,
        categories=tuple(row["category_id"] for row in _rows(seeds / "categories.csv")),
        codings=tuple(codings),
    )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.exists():
        raise ValuescopeError(f"The seed file {path} is missing; restore it from the clone.")
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _is_true(value: str) -> bool:
    return value.strip().lower() == "true"
