"""Estimate a study's tokens and power from its plan alone: no model is opened, nothing is measured.

Every machine that holds the study file and the instrument gets the same numbers, whichever models
it has. They decide how a study is divided; `estimate` measures a model that is there.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import sqrt

from scipy.special import nctdtr, nctdtrinc, stdtrit

from valuescope.scorer.elicitation.answer_form import percentage_form
from valuescope.scorer.engine.numerics import (
    BYTES_A_WEIGHT,
    GOALS,
    Numerics,
    common_compute_type,
)
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.warehouse.instruments.seeds import Country, Instrument, Question
from valuescope.warehouse.instruments.subjects import Group, Subject, is_country

Pieces = tuple[str, ...]

# A text in pieces of about a token: words cut at so many bytes, digits, signs and line ends. Tests
# compare with the tokenizers of two models.
_PIECE = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_|\n")
_BYTES_A_PIECE = 8
# What a chat template adds: the turns around the question once, the assistant's for each country.
_CHAT_TOKENS, _CHAT_TOKENS_A_CELL = 24, 6
# A size as file names of models show it: 7B, 0.5b, 135M, 8x7B.
_SIZE = re.compile(r"(?:^|[-_. :])(?:(\d+)x)?(\d+(?:\.\d+)?)([mbt])(?=$|[-_. ])", re.IGNORECASE)
_UNITS = {"m": 1e6, "b": 1e9, "t": 1e12}
_BITS = re.compile(r"(?:^|[-_. ])(?:i?q|bf|f|fp)(\d+)(?=$|[-_. ])", re.IGNORECASE)
_USUAL_PARAMETERS, _USUAL_BITS = 7_000_000_000, 4
# Scales and the tensors that stay larger, of 4-bit files as of 8-bit ones; none above.
_EXTRA_BITS = 0.85
# Beside the weights: cache and output rows, the latter at most 128 MiB, and Python itself.
_OTHER_MEMORY, _CACHE_SHARE = 600_000_000, 0.06

# Of people's mean scores in WVS wave 7 (published shares of 44 countries, 175 questions): the part
# of their variance that all countries share, and how alike the items of a battery are in this part
# and in the rest. A model's errors are taken to be alike in the same way.
_SHARED, _SHARED_IN_BATTERY, _APART_IN_BATTERY = 0.70, 0.56, 0.42
# As a build has it by default; fewer give no interval, hence no verdict.
_LEAST_BATTERIES, _LEAST_EFFECTIVE_BATTERIES = 5, 2
_SCORED_KINDS = ("ordinal", "binary")


@dataclass(frozen=True)
class PlannedModel:
    """A model of a study before it is opened: how large it is and whether it is asked in a chat.

    `bits` are those of a weight in its file.
    """

    name: str
    parameters: int
    bits: float
    is_chat: bool

    def of_size(self, file_bytes: int) -> "PlannedModel":
        """Return the same model, now that the size of its file is known."""
        return replace(self, parameters=round(8 * file_bytes / self.bits))

    def memory_bytes(self, numerics: Numerics) -> int:
        """Estimate how much memory scoring takes, with the weights."""
        compute_type = numerics.compute_type
        if compute_type in GOALS:
            compute_type = common_compute_type(self.parameters, numerics.gpu_layers, compute_type)
        bytes_a_weight = BYTES_A_WEIGHT.get(compute_type, self.bits / 8)
        return round(
            self.parameters * (bytes_a_weight + _CACHE_SHARE * self.bits / 8) + _OTHER_MEMORY
        )


def planned_model(name: str, instrument: Instrument) -> PlannedModel:
    """Return the model of that name or path, as the registry and its file name describe it.

    A model of unknown size is planned with 7 billion parameters, as a chat model.
    """
    registered = instrument.models.get(name)
    names = [name.rpartition("/")[2].removesuffix(".gguf")]
    if registered is not None:
        files = (registered.hub_file, registered.package_file)
        names += [file.partition("|")[0].removesuffix(".gguf") for file in files if file]
    bits = next((int(found[1]) for text in names if (found := _BITS.search(text))), _USUAL_BITS)
    parameters = registered.parameter_count if registered else None
    return PlannedModel(
        name=name,
        parameters=parameters or _stated_size(names[0]) or _USUAL_PARAMETERS,
        bits=bits + _EXTRA_BITS if bits < 16 else bits,
        is_chat=registered.is_chat if registered else True,
    )


@dataclass(frozen=True)
class Power:
    """The power of a comparison of two models' mean r, over these batteries and countries.

    `error` is the standard error of the difference between two models of this r and unrelated
    errors, (1 - r^2) sqrt((2 - r^2) / N) (Pearson and Filon 1898), less for models that err alike.
    N is the number of independent cells that tell as much: of n cells, n^2 over the sum of c^2 over
    all pairs of them, each with itself too, where c is the correlation of their scores.
    """

    battery_sizes: tuple[int, ...]
    countries: int

    @property
    def freedom(self) -> float:
        """Return the degrees of freedom of the t test: the effective number of batteries less 1."""
        return sum(self.battery_sizes) ** 2 / sum(size**2 for size in self.battery_sizes) - 1

    @property
    def is_enough(self) -> bool:
        """Return whether a build gives intervals for so many batteries."""
        return (
            len(self.battery_sizes) >= _LEAST_BATTERIES
            and self.freedom + 1 >= _LEAST_EFFECTIVE_BATTERIES
            and self.countries > 0
        )

    def error(self, r: float) -> float:
        """Return the standard error of the difference of two models' mean r."""
        questions = sum(self.battery_sizes)
        others_of_battery = sum(size**2 for size in self.battery_sizes) / questions - 1
        within = _SHARED * _SHARED_IN_BATTERY + (1 - _SHARED) * _APART_IN_BATTERY
        own = 1 + others_of_battery * within**2
        elsewhere = _SHARED**2 * (1 + others_of_battery * _SHARED_IN_BATTERY**2)
        repeated = (own + (self.countries - 1) * elsewhere) / self.countries
        return (1 - r**2) * sqrt((2 - r**2) * repeated / questions)

    def of(self, difference: float, r: float) -> float:
        """Return how often a two-sided t test at 5% shows the difference (noncentral t)."""
        critical = stdtrit(self.freedom, 0.975)
        noncentral = abs(difference) / self.error(r)
        higher = 1 - nctdtr(self.freedom, noncentral, critical)
        return float(higher + nctdtr(self.freedom, noncentral, -critical))

    def smallest_difference(self, r: float) -> float:
        """Return the difference that is shown in four of five studies."""
        critical = stdtrit(self.freedom, 0.975)
        return float(nctdtrinc(self.freedom, 0.2, critical)) * self.error(r)


