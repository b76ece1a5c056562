from pathlib import Path

import pytest

from scorer.templates import load_templates, named_template
from warehouse.errors import ValuescopeError

GOOD = """
[mine]
text = "{question} {choices} {country}?"
country_free_text = "{question} {choices}?"
choice_separator = " / "
"""


def test_the_paper_template_names_question_choices_and_country() -> None:
    prompt = named_template("paper").fill("Is tea good?", ["A) Yes", "B) No"], "Japan")
    assert prompt == "Question: Is tea good?\nChoices: A) Yes, B) No\nIn Japan, Answer:"


def test_the_country_free_paper_prompt_leaves_the_country_out() -> None:
    prompt = named_template("paper").fill("Is tea good?", ["A) Yes", "B) No"], None)
    assert prompt == "Question: Is tea good?\nChoices: A) Yes, B) No\nAnswer:"


def test_at_least_three_templates_end_where_an_answer_can_begin() -> None:
    templates = load_templates()
    assert len(templates) >= 3
    for template in templates.values():
        for country in ("Japan", None):
            prompt = template.fill("Is tea good?", ["A) Yes", "B) No"], country)
            assert prompt == prompt.strip()
            assert ("Japan" in prompt) == (country is not None)


def test_braces_in_a_question_are_plain_text() -> None:
    assert "{country} {0}" in named_template("paper").fill("{country} {0}?", ["A) x"], "Japan")


def test_an_unknown_template_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ValuescopeError, match=r"Unknown template 'papre'; did you mean paper\?"):
        named_template("papre")


def test_a_template_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "templates.toml"
    path.write_text(GOOD)
    assert (
        named_template("mine", path).fill("Q?", ["A) x", "B) y"], "Peru") == "Q? A) x / B) y Peru?"
    )


@pytest.mark.parametrize(
    ("correct", "wrong"),
    [
        (" {country}?", "?"),
        ("{country}?", "{country} {country}?"),
        ("{country}?", "{nation}?"),
        ("{choices}?", "{choices} "),
        ('choice_separator = " / "', "choice_separator = 3"),
        ('choice_separator = " / "', ""),
        ("[mine]", "[mine"),
    ],
)
def test_a_broken_template_file_is_named_in_the_error(
    tmp_path: Path, correct: str, wrong: str
) -> None:
    path = tmp_path / "templates.toml"
    path.write_text(GOOD.replace(correct, wrong))
    with pytest.raises(ValuescopeError, match=str(path)):
        load_templates(path)
