"""The words for groups of people, read from `groups.toml` of the project or of a wording set."""

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.subjects import TRAITS, Group

OUR_GROUPS = Path(__file__).with_name("groups.toml")


@dataclass(frozen=True)
class GroupWords:
    """The words of each category, and how those of a group follow one another.

    `undivided` has words for traits that do not divide the people.
    """

    phrase: str
    categories: Mapping[tuple[str, str], str]
    undivided: Mapping[str, str]

    def words_for(self, group: Group) -> str:
        """Return the words for a group, such as `women aged 30 to 49`."""
        own = group.categories
        words = {
            trait: self.categories[trait, own[trait]]
            if trait in own
            else self.undivided.get(trait, "")
            for trait in TRAITS
        }
        return " ".join(self.phrase.format(**words).split())


def load_group_words(path: Path = OUR_GROUPS) -> GroupWords:
    """Return the words of a file.

    Raises ValuescopeError when the file cannot be read, or lacks a trait or category.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:  # TOML or UTF-8 that is none
        raise ValuescopeError(
            f"Cannot read the words for groups {path}: {error}. Correct the file and repeat."
        ) from error
    problem = _problem(content)
    if problem is not None:
        raise ValuescopeError(f"{path} {problem} Correct the file and repeat (docs/wordings.md).")
    return GroupWords(
        phrase=content["phrase"],
        categories={(t, c): content[t][c] for t, known in TRAITS.items() for c in known},
        undivided={t: content[t]["undivided"] for t in TRAITS if "undivided" in content[t]},
    )


def _problem(content: Mapping[str, object]) -> str | None:
    """Return what is wrong with a file's content, None if nothing is."""
    if set(content) != {"phrase", *TRAITS}:
        return f"must have exactly: phrase, {', '.join(f'[{trait}]' for trait in TRAITS)}."
    phrase = content["phrase"]
    if not isinstance(phrase, str) or _placeholders(phrase) != sorted(TRAITS):
        wanted = ", ".join(f"{{{trait}}}" for trait in TRAITS)
        return f"must have a phrase with each of {wanted} once."
    for trait, known in TRAITS.items():
        words = content[trait]
        if not isinstance(words, dict) or set(words) - {"undivided"} != set(known):
            return f"must have exactly these words under [{trait}]: {', '.join(known)}."
        texts = [text.strip() if isinstance(text, str) else "" for text in words.values()]
        if "" in texts or len(set(texts)) < len(texts):
            return f"has empty or repeated words under [{trait}]."
    return None


def _placeholders(text: str) -> list[str]:
    try:
        return sorted(
            f"{name}{form}{conversion or ''}"
            for _, name, form, conversion in string.Formatter().parse(text)
            if name is not None
        )
    except ValueError:  # a brace without its partner
        return [text]
