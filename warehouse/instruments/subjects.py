"""Whom a prompt is about: a country's people, a group of them, an invented country, or nobody."""

import itertools
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.instruments.seeds import COUNTRY_FREE, Country, Instrument

PLACEBOS = Path(__file__).with_name("placebos.toml")
# The traits that people are grouped by and the categories of each, in the order of their names in
# subgroups of loaded surveys.
TRAITS = {
    "sex": ("male", "female"),
    "age": ("under-30", "30-49", "50-and-over"),
    "education": ("lower", "middle", "higher"),
    "urban": ("urban", "rural"),
}


@dataclass(frozen=True)
class Group:
    """A group of a country's people.

    `group_id` is the group's name in the subgroups of loaded surveys: `sex=female,age=30-49`.
    """

    country: Country
    group_id: str

    @property
    def categories(self) -> dict[str, str]:
        """Return the category of each trait that makes up the group."""
        return dict(part.split("=", 1) for part in self.group_id.split(","))


@dataclass(frozen=True)
class Placebo:
    """An invented country, by its name in English."""

    placebo_id: str


# None is nobody in particular: the prompt without a country.
Subject = Country | Group | Placebo | None


def country_id_of(subject: Subject) -> str:
    """Return the country that the subject lives in, `COUNTRY_FREE` without a real one."""
    match subject:
        case Country():
            return subject.country_id
        case Group():
            return subject.country.country_id
    return COUNTRY_FREE


def subject_key(subject: Subject) -> str:
    """Return the subject in a word: `JPN`, `JPN:sex=female`, `ZZZ:Zumari`, or `ZZZ` for nobody."""
    match subject:
        case Group():
            return f"{subject.country.country_id}:{subject.group_id}"
        case Placebo():
            return f"{COUNTRY_FREE}:{subject.placebo_id}"
    return country_id_of(subject)


def parse_subject(key: str, instrument: Instrument) -> Subject:
    """Return the subject of a key; its country may go by any name.

    Raises ValuescopeError with the nearest names for what does not exist.
    """
    country, _, rest = (part.strip() for part in key.partition(":"))
    if country.upper() != COUNTRY_FREE:
        found = instrument.country(country)
        return Group(found, _known_group(rest)) if rest else found
    if not rest:
        return None
    if rest not in invented_names():
        known = ", ".join(invented_names())
        raise unknown_name("invented country", rest, invented_names(), f"Known: {known}.")
    return Placebo(rest)


def _known_group(text: str) -> str:
    """Return the name of a group, its traits in order. Raises ValuescopeError for an unknown one.

    >>> _known_group("age=30-49, sex=female")
    'sex=female,age=30-49'
    """
    named = (part.strip().partition("=") for part in text.split(","))
    parts = {trait: category for trait, _, category in named}
    known = group_ids(parse_traits(",".join(parts)))
    wanted = ",".join(f"{trait}={parts[trait]}" for trait in TRAITS if trait in parts)
    if wanted not in known:
        raise unknown_name("group", text, known, f"Groups by these traits: {'; '.join(known)}.")
    return wanted


def is_country(subject: Subject) -> bool:
    """Return whether a prompt about the subject is of a country as a whole, or of none."""
    return subject is None or isinstance(subject, Country)


@cache
def invented_names() -> tuple[str, ...]:
    """Return the names of all invented countries, in the order in which they are asked."""
    return tuple(tomllib.loads(PLACEBOS.read_text(encoding="utf-8"))["names"])


def choose_placebos(count: int) -> tuple[Placebo, ...]:
    """Return the first `count` invented countries. Raises ValuescopeError if there are fewer."""
    names = invented_names()
    if not 0 <= count <= len(names):
        raise ValuescopeError(
            f"There are {len(names)} invented countries, not {count}. Ask for 2 to {len(names)}."
        )
    return tuple(map(Placebo, names[:count]))


def parse_traits(text: str) -> tuple[str, ...]:
    """Return the traits of `sex,age`, in one order, so that `age,sex` means the same.

    Raises ValuescopeError for unknown or repeated traits.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise ValuescopeError(
            f"--by {text!r} names no trait or one of them twice. Traits: {', '.join(TRAITS)}."
        )
    for name in names:
        if name not in TRAITS:
            raise unknown_name("trait", name, TRAITS, f"Traits: {', '.join(TRAITS)}.")
    return tuple(trait for trait in TRAITS if trait in names)


def group_ids(traits: Sequence[str]) -> tuple[str, ...]:
    """Return the groups of a division by these traits, all crossed."""
    named = [[f"{trait}={category}" for category in TRAITS[trait]] for trait in traits]
    return tuple(",".join(parts) for parts in itertools.product(*named))


def choose_groups(countries: Iterable[Country], divisions: Sequence[str]) -> tuple[Group, ...]:
    """Return the groups of each country, by divisions such as `sex` and `sex,age`.

    Raises ValuescopeError for unknown or repeated traits.
    """
    named = dict.fromkeys(
        group_id for division in divisions for group_id in group_ids(parse_traits(division))
    )
    return tuple(Group(country, group_id) for country in countries for group_id in named)
