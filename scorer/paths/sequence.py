"""Score one token sequence at a time: slow, exact by construction, the oracle of other paths.

Every distinct sequence is decoded whole from an empty cache; nothing is rewound or shared. An
answer's last token is only ever predicted, so answers that differ in their last token alone
(labels) share one decode.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from valuescope.scorer.engine.contexts import BatchToken, Context
from valuescope.scorer.paths.path import CellScore, assemble_cell, require_room, scored_sequences
from valuescope.scorer.paths.tokens import TokenisedCell


class SequenceScorer:
    """The path `sequence`."""

    name = "sequence"

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def cells_in_hand(self) -> int:
        """Return 0: cells are yielded as soon as they are decoded."""
        return 0

    def score(self, questions: Iterable[Sequence[TokenisedCell]]) -> Iterator[CellScore]:
        """Score each cell on its own. Raises ValuescopeError when llama.cpp fails."""
        for cell in chain.from_iterable(questions):
            yield self._score_cell(cell)

    def _score_cell(self, cell: TokenisedCell) -> CellScore:
        # Decoded tokens -> row (position whose logits are read) -> tokens whose log P is wanted.
        wanted: dict[tuple[int, ...], dict[int, set[int]]] = {}
        for tokens, start in scored_sequences(cell):
            rows = wanted.setdefault(tokens[:-1], {})
            for position in range(start, len(tokens)):
                rows.setdefault(position - 1, set()).add(tokens[position])
        values = {tokens: self._decode(cell, tokens, rows) for tokens, rows in wanted.items()}
        return assemble_cell(
            cell, lambda tokens, position: values[tokens[:-1]][position - 1][tokens[position]]
        )

    def _decode(
        self, cell: TokenisedCell, tokens: tuple[int, ...], rows: Mapping[int, set[int]]
    ) -> list[dict[int, float]]:
        """Return the wanted values after each position of one sequence."""
        require_room(cell, len(tokens), self._context.size)
        self._context.clear()
        entries = (
            BatchToken(token, position, (0,), rows.get(position, ()))
            for position, token in enumerate(tokens)
        )
        return [
            values
            for batch in self._context.batches(entries)
            for values in self._context.decode(batch)
        ]
