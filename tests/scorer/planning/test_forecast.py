"""Estimates from texts alone, held against the tokenizers of two models."""

import numpy as np
import pytest
from scipy.stats import nct, t

from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.paths.tokens import tokenise_cell
from valuescope.scorer.paths.tree import count_nodes
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.forecast import (
    PlannedModel,
    Power,
    chat_tokens,
    distinct_prefixes,
    estimated_tokens,
    planned_model,
    planned_power,
)
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.instruments.seeds import Country, Instrument, Question

COUNTRIES = ("USA", "JPN", "DEU", "BRA", "NGA", "EGY", "BIH", "KOR")


@pytest.fixture(scope="module")
def questions(instrument: Instrument) -> list[Question]:
    """Every 43rd question: all categories, 2 to 10 choices."""
    return list(instrument.questions.values())[:258:43]


@pytest.fixture(scope="module")
def countries(instrument: Instrument) -> list[Country | None]:
    return [None, *(instrument.country(country_id) for country_id in COUNTRIES)]


def counted(
    model: Model, design: PromptDesign, questions: list[Question], countries: list[Country | None]
) -> int:
    return sum(
        count_nodes(
            [
                tokenise_cell(
                    model,
                    render_prompt(question, country, design),
                    design.chat_mode,
                    with_label=design.answer_style != "text",
                )
                for country in countries
            ]
        )
        for question in questions
    )


@pytest.mark.parametrize("template", ["paper", "listed", "survey", "country_last"])
@pytest.mark.parametrize("answer_style", ["label", "label_text", "text"])
def test_tokens_are_those_of_two_tokenizers_within_a_tenth(
    smollm2: Model,
    gemma: Model,
    questions: list[Question],
    countries: list[Country | None],
    template: str,
    answer_style: str,
) -> None:
    design = PromptDesign(named_template(template), answer_style=answer_style, chat_mode="raw")
    estimated = sum(estimated_tokens(design, question, countries) for question in questions)
    for model in (smollm2, gemma):
        assert estimated == pytest.approx(counted(model, design, questions, countries), rel=0.1)


def test_tokens_of_a_chat_are_counted_within_a_tenth(
    smollm2: Model, questions: list[Question], countries: list[Country | None]
) -> None:
    design = PromptDesign(named_template("paper"), answer_style="label")
    plain = sum(estimated_tokens(design, question, countries) for question in questions)
    added = chat_tokens(design, len(questions), len(questions) * len(countries))
    assert added > plain / 10
    assert plain + added == pytest.approx(counted(smollm2, design, questions, countries), rel=0.1)


def test_a_question_that_is_asked_nowhere_takes_no_tokens(questions: list[Question]) -> None:
    assert estimated_tokens(PromptDesign(named_template("paper")), questions[0], []) == 0


def test_shared_beginnings_count_once() -> None:
    assert distinct_prefixes([("a", "b", "c"), ("a", "b", "d"), ("b",)]) == 5
    assert distinct_prefixes([]) == 0


@pytest.mark.parametrize(
    ("name", "parameters", "bits"),
    [
        ("models/Llama-3.1-70B-Instruct-Q8_0.gguf", 70_000_000_000, 8.85),
        ("/data/Mixtral-8x7B-v0.1.IQ2_XS.gguf", 56_000_000_000, 2.85),
        ("qwen2.5-0.5b-instruct-bf16.gguf", 500_000_000, 16),
        ("Qwen2.5-7B-Instruct-1M.gguf", 7_000_000_000, 4.85),
        ("phi-3-mini-4k.Q6_K.gguf", 7_000_000_000, 6.85),
        ("mine.gguf", 7_000_000_000, 4.85),
    ],
)
def test_an_unregistered_model_is_as_large_as_its_file_name_says(
    instrument: Instrument, name: str, parameters: int, bits: float
) -> None:
    assert planned_model(name, instrument) == PlannedModel(name, parameters, bits, is_chat=True)


def test_a_registered_model_is_as_large_as_the_registry_says(instrument: Instrument) -> None:
    smollm2 = planned_model("smollm2-135m-instruct", instrument)
    assert smollm2.parameters == instrument.models[smollm2.name].parameter_count
    assert smollm2.is_chat
    assert not planned_model("gemma-3-270m", instrument).is_chat


