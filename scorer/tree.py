"""Score the cells of a question as one token tree: every distinct prefix is decoded once.

All countries share the question and all choices share the prompt, so most tokens of the single
sequences are the same. Each sequence (answer without its last token) gets a sequence id, and a
token belongs to all sequences that run through it: it attends to their common past only.
"""

from collections.abc import Iterator, Sequence

from scorer.engine import BatchToken, Context
from scorer.scores import (
    CellScore,
    assemble_cell,
    require_room,
    scored_sequences,
    shared_prefix,
)
from scorer.tokens import TokenisedCell

Prefix = tuple[int, ...]


class TreeScorer:
    """The path `tree`, for models whose memory is attention alone."""

    name = "tree"

    def __init__(self, context: Context) -> None:
        self._context = context

    def score(self, cells: Sequence[TokenisedCell]) -> Iterator[CellScore]:
        """Score `cells` of one question. Raises ValuescopeError when llama.cpp fails."""
        if not cells:
            return
        self._context.clear()
        trunk = shared_prefix([tokens for cell in cells for tokens, _ in scored_sequences(cell)])
        # The last shared token may have to be read, so it belongs to the branches.
        trunk = trunk[:-1]
        everyone = range(self._context.sequences)
        for batch in self._context.batches(
            BatchToken(token, position, everyone, ()) for position, token in enumerate(trunk)
        ):
            self._context.decode(batch)
        for group in self._groups(cells, len(trunk)):
            yield from self._score_group(group, len(trunk))
            self._context.forget_after(self._context.sequences, len(trunk))

    def _groups(self, cells: Sequence[TokenisedCell], trunk: int) -> Iterator[list[TokenisedCell]]:
        """Cut cells into groups whose branches fit the context and the sequence ids."""
        group: list[TokenisedCell] = []
        branches: set[Prefix] = set()
        sequences: set[Prefix] = set()
        for cell in cells:
            own_sequences = {tokens[:-1] for tokens, _ in scored_sequences(cell)}
            own_branches = {
                tokens[:length]
                for tokens in own_sequences
                for length in range(trunk + 1, len(tokens) + 1)
            }
            require_room(cell, trunk + len(own_branches), self._context.size)
            full = (
                trunk + len(branches | own_branches) > self._context.size
                or len(sequences | own_sequences) > self._context.sequences
            )
            if group and full:
                yield group
                group, branches, sequences = [], set(), set()
            group.append(cell)
            branches |= own_branches
            sequences |= own_sequences
        yield group

    def _score_group(self, cells: Sequence[TokenisedCell], trunk: int) -> Iterator[CellScore]:
        members: dict[Prefix, list[int]] = {}
        wanted: dict[Prefix, set[int]] = {}
        identifiers: dict[Prefix, int] = {}
        for cell in cells:
            for tokens, start in scored_sequences(cell):
                decoded = tokens[:-1]
                if decoded not in identifiers:
                    identifiers[decoded] = len(identifiers)
                    for length in range(trunk + 1, len(decoded) + 1):
                        members.setdefault(decoded[:length], []).append(identifiers[decoded])
                for position in range(start, len(tokens)):
                    wanted.setdefault(tokens[:position], set()).add(tokens[position])
        # Parents before children, so that the cache holds a token's past when it is decoded.
        prefixes = sorted(members, key=len)
        entries = (
            BatchToken(prefix[-1], len(prefix) - 1, members[prefix], wanted.get(prefix, ()))
            for prefix in prefixes
        )
        rows = (
            row for batch in self._context.batches(entries) for row in self._context.decode(batch)
        )
        values = dict(zip(prefixes, rows, strict=True))
        for cell in cells:
            yield assemble_cell(
                cell, lambda tokens, position: values[tokens[:position]][tokens[position]]
            )
