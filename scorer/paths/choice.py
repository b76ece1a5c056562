"""The choice of a path: the fastest that agrees with single sequences on a probe."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from valuescope.scorer.engine.contexts import BatchToken, Context, Model
from valuescope.scorer.engine.numerics import PATHS, Numerics
from valuescope.scorer.paths.copied_sequences import CopyScorer
from valuescope.scorer.paths.path import CellScore, Scorer
from valuescope.scorer.paths.remembered import TriedPath, TriedPaths
from valuescope.scorer.paths.sequence import SequenceScorer
from valuescope.scorer.paths.tokens import TokenisedCell
from valuescope.scorer.paths.tree import TreeScorer
from valuescope.warehouse.errors import ValuescopeError

# The number of sequences of each path. Few paths of a tree share a batch, and llama.cpp keeps an
# output row for each; of copies there are fewer still, since a recurrent memory holds a whole
# state for each.
SEQUENCES = {"tree": 64, "copies": 33, "sequence": 1}
SCORERS: dict[str, Callable[[Context], Scorer]] = {
    "tree": TreeScorer,
    "copies": CopyScorer,
    "sequence": SequenceScorer,
}
# Largest difference from single sequences, in nats an answer, that is always rounding: exact
# arithmetic differs by 4e-3 at most. More is rounding where single sequences differ from themselves
# as much, as with quantized weights (by up to 0.7 nats), and where it is small beside the spread of
# the answers.
EXACT_TOLERANCE = 0.01
_NOISE_FACTOR, _SHARE_OF_SPREAD = 3.0, 0.5
_SMALLEST_BATCH, _EXPERTS_TOLERANCE = 8, 1.0
# Answers of the longest cell, and tokens before an answer, that are tried.
_ANSWERS_TRIED, _POSITIONS_TRIED = 2, 8
# Tokens of a text whose likelihoods must not change with what follows.
_TOKENS_TRIED = 32
_ROUND_UP = 256


@dataclass(frozen=True)
class Probe:
    """Cells that paths are tried on, question by question; `longest` sizes the context."""

    longest: TokenisedCell
    questions: Sequence[Sequence[TokenisedCell]]


@dataclass(frozen=True)
class OpenedScorer:
    """A path that may be used, its context, and how far it is from single sequences.

    `difference` is the largest in nats an answer on the probe and `bound` what is allowed, both
    None for single sequences themselves; `notices` say which faster paths were wrong for the model,
    and what llama.cpp warns of.
    """

    scorer: Scorer
    context: Context
    difference: float | None
    bound: float | None
    notices: tuple[str, ...]


@contextmanager
def open_scorer(
    model: Model,
    numerics: Numerics,
    threads: int,
    path: str,
    probe: Probe,
    shares_tokens: bool = True,
    tried: TriedPaths | None = None,
) -> Iterator[OpenedScorer]:
    """Yield the scorer of `path`; for "auto", of the first path that agrees with single sequences.

    Without `shares_tokens` the path `tree` is not tried. What is in `tried` is not tried again.

    Raises ValuescopeError when a path that was asked for disagrees, or when the longest cell
    is longer than the model's own context.
    """
    tried = tried or TriedPaths(None, (), numerics)
    single = _SingleSequences(model, numerics, threads, probe)
    notices: list[str] = []
    for name in _candidates(model, path, shares_tokens):
        known = tried.of(name, probe.longest.length)
        if known is None:
            single.require_own_past()
        size = context_size(probe.longest, numerics, model, name)
        with model.new_context(size, numerics, threads, SEQUENCES[name]) as context:
            scorer: Scorer = SCORERS[name](context)
            if name == "sequence":
                yield OpenedScorer(scorer, context, None, None, (*notices, *context.notices))
                return
            if known is not None:
                yield OpenedScorer(
                    scorer, context, known.difference, known.bound, (*notices, *context.notices)
                )
                return
            try:
                difference = largest_difference(list(scorer.score(probe.questions)), single.scores)
                problem = f"differs by {difference:.2f} nats from single sequences"
            except ValuescopeError as error:
                difference, problem = float("inf"), f"fails ({error})"
            bound = single.bound(difference)
            if difference <= bound:
                context.reset_counts()
                tried.remember(name, TriedPath(probe.longest.length, difference, bound))
                yield OpenedScorer(scorer, context, difference, bound, (*notices, *context.notices))
                return
        if difference < float("inf"):
            problem += (
                f", which differ from themselves by {single.noise:.2g} (answers spread over "
                f"{single.spread:.2f})"
            )
        notice = f"The {name} path is wrong for {model.name}: on the probe it {problem}."
        if path == name:
            raise ValuescopeError(f"{notice} Leave --path out or use --path sequence.")
        notices.append(notice)


def fastest_path(model: Model) -> str:
    """Return the fastest path for the model's kind of memory; a probe may still rule it out."""
    return "tree" if model.is_attention_only else "copies"


