"""Examine a model before hours are spent: is it asked as it should be, and how noisy is it?"""

import re
import statistics
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, takewhile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from valuescope.scorer.doctor.examination import (
    QUESTIONS,
    Check,
    ComputeMeasurement,
    Difference,
    Examination,
    NoiseMeasurement,
    Status,
)
from valuescope.scorer.engine.contexts import BatchToken, Model
from valuescope.scorer.engine.numerics import (
    AS_IS,
    UNPACKED,
    Numerics,
)
from valuescope.scorer.engine.weights import (
    Computation,
    choose_computation,
    computed_file,
    exact_computations,
    tokens_a_second,
    written_files,
)
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.paths.choice import Probe, context_size, open_scorer, shortened
from valuescope.scorer.paths.path import CellScore
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import (
    DEFAULT_SURVEY,
    Choice,
    Country,
    Instrument,
    Question,
)
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS

Item = TypeVar("Item")
Finding = tuple[Status, str]

KNOWN_ANSWERS = Path(__file__).with_name("known_answers.toml")
# Countries that each question is asked about besides once without a country.
_COUNTRIES = 1
# A model that guesses passes for one that knows in this share of examinations.
_SIGNIFICANCE = 0.05
_MUCH_OFF_CHOICE = 0.5
_SHOWN_TOKENS, _SHOWN_CHARACTERS = 3, 60
_THOUGHT = re.compile(r"[<\[].*(think|thought|reason|channel|analysis)", re.IGNORECASE)
# Wider windows hold any prompt of the survey and take long to fill.
_WIDEST_TRIED_WINDOW = 2048
_FILLER = "The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True)
class KnownAnswer:
    """A question whose right choice is known; `right` counts from 1."""

    question: str
    choices: tuple[str, ...]
    right: int


def examine(
    home: Home,
    model_file: ModelFile,
    instrument: Instrument,
    design: PromptDesign,
    *,
    numerics: Numerics,
    threads: int,
    earlier: str | None = None,
    question_count: int = QUESTIONS,
    gave_up: str | None = None,
) -> Examination:
    """Check a model and measure its noise on `question_count` questions of the survey.

    `earlier` is the compute type of the model's earlier runs; `gave_up` says how llama.cpp ended an
    examination before, so that only single sequences are tried. What one check finds stops no
    other. Where the chat template cannot be used, the rest is examined in plain text. Raises
    ValuescopeError when the model cannot be loaded at all or the design asks nothing.
    """
    numerics = replace(numerics, kv_cache_type="f32", flash_attention=False)
    asked = _asked(instrument, design, question_count)
    with _loaded(model_file, model_file.path, numerics) as model:
        description, is_chat = model.description, model.is_chat
    computation, computed = _computation(model_file, numerics, home, threads, earlier)
    numerics = replace(numerics, compute_type=computation.compute_type)
    with _loaded(model_file, computation.path, numerics) as model:
        chat = _check("chat template", lambda: _chat_template(model, design))
        if chat.status == "problem":
            chat = replace(chat, detail=f"{chat.detail} All else was examined in plain text.")
            design = replace(design, chat_mode="raw")
        subject = _Subject(model, design, asked, numerics, threads)
        path, chosen_path = _chosen_path(subject, gave_up)
        subject = replace(subject, path=chosen_path)
        checks = (
            computed,
            _file(model),
            chat,
            _check("beginning of sequence", lambda: _beginning(subject)),
            _check("answer boundary", lambda: _boundary(subject)),
            path,
            _check("sliding window", lambda: _sliding_window(subject, instrument)),
            _check("known answers", lambda: _known_answers(subject)),
            _check("off-choice mass", lambda: _off_choice_mass(subject)),
        )
        noise = tuple(_noise(subject))
        exact = exact_computations(description.parameter_count, model.has_experts, numerics)
    return Examination(
        model_name=model_file.name,
        model_path=str(model_file.path),
        is_chat=is_chat,
        description=description,
        prompt_id=design.prompt_id,
        compute_type=numerics.compute_type,
        scoring_path=chosen_path,
        prompts=sum(len(countries) for _, countries in asked),
        checks=checks,
        noise=noise,
        computations=_computations(home, model_file, subject, () if numerics.gpu_layers else exact),
    )


def load_known_answers(path: Path = KNOWN_ANSWERS) -> tuple[KnownAnswer, ...]:
    """Return the questions whose answers are known."""
    items = tomllib.loads(path.read_text(encoding="utf-8"))["items"]
    return tuple(
        KnownAnswer(item["question"], tuple(item["choices"]), item["right"]) for item in items
    )


