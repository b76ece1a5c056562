"""The form of an answer that names a percentage for each choice: `A) 40%, B) 60%`.

An automaton over characters: every text that it accepts names a whole number from 0 to 100 beside
each label, in the order shown, and nothing else.
"""

import string
from dataclasses import dataclass

_LARGEST = 100


@dataclass(frozen=True)
class State:
    """A point in an answer: `offset` characters of a literal, then `digits` of the number after."""

    literal: int
    offset: int
    digits: str = ""


@dataclass(frozen=True)
class AnswerForm:
    """An answer's literal texts, with a number between each and the next."""

    literals: tuple[str, ...]

    @property
    def start(self) -> State:
        """Return the point before the first character."""
        return State(0, 0)

    @property
    def characters(self) -> str:
        """Return the characters that answers are made of, each once."""
        return "".join(sorted(set("".join(self.literals) + string.digits)))

    @property
    def longest(self) -> str:
        """Return the answer with the most characters."""
        return self.filled([_LARGEST] * (len(self.literals) - 1))

    def filled(self, numbers: list[int]) -> str:
        """Return the answer that names these numbers."""
        parts = zip(self.literals, [*map(str, numbers), ""], strict=True)
        return "".join(literal + number for literal, number in parts)

    def is_end(self, state: State) -> bool:
        """Return whether an answer is complete."""
        return state.literal == len(self.literals) - 1 and self._is_past(state)

    def after(self, state: State, text: str) -> State | None:
        """Return the point after `text`; None if no answer goes on so."""
        reached: State | None = state
        for character in text:
            if reached is None:
                return None
            reached = self._after_character(reached, character)
        return reached

    def _after_character(self, state: State, character: str) -> State | None:
        if self.is_end(state):
            return None
        if not self._is_past(state):
            is_next = self.literals[state.literal][state.offset] == character
            return State(state.literal, state.offset + 1) if is_next else None
        if character in string.digits:
            digits = state.digits + character
            is_number = str(int(digits)) == digits and int(digits) <= _LARGEST
            return State(state.literal, state.offset, digits) if is_number else None
        following = state.literal + 1
        if state.digits and self.literals[following][0] == character:
            return State(following, 1)
        return None

    def _is_past(self, state: State) -> bool:
        """Return whether all of the literal is there."""
        return state.offset == len(self.literals[state.literal])


def percentage_form(choices: int, lead: str) -> AnswerForm:
    """Return the form of an answer for so many choices; `lead` is what it begins with.

    >>> percentage_form(2, " ").filled([40, 60])
    ' A) 40%, B) 60%'
    """
    labels = string.ascii_uppercase[:choices]
    literals = [f"%, {label}) " for label in labels]
    return AnswerForm((f"{lead}{labels[0]}) ", *literals[1:], "%"))


def named_percentages(form: AnswerForm, answer: str) -> tuple[int, ...]:
    """Return the numbers of a complete answer.

    >>> named_percentages(percentage_form(2, " "), " A) 40%, B) 7%")
    (40, 7)
    """
    reached = form.after(form.start, answer)
    assert reached is not None
    assert form.is_end(reached), answer
    numbers = []
    position = 0
    for literal, following in zip(form.literals, form.literals[1:], strict=False):
        position += len(literal)
        end = answer.index(following[0], position)
        numbers.append(int(answer[position:end]))
        position = end
    return tuple(numbers)