@pytest.mark.parametrize(
    ("compute_type", "gpu_layers", "weights"),
    [("as-is", 0, 0.6e9), ("f32", 0, 4e9), ("f16", 0, 2e9), ("auto", 0, 4e9), ("auto", 99, 0.6e9)],
)
def test_memory_is_that_of_the_weights_as_computed_and_some_more(
    compute_type: str, gpu_layers: int, weights: float
) -> None:
    model = PlannedModel("mine", 1_000_000_000, 4.8, is_chat=True)
    numerics = Numerics(compute_type=compute_type, gpu_layers=gpu_layers)
    assert weights < model.memory_bytes(numerics) < weights + 1e9


def test_memory_that_is_planned_suffices_for_two_models(
    smollm2: Model, gemma: Model, instrument: Instrument
) -> None:
    as_is = Numerics(compute_type="as-is")
    for model in (smollm2, gemma):
        with model.new_context(1024, as_is, threads=1, sequences=64) as context:
            needed = model.weight_bytes + context.buffer_bytes
        assert planned_model(model.name, instrument).memory_bytes(as_is) > needed


def test_power_is_scipy_s_noncentral_t() -> None:
    """tests/calibration asks the same of generated studies."""
    power = Power((4, 3, 3, 2, 1, 1, 1), 10)
    freedom = 15**2 / (16 + 9 + 9 + 4 + 3) - 1
    assert power.freedom == pytest.approx(freedom)
    noncentral = 0.1 / power.error(0.6)
    critical = t.ppf(0.975, freedom)
    expected = nct.sf(critical, freedom, noncentral) + nct.cdf(-critical, freedom, noncentral)
    assert power.of(0.1, 0.6) == pytest.approx(expected)
    assert power.of(-0.1, 0.6) == power.of(0.1, 0.6)
    assert power.of(0, 0.6) == pytest.approx(0.05)
    assert power.of(power.smallest_difference(0.6), 0.6) == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize("r", [0.0, 0.5, 0.8])
def test_the_error_of_independent_cells_is_pearson_s_and_filon_s(r: float) -> None:
    """Two r that share a side: var r + var r - 2 cov, over 60 questions of one country."""
    between = r**2
    covariance = between * (1 - 2 * r**2) - 0.5 * r**2 * (1 - 2 * r**2 - between**2)
    expected = np.sqrt(2 * ((1 - r**2) ** 2 - covariance) / 60)
    assert Power((1,) * 60, 1).error(r) == pytest.approx(expected)


def test_error_counts_every_pair_of_cells_once() -> None:
    sizes, countries = (3, 2, 1), 2
    cells = [
        (country, battery, item)
        for country in range(countries)
        for battery, size in enumerate(sizes)
        for item in range(size)
    ]

    def alike(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
        shared = (1.0, 0.56)[one[2] != other[2]] if one[1] == other[1] else 0.0
        apart = (1.0, 0.42)[one[2] != other[2]] if one[1] == other[1] else 0.0
        return 0.7 * shared + (0.3 * apart if one[0] == other[0] else 0.0)

    squares = sum(alike(one, other) ** 2 for one in cells for other in cells)
    independent = len(cells) ** 2 / squares
    assert Power(sizes, countries).error(0.4) == pytest.approx(
        (1 - 0.16) * np.sqrt((2 - 0.16) / independent)
    )


def test_more_batteries_and_countries_show_more(instrument: Instrument) -> None:
    all_questions = list(instrument.questions.values())
    whole = planned_power(all_questions, 44)
    assert whole.is_enough
    scored = [q for q in all_questions if q.scale_kind in ("ordinal", "binary")]
    assert sum(whole.battery_sizes) == len(scored) < len(all_questions)
    smallest = whole.smallest_difference(0.5)
    assert planned_power(all_questions, 6).smallest_difference(0.5) > smallest
    assert planned_power(all_questions[:60], 44).smallest_difference(0.5) > smallest
    few = [question for question in scored if question.battery_id == scored[0].battery_id]
    assert not planned_power(few, 44).is_enough
    assert not planned_power(all_questions, 0).is_enough
