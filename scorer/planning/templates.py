"""Named prompt templates, read from `templates.toml` and from wording sets."""

import string
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.instruments.subjects import Group, Placebo, Subject
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS, WordingSet

TEMPLATES = Path(__file__).with_name("templates.toml")
DEFAULT_TEMPLATE = "paper"
# The one that asks for a percentage of each choice. A wording set may have its own of that name.
PERCENTAGES = "percentages"
_PERCENTAGES_FILE = Path(__file__).with_name("percentages.toml")
_TEXTS = ("text", "country_free_text", "choice_separator")
_WITH_COUNTRY = ["choices", "country", "question"]
_WITHOUT_COUNTRY = ["choices", "question"]
# Texts that a template may lack, each with its placeholders.
_OPTIONAL_TEXTS = {
    "group_text": ["choices", "country", "group", "question"],
    "year_text": ["choices", "country", "question", "year"],
}


@dataclass(frozen=True)
class Template:
    """One prompt template: a text that names a country and one that names none.

    `country_texts` replace `text` in single countries; they may spell out the name. `group_text`
    names a group of a country's people, `year_text` a year; None where the template has no words
    for them.
    """

    template_id: str
    text: str
    country_free_text: str
    choice_separator: str
    country_texts: Mapping[str, str] = field(default_factory=dict)
    group_text: str | None = None
    year_text: str | None = None

    def fill(
        self, question: str, choices: Sequence[str], subject: Subject, wordings: WordingSet
    ) -> str:
        """Return the prompt for one question; `subject` None gives the country-free prompt.

        `wordings` names the subject, where the text leaves its name open. Raises ValuescopeError
        where there are no words for it.
        """
        name = group = year = ""
        match subject:
            case None:
                text = self.country_free_text
            case Group(year=None):
                text = self._optional_text("group_text", wordings)
                name, group = wordings.country_name(subject.country), wordings.group_words(subject)
            case Group():
                text = self._optional_text("year_text", wordings)
                name, year = wordings.country_name(subject.country), subject.year or ""
            case Placebo():
                text, name = self.text, wordings.placebo_name(subject)
            case _:
                text = self.country_texts.get(subject.country_id, self.text)
                name = wordings.country_name(subject) if "{country}" in text else ""
        listed = self.choice_separator.join(choices)
        return text.format(question=question, choices=listed, country=name, group=group, year=year)

    def _optional_text(self, key: str, wordings: WordingSet) -> str:
        text: str | None = getattr(self, key)
        if text is None:
            folder = wordings.folder or "the wording set"
            raise ValuescopeError(
                f"The template '{self.template_id}' of the wording set '{wordings.name}' has no "
                f"{key}. Add one to templates.toml in {folder}, or leave --by out."
            )
        return text


def load_templates(path: Path = TEMPLATES) -> dict[str, Template]:
    """Return all templates of a file by name.

    Raises ValuescopeError when a template lacks a text or a placeholder.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:  # TOML or UTF-8 that is none
        raise ValuescopeError(
            f"Cannot read the prompt templates {path}: {error}. Correct the file and repeat."
        ) from error
    return {name: _template(path, name, entry) for name, entry in content.items()}


def templates_of(wordings: WordingSet) -> dict[str, Template]:
    """Return a wording set's templates: its own, then the project's if it is English.

    Raises ValuescopeError when its file is wrong.
    """
    templates = load_templates() | load_templates(_PERCENTAGES_FILE) if wordings.is_english else {}
    own = wordings.folder / "templates.toml" if wordings.folder else None
    return templates | load_templates(own) if own and own.exists() else templates


def named_template(name: str, wordings: WordingSet = OUR_WORDINGS) -> Template:
    """Return the template of that name in a wording set.

    Raises ValuescopeError with the nearest names.
    """
    templates = templates_of(wordings)
    if name not in templates:
        known = f"Templates: {', '.join(templates) or 'none'}."
        if not wordings.is_english:
            known += (
                f" The wording set '{wordings.name}' is in '{wordings.language}' and needs its "
                f"own: write [{name}] into {wordings.folder}/templates.toml (docs/wordings.md)."
            )
        raise unknown_name("template", name, templates, known)
    return templates[name]


def _template(path: Path, name: str, entry: object) -> Template:
    where = f"The template '{name}' in {path}"
    if not isinstance(entry, dict) or set(entry) - {"countries", *_OPTIONAL_TEXTS} != set(_TEXTS):
        raise ValuescopeError(
            f"{where} must have exactly these texts: {', '.join(_TEXTS)} (and may have "
            f"{', '.join(_OPTIONAL_TEXTS)} and a table of countries). Correct the file and repeat."
        )
    country_texts = entry.pop("countries", {})
    if not isinstance(country_texts, dict) or not all(
        isinstance(text, str) for text in (*entry.values(), *country_texts.values())
    ):
        raise ValuescopeError(
            f"{where} has something else than texts. Put texts in quotes, those of single "
            f"countries under [{name}.countries]. Correct the file and repeat."
        )
    _check_text(where, "text", entry["text"], [_WITH_COUNTRY])
    _check_text(where, "country_free_text", entry["country_free_text"], [_WITHOUT_COUNTRY])
    for key, placeholders in _OPTIONAL_TEXTS.items():
        if key in entry:
            _check_text(where, key, entry[key], [placeholders])
    for country_id, text in country_texts.items():
        known = load_instrument().countries
        if country_id not in known:
            raise unknown_name("country", country_id, known, f"{where} has a text for it.")
        _check_text(where, f"text for {country_id}", text, [_WITHOUT_COUNTRY, _WITH_COUNTRY])
    return Template(template_id=name, **entry, country_texts=country_texts)


def _check_text(where: str, key: str, text: str, accepted: Sequence[list[str]]) -> None:
    if _placeholders(text) not in accepted or text != text.rstrip():
        placeholders = ", ".join(f"{{{name}}}" for name in accepted[0])
        raise ValuescopeError(
            f"{where} must use each of {placeholders} once in its {key} and end without white "
            "space. Correct the file and repeat."
        )


def _placeholders(text: str) -> list[str]:
    """Return the placeholders of a text by name; any but a plain `{name}` keeps its extras."""
    try:
        return sorted(
            f"{name}{form}{conversion or ''}"
            for _, name, form, conversion in string.Formatter().parse(text)
            if name is not None
        )
    except ValueError:  # a brace without its partner
        return [text]
