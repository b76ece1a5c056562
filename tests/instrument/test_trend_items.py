import csv
import re
from collections import defaultdict
from pathlib import Path

import pytest

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"

Rows = list[dict[str, str]]

# Checked by hand, one by one: what the item asks, and that both files ask it.
KNOWN = {
    "Q1": "A001",  # importance of family
    "Q6": "A006",  # importance of religion
    "Q8": "A029",  # a child's independence
    "Q17": "A042",  # a child's obedience
    "Q22": "A124_09",  # homosexual neighbours
    "Q29": "D059",  # men as political leaders
    "Q45": "E018",  # respect for authority
    "Q46": "A008",  # happiness
    "Q48": "A173",  # freedom of choice and control
    "Q49": "A170",  # satisfaction with life
    "Q50": "C006",  # satisfaction with household finances
    "Q57": "A165",  # trust in most people
    "Q70": "E069_17",  # confidence in courts
    "Q71": "E069_11",  # confidence in the government
    "Q106": "E035",  # income equality
    "Q108": "E037",  # government or individual responsibility
    "Q111": "B008",  # environment or economic growth
    "Q130": "E143",  # immigration policy
    "Q151": "E012",  # willingness to fight
    "Q152": "E001",  # aims of the country
    "Q164": "F063",  # importance of God
    "Q165": "F050",  # belief in God
    "Q180": "F116",  # cheating on taxes
    "Q181": "F117",  # accepting a bribe
    "Q182": "F118",  # homosexuality
    "Q184": "F120",  # abortion
    "Q187": "F123",  # suicide
    "Q188": "F122",  # euthanasia
    "Q199": "E023",  # interest in politics
    "Q209": "E025",  # signing a petition
    "Q238": "E117",  # a democratic system
    "Q240": "E033",  # left or right
    "Q249": "E233",  # women's rights and democracy
    "Q250": "E235",  # importance of democracy
    "Q254": "G006",  # national pride
}

# Questions whose variable in the time series has other answers than wave 7.
LEFT_OUT = {"Q171"}


def read(name: str) -> Rows:
    with (SEEDS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def items() -> Rows:
    return read("trend_items.csv")


@pytest.fixture(scope="module")
def native_codes(choices: Rows) -> dict[str, set[int]]:
    """The non-negative codes of each question, on the scale or outside it."""
    found: dict[str, set[int]] = defaultdict(set)
    for row in choices:
        if row["coding_id"] == "native":
            found[row["question_id"]] |= {int(code) for code in row["survey_codes"].split("|")}
    return dict(found)


def pairs(row: dict[str, str]) -> list[tuple[int, int]]:
    if not row["recodes"]:
        return []
    recodes = [pair.split(">") for pair in row["recodes"].split("|")]
    return [(int(source), int(target)) for source, target in recodes]


def test_every_question_exists_once_in_the_order_of_the_questionnaire(
    items: Rows, questions: Rows
) -> None:
    order = {row["question_id"]: int(row["question_order"]) for row in questions}
    found = [order[row["question_id"]] for row in items]
    assert found == sorted(set(found))


def test_no_variable_stands_for_two_questions(items: Rows) -> None:
    variables = [row["trend_variable"] for row in items]
    assert len(variables) == len(set(variables))


def test_variables_look_like_those_of_the_time_series(items: Rows) -> None:
    for row in items:
        assert re.fullmatch(r"[A-I]\d{3}[A-E]?(_\d{2}A?)?(_B)?", row["trend_variable"]), row


def test_recodes_are_pairs_in_order_that_change_codes_one_to_one(items: Rows) -> None:
    for row in items:
        assert re.fullmatch(r"(\d+>\d+(\|\d+>\d+)*)?", row["recodes"]), row
        found = pairs(row)
        assert len({source for source, _ in found}) == len(found), row
        assert len({target for _, target in found}) == len(found), row
        assert not found or any(source != target for source, target in found), row


def test_recodes_lead_to_codes_that_the_question_knows(
    items: Rows, native_codes: dict[str, set[int]]
) -> None:
    for row in items:
        assert {target for _, target in pairs(row)} <= native_codes[row["question_id"]], row


def test_recoded_items_reach_every_code_of_the_question(
    items: Rows, native_codes: dict[str, set[int]]
) -> None:
    for row in items:
        if row["recodes"]:
            assert {target for _, target in pairs(row)} == native_codes[row["question_id"]], row


def test_mentioned_and_yes_are_one_and_the_other_answer_nought_in_the_time_series(
    items: Rows,
) -> None:
    recoded = {row["question_id"] for row in items if row["recodes"] == "1>1|0>2"}
    assert recoded == {
        *(f"Q{number}" for number in range(7, 27)),
        *(f"Q{number}" for number in range(139, 142)),
        "Q144",
        "Q145",
        "Q151",
        *(f"Q{number}" for number in range(165, 169)),
    }


def test_only_the_scale_of_responsibility_is_turned_round(items: Rows) -> None:
    turned = {
        row["question_id"]: pairs(row)
        for row in items
        if row["recodes"] and row["recodes"] != "1>1|0>2"
    }
    assert turned == {"Q108": [(code, 11 - code) for code in range(1, 11)]}


@pytest.mark.parametrize(("question_id", "variable"), KNOWN.items())
def test_known_items(items: Rows, question_id: str, variable: str) -> None:
    found = [row["trend_variable"] for row in items if row["question_id"] == question_id]
    assert found == [variable]


@pytest.mark.parametrize("question_id", sorted(LEFT_OUT))
def test_items_on_another_scale_are_left_out(items: Rows, question_id: str) -> None:
    assert question_id not in {row["question_id"] for row in items}


def test_confidence_is_known_and_notes_are_clean(items: Rows) -> None:
    for row in items:
        assert row["confidence"] in {"high", "memory"}, row
        assert row["note"] == " ".join(row["note"].split()), row


def test_the_open_sample_agrees_where_it_names_variables_of_the_time_series(
    items: Rows,
) -> None:
    by_variable = {row["trend_variable"]: row for row in items}
    for row in read("sample_recodes.csv"):
        item = by_variable.get(row["source_column"].upper())
        if item is None:
            continue
        assert item["question_id"] == row["question_id"], row
        if row["source_value"]:
            source = int(row["source_value"])
            assert dict(pairs(item)).get(source, source) == int(row["code"]), row


def test_every_question_of_the_open_sample_has_its_variable(items: Rows) -> None:
    sample = {row["question_id"] for row in read("sample_recodes.csv")}
    assert sample <= {row["question_id"] for row in items}
