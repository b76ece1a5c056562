"""Generated studies as surveys of one home, built by dbt as a user's would be."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.calibration.truth import (
    CERTAIN,
    COUNTRY,
    KNOWN_OF_COUNTRY,
    KNOWN_OF_WORLD,
    RESPONDENTS,
    WORLD,
    Floats,
    GeneratedModel,
    GroupedModel,
    Halves,
    Prompted,
    Scores,
    World,
    draw,
    draw_halves,
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
    # And what the saved questions read, whose verdicts are measured too.
    "dim_categories",
    "dim_models",
    "dim_prompts",
)
PROMPT_MART = "agg_prompt_errors"
SUBJECT_MARTS = (
    "agg_group_correlations",
    "agg_group_differences",
    "agg_steering",
    "agg_question_steering",
    # And what the saved questions about people read.
    "fct_human_mean_scores",
    "dim_populations",
    "dim_countries",
    "dim_questions",
)
RANK_MARTS = ("agg_country_correlations", "agg_category_correlations", "agg_model_summary")
WAY_MARTS = ("cmp_elicitations", "cmp_quantization")
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
# A model that knows how groups differ and tells real names from invented ones, and one that does
# neither but says something of every group and name.
KNOWING = ("knowing", "Q8_0")
GUESSING = ("guessing", "Q8_0")
GROUPS = {"sex=female": 1, "sex=male": -1}
PLACEBOS = 12
# Models that are ranked, with the factor of their errors where they are not alike. The factors of
# countries and categories are log-normal; two surveys in a row have the same ones.
RANKED = {("ranked", f"Q{bits}_0"): float(np.exp(0.08 * (bits - 5))) for bits in (3, 4, 5, 6, 7)}
RANKED_R = 0.6
COUNTRIES_DIFFER, CATEGORIES_DIFFER = 0.15, 0.4
ALIKE, APART = "alike", "apart"
# Pairs of a base model and its chat version, with what the measures of the base model are and how
# much lower those of the chat version: what is stated on average as the smallest difference to be
# detected, of means over countries by the first pair and of single countries by the second.
DIFFERING = {"smollm2-360m": (0.142, 0.051), "smollm2-135m": (0.197, 0.186)}
DIFFERING_FROM = (0.6, 0.5)
# Sampled answers of one cell in one order.
SAMPLED = 200
# Draws of random answers and of shuffled countries: enough for a test at 5%.
DRAWS = 99


Kind = Literal["models", "prompts", "subjects", "ways", "ranks", "differences", "map"]


@dataclass(frozen=True)
class Scene:
    """How many independent surveys are asked of how many countries, with which seed.

    `kind` is what differs: models; templates and orders of one model; the groups and invented
    countries that models are asked about; the ways of asking, and precisions; units that are
    ranked; pairs of models that differ by the smallest difference to be detected. The cultural map
    has a module of its own.
    """

    countries: int
    surveys: int
    seed: int = 1
    kind: Kind = "models"


@dataclass(frozen=True)
class Drawn:
    """The true scores of one survey; the models' rows of invented countries follow the real ones.

    `halves` are of the scene of groups.
    """

    scores: Scores
    halves: Halves | None = None


def generated_models(world: World) -> dict[tuple[str, str], GeneratedModel]:
    """Return models of known truth. Base, chat and Q4 have the r of the blind baseline."""
    knowing = {"world": KNOWN_OF_WORLD, "country": KNOWN_OF_COUNTRY}
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


def grouped_models(world: World) -> dict[str, GroupedModel]:
    """Return the models that are asked about groups and invented countries, by their ids."""
    knowing = {"world": KNOWN_OF_WORLD, "country": KNOWN_OF_COUNTRY}
    as_blind = world.error_for(world.blind_r, **knowing)
    return {
        "-".join(name): GroupedModel(
            GeneratedModel(**knowing, error=as_blind, sources={name[0]: 1}), *differs
        )
        for name, differs in ((KNOWING, (0.7, 0.003, 2.0)), (GUESSING, (0.0, 0.0015, 1.0)))
    }


def ways_of_asking(world: World) -> dict[str, GeneratedModel]:
    """Return what a model says by log-likelihoods and by sampled answers, and its Q4 by these.

    Sampled answers have a smaller error of their own, so that all r are those of the blind
    baseline.
    """
    chat, q4 = (generated_models(world)[name] for name in (CHAT, CHAT_Q4))
    variance = chat.world**2 * WORLD + chat.country**2 * COUNTRY + chat.error
    # Averaged over two orders; drawing has the variance of answers that are -1 or 1.
    sampling = (1 - variance) / (2 * SAMPLED - 1)
    error = chat.error - sampling
    return {
        f"{'-'.join(CHAT)} likelihood": chat,
        f"{'-'.join(CHAT)} sampled": replace(
            chat,
            error=error,
            sampling=sampling,
            sources={"family": 0.5, "sampled 8 bits": 0.5},
        ),
        f"{'-'.join(CHAT_Q4)} sampled": replace(
            q4,
            error=error,
            sampling=sampling,
            sources={"family": 0.5, "sampled 4 bits": 0.5},
        ),
    }


def differing_models(world: World) -> dict[tuple[str, str], GeneratedModel]:
    """Return pairs of models, of which the chat version is worse by a known difference."""
    r, demeaned_r = DIFFERING_FROM
    models = {}
    for base, (lower, demeaned_lower) in DIFFERING.items():
        models[base, "Q8_0"] = world.model_of(r, demeaned_r, {base: 0.8, "base": 0.2})
        models[f"{base}-instruct", "Q8_0"] = world.model_of(
            r - lower, demeaned_r - demeaned_lower, {base: 0.8, f"{base} chat": 0.2}
        )
    return models


class Qualities(NamedTuple):
    """By what errors are multiplied in each country and in each category."""

    countries: Floats
    categories: Floats


def qualities(scene: Scene, number: int, categories: int) -> Qualities:
    """Return the factors of a survey by its number; two in a row have the same."""
    random = np.random.default_rng([scene.seed, scene.countries, number // 2])
    return Qualities(
        np.exp(COUNTRIES_DIFFER * random.standard_normal(scene.countries)),
        np.exp(CATEGORIES_DIFFER * random.standard_normal(categories)),
    )


def ranked_scores(
    scene: Scene, random: np.random.Generator, questions: pd.DataFrame, number: int
) -> Scores:
    """Return models whose countries and categories are all alike, and the same set apart."""
    known, world = KNOWN_OF_WORLD, World(scene.countries)
    model = GeneratedModel(known, known, world.error_for(RANKED_R, known, known), {})
    models = {
        "-".join(name): replace(model, sources={"all": 0.5, "-".join(name): 0.5}) for name in RANKED
    }
    batteries, _ = pd.factorize(questions["battery_id"])
    category, categories = pd.factorize(questions["category_id"])
    scores = draw(random, scene.countries, batteries, models)
    of_countries, of_categories = qualities(scene, number, len(categories))
    both = {}
    for name, factor in RANKED.items():
        model_id = "-".join(name)
        signal = known * scores.people
        error = scores.models[model_id] - signal
        both[f"{model_id} {ALIKE}"] = signal + error
        apart = factor * of_countries[:, None] * of_categories[category]
        both[f"{model_id} {APART}"] = signal + apart * error
    return Scores(scores.people, both)


def asked_questions(instrument: Instrument) -> pd.DataFrame:
    """Return the 175 questions of wave 7 whose shares are published by question: 49 batteries."""
    questions = instrument.questions
    number = questions["question_id"].str[1:].astype(int)
    is_asked = (number <= 198) & (number != 82) & ~number.between(94, 105)
    is_scored = questions["scale_kind"].isin(["ordinal", "binary"])
    return questions[is_asked & is_scored].reset_index(drop=True)


def build_scene(home: Home, scene: Scene, instrument: Instrument) -> list[Drawn]:
    """Write surveys, people and answers of a scene, and build the marts; return what is true."""
    questions = asked_questions(instrument)
    in_wave = instrument.countries[instrument.countries["in_wvs7"]]
    countries = sorted(in_wave["country_id"])[: scene.countries]
    random = np.random.default_rng([scene.seed, scene.countries, _KINDS.index(scene.kind)])
    surveys = [survey_name(number) for number in range(scene.surveys)]
    drawn = [_draw(scene, random, questions, number) for number in range(scene.surveys)]
    _write_instruments(home, surveys, questions)
    for survey_id, own in zip(surveys, drawn, strict=True):
        _load_people(home, survey_id, questions, countries, own, random)
    prompts = {
        _prompt_id(elicitation, template, order): {
            "template_id": template,
            "choice_order": order,
            "order_family_id": f"{elicitation}-{template}",
            "elicitation": elicitation,
            "temperature": 1.0 if elicitation == "sampled" else None,
        }
        for elicitation, template, order in _prompts(scene)
    }
    for prompt_id, design in prompts.items():
        land_design(home, prompt_id, **design)
    for name, quantization in _models(scene):
        model_id = f"{name}-{quantization}"
        land_model(
            home,
            model_id,
            name,
            is_in_registry=name.startswith("smollm2"),
            is_chat=name.endswith("instruct"),
            quantization=quantization,
            file_bytes=4 if quantization.startswith("Q4") else 8,
        )
        for prompt_id, design in prompts.items():
            of_score = {
                "models": model_id,
                "subjects": model_id,
                "prompts": prompt_id,
                "ways": f"{model_id} {design['elicitation']}",
                "ranks": f"{model_id} {design['template_id']}",
                "differences": model_id,
            }[scene.kind]
            if of_score not in drawn[0].scores.models:
                continue
            answers = pd.concat(
                _answers(survey_id, questions, countries, own, of_score)
                for survey_id, own in zip(surveys, drawn, strict=True)
            )
            if design["elicitation"] == "sampled":
                answers["second"] = random.binomial(SAMPLED, answers["second"]) / SAMPLED
                answers["draws"] = SAMPLED
            land_run(home, f"{model_id}-{prompt_id}", model_id, prompt_id)
            _land_answers(home, f"{model_id}-{prompt_id}", model_id, prompt_id, answers)
    marts = {
        "models": MARTS,
        "prompts": (PROMPT_MART,),
        "subjects": SUBJECT_MARTS,
        "ways": WAY_MARTS,
        "ranks": RANK_MARTS,
        "differences": ("cmp_base_chat",),
    }[scene.kind]
    selected = (f"+{mart}" for mart in marts)
    build_successfully(home, *WITHOUT_TESTS, "--select", *selected, random_answers=DRAWS)
    return drawn


# The order is part of the random numbers' seed.
_KINDS: tuple[Kind, ...] = ("models", "prompts", "subjects", "ways", "ranks", "differences")


def survey_name(number: int) -> str:
    """Return the id of the survey of this number."""
    return f"s{number:04d}"


def _models(scene: Scene) -> list[tuple[str, str]]:
    return {
        "models": [BASE, CHAT, CHAT_Q4, SMALL_CHAT, RANDOM],
        "prompts": [PROMPTED],
        "subjects": [KNOWING, GUESSING],
        "ways": [CHAT, CHAT_Q4],
        "ranks": list(RANKED),
        "differences": list(differing_models(World(scene.countries))),
    }[scene.kind]


def _prompts(scene: Scene) -> list[tuple[str, str, str]]:
    """Return the elicitation, template and order of each prompt."""
    ways = ("likelihood", "sampled") if scene.kind == "ways" else ("likelihood",)
    templates = {"prompts": TEMPLATES, "ranks": (ALIKE, APART)}.get(scene.kind, ("paper",))
    # What these scenes are about is asked in each order alike.
    has_one = scene.kind in ("subjects", "ranks", "differences")
    return list(product(ways, templates, ORDERS[:1] if has_one else ORDERS))


def _prompt_id(elicitation: str, template: str, order: str) -> str:
    return f"{elicitation}-{template}-{order}"


def _draw(scene: Scene, random: np.random.Generator, questions: pd.DataFrame, number: int) -> Drawn:
    """Return the scores of one survey: of each model, of each prompt or of each way of asking."""
    world = World(scene.countries)
    batteries, _ = pd.factorize(questions["battery_id"])
    if scene.kind == "ranks":
        return Drawn(ranked_scores(scene, random, questions, number))
    if scene.kind == "prompts":
        prompts = {
            _prompt_id("likelihood", *prompt): model
            for prompt, model in PROMPTS.draw(random, TEMPLATES, ORDERS).items()
        }
        return Drawn(draw(random, scene.countries, batteries, prompts))
    if scene.kind == "ways":
        return Drawn(draw(random, scene.countries, batteries, ways_of_asking(world)))
    if scene.kind in ("models", "differences"):
        of_kind = generated_models if scene.kind == "models" else differing_models
        models = {"-".join(name): model for name, model in of_kind(world).items()}
        return Drawn(draw(random, scene.countries, batteries, models))
    grouped = grouped_models(world)
    of_countries = {name: model.country for name, model in grouped.items()}
    # What is said of an invented country is what would be said of one more country.
    scores = draw(random, scene.countries + PLACEBOS, batteries, of_countries)
    for name, model in grouped.items():
        invented = scores.models[name][scene.countries :]
        invented[:] = invented.mean(axis=0) + (invented - invented.mean(axis=0)) / model.steering
    return Drawn(
        Scores(scores.people[: scene.countries], scores.models),
        draw_halves(random, scene.countries, batteries, grouped),
    )


def _answers(
    survey_id: str, questions: pd.DataFrame, countries: list[str], own: Drawn, of_score: str
) -> pd.DataFrame:
    """Return the cells of one model and prompt: countries, groups of people, invented countries."""
    scores = own.scores.models[of_score]
    real = scores[: len(countries)]
    cells = [_cells(survey_id, questions, countries, real)]
    if own.halves:
        half = own.halves.models[of_score]
        for group_id, sign in GROUPS.items():
            of_group = _cells(survey_id, questions, countries, real + sign * half)
            cells.append(of_group.assign(group_id=group_id))
        names = [f"placebo-{number:02d}" for number in range(PLACEBOS)]
        invented = _cells(survey_id, questions, names, scores[len(countries) :])
        cells.append(invented.assign(placebo_id=invented["country_id"], country_id="ZZZ"))
    return pd.concat(cells)


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
    own: Drawn,
    random: np.random.Generator,
) -> None:
    """Count the answers of a sample of each country's people, and of each group in it."""
    if own.halves is None:
        cells = _cells(survey_id, questions, countries, own.scores.people)
        _load(home, survey_id, random.binomial(RESPONDENTS, cells["second"]), RESPONDENTS, cells)
        return
    size = RESPONDENTS // len(GROUPS)
    whole = np.zeros(own.scores.people.size, dtype=int)
    for group_id, sign in GROUPS.items():
        people = own.scores.people + sign * own.halves.people
        cells = _cells(survey_id, questions, countries, people)
        second = random.binomial(size, cells["second"])
        whole += second
        _load(home, survey_id, second, size, cells, breakdown="sex", subgroup_id=group_id)
    _load(home, survey_id, whole, RESPONDENTS, cells)


