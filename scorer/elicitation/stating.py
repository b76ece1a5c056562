"""Models that name a percentage for each choice, decoded token by token under a grammar.

At each step only tokens that the form of the answer goes on with are allowed, in whatever way they
spell it, and the likeliest of them is taken: what llama.cpp's grammars with greedy sampling do.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from valuescope.scorer.elicitation.answer_form import (
    AnswerForm,
    State,
    named_percentages,
    percentage_form,
)
from valuescope.scorer.engine.contexts import BatchToken, Context, Model
from valuescope.scorer.paths.path import require_room
from valuescope.scorer.paths.tokens import TokenisedCell
from valuescope.warehouse.errors import ValuescopeError

Tokens = tuple[int, ...]

# The sequence that has read what all prompts of a question begin with.
_TRUNK = 0


class FormTokens:
    """The tokens of one model's vocabulary that go on with an answer's form."""

    def __init__(self, model: Model, form: AnswerForm) -> None:
        """Raise ValuescopeError, naming the model, if its vocabulary cannot spell every answer."""
        self.form = form
        self._by_beginning: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for token, text in model.texts_of(form.characters):
            self._by_beginning[text[0]].append((token, text))
        single = {text for found in self._by_beginning.values() for _, text in found}
        if lacking := [letter for letter in form.characters if letter not in single]:
            raise ValuescopeError(
                f"The vocabulary of {model.name} has no token for {', '.join(map(repr, lacking))}, "
                "so that it cannot name percentages in every case. Ask it with --elicit likelihood."
            )
        self._allowed: dict[State, Mapping[int, State]] = {}

    def allowed(self, state: State) -> Mapping[int, State]:
        """Return the tokens that may follow, and where each leads."""
        if state not in self._allowed:
            beginnings = (c for c in self.form.characters if self.form.after(state, c) is not None)
            self._allowed[state] = {
                token: reached
                for beginning in beginnings
                for token, text in self._by_beginning[beginning]
                if (reached := self.form.after(state, text)) is not None
            }
        return self._allowed[state]


@dataclass
class _Answer:
    """An answer in the making: `pending` are its tokens that are not decoded yet."""

    sequence: int
    position: int
    pending: Tokens
    state: State
    tokens: list[int] = field(default_factory=list)

    def entries(self, allowed: Mapping[int, State]) -> Iterator[BatchToken]:
        last = len(self.pending) - 1
        for index, token in enumerate(self.pending):
            wanted = allowed if index == last else ()
            yield BatchToken(token, self.position + index, (self.sequence,), wanted)


class StatingScorer:
    """Percentages of a question's cells, several cells at a time where sequences allow it."""

    def __init__(self, model: Model, context: Context, as_chat: bool) -> None:
        """Take a context; with one sequence cells are decoded one by one, from an empty cache."""
        self._model, self._context, self._as_chat = model, context, as_chat
        self._forms: dict[int, FormTokens] = {}

    @property
    def cells_in_hand(self) -> int:
        """Return 0: cells are yielded as soon as they are decoded."""
        return 0

    def score(self, questions: Iterable[Sequence[TokenisedCell]]) -> Iterator[tuple[int, ...]]:
        """Yield the percentages that each cell's answer names, in the order shown.

        Raises ValuescopeError when llama.cpp fails, a cell does not fit the context, or the
        vocabulary cannot spell the answers.
        """
        for cells in questions:
            form = self.form_tokens(len(cells[0].answers))
            prompts = [self._prompt(cell) for cell in cells]
            room = len(form.form.longest)
            trunk = _shared_beginning(prompts) if self._context.sequences > 1 else ()
            self._context.clear()
            self._decode_trunk(trunk)
            for group in self._groups(cells, prompts, len(trunk), room):
                if not trunk:
                    self._context.clear()
                for tokens in self._answered(group, len(trunk), form):
                    text = "".join(map(self._model.piece, tokens))
                    yield named_percentages(form.form, text)

    def form_tokens(self, choices: int) -> FormTokens:
        """Return the answers' form for so many choices. Raises as `FormTokens` does."""
        if choices not in self._forms:
            lead = "" if self._as_chat else " "
            self._forms[choices] = FormTokens(self._model, percentage_form(choices, lead))
        return self._forms[choices]

    def _prompt(self, cell: TokenisedCell) -> Tokens:
        (tokens,) = self._model.tokenise_followed(cell.text, [""], self._as_chat)
        return tokens

    def _groups(
        self, cells: Sequence[TokenisedCell], prompts: Sequence[Tokens], trunk: int, room: int
    ) -> Iterator[list[Tokens]]:
        """Cut prompts into groups that fit the context, with the longest answer to each."""
        at_once = max(1, self._context.sequences - 1)
        group: list[Tokens] = []
        used = trunk
        for cell, prompt in zip(cells, prompts, strict=True):
            own = len(prompt) - trunk + room
            require_room(cell, trunk + own, self._context.size)
            if group and (len(group) == at_once or used + own > self._context.size):
                yield group
                group, used = [], trunk
            group.append(prompt)
            used += own
        yield group

    def _decode_trunk(self, trunk: Tokens) -> None:
        entries = (
            BatchToken(token, position, (_TRUNK,), ()) for position, token in enumerate(trunk)
        )
        for batch in self._context.batches(entries):
            self._context.decode(batch)

    def _answered(self, prompts: Sequence[Tokens], trunk: int, form: FormTokens) -> list[list[int]]:
        """Return the tokens of the answer to each prompt, all decoded step by step together."""
        first = _TRUNK + 1 if trunk else _TRUNK
        answers = [
            _Answer(sequence, trunk, prompt[trunk:], form.form.start)
            for sequence, prompt in enumerate(prompts, start=first)
        ]
        if trunk:
            for answer in answers:
                self._context.copy_sequence(_TRUNK, answer.sequence)
        open_answers = answers
        while open_answers:
            self._step(open_answers, form)
            open_answers = [a for a in open_answers if not form.form.is_end(a.state)]
        if trunk:
            for answer in answers:
                self._context.drop_sequence(answer.sequence)
        return [answer.tokens for answer in answers]

    def _step(self, answers: Sequence[_Answer], form: FormTokens) -> None:
        """Decode what is pending of each answer and take its likeliest next token."""
        allowed = [form.allowed(answer.state) for answer in answers]
        entries = (
            entry
            for answer, tokens in zip(answers, allowed, strict=True)
            for entry in answer.entries(tokens)
        )
        values = (
            found
            for batch in self._context.batches(entries)
            for found in self._context.decode(batch)
            if found
        )
        for answer, tokens, found in zip(answers, allowed, values, strict=True):
            token = max(found, key=lambda one: (found[one], -one))
            answer.position += len(answer.pending)
            answer.pending, answer.state = (token,), tokens[token]
            answer.tokens.append(token)


def _shared_beginning(prompts: Sequence[Tokens]) -> Tokens:
    """Return the tokens that all prompts begin with; each keeps one of its own to read."""
    first, last = min(prompts), max(prompts)
    limit = min(map(len, prompts)) - 1
    shared = next((i for i in range(limit) if first[i] != last[i]), limit)
    return first[:shared]
