from dataclasses import replace

import pytest

from scorer.design import PromptDesign
from scorer.templates import named_template
from warehouse.errors import ValuescopeError

DEFAULT = PromptDesign(named_template("paper"))


def test_the_identity_of_the_default_design_stays_what_landed_rows_carry() -> None:
    assert DEFAULT.prompt_id == "0b9c6cf8b15a87e9"


@pytest.mark.parametrize(
    "change",
    [
        {"template": named_template("listed")},
        {"coding_id": "paper"},
        {"answer_style": "label"},
        {"choice_order": "reverse"},
        {"chat_mode": "raw"},
        {"wording_set": "mine"},
        {"language": "de"},
    ],
)
def test_every_part_of_a_design_belongs_to_its_identity(change: dict[str, str]) -> None:
    assert replace(DEFAULT, **change).prompt_id != DEFAULT.prompt_id  # type: ignore[arg-type]


def test_each_text_of_a_template_belongs_to_the_identity_but_its_name_does_not() -> None:
    template = DEFAULT.template
    renamed = replace(template, template_id="renamed")
    assert replace(DEFAULT, template=renamed).prompt_id == DEFAULT.prompt_id
    for part in ("text", "country_free_text", "choice_separator"):
        changed = replace(template, **{part: getattr(template, part) + "!"})
        assert replace(DEFAULT, template=changed).prompt_id != DEFAULT.prompt_id


@pytest.mark.parametrize(
    ("part", "value"),
    [("answer_style", "labels"), ("choice_order", "forwards"), ("chat_mode", "templates")],
)
def test_an_unknown_part_of_a_design_is_refused_with_the_nearest(part: str, value: str) -> None:
    with pytest.raises(ValuescopeError, match=f"did you mean {value[:-1]}"):
        replace(DEFAULT, **{part: value})  # type: ignore[arg-type]
