"""Score cells by copying sequences: for memories whose past cannot be shared token by token.

A recurrent memory holds one state a sequence. The question is read once, its state copied to
each country, and each country's state copied to each answer that goes on from there. Only whole
sequences are copied and dropped, which every memory can do.
"""

from collections.abc import Iterable, Iterator, Sequence

from valuescope.scorer.engine.contexts import BatchToken, Context
from valuescope.scorer.paths.path import (
    CellScore,
    assemble_cell,
    chunks,
    require_room,
    scored_sequences,
)
from valuescope.scorer.paths.tokens import TokenisedCell

Tokens = tuple[int, ...]

# The sequence that has read the question.
_TRUNK = 0


class CopyScorer:
    """The path `copies`, for every kind of memory."""

    name = "copies"

    def __init__(self, context: Context) -> None:
        """Take a context of at least three sequences."""
        self._context = context
        # Half of the sequences that are not the trunk hold countries, the others answers.
        self._cells_at_once = (context.sequences - 1) // 2
        self._values: dict[Tokens, dict[int, float]] = {}
        self._wanted: dict[Tokens, set[int]] = {}

    @property
    def cells_in_hand(self) -> int:
        """Return 0: cells are yielded as soon as they are decoded."""
        return 0

    def score(self, questions: Iterable[Sequence[TokenisedCell]]) -> Iterator[CellScore]:
        """Yield the scores of all cells in their order, as they are ready.

        Raises ValuescopeError when llama.cpp fails or a cell does not fit the context.
        """
        for cells in questions:
            self._context.clear()
            self._values, self._wanted = {}, {}
            sequences = [entry for cell in cells for entry in scored_sequences(cell)]
            for tokens, start in sequences:
                for position in range(start, len(tokens)):
                    self._wanted.setdefault(tokens[:position], set()).add(tokens[position])
            # Each cell has to have a token of its own, so that there is something to read.
            trunk = _common_prefix(tokens[:-2] for tokens, _ in sequences)
            self._decode([(_TRUNK, trunk, 0)])
            for group in self._groups(cells, len(trunk)):
                yield from self._score_group(group, len(trunk))

    def _groups(self, cells: Sequence[TokenisedCell], trunk: int) -> Iterator[list[TokenisedCell]]:
        """Cut cells into groups that fit the context and its sequences."""
        group: list[TokenisedCell] = []
        used = trunk
        for cell in cells:
            prompt, answers = _parts(cell)
            own = len(prompt) - trunk + sum(len(tokens) - len(prompt) for tokens in answers)
            require_room(cell, trunk + own, self._context.size)
            if group and (len(group) == self._cells_at_once or used + own > self._context.size):
                yield group
                group, used = [], trunk
            group.append(cell)
            used += own
        yield group

    def _score_group(self, cells: Sequence[TokenisedCell], trunk: int) -> Iterator[CellScore]:
        prompts: list[tuple[int, Tokens, int]] = []
        answers: list[tuple[int, Tokens, int]] = []
        for prompt_sequence, cell in enumerate(cells, start=1):
            prompt, longer = _parts(cell)
            prompts.append((prompt_sequence, prompt, trunk))
            answers += [(prompt_sequence, tokens, len(prompt)) for tokens in longer]
        for prompt_sequence, _, _ in prompts:
            self._context.copy_sequence(_TRUNK, prompt_sequence)
        self._decode(prompts)
        for group in chunks(answers, self._context.sequences - 1 - self._cells_at_once):
            spare = range(1 + self._cells_at_once, self._context.sequences)
            for sequence, (prompt_sequence, _, _) in zip(spare, group, strict=False):
                self._context.copy_sequence(prompt_sequence, sequence)
            self._decode(
                [
                    (sequence, tokens, start)
                    for sequence, (_, tokens, start) in zip(spare, group, strict=False)
                ]
            )
            for sequence, _ in zip(spare, group, strict=False):
                self._context.drop_sequence(sequence)
        for prompt_sequence, _, _ in prompts:
            self._context.drop_sequence(prompt_sequence)
        for cell in cells:
            yield assemble_cell(
                cell, lambda tokens, position: self._values[tokens[:position]][tokens[position]]
            )

    def _decode(self, parts: Sequence[tuple[int, Tokens, int]]) -> None:
        """Decode each (sequence, tokens, start) from its start on and keep what is wanted."""
        prefixes = [
            (sequence, tokens[: position + 1])
            for sequence, tokens, start in parts
            for position in range(start, len(tokens))
        ]
        entries = (
            BatchToken(prefix[-1], len(prefix) - 1, (sequence,), self._wanted.get(prefix, ()))
            for sequence, prefix in prefixes
        )
        rows = (
            row for batch in self._context.batches(entries) for row in self._context.decode(batch)
        )
        for (_, prefix), row in zip(prefixes, rows, strict=True):
            if row:
                self._values[prefix] = row


def _parts(cell: TokenisedCell) -> tuple[Tokens, list[Tokens]]:
    """Return the common beginning of a cell's decoded sequences, and those that are longer."""
    decoded = {tokens[:-1] for tokens, _ in scored_sequences(cell)}
    prompt = _common_prefix(decoded)
    return prompt, sorted(decoded - {prompt})


def _common_prefix(sequences: Iterable[Tokens]) -> Tokens:
    """Return the tokens that all sequences begin with."""
    ordered = sorted(sequences)
    first, last = ordered[0], ordered[-1]
    length = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)),
    )
    return first[:length]
