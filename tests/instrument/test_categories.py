Rows = list[dict[str, str]]


def test_thirteen_categories_stand_in_the_order_of_the_questionnaire(categories: Rows) -> None:
    assert [row["category_order"] for row in categories] == [str(n) for n in range(1, 14)]


def test_economic_values_is_the_only_category_outside_the_paper(categories: Rows) -> None:
    outside = [row["category_id"] for row in categories if row["in_paper"] == "false"]
    assert outside == ["economic_values"]


def test_question_ranges_follow_one_another_without_gap(categories: Rows) -> None:
    last = 0
    for row in categories:
        first, end = (int(name.removeprefix("Q")) for name in row["question_range"].split("-"))
        assert first == last + 1, row["category_id"]
        last = end
    assert last == 259


def test_every_question_lies_in_the_range_of_its_category(
    categories: Rows, questions: Rows
) -> None:
    ranges = {row["category_id"]: row["question_range"] for row in categories}
    for row in questions:
        first, last = (
            int(name.removeprefix("Q")) for name in ranges[row["category_id"]].split("-")
        )
        assert first <= int(row["question_order"]) <= last, row["question_id"]
