"""Wording sets: the words in which the instrument is asked, the project's own or a user's.

A user's set is a folder of CSV and TOML files under `Home.wordings` (docs/wordings.md).
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.group_words import GroupWords, load_group_words
from valuescope.warehouse.instruments.seeds import (
    COUNTRY_FREE,
    Choice,
    Country,
    Instrument,
    Question,
)
from valuescope.warehouse.instruments.subjects import (
    Group,
    Placebo,
    Subject,
    country_id_of,
    invented_names,
)
from valuescope.warehouse.instruments.written_rows import written_rows

_FILES = (
    "set.toml",
    "questions.csv",
    "choices.csv",
    "countries.csv",
    "placebos.csv",
    "groups.toml",
    "templates.toml",
)
_FACTS = ("language", "translator", "source")
_LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_EVERY_COUNTRY = ""
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class WordingSet:
    """The texts of the instrument by one translator; `folder` is None for the project's own.

    `questions` maps (question, country) to a wording, `choices` maps (coding, question, country)
    to the texts in the instrument's order, both with the country "" for every other country;
    `country_names` and `placebo_names` map real and invented countries to the names that prompts
    use, `groups` has the words for groups of people. An English set keeps the project's choices,
    names and groups where it lacks its own, and with `questions` None the project's questions; a
    set in another language has no such fallback.
    """

    name: str
    language: str
    translator: str
    source: str
    folder: Path | None = None
    questions: Mapping[tuple[str, str], str] | None = None
    choices: Mapping[tuple[str, str, str], tuple[str, ...]] = field(default_factory=dict)
    country_names: Mapping[str, str] = field(default_factory=dict)
    placebo_names: Mapping[str, str] = field(default_factory=dict)
    groups: GroupWords | None = None

    @property
    def is_english(self) -> bool:
        """Return whether the language is English of any region."""
        return self.language.split("-")[0] == "en"

    def covers(self, question: Question, coding_id: str, country_id: str) -> bool:
        """Return whether the set words the question and its choices for that country."""
        return (
            self._wording(question, country_id) is not None
            and self._choices(question, coding_id, country_id) is not None
        )

    def unworded(
        self, questions: Iterable[Question], coding_id: str, subjects: Iterable[Subject]
    ) -> list[Question]:
        """Return the questions that the set words for none of `subjects` nor for no country."""
        country_ids = dict.fromkeys([COUNTRY_FREE, *map(country_id_of, subjects)])
        return [
            question
            for question in questions
            if not any(self.covers(question, coding_id, country_id) for country_id in country_ids)
        ]

    def reword(self, question: Question, coding_id: str, country_id: str) -> Question:
        """Return `question` with this set's words. Raises ValuescopeError if there are none."""
        wording = self._wording(question, country_id)
        if wording is None:
            raise self._lacks("wording", question.question_id, country_id, "questions.csv")
        choices = self._choices(question, coding_id, country_id)
        if choices is None:
            thing = f"list of choices in the coding '{coding_id}'"
            raise self._lacks(thing, question.question_id, country_id, "choices.csv")
        return replace(question, wording=wording, choices=question.choices | {coding_id: choices})

    def country_name(self, country: Country) -> str:
        """Return the country's name in this set. Raises ValuescopeError if there is none."""
        name = self.country_names.get(country.country_id)
        if name is None and self.is_english:
            return country.name
        if name is None:
            raise ValuescopeError(
                f"The wording set '{self.name}' has no name for {country.name}. Write "
                f"{country.country_id} into {self.folder}/countries.csv, or leave the country out "
                "with --countries."
            )
        return name

    def placebo_name(self, placebo: Placebo) -> str:
        """Return the invented name in this set. Raises ValuescopeError if there is none."""
        name = self.placebo_names.get(placebo.placebo_id)
        if name is None and self.is_english:
            return placebo.placebo_id
        if name is None:
            raise ValuescopeError(
                f"The wording set '{self.name}' has no name for the invented country "
                f"{placebo.placebo_id}. Write it into {self.folder}/placebos.csv, or leave "
                "--placebos out."
            )
        return name

    def group_words(self, group: Group) -> str:
        """Return the set's words for a group. Raises ValuescopeError if there are none."""
        words = self.groups or (_our_group_words() if self.is_english else None)
        if words is None:
            raise ValuescopeError(
                f"The wording set '{self.name}' has no words for groups of people. Write "
                f"{self.folder}/groups.toml (docs/wordings.md), or leave --by out."
            )
        return words.words_for(group)

    def _wording(self, question: Question, country_id: str) -> str | None:
        if self.questions is None:
            return question.wording
        general = self.questions.get((question.question_id, _EVERY_COUNTRY))
        return self.questions.get((question.question_id, country_id), general)

    def _choices(
        self, question: Question, coding_id: str, country_id: str
    ) -> tuple[Choice, ...] | None:
        ours = question.choices.get(coding_id, ())
        general = self.choices.get((coding_id, question.question_id, _EVERY_COUNTRY))
        texts = self.choices.get((coding_id, question.question_id, country_id), general)
        if texts is None:
            return ours if self.is_english else None
        return tuple(replace(choice, text=text) for choice, text in zip(ours, texts, strict=True))

    def _lacks(self, thing: str, question_id: str, country_id: str, file: str) -> ValuescopeError:
        where = "without a country" if country_id == COUNTRY_FREE else f"in {country_id}"
        return ValuescopeError(
            f"The wording set '{self.name}' has no {thing} for {question_id} {where}. Add it to "
            f"{self.folder}/{file}, or leave the question out with --questions."
        )


