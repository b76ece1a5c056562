"""The sequence path against llama-cpp-python's own, and the tree against the sequence path."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import llama_cpp
import numpy as np
import pytest
from scipy.special import log_softmax

from valuescope.scorer.engine.contexts import BatchToken, Context, Model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.paths.choice import largest_difference
from valuescope.scorer.paths.copied_sequences import CopyScorer
from valuescope.scorer.paths.path import CellScore, Scorer, scored_sequences
from valuescope.scorer.paths.sequence import SequenceScorer
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.paths.tree import TreeScorer, count_nodes
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import Answer, Prompt, render_prompt
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Instrument

STYLES = ["label", "label_text", "text"]
Path = Callable[[Context], Scorer]
SHARING_PATHS = [TreeScorer, CopyScorer]
ALL_PATHS = [SequenceScorer, *SHARING_PATHS]


@pytest.fixture
def context(exact_smollm2: Model, numerics: Numerics) -> Iterator[Context]:
    with exact_smollm2.new_context(1024, numerics, threads=1, sequences=64) as context:
        yield context


@pytest.fixture
def shallow(exact_shallow: Model, numerics: Numerics) -> Iterator[Context]:
    """Two layers, where the subject is how tokens are shared and cut."""
    with exact_shallow.new_context(1024, numerics, threads=1, sequences=64) as context:
        yield context


def cells_of(
    model: Model, instrument: Instrument, style: str, question_id: str, *country_ids: str
) -> list[TokenisedCell]:
    design = PromptDesign(named_template("paper"), answer_style=style)
    question = instrument.question(question_id)
    countries = [None, *map(instrument.country, country_ids)]
    return [
        tokenise_cell(
            model, render_prompt(question, country, design), "template", with_label=style != "text"
        )
        for country in countries
    ]


def token_values(scores: Sequence[CellScore]) -> list[float]:
    return [
        value
        for score in scores
        for answer in score.answers
        for value in answer.token_log_likelihoods
    ]


def distinct_prefixes(cells: Sequence[TokenisedCell]) -> set[tuple[int, ...]]:
    return {
        tokens[:length]
        for cell in cells
        for tokens, _ in scored_sequences(cell)
        for length in range(1, len(tokens))
    }


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["smollm2", "gemma"])
def test_log_likelihoods_are_those_of_llama_cpp_pythons_own_evaluation(
    request: pytest.FixtureRequest,
    instrument: Instrument,
    numerics: Numerics,
    name: str,
    style: str,
) -> None:
    model: Model = request.getfixturevalue(name)
    model_file: ModelFile = request.getfixturevalue(f"{name}_file")
    cell = cells_of(model, instrument, style, "Q1", "JPN")[1]
    with model.new_context(256, numerics, threads=1) as own_context:
        (score,) = SequenceScorer(own_context).score([[cell]])
    independent = llama_cpp.Llama(
        str(model_file.path),
        n_ctx=256,
        n_threads=1,
        n_threads_batch=1,
        logits_all=True,
        flash_attn=False,
        swa_full=True,
        type_k=llama_cpp.GGML_TYPE_F32,
        type_v=llama_cpp.GGML_TYPE_F32,
        verbose=False,
    )
    for answer, answer_score in zip(cell.answers, score.answers, strict=True):
        independent.n_tokens = 0
        independent.eval(answer.token_ids[:-1])
        logits = independent.scores[: len(answer.token_ids) - 1]
        expected = [
            log_softmax(logits[position - 1].astype(np.float64))[answer.token_ids[position]]
            for position in range(answer.start, len(answer.token_ids))
        ]
        assert answer_score.token_log_likelihoods == pytest.approx(expected, abs=1e-5)
        assert answer_score.log_likelihood == pytest.approx(sum(expected), abs=1e-5)
    independent.close()


@pytest.mark.parametrize("path", SHARING_PATHS)
@pytest.mark.parametrize("style", STYLES)
def test_paths_agree_with_single_sequences_where_weights_are_exact(
    exact_smollm2: Model, context: Context, instrument: Instrument, path: Path, style: str
) -> None:
    cells = cells_of(exact_smollm2, instrument, style, "Q1", "JPN", "USA")
    single = list(SequenceScorer(context).score([cells]))
    shared = list(path(context).score([cells]))
    assert token_values(shared) == pytest.approx(token_values(single), abs=1e-4)
    for one, other in zip(shared, single, strict=True):
        assert one.off_choice_mass == pytest.approx(other.off_choice_mass, abs=1e-5)
        for a, b in zip(one.answers, other.answers, strict=True):
            assert a.label_log_likelihood == pytest.approx(b.label_log_likelihood, abs=1e-4)


def test_a_sliding_window_model_agrees_with_single_sequences_where_weights_are_exact(
    exact_gemma: Model, numerics: Numerics, instrument: Instrument
) -> None:
    cells = cells_of(exact_gemma, instrument, "label_text", "Q1", "JPN")
    with exact_gemma.new_context(512, numerics, threads=1, sequences=32) as context:
        single = list(SequenceScorer(context).score([cells]))
        tree = list(TreeScorer(context).score([cells]))
    assert token_values(tree) == pytest.approx(token_values(single), abs=1e-2)


@pytest.mark.parametrize("path", SHARING_PATHS)
@pytest.mark.parametrize(
    ("batch_size", "sequences"), [(128, 64), (32, 64), (7, 64), (128, 5), (16, 3)]
)
def test_however_batches_are_cut_answers_are_the_same(
    exact_shallow: Model,
    shallow: Context,
    instrument: Instrument,
    path: Path,
    batch_size: int,
    sequences: int,
) -> None:
    cells = cells_of(exact_shallow, instrument, "label_text", "Q1", "JPN", "USA", "DEU", "KEN")
    expected = list(TreeScorer(shallow).score([cells]))
    with exact_shallow.new_context(768, Numerics(batch_size=batch_size), 1, sequences) as small:
        cut = list(path(small).score([cells]))
        assert token_values(cut) == pytest.approx(token_values(expected), abs=1e-4)
        if path is TreeScorer:
            assert small.tokens_decoded == len(distinct_prefixes(cells))


@pytest.mark.parametrize("style", STYLES)
def test_the_tree_decodes_every_distinct_prefix_once(
    exact_shallow: Model, shallow: Context, instrument: Instrument, style: str
) -> None:
    cells = cells_of(exact_shallow, instrument, style, "Q1", "JPN", "USA")
    list(TreeScorer(shallow).score([cells]))
    assert shallow.tokens_decoded == len(distinct_prefixes(cells)) == count_nodes(cells)


def test_questions_share_full_batches_and_what_stands_before_their_own_words(
    exact_shallow: Model, shallow: Context, instrument: Instrument
) -> None:
    questions = [
        cells_of(exact_shallow, instrument, "label", question_id, "JPN")
        for question_id in ("Q1", "Q57", "Q182", "Q57")
    ]
    batches: list[int] = []
    decode = shallow.decode

    def counted(tokens: Sequence[BatchToken]) -> list[dict[int, float]]:
        batches.append(len(tokens))
        return decode(tokens)

    shallow.decode = counted  # type: ignore[method-assign]
    together = list(TreeScorer(shallow).score(questions))
    apart = [score for cells in questions for score in TreeScorer(shallow).score([cells])]
    assert token_values(together) == pytest.approx(token_values(apart), abs=1e-4)
    packed = batches[: 1 + next(i for i, size in enumerate(batches) if size < 128)]
    assert packed[:-1] == [128] * (len(packed) - 1)
    assert sum(packed) < sum(len(distinct_prefixes(cells)) for cells in questions)


def test_a_question_is_given_as_soon_as_it_is_decoded(
    exact_shallow: Model, shallow: Context, instrument: Instrument
) -> None:
    taken: list[str] = []

    def questions() -> Iterator[list[TokenisedCell]]:
        for question_id in ("Q1", "Q2", "Q3", "Q4", "Q5"):
            taken.append(question_id)
            yield cells_of(exact_shallow, instrument, "label", question_id, "JPN", "KEN")

    next(TreeScorer(shallow).score(questions()))
    assert taken == ["Q1", "Q2"]


def test_the_sequence_path_decodes_answers_that_differ_in_their_last_token_once(
    exact_shallow: Model, shallow: Context, instrument: Instrument
) -> None:
    cells = cells_of(exact_shallow, instrument, "label", "Q182", "JPN")
    list(SequenceScorer(shallow).score([cells]))
    assert shallow.tokens_decoded == sum(len(cell.answers[0].token_ids) - 1 for cell in cells)


def test_the_label_of_a_labelled_answer_scores_as_the_label_alone(
    exact_shallow: Model, shallow: Context, instrument: Instrument
) -> None:
    scorer = SequenceScorer(shallow)
    (with_text,) = scorer.score([cells_of(exact_shallow, instrument, "label_text", "Q1")])
    (alone,) = scorer.score([cells_of(exact_shallow, instrument, "label", "Q1")])
    for a, b in zip(with_text.answers, alone.answers, strict=True):
        assert a.label_log_likelihood == pytest.approx(b.log_likelihood, abs=1e-4)
        assert b.label_log_likelihood == b.log_likelihood


def test_an_answer_without_a_label_has_no_label_score(
    exact_shallow: Model, shallow: Context, instrument: Instrument
) -> None:
    (score,) = SequenceScorer(shallow).score([cells_of(exact_shallow, instrument, "text", "Q1")])
    assert [answer.label_log_likelihood for answer in score.answers] == [None] * 4


@pytest.mark.parametrize("path", ALL_PATHS)
def test_a_label_that_is_no_prefix_is_scored_apart(
    exact_shallow: Model, shallow: Context, path: Path
) -> None:
    answers = tuple(
        Answer(index, index, label, text, text)
        for index, (label, text) in enumerate([("A", "Apples"), ("B", "Bananas")], start=1)
    )
    fruit = Prompt("Q900", "JPN", "Fruit?", answers)
    labels = replace(fruit, answers=tuple(replace(a, text=a.label) for a in answers))
    scorer: Scorer = path(shallow)
    (apart,) = scorer.score([[tokenise_cell(exact_shallow, fruit, "raw", with_label=True)]])
    (alone,) = scorer.score([[tokenise_cell(exact_shallow, labels, "raw", with_label=True)]])
    for a, b in zip(apart.answers, alone.answers, strict=True):
        assert a.label_log_likelihood == pytest.approx(b.log_likelihood, abs=1e-4)
        assert a.label_log_likelihood != pytest.approx(a.log_likelihood, abs=1e-2)


@pytest.mark.parametrize("path", ALL_PATHS)
def test_choice_tokens_and_off_choice_mass_share_the_whole_probability(
    exact_shallow: Model,
    shallow: Context,
    instrument: Instrument,
    path: Path,
) -> None:
    cell = cells_of(exact_shallow, instrument, "label", "Q182", "JPN")[1]
    (score,) = path(shallow).score([[cell]])
    on_choices = sum(math.exp(answer.log_likelihood) for answer in score.answers)
    assert 0 < score.off_choice_mass < 1
    assert on_choices + score.off_choice_mass == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("path", ALL_PATHS)
def test_one_answer_may_begin_as_another_does(
    exact_shallow: Model, shallow: Context, path: Path
) -> None:
    answers = tuple(
        Answer(index, index, label, text, text)
        for index, (label, text) in enumerate(
            [("A", "Good"), ("B", "Good enough"), ("C", "Bad")], start=1
        )
    )
    cell = tokenise_cell(
        exact_shallow, Prompt("Q900", "JPN", "Tea is", answers), "raw", with_label=False
    )
    (score,) = path(shallow).score([[cell]])
    short, long, other = score.answers
    assert long.token_log_likelihoods[0] == pytest.approx(short.log_likelihood, abs=1e-4)
    first_tokens = math.exp(short.log_likelihood) + math.exp(other.token_log_likelihoods[0])
    assert score.off_choice_mass == pytest.approx(1 - first_tokens, abs=1e-6)


@pytest.mark.parametrize("path", ALL_PATHS)
def test_a_context_too_short_for_a_prompt_says_how_much_it_needs(
    exact_shallow: Model, instrument: Instrument, path: Path
) -> None:
    cells = cells_of(exact_shallow, instrument, "label", "Q182")
    with (
        exact_shallow.new_context(64, Numerics(batch_size=16), 1, sequences=3) as short,
        pytest.raises(ValuescopeError, match=r"Q182 for ZZZ needs 1\d\d tokens.* holds \d\d"),
    ):
        list(path(short).score([cells]))


def test_a_sliding_window_model_takes_the_tree_within_the_noise_of_its_quantization(
    gemma: Model, numerics: Numerics, instrument: Instrument
) -> None:
    cells = cells_of(gemma, instrument, "label", "Q1", "JPN")
    with gemma.new_context(1024, numerics, threads=1, sequences=32) as context:
        single = list(SequenceScorer(context).score([cells]))
        tree = list(TreeScorer(context).score([cells]))
    assert largest_difference(tree, single) <= 0.7
