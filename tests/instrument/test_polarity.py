from collections import defaultdict

import pytest

Rows = list[dict[str, str]]


def test_a_question_has_a_polarity_exactly_when_it_has_a_pole(questions: Rows) -> None:
    for row in questions:
        assert (row["polarity"] == "") == (row["pole"] == ""), row["question_id"]
        assert row["polarity"] in {"-1", "1", ""}, row["question_id"]


def test_nominal_and_quiz_questions_have_no_polarity(questions: Rows) -> None:
    for row in questions:
        if row["scale_kind"] in {"nominal", "knowledge"}:
            assert row["polarity"] == "", row["question_id"]


def test_unkeyed_questions_on_a_scale_say_why(questions: Rows) -> None:
    for row in questions:
        if row["scale_kind"] in {"ordinal", "binary"} and not row["polarity"]:
            assert "not keyed" in row["caution"].casefold(), row["question_id"]


def test_hand_checked_polarities_hold(questions: Rows, polarity_golden: Rows) -> None:
    found = {row["question_id"]: (row["polarity"], row["pole"]) for row in questions}
    assert len(polarity_golden) >= 25
    for row in polarity_golden:
        assert found[row["question_id"]] == (row["polarity"], row["pole"]), row["reason"]


def test_hand_checked_choices_stand_at_the_pole(
    choices: Rows, questions: Rows, polarity_golden: Rows
) -> None:
    scales: dict[str, list[str]] = defaultdict(list)
    for row in choices:
        if row["coding_id"] == "native" and row["is_on_scale"] == "true":
            scales[row["question_id"]].append(row["choice_text"])
    polarity = {row["question_id"]: row["polarity"] for row in questions}
    for row in polarity_golden:
        if row["polarity"]:
            at_the_pole = scales[row["question_id"]][
                -1 if polarity[row["question_id"]] == "1" else 0
            ]
            assert at_the_pole == row["choice_at_pole"], row["reason"]


@pytest.mark.parametrize(
    ("battery_id", "pole", "positive", "negative"),
    [
        (
            "integrity_of_elections",
            "fair elections",
            {"Q225", "Q226", "Q227", "Q230", "Q231"},
            {"Q224", "Q228", "Q229", "Q232", "Q233"},
        ),
        (
            "effects_of_immigration",
            "favourable to immigration",
            {"Q122", "Q123", "Q125", "Q127"},
            {"Q124", "Q126", "Q128", "Q129"},
        ),
        ("views_of_science", "favourable to science", {"Q158", "Q159"}, {"Q160", "Q161", "Q162"}),
        (
            "political_systems",
            "support for democracy",
            {"Q235", "Q236", "Q237", "Q239"},
            {"Q238"},
        ),
        (
            "essentials_of_democracy",
            "liberal understanding of democracy",
            {"Q243", "Q246", "Q249"},
            {"Q242", "Q245", "Q248"},
        ),
        (
            "economic_views",
            "market and individual effort",
            {"Q106", "Q108"},
            {"Q107", "Q109", "Q110"},
        ),
        (
            "child_qualities",
            "autonomy before obedience in bringing up children",
            {"Q15", "Q17"},
            {"Q8", "Q11", "Q14"},
        ),
    ],
)
def test_items_of_a_mixed_battery_point_to_one_pole(
    questions: Rows, battery_id: str, pole: str, positive: set[str], negative: set[str]
) -> None:
    keyed = [row for row in questions if row["battery_id"] == battery_id and row["polarity"]]
    assert {row["pole"] for row in keyed} == {pole}
    assert {row["question_id"] for row in keyed if row["polarity"] == "1"} == positive
    assert {row["question_id"] for row in keyed if row["polarity"] == "-1"} == negative


@pytest.mark.parametrize(
    ("battery_id", "polarity"),
    [
        ("unwanted_neighbours", "1"),
        ("hardship", "1"),
        ("trust_in_groups", "-1"),
        ("confidence_in_organizations", "-1"),
        ("organization_membership", "1"),
        ("corruption_by_group", "1"),
        ("neighbourhood_problems", "-1"),
        ("religious_belief", "-1"),
        ("justifiability", "1"),
        ("state_surveillance", "-1"),
        ("closeness_to_places", "-1"),
    ],
)
def test_items_of_a_uniform_battery_share_one_sign_and_pole(
    questions: Rows, battery_id: str, polarity: str
) -> None:
    rows = [row for row in questions if row["battery_id"] == battery_id]
    assert {row["polarity"] for row in rows} == {polarity}
    assert len({row["pole"] for row in rows}) == 1