_our_group_words = cache(load_group_words)

OUR_WORDINGS = WordingSet(
    name="valuescope",
    language="en",
    translator="valuescope contributors",
    source="own wordings of the questions of the World Values Survey, wave 7",
)


def wording_set_names(home: Home) -> list[str]:
    """Return the project's own set and the user's, in alphabetical order."""
    folders = home.wordings.iterdir() if home.wordings.is_dir() else ()
    named = sorted(f.name for f in folders if f.is_dir() and not f.name.startswith("."))
    return [OUR_WORDINGS.name, *named]


def load_wording_set(home: Home, name: str, instrument: Instrument) -> WordingSet:
    """Return the wording set of that name.

    Raises ValuescopeError with the known sets when there is none, and with file and line when
    the set's files are wrong. Its templates are read by `valuescope.scorer.planning.templates`.
    """
    names = wording_set_names(home)
    if OUR_WORDINGS.name in names[1:]:
        raise ValuescopeError(
            f"The folder {home.wordings / OUR_WORDINGS.name} has the name of the project's own "
            "wordings. Give it another name."
        )
    if name == OUR_WORDINGS.name:
        return OUR_WORDINGS
    if name not in names:
        raise unknown_name(
            "wording set",
            name,
            names,
            f"Sets: {', '.join(names)}. A set of your own is a folder in {home.wordings} "
            "(docs/wordings.md).",
        )
    folder = home.wordings / name
    _check_file_names(folder)
    facts = _facts(folder / "set.toml")
    wordings = WordingSet(
        name=name,
        language=facts["language"],
        translator=facts["translator"],
        source=facts["source"],
        folder=folder,
        questions=_questions(folder / "questions.csv", instrument),
        choices=_choices(folder / "choices.csv", instrument),
        country_names=_names(folder / "countries.csv", "country", instrument.countries),
        placebo_names=_names(folder / "placebos.csv", "placebo", invented_names()),
        groups=load_group_words(path) if (path := folder / "groups.toml").exists() else None,
    )
    if not wordings.is_english:
        _check_stands_alone(wordings)
    return wordings