def planned_power(questions: Sequence[Question], countries: int) -> Power:
    """Return the power of a comparison over the questions that have mean scores."""
    scored = (question for question in questions if question.scale_kind in _SCORED_KINDS)
    sizes = Counter(question.battery_id for question in scored)
    return Power(tuple(sizes.values()), countries)


def chat_tokens(design: PromptDesign, questions: int, cells: int) -> int:
    """Estimate how many tokens a chat template adds to so many questions and cells."""
    if design.chat_mode != "template":
        return 0
    return questions * _CHAT_TOKENS + cells * _CHAT_TOKENS_A_CELL


def planned_tokens(design: PromptDesign, question: Question, subjects: Sequence[Subject]) -> int:
    """Estimate the tokens of a question's trees for `subjects`, with a chat template's."""
    return estimated_tokens(design, question, subjects) + chat_tokens(design, 1, len(subjects))


def estimated_tokens(design: PromptDesign, question: Question, subjects: Sequence[Subject]) -> int:
    """Estimate the tokens of a question's trees for `subjects`, asked in plain text.

    Countries, None among them, are one tree, groups and invented countries another. Of the
    countries, and of the invented ones, two with names of middle length are counted: every other
    one adds what the second of them does, with all its groups.
    """
    return sum(
        _tokens_of_tree(design, question, tree)
        for tree in (
            [subject for subject in subjects if is_country(subject)],
            [subject for subject in subjects if not is_country(subject)],
        )
    )


def _tokens_of_tree(design: PromptDesign, question: Question, subjects: Sequence[Subject]) -> int:
    # By kind and by the name of the country, real or invented.
    kinds: dict[type, dict[str, list[Subject]]] = {}
    for subject in subjects:
        name = _name(subject)
        kinds.setdefault(type(subject), {}).setdefault(name, []).append(subject)
    sequences: set[Pieces] = set()
    nodes = [0]
    others = 0
    for kind in sorted(kinds, key=lambda kind: kind is not type(None)):
        named = kinds[kind]
        names = sorted(named, key=lambda name: (len(name), name))
        middle = len(names) // 2
        counted = names[max(0, middle - 1) : middle + 1]
        for name in counted:
            for subject in named[name]:
                sequences |= _sequences(design, question, subject)
            nodes.append(distinct_prefixes(sequences))
        others += (len(names) - len(counted)) * (nodes[-1] - nodes[-2])
    return nodes[-1] + others


def _name(subject: Subject) -> str:
    """Return the name of the country that a subject is of; empty without one."""
    match subject:
        case None:
            return ""
        case Country():
            return subject.name
        case Group():
            return subject.country.name
    return subject.placebo_id


def _sequences(design: PromptDesign, question: Question, subject: Subject) -> set[Pieces]:
    """Return the sequences that are decoded for one cell."""
    prompt = render_prompt(question, subject, design)
    text = _pieces(prompt.text)
    if design.elicitation == "verbalised":
        return {(*text, *_pieces(percentage_form(len(prompt.answers), " ").longest))[:-1]}
    # An answer's last token is only ever predicted.
    return {(*text, *_pieces(answer.text))[:-1] for answer in prompt.answers}


def distinct_prefixes(sequences: Collection[Pieces]) -> int:
    """Return how many different beginnings, not counting the empty one, the sequences have.

    >>> distinct_prefixes([("a", "b"), ("a", "c")])
    3
    """
    count = 0
    before: Pieces = ()
    for sequence in sorted(sequences):
        shared = 0
        for one, other in zip(before, sequence, strict=False):
            if one != other:
                break
            shared += 1
        count += len(sequence) - shared
        before = sequence
    return count


@lru_cache(maxsize=1 << 12)  # answers are in many cells
def _pieces(text: str) -> Pieces:
    pieces: list[str] = []
    for piece in _PIECE.findall(text):
        cuts = -(-len(piece.encode()) // _BYTES_A_PIECE)
        length = -(-len(piece) // cuts)
        pieces += [piece[first : first + length] for first in range(0, len(piece), length)]
    return tuple(pieces)


def _stated_size(text: str) -> int | None:
    found = _SIZE.search(text)
    if found is None:
        return None
    experts, number, unit = found.groups()
    return round(int(experts or 1) * float(number) * _UNITS[unit.lower()])


def duration(seconds: float) -> str:
    """Return a time as people say it.

    >>> duration(0.4), duration(45), duration(600), duration(7200), duration(864000)
    ('0.4 s', '45 s', '10 min', '2.0 h', '10 days')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:,.0f} days"
