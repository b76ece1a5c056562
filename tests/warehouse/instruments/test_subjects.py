"""Whom prompts are about: invented countries that are none, and groups as surveys divide people."""

import difflib
from itertools import combinations
from pathlib import Path

import pytest

from valuescope.ingest.respondents import breakdowns
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.group_words import OUR_GROUPS, load_group_words
from valuescope.warehouse.instruments.seeds import COUNTRY_FREE, load_instrument
from valuescope.warehouse.instruments.subjects import (
    TRAITS,
    Group,
    choose_groups,
    choose_placebos,
    country_id_of,
    invented_names,
    is_country,
    parse_subject,
    parse_traits,
    subject_key,
)

INSTRUMENT = load_instrument()
JAPAN = INSTRUMENT.country("JPN")


def likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.casefold(), other.casefold()).ratio()


def test_no_invented_country_is_one_or_is_easily_taken_for_one() -> None:
    """The instrument has every country of ISO 3166-1 that people live in, by all its names."""
    known = [
        name
        for country in INSTRUMENT.countries.values()
        for name in country.known_as
        if len(name) > 3
    ]
    assert len(known) > 400
    for invented in invented_names():
        nearest = max(known, key=lambda name: likeness(invented, name))
        assert likeness(invented, nearest) < 0.77, (invented, nearest)


def test_invented_countries_differ_and_can_be_said() -> None:
    names = invented_names()
    assert len(names) == len(set(names)) >= 24
    assert all(likeness(one, other) < 0.7 for one, other in combinations(names, 2))
    for name in names:
        assert name.isascii()
        assert name.isalpha()
        assert 5 <= len(name) <= 12
        consonants = "".join(" " if letter in "aeiouy" else letter for letter in name.lower())
        assert all(len(run) <= 3 for run in consonants.split())


def test_more_invented_countries_hold_the_fewer() -> None:
    assert choose_placebos(3) == choose_placebos(12)[:3]
    with pytest.raises(ValuescopeError, match="There are 24 invented countries, not 25"):
        choose_placebos(25)


def test_groups_are_named_as_subgroups_of_loaded_surveys() -> None:
    traits = {
        name: tuple(category.name for category in trait.categories)
        for name, trait in breakdowns.TRAITS.items()
    }
    assert traits == TRAITS
    for text in ("sex", "age,sex", "education", "urban,education"):
        groups = choose_groups([JAPAN], [text])
        assert [group.group_id for group in groups] == breakdowns.parse_breakdown(text).cells()


def test_divisions_are_crossed_and_repeated_ones_asked_once() -> None:
    groups = choose_groups([JAPAN, INSTRUMENT.country("PER")], ["sex", "sex,age", "age,sex"])
    assert len(groups) == 2 * (2 + 6)
    assert groups[2] == Group(JAPAN, "sex=male,age=under-30")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no trait"),
        ("sex,sex", "one of them twice"),
        ("sexes", "did you mean sex"),
        ("region", "Traits: sex, age, education, urban"),
    ],
)
def test_traits_that_do_not_exist_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValuescopeError, match=message):
        parse_traits(text)


def test_years_are_a_division_of_their_own() -> None:
    groups = choose_groups([JAPAN], ["sex", "year=2018, 1990", "Year=1990"])
    assert [(group.group_id, group.year) for group in groups] == [
        ("sex=male", None),
        ("sex=female", None),
        ("year=1990", "1990"),
        ("year=2018", "2018"),
    ]
    assert parse_subject("Japan:year = 1990", INSTRUMENT) == groups[2]
    assert subject_key(groups[2]) == "JPN:year=1990"


@pytest.mark.parametrize(
    "text",
    ["year", "year=", "year=90", "year=1990,1990", "year=1899", "sex,year=1990", "year=1990,sex"],
)
def test_years_that_are_none_are_refused(text: str) -> None:
    for ask in (
        lambda: choose_groups([JAPAN], [text]),
        lambda: parse_subject(f"JPN:{text}", INSTRUMENT),
    ):
        with pytest.raises(ValuescopeError, match=r"each named once\. Write year=1990,2018"):
            ask()


def test_a_prompt_is_about_one_year() -> None:
    with pytest.raises(ValuescopeError, match="Name one: year=1990"):
        parse_subject("JPN:year=2018,1990", INSTRUMENT)


def test_every_group_has_words_of_its_own() -> None:
    words = load_group_words()
    groups = choose_groups([JAPAN], ["sex", "age", "education", "urban", "sex,age,education,urban"])
    texts = [words.words_for(group) for group in groups]
    assert len(set(texts)) == len(texts)
    assert texts[:3] == ["men", "women", "people under 30"]
    everything = Group(JAPAN, "sex=female,age=30-49,education=higher,urban=rural")
    assert words.words_for(everything) == (
        "women aged 30 to 49 with higher education living in the countryside"
    )


def test_a_phrase_may_put_the_words_in_another_order(tmp_path: Path) -> None:
    ours = OUR_GROUPS.read_text(encoding="utf-8")
    path = tmp_path / "groups.toml"
    path.write_text(ours.replace("{sex} {age} {education}", "{age}, {sex} {education}"))
    words = load_group_words(path).words_for(Group(JAPAN, "sex=male,age=under-30"))
    assert words == "under 30, men"


@pytest.mark.parametrize(
    ("correct", "wrong"),
    [
        ("{age} ", ""),
        ("{age}", "{ages}"),
        ("{age}", "{age} {"),
        ('male = "men"', ""),
        ('male = "men"', 'male = ""'),
        ('male = "men"', 'male = "women"'),
        ("under-30", "below-30"),
        ("[urban]", "[town]"),
        ("[urban]", "[urban"),
        ('"men"', "3"),
    ],
)
def test_wrong_words_are_refused_with_the_file(tmp_path: Path, correct: str, wrong: str) -> None:
    path = tmp_path / "groups.toml"
    path.write_text(OUR_GROUPS.read_text(encoding="utf-8").replace(correct, wrong))
    with pytest.raises(ValuescopeError, match=str(path)):
        load_group_words(path)


def test_only_countries_as_a_whole_and_none_are_countries() -> None:
    placebo, group = choose_placebos(1)[0], Group(JAPAN, "sex=male")
    assert [is_country(subject) for subject in (None, JAPAN, group, placebo)] == [
        True,
        True,
        False,
        False,
    ]
    ids = [country_id_of(subject) for subject in (None, JAPAN, group, placebo)]
    assert ids == [COUNTRY_FREE, "JPN", "JPN", COUNTRY_FREE]
