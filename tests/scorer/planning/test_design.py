from dataclasses import replace
from typing import Any

import pytest

from valuescope.scorer.planning.design import PromptDesign, expand_orders
from valuescope.scorer.planning.templates import PERCENTAGES, named_template
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS

DEFAULT = PromptDesign(named_template("paper"))
STATED = PromptDesign(named_template(PERCENTAGES), answer_style="label", elicitation="verbalised")


@pytest.mark.parametrize(
    ("design", "prompt_id"),
    [
        (DEFAULT, "0b9c6cf8b15a87e9"),
        (replace(DEFAULT, choice_order="reverse"), "76dbcca67c427e7d"),
        (replace(DEFAULT, coding_id="paper"), "462d3af40120994f"),
        (replace(DEFAULT, coding_id="paper", choice_order="reverse"), "f537472f09a02242"),
        (replace(DEFAULT, answer_style="label"), "9de5f0a1976be2b3"),
        (replace(DEFAULT, answer_style="text"), "6e1e0d1d31cd743f"),
        (replace(DEFAULT, chat_mode="raw"), "381c60c995304cb5"),
        (PromptDesign(named_template("listed")), "3d3cee19a066e29c"),
        (PromptDesign(named_template("listed"), choice_order="reverse"), "a30850e64fe322e1"),
        (PromptDesign(named_template("survey")), "81e66b3accbb64ac"),
        (PromptDesign(named_template("survey"), choice_order="reverse"), "5d4b00cd5be13b9a"),
        (replace(DEFAULT, elicitation="sampled"), "973d3e7337ed9be3"),
        (STATED, "3c4332b3449e4ed3"),
    ],
)
def test_the_identity_of_a_design_stays_what_landed_rows_carry(
    design: PromptDesign, prompt_id: str
) -> None:
    assert design.prompt_id == prompt_id


@pytest.mark.parametrize(
    "change",
    [
        {"template": named_template("listed")},
        {"coding_id": "paper"},
        {"answer_style": "label"},
        {"choice_order": "reverse"},
        {"choice_order": "rotate_1"},
        {"chat_mode": "raw"},
        {"wordings": replace(OUR_WORDINGS, name="mine")},
        {"wordings": replace(OUR_WORDINGS, language="en-GB")},
    ],
)
def test_every_part_of_a_design_belongs_to_its_identity(change: dict[str, Any]) -> None:
    assert replace(DEFAULT, **change).prompt_id != DEFAULT.prompt_id


@pytest.mark.parametrize(
    "change",
    [
        {"translator": "another translator"},
        {"source": "another source"},
        {"questions": {("Q1", "JPN"): "How much does family matter to you?"}},
        {"country_names": {"KOR": "the Republic of Korea"}},
    ],
)
def test_what_a_wording_set_gains_later_leaves_the_identity_of_its_designs(
    change: dict[str, Any],
) -> None:
    grown = replace(DEFAULT, wordings=replace(OUR_WORDINGS, **change))
    assert grown.prompt_id == DEFAULT.prompt_id


def test_the_temperature_of_draws_belongs_to_the_identity_and_their_number_does_not() -> None:
    sampled = replace(DEFAULT, elicitation="sampled")
    assert replace(sampled, draws=2000).prompt_id == sampled.prompt_id
    assert replace(sampled, temperature=0.5).prompt_id != sampled.prompt_id
    assert replace(DEFAULT, temperature=0.5).prompt_id == DEFAULT.prompt_id
    assert replace(sampled, temperature=0.5).as_row()["temperature"] == 0.5
    assert DEFAULT.as_row()["temperature"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"template": named_template("paper")}, "does not go with the template 'paper'"),
        ({"elicitation": "probability"}, "probability does not go with the template"),
        ({"answer_style": "text"}, "beside labels, not text"),
        ({"draws": 0}, "from 1 to 1,000,000, not 0"),
        ({"temperature": 0.0}, "above 0 and at most 10, not 0"),
        ({"temperature": float("nan")}, "above 0 and at most 10, not nan"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValuescopeError, match=message):
        replace(STATED, **change)


