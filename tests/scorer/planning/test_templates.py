from dataclasses import replace
from pathlib import Path

import pytest

from valuescope.scorer.planning.templates import (
    PERCENTAGES,
    Template,
    load_templates,
    named_template,
    templates_of,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.instruments.subjects import Group, Placebo, Subject
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS, WordingSet

JAPAN, PERU = (load_instrument().country(country_id) for country_id in ("JPN", "PER"))
GOOD = """
[mine]
text = "{question} {choices} {country}?"
group_text = "{question} {choices} {group} in {country}."
year_text = "{question} {choices} {country} in {year}."
country_free_text = "{question} {choices}?"
choice_separator = " / "
"""
FOR_PERU = """
[mine.countries]
PER = "{question} {choices}, answered by people of Peru:"
"""


def fill(template: Template, subject: Subject, question: str = "Is tea good?") -> str:
    return template.fill(question, ["A) Yes", "B) No"], subject, OUR_WORDINGS)


def wordings_of(folder: Path, language: str, text: str = GOOD) -> WordingSet:
    (folder / "templates.toml").write_text(text, encoding="utf-8")
    return WordingSet("own", language, "Erika Muster", "WVS-7", folder)


def test_the_paper_template_names_question_choices_and_country() -> None:
    prompt = fill(named_template("paper"), JAPAN)
    assert prompt == "Question: Is tea good?\nChoices: A) Yes, B) No\nIn Japan, Answer:"


def test_the_country_free_paper_prompt_leaves_the_country_out() -> None:
    prompt = fill(named_template("paper"), None)
    assert prompt == "Question: Is tea good?\nChoices: A) Yes, B) No\nAnswer:"


def test_at_least_three_templates_end_where_an_answer_can_begin() -> None:
    templates = load_templates()
    assert len(templates) >= 3
    for template in templates.values():
        for country in (JAPAN, None):
            prompt = fill(template, country)
            assert prompt == prompt.strip()
            assert ("Japan" in prompt) == (country is not None)


def test_braces_in_a_question_are_plain_text() -> None:
    assert "{country} {0}" in fill(named_template("paper"), JAPAN, "{country} {0}?")


def test_an_unknown_template_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ValuescopeError, match=r"Unknown template 'papre'; did you mean paper\?"):
        named_template("papre")


def test_an_english_sets_own_templates_stand_beside_ours(tmp_path: Path) -> None:
    own = wordings_of(tmp_path, "en")
    assert set(templates_of(own)) == {*load_templates(), PERCENTAGES, "mine"}
    assert fill(named_template("mine", own), PERU) == "Is tea good? A) Yes / B) No Peru?"


def test_a_template_of_the_same_name_takes_the_place_of_ours(tmp_path: Path) -> None:
    own = wordings_of(tmp_path, "en-GB", GOOD.replace("[mine]", "[paper]"))
    assert fill(named_template("paper", own), None) == "Is tea good? A) Yes / B) No?"
    assert named_template("paper") != named_template("paper", own)


def test_a_set_in_another_language_is_asked_with_its_own_templates_only(tmp_path: Path) -> None:
    own = wordings_of(tmp_path, "es")
    assert list(templates_of(own)) == ["mine"]
    with pytest.raises(ValuescopeError) as refusal:
        named_template("paper", own)
    assert "'own' is in 'es' and needs its own" in str(refusal.value)
    assert f"write [paper] into {tmp_path}/templates.toml" in str(refusal.value)


def test_a_country_may_have_a_text_of_its_own_that_spells_out_its_name(tmp_path: Path) -> None:
    template = named_template("mine", wordings_of(tmp_path, "en", GOOD + FOR_PERU))

    without_names = replace(OUR_WORDINGS, language="es")
    prompt = template.fill("Is tea good?", ["A) Yes", "B) No"], PERU, without_names)
    assert prompt == "Is tea good? A) Yes / B) No, answered by people of Peru:"
    assert fill(template, JAPAN) == "Is tea good? A) Yes / B) No Japan?"
    assert fill(template, None) == "Is tea good? A) Yes / B) No?"


def test_a_group_is_named_with_its_country_by_a_text_of_its_own() -> None:
    women = Group(JAPAN, "sex=female,age=30-49")
    assert fill(named_template("paper"), women).endswith("of women aged 30 to 49 in Japan:")
    for template in load_templates().values():
        prompt = fill(template, women)
        assert "women aged 30 to 49" in prompt
        assert "Japan" in prompt
        assert prompt == prompt.rstrip()


def test_prompts_of_two_years_differ_in_the_year_alone() -> None:
    assert fill(named_template("paper"), Group(JAPAN, "year=1990")).endswith(
        "In Japan in 1990, Answer:"
    )
    for template in templates_of(OUR_WORDINGS).values():
        earlier, later = (fill(template, Group(JAPAN, f"year={year}")) for year in (1990, 2018))
        assert earlier.replace("1990", "2018") == later != earlier
        assert "Japan" in later
        assert later == later.rstrip()


@pytest.mark.parametrize(("key", "group_id"), [("group", "sex=male"), ("year", "year=1990")])
def test_a_template_without_words_for_groups_or_years_says_so(
    tmp_path: Path, key: str, group_id: str
) -> None:
    lines = [line for line in GOOD.splitlines() if f"{key}_text" not in line]
    own = wordings_of(tmp_path, "en", "\n".join(lines))
    template = named_template("mine", own)
    with pytest.raises(
        ValuescopeError, match=rf"has no {key}_text\. Add one to templates\.toml in"
    ):
        template.fill("Is tea good?", ["A) Yes", "B) No"], Group(JAPAN, group_id), own)
    assert fill(template, JAPAN).endswith("Japan?")


def test_an_invented_country_is_asked_about_as_a_real_one() -> None:
    template = named_template("paper")
    real, invented = fill(template, JAPAN), fill(template, Placebo("Zumari"))
    assert invented == real.replace("Japan", "Zumari")


@pytest.mark.parametrize(
    ("correct", "wrong"),
    [
        (" {country}?", "?"),
        ("{group} in", "people in"),
        ("in {year}", "once"),
        ('group_text = "{question} {choices} {group} in {country}."', "group_text = 3"),
        ("{country}?", "{country} {country}?"),
        ("{country}?", "{nation}?"),
        ("{choices}?", "{choices} "),
        ('choice_separator = " / "', "choice_separator = 3"),
        ('choice_separator = " / "', ""),
        ("{country}?", "{country!r}?"),
        ("{country}?", "{country} {?"),
        ("{country}?", "{country} {}?"),
        ("[mine]", "[mine"),
        ("PER", "PRU"),
        ('"{question} {choices}, answered', '3 # "'),
        ("people of Peru:", "people of Peru: "),
        ("people of Peru:", "people of {nation}:"),
        ("[mine.countries]\nPER", "countries"),
    ],
)
def test_a_broken_template_file_is_named_in_the_error(
    tmp_path: Path, correct: str, wrong: str
) -> None:
    path = tmp_path / "templates.toml"
    path.write_text((GOOD + FOR_PERU).replace(correct, wrong))
    with pytest.raises(ValuescopeError, match=str(path)):
        load_templates(path)