def context_size(longest: TokenisedCell, numerics: Numerics, model: Model, path: str) -> int:
    """Return tokens of cache that `path` needs when no cell is longer than `longest`.

    Raises ValuescopeError when the longest cell does not fit the model.
    """
    length = longest.length
    require_trained_length(longest, model)
    # The longest cell is found by an estimate of tokens.
    needed = length + length // 4 + numerics.batch_size
    if path == "copies":
        needed += 8 * length
    return -(-needed // _ROUND_UP) * _ROUND_UP


def require_trained_length(cell: TokenisedCell, model: Model) -> None:
    """Raise ValuescopeError for a cell of more tokens than the model was trained for."""
    if cell.length > model.description.context_length:
        raise ValuescopeError(
            f"{cell.prompt.question_id} for {cell.prompt.subject_key} needs {cell.length} tokens; "
            f"{model.name} was trained for {model.description.context_length}. Leave the question "
            "out, use a shorter --template, or choose a model with a longer context."
        )


def largest_difference(left: Sequence[CellScore], right: Sequence[CellScore]) -> float:
    """Return the largest difference between the answers of two ways of scoring, in nats."""
    return max(
        abs(a.log_likelihood - b.log_likelihood)
        for one, other in zip(left, right, strict=True)
        for a, b in zip(one.answers, other.answers, strict=True)
    )


class _SingleSequences:
    """Single sequences on a probe: what paths must agree with, and how far rounding moves them."""

    def __init__(self, model: Model, numerics: Numerics, threads: int, probe: Probe) -> None:
        self._model, self._numerics, self._threads, self._probe = model, numerics, threads, probe

    @cached_property
    def scores(self) -> list[CellScore]:
        """Return the scores of the probe's cells."""
        return self._scored(self._numerics)

    @cached_property
    def noise(self) -> float:
        """Return the largest difference of answers computed twice, in nats: rounding alone."""
        return max(self._measured())

    def bound(self, difference: float) -> float:
        """Return how far a right path may be from them, in nats an answer.

        Their noise is measured no longer than it takes to allow for `difference`.
        """
        bound = EXACT_TOLERANCE
        noises = self._measured()
        while difference > bound and (noise := next(noises, None)) is not None:
            bound = max(bound, min(_NOISE_FACTOR * noise, _SHARE_OF_SPREAD * self.spread))
        return bound

    def _measured(self) -> Iterator[float]:
        """Give what rounding does to them in one way after the other, the quickest first.

        Weights that are not float32 round activations, which turns the order of a sum into tenths
        of a nat: there attention is computed in two other ways, of which the one that moves answers
        less is taken, because the other may be wrong for the model.
        """
        numerics = self._numerics
        yield self._difference(
            replace(numerics, batch_size=max(_SMALLEST_BATCH, numerics.batch_size // 4))
        )
        if numerics.compute_type != "f32":
            yield min(
                self._difference(replace(numerics, flash_attention=not numerics.flash_attention)),
                self._difference(replace(numerics, kv_cache_type="f16")),
            )
        yield self._difference(replace(numerics, batch_size=_SMALLEST_BATCH))

    def _difference(self, numerics: Numerics) -> float:
        try:
            return largest_difference(self._scored(numerics), self.scores)
        except ValuescopeError:  # a kind of attention that the model does not have
            return 0.0

    @cached_property
    def spread(self) -> float:
        """Return the median over cells of the distance from likeliest to unlikeliest answer."""
        values = [[answer.log_likelihood for answer in cell.answers] for cell in self.scores]
        return statistics.median(max(cell) - min(cell) for cell in values)

    def require_own_past(self) -> None:
        """Raise ValuescopeError where a token's likelihood depends on what follows it.

        The same tokens are decoded twice, before two endings of one length.
        """
        tokens = self._probe.longest.answers[0].token_ids[:_TOKENS_TRIED]
        half = len(tokens) // 2
        first = max(0, half - _POSITIONS_TRIED)
        endings = (tokens[half:], tokens[: len(tokens) - half])
        with self._context(self._numerics) as context:
            rows = []
            for ending in endings:
                context.clear()
                values = context.decode(
                    [
                        BatchToken(
                            token,
                            position,
                            (0,),
                            (tokens[position + 1],) if first <= position < half - 1 else (),
                        )
                        for position, token in enumerate((*tokens[:half], *ending))
                    ]
                )
                rows.append([value for row in values for value in row.values()])
        difference = max((abs(a - b) for a, b in zip(*rows, strict=True)), default=0.0)
        # Batches of one shape round alike, except where tokens are sorted among experts first.
        if difference > (_EXPERTS_TOLERANCE if self._model.has_experts else EXACT_TOLERANCE):
            raise ValuescopeError(
                f"{self._model.name} predicts no next token: the likelihood of a text changes by "
                f"{difference:.2f} nats with what follows it, as in models that fill gaps "
                "(diffusion) or read both ways. Choose a text generation model."
            )

    def _scored(self, numerics: Numerics) -> list[CellScore]:
        with self._context(numerics) as context:
            return list(SequenceScorer(context).score(self._probe.questions))

    def _context(self, numerics: Numerics) -> Context:
        size = context_size(self._probe.longest, numerics, self._model, "sequence")
        return self._model.new_context(size, numerics, self._threads)


def shortened(cell: TokenisedCell) -> TokenisedCell:
    """Return a cell with its longest answers only, which are enough to try a path on."""
    answers = sorted(cell.answers, key=lambda answer: len(answer.token_ids))[-_ANSWERS_TRIED:]
    return replace(cell, answers=tuple(answers))


def _candidates(model: Model, path: str, shares_tokens: bool) -> tuple[str, ...]:
    """Return the paths to try in turn."""
    if path == "tree" and not shares_tokens:
        raise ValuescopeError(
            "Answers that are written token by token share no tree: use --path copies or --path "
            "sequence."
        )
    if path == "tree" and not model.is_attention_only:
        raise ValuescopeError(
            f"{model.name} has a recurrent memory, whose sequences cannot share a past token by "
            "token: use --path copies or --path sequence."
        )
    if path != "auto":
        return (path,)
    fastest = fastest_path(model) if shares_tokens else "copies"
    return PATHS[PATHS.index(fastest) :]
