"""Named prompt templates, read from `templates.toml`."""

import string
import tomllib
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import ValuescopeError, unknown_name

TEMPLATES = Path(__file__).with_name("templates.toml")
DEFAULT_TEMPLATE = "paper"
_FIELDS = {
    "text": ["choices", "country", "question"],
    "country_free_text": ["choices", "question"],
}


@dataclass(frozen=True)
class Template:
    """One prompt template: a text that names a country and one that names none."""

    template_id: str
    text: str
    country_free_text: str
    choice_separator: str

    def fill(self, question: str, choices: list[str], country: str | None) -> str:
        """The prompt for one question; `country` None gives the country-free prompt."""
        listed = self.choice_separator.join(choices)
        if country is None:
            return self.country_free_text.format(question=question, choices=listed)
        return self.text.format(question=question, choices=listed, country=country)


def load_templates(path: Path = TEMPLATES) -> dict[str, Template]:
    """All templates of a file by name.

    Raises ValuescopeError when a template lacks a text or a placeholder.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValuescopeError(
            f"Cannot read the prompt templates {path}: {error}. Correct the file and repeat."
        ) from error
    return {name: _template(path, name, entry) for name, entry in content.items()}


def named_template(name: str, path: Path = TEMPLATES) -> Template:
    """The template of that name. Raises ValuescopeError with the nearest names."""
    templates = load_templates(path)
    if name not in templates:
        raise unknown_name("template", name, templates, f"Templates: {', '.join(templates)}.")
    return templates[name]


def _template(path: Path, name: str, entry: object) -> Template:
    keys = {*_FIELDS, "choice_separator"}
    if not (
        isinstance(entry, dict)
        and set(entry) == keys
        and all(isinstance(text, str) for text in entry.values())
    ):
        raise ValuescopeError(
            f"The template '{name}' in {path} must have exactly these texts: "
            f"{', '.join(sorted(keys))}. Correct the file and repeat."
        )
    template = Template(template_id=name, **entry)
    for key, expected in _FIELDS.items():
        text = getattr(template, key)
        found = sorted(field for _, field, _, _ in string.Formatter().parse(text) if field)
        if found != expected or text != text.rstrip():
            raise ValuescopeError(
                f"The template '{name}' in {path} must use each of "
                f"{', '.join('{' + field + '}' for field in expected)} once in its {key} and end "
                "without white space. Correct the file and repeat."
            )
    return template
