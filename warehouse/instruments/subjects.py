"""Whom a prompt is about: a country's people, a group of them, an invented country, or nobody."""

import itertools
import re
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
# A division by years, `year=1990,2018`, asks about all of a country's people in each of them.
YEAR = "year"
_YEARS = re.compile(r"\s*year\s*=(.*)", re.IGNORECASE)
_YEAR = re.compile(r"(19|20)[0-9]{2}")


@dataclass(frozen=True)
class Group:
    """A group of a country's people, or all of them in a year.

    `group_id` is the group's name in the subgroups of loaded surveys, `sex=female,age=30-49`, or
    the year: `year=1990`.
    """

    country: Country
    group_id: str

    @property
    def categories(self) -> dict[str, str]:
        """Return the category of each trait that makes up the group."""
        return dict(part.split("=", 1) for part in self.group_id.split(","))

    @property
    def year(self) -> str | None:
        """Return the year in which people are asked about; None for a group by traits."""
        return self.categories.get(YEAR)


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
    if parse_years(text) is not None:
        if len(years := group_ids(text)) > 1:
            raise ValuescopeError(f"The group {text!r} is several years. Name one: {years[0]}.")
        return years[0]
    named = (part.strip().partition("=") for part in text.split(","))
    parts = {trait: category for trait, _, category in named}
    known = group_ids(",".join(parts))
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


def parse_years(text: str) -> tuple[str, ...] | None:
    """Return the years of `year=2018,1990`, the earliest first; None for a division by traits.

    Raises ValuescopeError for a wrong or repeated year, and for years among traits.
    """
    if YEAR not in text.lower():
        return None
    found = _YEARS.fullmatch(text)
    years = [year.strip() for year in found[1].split(",")] if found else []
    if len(set(years)) != len(years) or not all(map(_YEAR.fullmatch, years)) or not found:
        raise ValuescopeError(
            f"{text!r} is not a list of years from 1900 to 2099, each named once. Write "
            "year=1990,2018, and traits in another --by."
        )
    return tuple(sorted(years))


def group_ids(division: str) -> tuple[str, ...]:
    """Return the groups of a division: all traits crossed, or each year.

    Raises ValuescopeError for unknown or repeated traits and years.

    >>> group_ids("year=2018,1990")
    ('year=1990', 'year=2018')
    """
    if (years := parse_years(division)) is not None:
        return tuple(f"{YEAR}={year}" for year in years)
    traits = parse_traits(division)
    named = [[f"{trait}={category}" for category in TRAITS[trait]] for trait in traits]
    return tuple(",".join(parts) for parts in itertools.product(*named))


def choose_groups(countries: Iterable[Country], divisions: Sequence[str]) -> tuple[Group, ...]:
    """Return the groups of each country, by divisions such as `sex`, `sex,age` and `year=1990`.

    Raises ValuescopeError for unknown or repeated traits and years.
    """
    named = dict.fromkeys(group_id for division in divisions for group_id in group_ids(division))
    return tuple(Group(country, group_id) for country in countries for group_id in named)
