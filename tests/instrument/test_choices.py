import json
from collections import Counter, defaultdict
from fractions import Fraction

import pytest

Rows = list[dict[str, str]]
Scales = dict[tuple[str, str], Rows]

OUTSIDE = {
    "Q111": 3,
    "Q119": 0,
    "Q221": 4,
    "Q222": 4,
    "Q254": 5,
    **{f"Q{number}": 0 for number in range(241, 250)},
}


@pytest.fixture(scope="module")
def scales(choices: Rows) -> Scales:
    """The choices on the scale of each (coding, question), in the file's order."""
    found: Scales = defaultdict(list)
    for row in choices:
        if row["is_on_scale"] == "true":
            found[row["coding_id"], row["question_id"]].append(row)
    return dict(found)


def codes(row: dict[str, str]) -> list[int]:
    return [int(code) for code in row["survey_codes"].split("|")]


def test_both_codings_have_every_question(scales: Scales, questions: Rows) -> None:
    expected = {(coding, row["question_id"]) for coding in ("native", "paper") for row in questions}
    assert set(scales) == expected


def test_choice_indexes_run_from_one_without_gaps(scales: Scales) -> None:
    for key, rows in scales.items():
        assert [row["choice_index"] for row in rows] == [
            str(index) for index in range(1, len(rows) + 1)
        ], key


def test_scores_are_symmetric_about_zero_and_span_minus_one_to_one(scales: Scales) -> None:
    for key, rows in scales.items():
        size = len(rows)
        scores = [-1 + Fraction(2 * (int(row["choice_index"]) - 1), size - 1) for row in rows]
        assert (float(scores[0]), float(scores[-1])) == (-1.0, 1.0), key
        assert scores == [-score for score in reversed(scores)], key


def test_texts_are_clean_and_unique_within_a_question(choices: Rows) -> None:
    for row in choices:
        text = row["choice_text"]
        assert text, row
        assert text == " ".join(text.split()), row
        assert '"' not in text, row
    counts = Counter(
        (row["coding_id"], row["question_id"], row["choice_text"].casefold()) for row in choices
    )
    assert [key for key, count in counts.items() if count > 1] == []


def test_the_paper_coding_has_an_odd_number_of_choices(scales: Scales) -> None:
    sizes = {len(rows) for (coding, _), rows in scales.items() if coding == "paper"}
    assert sizes == {3, 5, 7, 9}


def test_the_paper_s_own_questions_have_three_five_seven_or_nine_choices(
    scales: Scales, questions: Rows
) -> None:
    sizes = Counter(
        len(scales["paper", row["question_id"]])
        for row in questions
        if row["in_paper_set"] == "true"
    )
    assert set(sizes) == {3, 5, 7, 9}
    assert (sizes[7], sizes[9]) == (1, 1)


def test_the_paper_coding_covers_the_codes_of_the_native_one_exactly_once(scales: Scales) -> None:
    for (coding, question_id), rows in scales.items():
        if coding == "native":
            continue
        native = [code for row in scales["native", question_id] for code in codes(row)]
        paper = [code for row in rows if row["is_dont_know"] == "false" for code in codes(row)]
        assert paper == native, question_id


def test_even_scales_gain_dont_know_in_the_middle_of_the_paper_coding(scales: Scales) -> None:
    for (coding, question_id), rows in scales.items():
        size = len(scales["native", question_id])
        middle = [
            (index, row["choice_text"], row["survey_codes"])
            for index, row in enumerate(rows)
            if row["is_dont_know"] == "true"
        ]
        if coding == "paper" and size % 2 == 0 and size != 10:
            assert middle == [(size // 2, "Don't know", "-1")], question_id
            assert len(rows) == size + 1, question_id
        else:
            assert middle == [], (coding, question_id)


def test_ten_point_scales_name_their_ends_and_fold_to_three(scales: Scales) -> None:
    for (coding, question_id), rows in scales.items():
        if coding == "paper" or len(rows) != 10:
            continue
        low, *between, high = (row["choice_text"] for row in rows)
        assert low.startswith("1 (")
        assert high.startswith("10 (")
        assert between == [str(number) for number in range(2, 10)], question_id
        folded = scales["paper", question_id]
        assert [row["choice_text"] for row in folded] == [
            low.replace("1 (", "1-3 (", 1),
            "4-7",
            high.replace("10 (", "8-10 (", 1),
        ]
        assert [row["survey_codes"] for row in folded] == ["1|2|3", "4|5|6|7", "8|9|10"]


def test_codes_outside_the_scale_are_the_known_ones_in_both_codings(choices: Rows) -> None:
    for coding in ("native", "paper"):
        found = {
            row["question_id"]: int(row["survey_codes"])
            for row in choices
            if row["coding_id"] == coding and row["is_on_scale"] == "false"
        }
        assert found == OUTSIDE, coding


def test_codes_outside_the_scale_have_no_index(choices: Rows) -> None:
    for row in choices:
        assert (row["choice_index"] == "") == (row["is_on_scale"] == "false"), row


def test_standard_of_living_runs_better_same_worse(scales: Scales) -> None:
    assert [(row["choice_text"], row["survey_codes"]) for row in scales["native", "Q56"]] == [
        ("Better off", "1"),
        ("About the same", "3"),
        ("Worse off", "2"),
    ]


def test_codes_of_a_scale_run_in_order_except_for_the_standard_of_living(scales: Scales) -> None:
    for (coding, question_id), rows in scales.items():
        if coding == "native" and question_id != "Q56":
            found = [code for row in rows for code in codes(row)]
            assert found == sorted(found), question_id


def test_every_valid_code_of_the_survey_is_covered_exactly_once(
    choices: Rows, catalogue: Rows
) -> None:
    for coding in ("native", "paper"):
        covered: dict[str, list[int]] = defaultdict(list)
        for row in choices:
            if row["coding_id"] == coding and row["is_dont_know"] == "false":
                covered[row["question_id"]] += codes(row)
        for row in catalogue:
            valid = sorted(int(code) for code in json.loads(row["valid_options"]))
            assert sorted(covered[row["variable"]]) == valid, (coding, row["variable"])


def test_the_paper_set_is_the_reconstruction_of_the_catalogue(
    questions: Rows, catalogue: Rows
) -> None:
    candidates = {row["variable"] for row in catalogue if row["paper209_candidate"] == "1"}
    assert {row["question_id"] for row in questions if row["in_paper_set"] == "true"} == candidates