def opens_a_thought(piece: str) -> bool:
    """Return whether a token starts the thoughts of thinking models.

    >>> [opens_a_thought(piece) for piece in ("<think>", "[THINK]", "<|channel|>", " I think")]
    [True, True, True, False]
    """
    return _THOUGHT.match(piece.strip()) is not None


@dataclass(frozen=True)
class _Subject:
    """A loaded model and how it is asked."""

    model: Model
    design: PromptDesign
    asked: Sequence[tuple[Question, Sequence[Country | None]]]
    numerics: Numerics
    threads: int
    path: str = "sequence"

    @cached_property
    def cells(self) -> list[list[TokenisedCell]]:
        """Return the survey's prompts, question by question."""
        return [
            [self.tokenise(question, country, self.design) for country in countries]
            for question, countries in self.asked
        ]

    @cached_property
    def reference(self) -> list[CellScore]:
        """Return the survey's prompts as single sequences."""
        return self.score(self.cells, path="sequence")

    @cached_property
    def scores(self) -> list[CellScore]:
        """Return the survey's prompts as scoring would score them."""
        return self.score(self.cells)

    def tokenise(
        self, question: Question, country: Country | None, design: PromptDesign
    ) -> TokenisedCell:
        prompt = render_prompt(question, country, design)
        return tokenise_cell(self.model, prompt, design.chat_mode, with_label=False)

    def score(
        self,
        questions: Sequence[Sequence[TokenisedCell]],
        path: str | None = None,
        numerics: Numerics | None = None,
    ) -> list[CellScore]:
        probe = Probe(_longest(questions), [[min(chain.from_iterable(questions), key=_size)]])
        with open_scorer(
            self.model, numerics or self.numerics, self.threads, path or self.path, probe
        ) as opened:
            return list(opened.scorer.score(questions))


def _check(name: str, find: Callable[[], Finding]) -> Check:
    try:
        return Check(name, *find())
    except ValuescopeError as error:
        return Check(name, "problem", str(error))


def _asked(
    instrument: Instrument, design: PromptDesign, count: int
) -> list[tuple[Question, list[Country | None]]]:
    """Return questions with few and with many choices, each in a few countries and in none."""
    on_scale = sorted(
        (
            question
            for question in instrument.questions_of_survey(DEFAULT_SURVEY)
            if question.scale_kind in ("ordinal", "binary")
        ),
        key=lambda question: len(question.choices.get(design.coding_id, ())),
    )
    in_wave = [country for country in instrument.countries.values() if country.in_wvs7]
    asked: list[tuple[Question, list[Country | None]]] = []
    for question in on_scale:
        countries: list[Country | None] = [None] if design.asks(question, None) else []
        named = [country for country in in_wave if design.asks(question, country)]
        countries += _spread(named, _COUNTRIES)
        if countries:
            asked.append((question, countries))
    if not asked:
        raise ValuescopeError(
            f"The design {design.prompt_id} asks no question of the survey: its order is "
            f"{design.choice_order}, its coding '{design.coding_id}', its wording set "
            f"'{design.wordings.name}'. Choose another."
        )
    return _spread(asked, count)


def _computation(
    model_file: ModelFile, numerics: Numerics, home: Home, threads: int, earlier: str | None
) -> tuple[Computation, Check]:
    """Choose the computation as scoring does; if that fails, compute the file as it is."""
    name = "computation"
    try:
        found = choose_computation(model_file, numerics, home, threads, earlier)
    except ValuescopeError as error:
        return Computation(AS_IS, model_file.path), Check(name, "problem", str(error))
    return found, Check(name, "ok", found.reason or f"Computed as {found.compute_type}.")


def _loaded(model_file: ModelFile, path: Path, numerics: Numerics) -> Model:
    unpacks = numerics.compute_type == UNPACKED
    return Model.of(model_file, path, numerics.gpu_layers, unpacks=unpacks)


def _chat_template(model: Model, design: PromptDesign) -> Finding:
    if not model.is_chat:
        if model.description.chat_template is None:
            return "ok", "A base model, asked in plain text."
        return "ok", "Registered as a base model: asked in plain text, whatever its template."
    if design.chat_mode == "raw":
        return "ok", "A chat model, asked in plain text as --chat raw has it."
    question = "Is tea good?"
    before, _, after = model.chat_text(question).partition(question)
    return "ok", (
        f"Renders; the question is between {before[-_SHOWN_CHARACTERS:]!r} and "
        f"{after[:_SHOWN_CHARACTERS]!r}, after which the answer comes."
        + _switched_off(model.chat_template.switches)
    )


