"""Generated studies as surveys of one home, built by dbt as a user's would be."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import duckdb
import numpy as np
import pandas as pd

from tests.calibration.truth import (
    CERTAIN,
    RESPONDENTS,
    GeneratedModel,
    Prompted,
    Scores,
    World,
    draw,
)
from tests.dbt_project.study import (
    SCORED_AT,
    WITHOUT_TESTS,
    Instrument,
    add_load,
    build_successfully,
    land_design,
    land_model,
    land_run,
)
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.surveys import COLUMNS

ORDERS = ("forward", "reverse")
# What states an interval or a test, or a verdict, and all that these need.
MARTS = (
    "agg_country_correlations",
    "agg_continent_correlations",
    "agg_model_summary",
    "agg_category_correlations",
    "agg_western_gap",
    "agg_distances",
    "agg_item_structure",
    "cmp_base_chat",
    "cmp_model_size",
    "cmp_quantization",
)
PROMPT_MART = "agg_prompt_errors"
# Names of the registry, which say what is compared with what.
BASE = ("smollm2-360m", "Q8_0")
CHAT = ("smollm2-360m-instruct", "Q8_0")
CHAT_Q4 = ("smollm2-360m-instruct", "Q4_K_M")
SMALL_CHAT = ("smollm2-135m-instruct", "Q8_0")
RANDOM = ("random", "Q8_0")
# A model that is asked in several templates, and how well it does in them.
PROMPTED = ("prompted", "Q8_0")
TEMPLATES = ("first", "second", "third")
PROMPTS = Prompted(world=0.7, country=0.35, errors=(0.02, 0.03, 0.015, 0.01), spread=0.6)
# Draws of random answers and of shuffled countries: enough for a test at 5%.
DRAWS = 99


@dataclass(frozen=True)
class Scene:
    """How many independent surveys are asked of how many countries, with which seed.

    `has_prompts` is a scene of one model that is asked in several templates.
    """

    countries: int
    surveys: int
    seed: int = 1
    has_prompts: bool = False


def generated_models(world: World) -> dict[tuple[str, str], GeneratedModel]:
    """Return models of known truth. Base, chat and Q4 have the r of the blind baseline."""
    knowing = {"world": 0.7, "country": 0.35}
    as_blind = world.error_for(world.blind_r, **knowing)
    return {
        BASE: GeneratedModel(**knowing, error=as_blind, sources={"family": 0.5, "base": 0.5}),
        CHAT: GeneratedModel(
            **knowing, error=as_blind, sources={"family": 0.5, "chat": 0.45, "8 bits": 0.05}
        ),
        CHAT_Q4: GeneratedModel(
            **knowing, error=as_blind, sources={"family": 0.5, "chat": 0.45, "4 bits": 0.05}
        ),
        SMALL_CHAT: GeneratedModel(
            world=0.4, country=0, error=world.error_for(0.4, 0.4, 0), sources={"small": 1}
        ),
        RANDOM: GeneratedModel(world=0, country=0, error=0.06, sources={"random": 1}),
    }


def asked_questions(instrument: Instrument) -> pd.DataFrame:
    """Return the 175 questions of wave 7 whose shares are published by question: 49 batteries."""
    questions = instrument.questions
    number = questions["question_id"].str[1:].astype(int)
    is_asked = (number <= 198) & (number != 82) & ~number.between(94, 105)
    is_scored = questions["scale_kind"].isin(["ordinal", "binary"])
    return questions[is_asked & is_scored].reset_index(drop=True)


def build_scene(home: Home, scene: Scene, instrument: Instrument) -> None:
    """Write surveys, people and answers of a scene, and build the marts."""
    questions = asked_questions(instrument)
    in_wave = instrument.countries[instrument.countries["in_wvs7"]]
    countries = sorted(in_wave["country_id"])[: scene.countries]
    random = np.random.default_rng([scene.seed, scene.countries, scene.has_prompts])
    surveys = [f"s{number:04d}" for number in range(scene.surveys)]
    batteries, _ = pd.factorize(questions["battery_id"])
    drawn = [draw(random, scene.countries, batteries, _scores_of(scene, random)) for _ in surveys]
    _write_instruments(home, surveys, questions)
    for survey_id, scores in zip(surveys, drawn, strict=True):
        _load_people(home, survey_id, questions, countries, scores, random)
    for template, order in _prompts(scene):
        land_design(home, _prompt_id(template, order), template_id=template, choice_order=order)
    for name, quantization in [PROMPTED] if scene.has_prompts else _models(scene):
        model_id = f"{name}-{quantization}"
        land_model(
            home,
            model_id,
            name,
            is_in_registry=name.startswith("smollm2"),
            is_chat=name.endswith("instruct"),
            quantization=quantization,
        )
        for template, order in _prompts(scene):
            prompt_id = _prompt_id(template, order)
            of_score = prompt_id if scene.has_prompts else model_id
            answers = pd.concat(
                _cells(survey_id, questions, countries, scores.models[of_score])
                for survey_id, scores in zip(surveys, drawn, strict=True)
            )
            land_run(home, f"{model_id}-{prompt_id}", model_id, prompt_id)
            _land_answers(home, f"{model_id}-{prompt_id}", model_id, prompt_id, answers)
    marts = [PROMPT_MART] if scene.has_prompts else MARTS
    selected = (f"+{mart}" for mart in marts)
    build_successfully(home, *WITHOUT_TESTS, "--select", *selected, random_answers=DRAWS)


def _models(scene: Scene) -> dict[tuple[str, str], GeneratedModel]:
    return generated_models(World(scene.countries))


def _prompts(scene: Scene) -> list[tuple[str, str]]:
    """Return the template and order of each prompt."""
    return list(product(TEMPLATES if scene.has_prompts else ("paper",), ORDERS))


def _prompt_id(template: str, order: str) -> str:
    return f"{template}-{order}"


def _scores_of(scene: Scene, random: np.random.Generator) -> dict[str, GeneratedModel]:
    """Return what is drawn for one survey: a score of each model, or of its one model's prompts."""
    if scene.has_prompts:
        drawn = PROMPTS.draw(random, TEMPLATES, ORDERS)
        return {_prompt_id(*prompt): model for prompt, model in drawn.items()}
    return {"-".join(names): model for names, model in _models(scene).items()}