def _check_file_names(folder: Path) -> None:
    """Refuse unknown file names: a misspelt file would be ignored silently."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".csv", ".toml") and path.name not in _FILES:
            raise unknown_name(
                "file",
                path.name,
                _FILES,
                f"The wording set {folder} may hold {', '.join(_FILES)}; rename or remove it.",
            )


def _facts(path: Path) -> dict[str, str]:
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ValuescopeError(
            f"{path} is missing. Write language, translator and source of the wordings into it "
            "(docs/wordings.md)."
        ) from None
    except (OSError, ValueError) as error:  # TOML or UTF-8 that is none
        raise ValuescopeError(f"Cannot read {path}: {error}. Correct it and repeat.") from error
    for key, value in facts.items():
        if key not in (*_FACTS, "description"):
            next_step = f"{path} may hold {', '.join(_FACTS)} and description."
            raise unknown_name("key", key, (*_FACTS, "description"), next_step)
        if not isinstance(value, str) or not value.strip():
            raise ValuescopeError(f"The {key} in {path} is {value!r}; it must be a text.")
    for key in _FACTS:
        if key not in facts:
            raise ValuescopeError(f'{path} has no {key}. Add a line {key} = "..." to it.')
    if not _LANGUAGE_TAG.fullmatch(facts["language"]):
        raise ValuescopeError(
            f"The language '{facts['language']}' in {path} is not a language tag. Write it like "
            "de, en-GB or zh-Hant."
        )
    return facts


def _questions(path: Path, instrument: Instrument) -> dict[tuple[str, str], str] | None:
    if not path.exists():
        return None
    wordings: dict[tuple[str, str], str] = {}
    for remedy, row in written_rows(path, ("question_id", "country_id", "wording")):
        key = _known_question(row, remedy, instrument), _known_country(row, remedy, instrument)
        _add(wordings, key, row["wording"], remedy)
    return wordings


def _choices(path: Path, instrument: Instrument) -> dict[tuple[str, str, str], tuple[str, ...]]:
    if not path.exists():
        return {}
    columns = ("coding_id", "question_id", "choice_index", "country_id", "choice_text")
    texts: dict[tuple[str, str, str, int], str] = {}
    for remedy, row in written_rows(path, columns):
        coding_id = _known(row, "coding_id", instrument.codings, remedy)
        question_id = _known_question(row, remedy, instrument)
        country_id = _known_country(row, remedy, instrument)
        indexes = _indexes(instrument, question_id, coding_id)
        if row["choice_index"] not in map(str, indexes):
            raise ValuescopeError(
                f"The choice_index '{row['choice_index']}' of {question_id} is none of 1 to "
                f"{len(indexes)}, the choices of the coding '{coding_id}'. {remedy}"
            )
        key = coding_id, question_id, country_id, int(row["choice_index"])
        _add(texts, key, row["choice_text"], remedy)
    groups = dict.fromkeys(key[:3] for key in texts)
    return {group: _whole_list(path, texts, group, instrument) for group in groups}


def _whole_list(
    path: Path,
    texts: Mapping[tuple[str, str, str, int], str],
    group: tuple[str, str, str],
    instrument: Instrument,
) -> tuple[str, ...]:
    """Return all choices of a question; where a country has no text of its own, every country's."""
    coding_id, question_id, country_id = group
    found = {
        index: texts.get((*group, index), texts.get((coding_id, question_id, "", index)))
        for index in _indexes(instrument, question_id, coding_id)
    }
    where = f"{question_id} in the coding '{coding_id}'"
    where += f" for {country_id}" if country_id else ""
    missing = [str(index) for index, text in found.items() if text is None]
    if missing:
        raise ValuescopeError(
            f"{path} has some choices of {where}, but not {', '.join(missing)}. Add them, or take "
            "the others out."
        )
    whole = tuple(text for text in found.values() if text is not None)
    for text in whole:
        if whole.count(text) > 1:
            raise ValuescopeError(
                f"{path} has the choice '{text}' more than once for {where}. Choices must read "
                "differently."
            )
    return whole


def _names(path: Path, kind: str, known: Iterable[str]) -> dict[str, str]:
    """Return the names of real or invented countries, by their ids."""
    if not path.exists():
        return {}
    names: dict[str, str] = {}
    for remedy, row in written_rows(path, (f"{kind}_id", f"{kind}_name")):
        _add(names, _known(row, f"{kind}_id", known, remedy), row[f"{kind}_name"], remedy)
    return names


def _check_stands_alone(wordings: WordingSet) -> None:
    if wordings.questions is None:
        raise ValuescopeError(
            f"The wording set '{wordings.name}' is in '{wordings.language}', but "
            f"{wordings.folder} has no questions.csv. Write the questions into it "
            "(docs/wordings.md)."
        )
    with_choices = {question_id for _, question_id, _ in wordings.choices}
    for question_id, _ in wordings.questions:
        if question_id not in with_choices:
            raise ValuescopeError(
                f"The wording set '{wordings.name}' words {question_id} in "
                f"'{wordings.language}', but {wordings.folder}/choices.csv has no choices for it. "
                "Only English sets may keep the project's choices: add them."
            )


def _known(row: Mapping[str, str], column: str, known: Iterable[str], remedy: str) -> str:
    value = row[column]
    if value not in known:
        raise unknown_name(column, value, known, remedy)
    return value


def _known_question(row: Mapping[str, str], remedy: str, instrument: Instrument) -> str:
    return _known(row, "question_id", instrument.questions, remedy)


def _known_country(row: Mapping[str, str], remedy: str, instrument: Instrument) -> str:
    return row["country_id"] and _known(row, "country_id", instrument.countries, remedy)


def _indexes(instrument: Instrument, question_id: str, coding_id: str) -> list[int]:
    choices = instrument.questions[question_id].choices.get(coding_id, ())
    return [choice.index for choice in choices]


def _add(texts: dict[_Key, str], key: _Key, text: str, remedy: str) -> None:
    if not text:
        raise ValuescopeError(f"The text is empty. {remedy}")
    if key in texts:
        raise ValuescopeError(f"The row repeats an earlier one. {remedy}")
    texts[key] = text