def _switched_off(switches: Mapping[str, object]) -> str:
    if not switches:
        return ""
    stated = ", ".join(f"{name}={value!r}" for name, value in switches.items())
    return f" The model's thinking is switched off by the template's own {stated}."


def _beginning(subject: _Subject) -> Finding:
    model, cell = subject.model, subject.cells[0][0]
    prompt = cell.answers[0].token_ids[: cell.boundary]
    count = len(list(takewhile(lambda token: token == model.bos, prompt)))
    if model.bos is None or count == 0:
        return "ok", "Prompts begin with no such token, as the file has it."
    if count > 1:
        return "problem", (
            f"Prompts begin with {count} times {model.piece(model.bos)!r}: the chat template "
            "writes it too often. Ask the model with --chat raw."
        )
    return "ok", f"Prompts begin with one {model.piece(model.bos)!r}."


def _boundary(subject: _Subject) -> Finding:
    cells = list(chain.from_iterable(subject.cells))
    merged = sum(cell.boundary_merged for cell in cells)
    if not merged:
        return "ok", "Answers begin with a token of their own."
    return "ok", (
        f"In {merged} of {len(cells)} prompts the tokenizer merges the prompt's end with the "
        "answer: scoring starts one token earlier there, and rows say boundary_merged."
    )


def _file(model: Model) -> Check:
    """Report what llama.cpp finds wrong with the file, and the values used instead."""
    taken = [
        f"{key} is {value!r} by the registry or --pre-tokenizer, not by the file."
        for key, value in model.metadata_overrides.items()
    ]
    notices = [*model.notices, *taken]
    if notices:
        return Check("model file", "warning", " ".join(notices))
    return Check("model file", "ok", "llama.cpp reads it without a warning that matters.")


def _chosen_path(subject: _Subject, gave_up: str | None) -> tuple[Check, str]:
    """Return the path that scoring would take; single sequences where none can be tried."""
    name = "scoring path"
    if gave_up is not None:
        return Check(name, "warning", gave_up), "sequence"
    try:
        cells = min(subject.cells, key=lambda cells: _size(*cells))
        longest = _longest(subject.cells)
        probe = Probe(longest, [cells, [shortened(longest)]])
        with open_scorer(subject.model, subject.numerics, subject.threads, "auto", probe) as opened:
            path = opened.scorer.name
    except ValuescopeError as error:
        return Check(name, "problem", str(error)), "sequence"
    notices = " ".join(opened.notices)
    if opened.difference is None:
        return Check(name, "warning", f"Only single sequences are right: slow. {notices}"), path
    agreement = (
        f"The {path} path differs from single sequences by at most {opened.difference:.2g} nats "
        f"an answer; up to {opened.bound:.2g} is rounding."
    )
    if notices:
        return Check(name, "warning", f"{agreement} {notices}"), path
    return Check(name, "ok", agreement), path