def _write_instruments(home: Home, surveys: list[str], questions: pd.DataFrame) -> None:
    """Write all surveys' questions: two choices, the batteries and categories of the instrument."""
    categories = list(questions["category_id"].unique())

    def write(name: str, rows: Iterable[list[object]]) -> None:
        folder = home.surveys / "generated"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([COLUMNS[name], *rows])

    write("survey", ([survey_id, survey_id, 1, "", ""] for survey_id in surveys))
    write(
        "categories",
        (
            [f"{survey_id}:{name}", survey_id, name, order, "false", ""]
            for survey_id in surveys
            for order, name in enumerate(categories)
        ),
    )
    write(
        "questions",
        (
            [
                *(f"{survey_id}:{row.question_id}", survey_id, row.Index),
                *(f"{survey_id}:{row.category_id}", row.battery_id, row.question_id),
                *(f"{row.question_id}?", "ordinal", "", "", "false", "", "", ""),
            ]
            for survey_id in surveys
            for row in questions.itertuples()
        ),
    )
    write(
        "choices",
        (
            ["native", f"{survey_id}:{name}", index, f"choice {index}", index, "true", "false"]
            for survey_id in surveys
            for name in questions["question_id"]
            for index in (1, 2)
        ),
    )


def _load_people(
    home: Home,
    survey_id: str,
    questions: pd.DataFrame,
    countries: list[str],
    scores: Scores,
    random: np.random.Generator,
) -> None:
    """Count the answers of a sample of each country's people."""
    cells = _cells(survey_id, questions, countries, scores.people)
    second = random.binomial(RESPONDENTS, cells["second"])
    counts = pd.concat(
        cells.assign(code=code, respondents=respondents)
        for code, respondents in ((1, RESPONDENTS - second), (2, second))
    )
    counts = counts[counts["respondents"] > 0].drop(columns="second")
    weights = counts["respondents"].astype(float)
    add_load(
        home,
        survey_id,
        counts.assign(wave=1, sum_of_weights=weights, sum_of_squared_weights=weights),
        survey_id=survey_id,
    )


def _cells(
    survey_id: str, questions: pd.DataFrame, countries: list[str], scores: np.ndarray
) -> pd.DataFrame:
    """Return one row per cell; `second` is the probability of the second choice."""
    places = pd.MultiIndex.from_product(
        [countries, survey_id + ":" + questions["question_id"]], names=["country_id", "question_id"]
    ).to_frame(index=False)
    return places.assign(second=np.clip((1 + scores.ravel()) / 2, 1 - CERTAIN, CERTAIN))


def _land_answers(
    home: Home, run_id: str, model_id: str, prompt_id: str, answers: pd.DataFrame
) -> None:
    target = home.landing / "choice_log_likelihoods" / f"{run_id}.parquet"
    with duckdb.connect() as connection:
        connection.register("answers", answers)
        connection.execute(
            f"""
            copy (
                select
                    '{run_id}' as run_id, '{model_id}' as model_id, '{prompt_id}' as prompt_id,
                    'n1' as numerics_id, 'native' as coding_id, question_id, country_id,
                    cast(choice as integer) as choice_index,
                    cast(choice as integer) as choice_position,
                    chr(64 + choice) as choice_label, 'choice ' || choice as choice_text,
                    'prompt' as prompt_text, 'choice ' || choice as answer_text,
                    't1' as text_sha256,
                    ln(if(choice = 2, second, 1 - second)) - 1 as log_likelihood,
                    cast(null as double) as label_log_likelihood,
                    [log_likelihood] as token_log_likelihoods,
                    cast(1 as integer) as label_token_count,
                    cast(1 as integer) as token_count,
                    cast(8 as integer) as byte_count,
                    0.1 as off_choice_mass,
                    false as boundary_merged,
                    $moment::timestamptz as scored_at
                from answers cross join (values (1), (2)) as choices (choice)
            ) to '{target}' (format parquet, compression zstd)
            """,
            {"moment": SCORED_AT},
        )