def _load(
    home: Home,
    survey_id: str,
    second: npt.NDArray[np.int_],
    respondents: int,
    cells: pd.DataFrame,
    **facts: Any,
) -> None:
    """Load how many of the respondents took the second choice in each cell."""
    counts = pd.concat(
        cells.assign(code=code, respondents=number)
        for code, number in ((1, respondents - second), (2, second))
    )
    counts = counts[counts["respondents"] > 0].drop(columns="second")
    weights = counts["respondents"].astype(float)
    add_load(
        home,
        "-".join([survey_id, *facts.values()]),
        counts.assign(wave=1, sum_of_weights=weights, sum_of_squared_weights=weights),
        survey_id=survey_id,
        **facts,
    )


def _cells(
    survey_id: str, questions: pd.DataFrame, countries: list[str], scores: np.ndarray
) -> pd.DataFrame:
    """Return one row per cell; `second` is the probability of the second choice."""
    places = pd.MultiIndex.from_product(
        [countries, survey_id + ":" + questions["question_id"]], names=["country_id", "question_id"]
    ).to_frame(index=False)
    return places.assign(second=np.clip((1 + scores.ravel()) / 2, 1 - CERTAIN, CERTAIN))


# Columns of a shard that only some answers have.
OPTIONAL = ["draws", "group_id", "placebo_id"]


def _land_answers(
    home: Home, run_id: str, model_id: str, prompt_id: str, answers: pd.DataFrame
) -> None:
    target = home.landing / "choice_log_likelihoods" / f"{run_id}.parquet"
    asked = answers.reindex(columns=["question_id", "country_id", "second", *OPTIONAL])
    with duckdb.connect() as connection:
        connection.register("answers", asked)
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
                    $moment::timestamptz as scored_at,
                    cast(draws as bigint) as draws,
                    cast(group_id as varchar) as group_id,
                    cast(placebo_id as varchar) as placebo_id
                from answers cross join (values (1), (2)) as choices (choice)
            ) to '{target}' (format parquet, compression zstd)
            """,
            {"moment": SCORED_AT},
        )
