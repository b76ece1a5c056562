"""The form of an answer that names percentages: whatever is written in it can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valuescope.scorer.elicitation.answer_form import named_percentages, percentage_form


@given(st.lists(st.integers(0, 100), min_size=2, max_size=10), st.sampled_from(["", " "]))
def test_an_answer_of_any_numbers_is_accepted_and_read_back(numbers: list[int], lead: str) -> None:
    form = percentage_form(len(numbers), lead)
    answer = form.filled(numbers)
    end = form.after(form.start, answer)
    assert end is not None
    assert form.is_end(end)
    assert len(answer) <= len(form.longest)
    assert named_percentages(form, answer) == tuple(numbers)


@given(st.data(), st.integers(2, 10))
def test_whatever_is_allowed_at_each_step_ends_in_an_answer_that_can_be_read(
    data: st.DataObject, choices: int
) -> None:
    form = percentage_form(choices, " ")
    text, state = "", form.start
    while not form.is_end(state):
        allowed = [c for c in form.characters if form.after(state, c) is not None]
        character = data.draw(st.sampled_from(allowed))
        text += character
        reached = form.after(state, character)
        assert reached is not None
        state = reached
    assert all(0 <= number <= 100 for number in named_percentages(form, text))
    assert all(form.after(state, character) is None for character in form.characters)


@pytest.mark.parametrize(
    "text",
    ["A) 40%, B) 60%", " A) 101%", " A) 040%", " A) 00", " A) %", " A) -1", " A) 4.5", " B) 4"],
)
def test_nothing_else_goes_on(text: str) -> None:
    form = percentage_form(2, " ")
    assert form.after(form.start, text) is None


def test_an_answer_is_labelled_in_the_order_shown() -> None:
    assert percentage_form(3, "").filled([1, 0, 100]) == "A) 1%, B) 0%, C) 100%"