def test_a_design_lands_with_its_wordings_translator_and_source() -> None:
    wordings = replace(
        OUR_WORDINGS, name="deutsch", language="de", translator="Erika Muster", source="WVS-7"
    )
    row = replace(DEFAULT, wordings=wordings).as_row()
    assert (row["wording_set"], row["language"]) == ("deutsch", "de")
    assert (row["translator"], row["source"]) == ("Erika Muster", "WVS-7")


def test_a_template_is_identified_by_its_texts_but_those_of_single_countries() -> None:
    template = DEFAULT.template
    renamed = replace(template, template_id="renamed")
    assert replace(DEFAULT, template=renamed).prompt_id == DEFAULT.prompt_id
    with_japan = replace(template, country_texts={"JPN": "{question} {choices}"})
    assert replace(DEFAULT, template=with_japan).prompt_id == DEFAULT.prompt_id
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


@pytest.mark.parametrize("order", ["rotate", "rotate_0", "rotate_01", "rotate_-1", "rotate_100"])
def test_a_rotation_moves_one_choice_or_more(order: str) -> None:
    with pytest.raises(ValuescopeError, match=f"Unknown choice order '{order}'.*rotate_N"):
        replace(DEFAULT, choice_order=order)


def test_a_rotation_needs_more_choices_than_it_moves(instrument: Instrument) -> None:
    four_choices = instrument.question("Q1")
    allowed = [
        order
        for order in ("forward", "reverse", "rotate_1", "rotate_3", "rotate_4")
        if replace(DEFAULT, choice_order=order).allows(four_choices)
    ]
    assert allowed == ["forward", "reverse", "rotate_1", "rotate_3"]
    five_in_the_paper_coding = replace(DEFAULT, coding_id="paper", choice_order="rotate_4")
    assert five_in_the_paper_coding.allows(four_choices)


def test_a_design_asks_what_its_order_allows_and_its_wordings_word(instrument: Instrument) -> None:
    family, friends = instrument.question("Q1"), instrument.question("Q2")
    japan, korea = instrument.country("JPN"), instrument.country("KOR")
    wordings = replace(OUR_WORDINGS, name="mine", questions={("Q1", "JPN"): "Family?"})
    design = replace(DEFAULT, wordings=wordings)
    assert design.asks(family, japan)
    assert not design.asks(family, korea)
    assert not design.asks(family, None)
    assert not design.asks(friends, japan)
    assert not replace(design, choice_order="rotate_4").asks(family, japan)


@pytest.mark.parametrize(
    ("names", "orders"),
    [
        (["forward"], ["forward"]),
        (["forward", "reverse"], ["forward", "reverse"]),
        (["cyclic"], ["rotate_1", "rotate_2", "rotate_3"]),
        (["rotate_2", "cyclic"], ["rotate_2", "rotate_1", "rotate_3"]),
        (["forward", "rotate_9", "forward"], ["forward", "rotate_9"]),
    ],
)
def test_named_orders_are_written_out_each_once(names: list[str], orders: list[str]) -> None:
    assert list(expand_orders(names, largest_choice_count=4)) == orders


def test_cyclic_and_forward_put_every_choice_first_once(instrument: Instrument) -> None:
    question = instrument.question("Q182")
    orders = expand_orders(["forward", "cyclic"], len(question.choices["native"]))
    assert len(orders) == 10
    assert all(replace(DEFAULT, choice_order=order).allows(question) for order in orders)


@pytest.mark.parametrize(("name", "nearest"), [("cycle", "cyclic"), ("reversed", "reverse")])
def test_an_unknown_order_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ValuescopeError, match=f"'{name}'; did you mean {nearest}"):
        expand_orders(["forward", name], 4)
