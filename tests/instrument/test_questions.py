import re
from collections import Counter
from itertools import groupby

import pytest

Rows = list[dict[str, str]]

PAPER_COUNTS = {
    "social_values": 44,
    "happiness_and_wellbeing": 5,
    "social_capital": 47,
    "corruption": 5,
    "migration": 8,
    "security": 12,
    "postmaterialist_index": 3,
    "science_and_technology": 5,
    "religious_values": 11,
    "ethical_values": 22,
    "political_interest": 31,
    "political_culture": 16,
}

# Words of a label that say nothing about its subject.
EMPTY_WORDS = {"your", "with", "than", "that", "have", "more", "when", "what", "they", "this"}

# Labels that share no telling word with a good wording, and what the wording must speak of.
REWORDED = {"Q130": "other countries", "Q152": "aims", "Q156": "matters most", "Q165": "god"}


def test_there_are_258_questions_because_q223_has_no_common_options(questions: Rows) -> None:
    expected = [f"Q{number}" for number in range(1, 260) if number != 223]
    assert [row["question_id"] for row in questions] == expected
    assert [f"Q{row['question_order']}" for row in questions] == expected


def test_the_paper_set_has_the_paper_s_count_in_every_category(questions: Rows) -> None:
    counts = Counter(row["category_id"] for row in questions if row["in_paper_set"] == "true")
    assert counts == PAPER_COUNTS
    assert sum(counts.values()) == 209


def test_scale_kinds_agree_with_the_choices(questions: Rows, choices: Rows) -> None:
    on_scale = Counter(
        row["question_id"]
        for row in choices
        if row["coding_id"] == "native" and row["is_on_scale"] == "true"
    )
    for row in questions:
        if row["scale_kind"] == "binary":
            assert on_scale[row["question_id"]] == 2, row["question_id"]
        else:
            assert on_scale[row["question_id"]] > 2, row["question_id"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("nominal", ["Q42", *(f"Q{number}" for number in range(152, 158))]),
        ("knowledge", ["Q91", "Q92", "Q93"]),
    ],
)
def test_questions_without_an_order_are_named(
    questions: Rows, kind: str, expected: list[str]
) -> None:
    assert [row["question_id"] for row in questions if row["scale_kind"] == kind] == expected


def test_only_quiz_questions_have_a_right_answer(questions: Rows, choices: Rows) -> None:
    text = {
        (row["question_id"], row["choice_index"]): row["choice_text"]
        for row in choices
        if row["coding_id"] == "native"
    }
    right = {
        row["question_id"]: text[row["question_id"], row["correct_choice_index"]]
        for row in questions
        if row["correct_choice_index"]
    }
    assert right == {"Q91": "India", "Q92": "Washington DC", "Q93": "Human rights"}


def test_batteries_are_contiguous_and_stay_within_a_category(questions: Rows) -> None:
    runs = [
        key for key, _ in groupby(questions, lambda row: (row["battery_id"], row["category_id"]))
    ]
    repeated = [name for name, count in Counter(name for name, _ in runs).items() if count > 1]
    assert repeated == []


def test_known_batteries_hold_exactly_their_questions(questions: Rows) -> None:
    members: dict[str, list[int]] = {}
    for row in questions:
        members.setdefault(row["battery_id"], []).append(int(row["question_order"]))
    assert members["child_qualities"] == list(range(7, 18))
    assert members["confidence_in_organizations"] == list(range(64, 90))
    assert members["justifiability"] == list(range(177, 196))
    assert members["integrity_of_elections"] == list(range(224, 234))
    assert members["left_right"] == [240]


def test_no_two_questions_share_a_wording_or_a_label(questions: Rows) -> None:
    for column in ("wording", "short_label"):
        counts = Counter(row[column].casefold() for row in questions)
        assert [text for text, count in counts.items() if count > 1] == [], column


def test_wordings_are_whole_questions_and_not_labels(questions: Rows) -> None:
    for row in questions:
        wording = row["wording"]
        assert wording.endswith("?"), row["question_id"]
        assert wording[0].isupper(), row["question_id"]
        assert len(wording.split()) >= 5, row["question_id"]
        assert not re.search(r"[:{}\"\n]|\.\.|  |^\s|\s$", wording), row["question_id"]


def test_wordings_name_no_country_of_the_survey(questions: Rows) -> None:
    names = r"Germany|German|United States|America|China|Chinese|Russia|Brazil|India|Japan"
    for row in questions:
        assert not re.search(rf"\b({names})\b", row["wording"]), row["question_id"]


def test_wordings_speak_of_what_the_label_names(questions: Rows, catalogue: Rows) -> None:
    labels = {row["variable"]: row["label"] for row in catalogue}
    for row in questions:
        wording = row["wording"].casefold()
        if row["question_id"] in REWORDED:
            assert REWORDED[row["question_id"]] in wording
            continue
        subject = labels[row["question_id"]].casefold().rsplit(":", 1)[-1]
        words = set(re.findall(r"[a-z]{4,}", subject)) - EMPTY_WORDS
        assert any(word[:4] in wording for word in words), (row["question_id"], subject)


@pytest.mark.parametrize(
    "question_id",
    [
        *(f"Q{number}" for number in range(7, 18)),
        "Q56",
        "Q82",
        "Q111",
        "Q119",
        "Q172",
        "Q174",
        "Q175",
        "Q221",
        "Q222",
        *(f"Q{number}" for number in range(240, 250)),
        "Q254",
    ],
)
def test_questions_that_need_a_caution_have_one(questions: Rows, question_id: str) -> None:
    caution = next(row["caution"] for row in questions if row["question_id"] == question_id)
    assert caution.endswith(".")
