"""Score cells as one token tree: every distinct prefix is decoded once.

All countries share the question and all choices share the prompt, so most tokens of the single
sequences are the same. The tree is walked path by path, so that a batch is simply the next so
many nodes: full batches, whatever questions they belong to, and a cache that never holds more
than one path and one batch. A node belongs to every sequence that runs through it and attends
to their common past only.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from valuescope.scorer.engine.contexts import BatchToken, Context
from valuescope.scorer.paths.path import CellScore, assemble_cell, require_room, scored_sequences
from valuescope.scorer.paths.tokens import TokenisedCell

Tokens = tuple[int, ...]

# The sequence that carries the last path of a batch over to the next one.
_HOLDER = 0


@dataclass(eq=False)
class _Node:
    """A token at its position in the tree; `values` are there once it is decoded."""

    token: int
    position: int
    wanted: set[int] = field(default_factory=set)
    values: dict[int, float] | None = None


@dataclass(eq=False)
class _Path:
    """The nodes from the root to the end of one decoded sequence.

    The first `shared` of them are those of the path before.
    """

    nodes: list[_Node]
    shared: int

    @property
    def is_decoded(self) -> bool:
        return self.nodes[-1].values is not None


class _Question:
    """The cells of one question and, in the order of the walk, the paths that score them."""

    def __init__(self, cells: Sequence[TokenisedCell], before: _Path | None, longest: int) -> None:
        """Grow the tree after the path `before`. Raises when a path is longer than `longest`."""
        self._cells = cells
        self._paths: dict[Tokens, _Path] = {}
        sequences = [entry for cell in cells for entry in scored_sequences(cell)]
        # Only what nothing is read from may be shared with questions decoded before.
        first_read = min(start for _, start in sequences) - 1
        # In sorted order each path shares with the one before it all that it shares with any.
        for tokens in sorted({tokens[:-1] for tokens, _ in sequences}):
            shared = 0
            if before is not None:
                limit = len(tokens) if self._paths else first_read
                shared = _shared_length(before.nodes, tokens[:limit])
            nodes = before.nodes[:shared] if before is not None else []
            nodes += [
                _Node(token, position)
                for position, token in enumerate(tokens[shared:], start=shared)
            ]
            before = self._paths[tokens] = _Path(nodes, shared)
        for cell in cells:
            for tokens, start in scored_sequences(cell):
                require_room(cell, len(tokens) - 1, longest)
                nodes = self._paths[tokens[:-1]].nodes
                for position in range(start, len(tokens)):
                    nodes[position - 1].wanted.add(tokens[position])
        self.paths = tuple(self._paths.values())

    @property
    def is_decoded(self) -> bool:
        return self.paths[-1].is_decoded

    @property
    def decoded_cells(self) -> int:
        decoded = sum(path.is_decoded for path in self.paths)
        return len(self._cells) * decoded // len(self.paths)

    def scores(self) -> Iterator[CellScore]:
        for cell in self._cells:
            yield assemble_cell(cell, self._value)

    def _value(self, tokens: Tokens, position: int) -> float:
        values = self._paths[tokens[:-1]].nodes[position - 1].values
        assert values is not None
        return values[tokens[position]]


def _shared_length(nodes: Sequence[_Node], tokens: Tokens) -> int:
    pairs = zip(nodes, tokens, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].token == pair[1], pairs))


class TreeScorer:
    """The path `tree`, for models whose memory is attention alone."""

    name = "tree"

    def __init__(self, context: Context) -> None:
        """Take a context of at least two sequences."""
        self._context = context
        # The batch in the making: its nodes with the sequences that run through each.
        self._batch: dict[_Node, list[int]] = {}
        self._rows = 0
        self._last_sequence = _HOLDER
        self._waiting: deque[_Question] = deque()

    @property
    def cells_in_hand(self) -> int:
        """Estimate how many cells are decoded whose question is not."""
        return sum(question.decoded_cells for question in self._waiting)

    def score(self, questions: Iterable[Sequence[TokenisedCell]]) -> Iterator[CellScore]:
        """Yield the scores of all cells in their order, each question's once it is decoded.

        Raises ValuescopeError when llama.cpp fails or a path does not fit the context.
        """
        self._context.clear()
        self._empty_batch()
        waiting = self._waiting = deque()
        before: _Path | None = None
        for cells in questions:
            question = _Question(cells, before, self._context.size - self._context.batch_size)
            waiting.append(question)
            for before in question.paths:
                done = before.shared
                while done < len(before.nodes):
                    done = self._add(before, done)
                    if self._is_full:
                        self._decode()
                        yield from _finished(waiting)
        if self._batch:
            self._decode()
        yield from _finished(waiting)

    @property
    def _is_full(self) -> bool:
        return self._takes_no_node or self._last_sequence == self._context.sequences - 1

    @property
    def _takes_no_node(self) -> bool:
        context = self._context
        return len(self._batch) == context.batch_size or self._rows == context.most_rows

    def _add(self, path: _Path, done: int) -> int:
        """Put nodes of `path` from `done` on into the batch; returns how far it got."""
        self._last_sequence += 1
        cached = sum(1 for _ in takewhile(lambda node: node.values is not None, path.nodes))
        if cached:
            self._context.copy_sequence(_HOLDER, self._last_sequence, cached)
        for node in path.nodes[cached:done]:
            self._batch[node].append(self._last_sequence)
        for node in path.nodes[done:]:
            if self._takes_no_node:
                break
            self._batch[node] = [self._last_sequence]
            self._rows += bool(node.wanted)
            done += 1
        return done

    def _decode(self) -> None:
        values = self._context.decode(
            [
                BatchToken(node.token, node.position, sequences, node.wanted)
                for node, sequences in self._batch.items()
            ]
        )
        for node, node_values in zip(self._batch, values, strict=True):
            node.values = node_values
        self._context.drop_sequence(_HOLDER)
        self._context.copy_sequence(self._last_sequence, _HOLDER)
        self._context.keep_only(_HOLDER)
        self._empty_batch()
        self._context.on_decode()

    def _empty_batch(self) -> None:
        self._batch, self._rows, self._last_sequence = {}, 0, _HOLDER


def count_nodes(cells: Sequence[TokenisedCell]) -> int:
    """Return the tokens that the cells of one question take on the path `tree`."""
    return len(
        {
            tokens[:length]
            for tokens in {tokens for cell in cells for tokens, _ in scored_sequences(cell)}
            for length in range(1, len(tokens))
        }
    )


def _finished(waiting: deque[_Question]) -> Iterator[CellScore]:
    while waiting and waiting[0].is_decoded:
        yield from waiting.popleft().scores()
