"""Which way a model is scored: the fastest path that agrees with single sequences on a probe."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from valuescope.scorer.engine.contexts import Context, Model
from valuescope.scorer.engine.numerics import PATHS, Numerics
from valuescope.scorer.paths.copied_sequences import CopyScorer
from valuescope.scorer.paths.path import CellScore, Scorer
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
# Largest difference from single sequences, in nats an answer. Exact arithmetic differs by 4e-3
# at most; quantized weights by up to 0.7, since activations are rounded in other batches. A
# path that is wrong for a model differs by many nats.
_EXACT_TOLERANCE, _ROUNDED_TOLERANCE = 0.05, 1.5
_ROUND_UP = 256


@dataclass(frozen=True)
class Probe:
    """What a path is tried on: `longest` sizes the context, `cells` are scored both ways."""

    longest: TokenisedCell
    cells: Sequence[TokenisedCell]


@dataclass(frozen=True)
class OpenedScorer:
    """A path that may be used, its context, and how far it is from single sequences.

    `difference` is the largest in nats an answer on the probe, None for single sequences
    themselves; `notices` say which faster paths were wrong for the model.
    """

    scorer: Scorer
    context: Context
    difference: float | None
    notices: tuple[str, ...]


@contextmanager
def open_scorer(
    model: Model, numerics: Numerics, threads: int, path: str, probe: Probe
) -> Iterator[OpenedScorer]:
    """The scorer of `path`, or for "auto" of the first path that agrees with single sequences.

    Raises ValuescopeError when a path that was asked for disagrees, or when the longest cell
    is longer than the model's own context.
    """
    expected = _scored_alone(model, numerics, threads, probe)
    notices: list[str] = []
    for name in _candidates(model, path):
        size = context_size(probe.longest, numerics, model, name)
        with model.new_context(size, numerics, threads, SEQUENCES[name]) as context:
            scorer: Scorer = SCORERS[name](context)
            if name == "sequence":
                yield OpenedScorer(scorer, context, None, tuple(notices))
                return
            try:
                difference = largest_difference(list(scorer.score([probe.cells])), expected)
                problem = f"differs by {difference:.2f} nats"
            except ValuescopeError as error:
                difference, problem = float("inf"), f"fails ({error})"
            if difference <= tolerance(numerics):
                context.reset_counts()
                yield OpenedScorer(scorer, context, difference, tuple(notices))
                return
        notice = (
            f"The {name} path is wrong for {model.name}: on "
            f"{probe.cells[0].prompt.question_id} it {problem} from single sequences."
        )
        if path == name:
            raise ValuescopeError(f"{notice} Leave --path out or use --path sequence.")
        notices.append(notice)


def fastest_path(model: Model) -> str:
    """The fastest path that the model's kind of memory allows; a probe may still rule it out."""
    return "tree" if model.is_attention_only else "copies"


def tolerance(numerics: Numerics) -> float:
    """How far, in nats an answer, a right path may be from single sequences."""
    is_exact = numerics.compute_type == "f32" and numerics.kv_cache_type == "f32"
    return _EXACT_TOLERANCE if is_exact and not numerics.flash_attention else _ROUNDED_TOLERANCE


def context_size(longest: TokenisedCell, numerics: Numerics, model: Model, path: str) -> int:
    """Tokens of cache that `path` needs when no cell is longer than `longest`.

    Raises ValuescopeError when the longest cell does not fit the model.
    """
    length = max(len(answer.token_ids) for answer in longest.answers)
    if length > model.description.context_length:
        raise ValuescopeError(
            f"{longest.prompt.question_id} for {longest.prompt.country_id} needs {length} tokens; "
            f"{model.name} was trained for {model.description.context_length}. Leave the question "
            "out, use a shorter --template, or choose a model with a longer context."
        )
    # Another country's name may take more tokens than the longest one.
    needed = length + length // 4 + numerics.batch_size
    if path == "copies":
        needed += 8 * length
    return -(-needed // _ROUND_UP) * _ROUND_UP


def largest_difference(left: Sequence[CellScore], right: Sequence[CellScore]) -> float:
    """The largest difference between the answers of two ways of scoring, in nats."""
    return max(
        abs(a.log_likelihood - b.log_likelihood)
        for one, other in zip(left, right, strict=True)
        for a, b in zip(one.answers, other.answers, strict=True)
    )


def _scored_alone(model: Model, numerics: Numerics, threads: int, probe: Probe) -> list[CellScore]:
    size = context_size(probe.longest, numerics, model, "sequence")
    with model.new_context(size, numerics, threads) as context:
        return list(SequenceScorer(context).score([probe.cells]))


def _candidates(model: Model, path: str) -> tuple[str, ...]:
    """The paths to try in turn."""
    if path == "tree" and not model.is_attention_only:
        raise ValuescopeError(
            f"{model.name} has a recurrent memory, whose sequences cannot share a past token by "
            "token: use --path copies or --path sequence."
        )
    if path != "auto":
        return (path,)
    return PATHS[PATHS.index(fastest_path(model)) :]