def _sliding_window(subject: _Subject, instrument: Instrument) -> Finding:
    model, window = subject.model, subject.model.sliding_window
    context = model.description.context_length
    if not window or window >= context:
        return "ok", "None: every layer sees all of a prompt."
    longest = _size(_longest(subject.cells))
    length = window + window // 4
    if window > _WIDEST_TRIED_WINDOW or length > context:
        return "ok", (
            f"{window} tokens, wider than the survey's prompts (here up to {longest}); longer "
            "ones were not tried."
        )
    repeats = -(-length // len(model.tokenise(f" {_FILLER}")))
    question = _made_question(" ".join([_FILLER] * repeats), ("Yes", "No"), subject.design)
    design = replace(subject.design, answer_style="label", wordings=OUR_WORDINGS)
    country = next(iter(instrument.countries.values()))
    cells = [subject.tokenise(question, asked_in, design) for asked_in in (None, country)]
    path = "sequence" if subject.path == "sequence" else "auto"
    with open_scorer(
        model, subject.numerics, subject.threads, path, Probe(cells[0], [cells])
    ) as opened:
        path = opened.scorer.name
    if opened.notices:
        return "problem" if longest > window else "warning", (
            f"{window} tokens. Beyond them: {' '.join(opened.notices)} Score prompts that long "
            f"with --path {path}."
        )
    if opened.difference is None:
        return "ok", f"{window} tokens; single sequences keep to it."
    return "ok", (
        f"{window} tokens; on a made prompt of {_size(cells[0])} the {path} path differs from "
        f"single sequences by at most {opened.difference:.2g} nats an answer."
    )


def _known_answers(subject: _Subject) -> Finding:
    items = load_known_answers()
    designs = [
        replace(subject.design, choice_order=order, wordings=OUR_WORDINGS)
        for order in ("forward", "reverse")
    ]
    cells = [
        [
            subject.tokenise(_made_question(item.question, item.choices, design), None, design)
            for design in designs
        ]
        for item in items
    ]
    scores = iter(subject.score(cells))
    probabilities = [
        np.mean([_probabilities(cell, next(scores)) for cell in both], axis=0) for both in cells
    ]
    on_right = [float(p[item.right - 1]) for p, item in zip(probabilities, items, strict=True)]
    right = sum(p.argmax() == item.right - 1 for p, item in zip(probabilities, items, strict=True))
    chance = statistics.fmean(1 / len(item.choices) for item in items)
    found = (
        f"{right} of {len(items)} right, chance is {chance * len(items):g}; probability "
        f"{statistics.fmean(on_right):.2f} on the right choice, chance is {chance:.2f}."
    )
    if binomtest(int(right), len(items), chance, alternative="greater").pvalue < _SIGNIFICANCE:
        return "ok", found
    return "warning", (
        f"{found} That may be guessing, as small models do: compare its agreement with the blind "
        "baseline's before reading anything into it, and try another --answer or --chat."
    )


def _off_choice_mass(subject: _Subject) -> Finding:
    mass = statistics.fmean(score.off_choice_mass for score in subject.scores)
    found = (
        f"On average {mass:.0%} of the probability goes to tokens that start none of the choices."
    )
    if mass <= _MUCH_OFF_CHOICE:
        return "ok", found
    likeliest = _likeliest_off_choice(subject)
    shown = ", ".join(f"{piece!r} {probability:.0%}" for piece, probability in likeliest.items())
    found += f" Likeliest: {shown}."
    if opens_a_thought(next(iter(likeliest))):
        return "warning", (
            f"{found} The model thinks before it answers, so these probabilities are not its "
            "answers. Ask it with --chat raw, or choose a model that does not think."
        )
    return "warning", (
        f"{found} Answers are compared within what is left; try another --answer, "
        "--template or --chat."
    )


def _likeliest_off_choice(subject: _Subject) -> dict[str, float]:
    """Return the likeliest first tokens that start none of the choices.

    Probabilities are averaged over one prompt of each question.
    """
    model, cells = subject.model, [cells[0] for cells in subject.cells]
    everything = range(model.description.vocabulary_size)
    total = np.zeros(len(everything))
    size = context_size(_longest([cells]), subject.numerics, model, "sequence")
    with model.new_context(size, subject.numerics, subject.threads) as context:
        for cell in cells:
            context.clear()
            prompt = cell.answers[0].token_ids[: cell.boundary]
            entries = (
                BatchToken(token, position, (0,), everything if position == len(prompt) - 1 else ())
                for position, token in enumerate(prompt)
            )
            *_, last = chain.from_iterable(map(context.decode, context.batches(entries)))
            probabilities = np.exp([last[token] for token in everything])
            probabilities[[answer.token_ids[cell.boundary] for answer in cell.answers]] = 0
            total += probabilities / len(cells)
    likeliest = np.argsort(total)[::-1][:_SHOWN_TOKENS]
    return {model.piece(int(token)): float(total[token]) for token in likeliest}


def _noise(subject: _Subject) -> list[NoiseMeasurement]:
    """Measure how path, batch size, cache type and flash attention change answers."""
    smaller = max(8, subject.numerics.batch_size // 4)
    ways: Mapping[str, dict[str, Any]] = {
        f", batches of {smaller}": {"batch_size": smaller},
        ", f16 cache": {"kv_cache_type": "f16"},
        ", flash attention": {"flash_attention": True},
    }
    path = f"{subject.path} path"
    measured = [
        _noise_of(
            subject,
            f"{path}{way}",
            partial(subject.score, subject.cells, numerics=replace(subject.numerics, **changes)),
        )
        for way, changes in ways.items()
    ]
    if subject.path == "sequence":
        return measured
    return [_noise_of(subject, path, lambda: subject.scores), *measured]


def _noise_of(
    subject: _Subject, scored_by: str, score: Callable[[], list[CellScore]]
) -> NoiseMeasurement:
    try:
        difference = _difference(subject.cells, score(), subject.reference)
    except ValuescopeError as error:
        return NoiseMeasurement(scored_by, problem=str(error))
    return NoiseMeasurement(scored_by, difference)


def _computations(
    home: Home, model_file: ModelFile, subject: _Subject, exact: Sequence[str]
) -> tuple[ComputeMeasurement, ...]:
    """Return the file as it is and its weights written out, where half of the memory holds them."""
    measured: list[ComputeMeasurement] = []
    scores: dict[str, list[CellScore]] = {}
    for compute_type in (AS_IS, *exact):
        numerics = replace(subject.numerics, compute_type=compute_type)
        try:
            with (
                _computed_file(home, model_file, subject, compute_type) as path,
                _loaded(model_file, path, numerics) as model,
            ):
                speed = tokens_a_second(model, numerics, subject.threads)
                scores[compute_type] = replace(subject, model=model, numerics=numerics).scores
        except ValuescopeError as error:
            measured.append(ComputeMeasurement(compute_type, problem=str(error)))
        else:
            measured.append(ComputeMeasurement(compute_type, speed))
    if "f32" not in scores:
        return tuple(measured)
    return tuple(
        replace(
            measurement,
            difference=_difference(subject.cells, scores[measurement.compute_type], scores["f32"]),
        )
        if measurement.compute_type in scores
        else measurement
        for measurement in measured
    )


@contextmanager
def _computed_file(
    home: Home, model_file: ModelFile, subject: _Subject, compute_type: str
) -> Iterator[Path]:
    """Yield the file to load, removed again where it is new and scoring would not use it."""
    kept = {model_file.path, *written_files(home)}
    parameter_count = subject.model.description.parameter_count
    path = computed_file(model_file, parameter_count, compute_type, home)
    try:
        yield path
    finally:
        if path not in kept and compute_type != subject.numerics.compute_type:
            path.unlink(missing_ok=True)


def _made_question(wording: str, choices: Sequence[str], design: PromptDesign) -> Question:
    """Return a question that is not the survey's, in the design's coding."""
    question_id = "a made question"
    made = tuple(
        Choice(design.coding_id, question_id, index, text, ())
        for index, text in enumerate(choices, start=1)
    )
    return Question(
        question_id=question_id,
        survey_id="",
        category_id="",
        battery_id="",
        short_label="",
        wording=wording,
        scale_kind="nominal",
        choices={design.coding_id: made},
        codes_outside_scale={},
    )


def _probabilities(cell: TokenisedCell, score: CellScore) -> NDArray[np.float64]:
    """Return the choice probabilities in instrument order."""
    by_index = np.argsort([answer.answer.choice_index for answer in cell.answers])
    likelihoods = np.array([answer.log_likelihood for answer in score.answers])[by_index]
    weights = np.exp(likelihoods - likelihoods.max())
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


def _difference(
    questions: Sequence[Sequence[TokenisedCell]],
    left: Sequence[CellScore],
    right: Sequence[CellScore],
) -> Difference:
    differences = np.abs(_log_likelihoods(left) - _log_likelihoods(right))
    try:
        pearson_r = statistics.correlation(
            _mean_scores(questions, left), _mean_scores(questions, right)
        )
    except statistics.StatisticsError:  # one prompt, or scores that are all the same
        pearson_r = None
    return Difference(float(differences.max()), float(differences.mean()), pearson_r)


def _log_likelihoods(scores: Sequence[CellScore]) -> NDArray[np.float64]:
    return np.array([answer.log_likelihood for score in scores for answer in score.answers])


def _mean_scores(
    questions: Sequence[Sequence[TokenisedCell]], scores: Sequence[CellScore]
) -> list[float]:
    """Return the sum of p_k s_k for each prompt (docs/method.md)."""
    probabilities = map(_probabilities, chain.from_iterable(questions), scores)
    return [float(p @ np.linspace(-1, 1, len(p))) for p in probabilities]


def _size(*cells: TokenisedCell) -> int:
    """Return tokens of the longest answers of `cells`, prompts included."""
    return max(len(answer.token_ids) for cell in cells for answer in cell.answers)


def _longest(questions: Sequence[Sequence[TokenisedCell]]) -> TokenisedCell:
    return max(chain.from_iterable(questions), key=_size)


def _spread(items: Sequence[Item], count: int) -> list[Item]:
    """Return at most `count` of `items`, evenly apart."""
    count = min(count, len(items))
    return [items[len(items) * (2 * number + 1) // (2 * count)] for number in range(count)]
