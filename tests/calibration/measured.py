"""What the marts of a built scene state, beside what is true."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata, spearmanr

from tests.calibration.cultural import intervals_of_places
from tests.calibration.study import (
    ALIKE,
    APART,
    DRAWS,
    GROUPS,
    PROMPT_MART,
    PROMPTED,
    PROMPTS,
    RANDOM,
    RANKED,
    SMALL_CHAT,
    Drawn,
    Scene,
    asked_questions,
    build_scene,
    differing_models,
    generated_models,
    grouped_models,
    qualities,
    survey_name,
    ways_of_asking,
)
from tests.calibration.truth import CERTAIN, Floats, Truth, World
from tests.dbt_project.study import read, read_instrument
from valuescope.warehouse.home import Home
from valuescope.warehouse.tables.saved_queries import statement

AVERAGED = "prompt_id not like '%-forward' and prompt_id not like '%-reverse'"
# Model ids of those that know nothing at all, and nothing that countries differ in.
KNOWS_NOTHING = "-".join(RANDOM)
SAYS_THE_SAME = "-".join(SMALL_CHAT)
DISTANCES = (
    "mean_absolute_error",
    "mean_wasserstein_1",
    "mean_total_variation",
    "total_variation_score",
    "mean_jensen_shannon_distance",
    "effective_respondents",
)


def _stated(
    mart: str, truth: str, number: str, interval: str, test: str = "", family: str = ""
) -> str:
    """Return the query of a number with the columns of its interval and, if it has one, test."""
    p_value, q_value = (f"{test}p_value", f"{test}q_value") if family else ("null", "null")
    return f"""
        select
            survey_id, model_id, '{mart}' as mart, '{truth}' as measure, '{number}' as number,
            {number} as estimate, {interval}low as ci_low, {interval}high as ci_high,
            cast({p_value} as double) as p_value, cast({q_value} as double) as q_value,
            cast({family or "null"} as varchar) as family
        from marts.{mart}
        where {AVERAGED} and {number} is not null
    """


_ABOVE_BLIND = ("r_above_blind_ci_", "r_above_blind_", "r_above_blind_family")
_OF_MODELS = [
    _stated(mart, measure, f"{mean}{measure}", *rest)
    for mart, mean in (
        ("agg_country_correlations", ""),
        ("agg_continent_correlations", ""),
        ("agg_model_summary", "mean_"),
    )
    for measure, *rest in (
        ("pearson_r", "ci_"),
        ("demeaned_pearson_r", "demeaned_ci_"),
        ("r_above_blind", *_ABOVE_BLIND),
    )
]
_OF_MODELS += [
    _stated(
        "agg_category_correlations",
        "r_above_blind",
        "rho0_above_blind",
        "rho0_above_blind_ci_",
        "rho0_above_blind_",
        "model_id || survey_id",
    ),
    _stated("agg_western_gap", "western_gap", "western_gap", "ci_", family="test_family"),
    _stated("agg_western_gap", "western_gap", "demeaned_gap", "demeaned_ci_"),
    _stated("agg_item_structure", "structure_r", "structure_r", "structure_ci_"),
]
_DISTANCES = [
    _stated("agg_distances", number, number, f"{number}_ci_") + " and stratum = 'all'"
    for number in DISTANCES
]
_PAIRS = ("cmp_base_chat", "cmp_model_size")
# Numbers without an interval.
_ESTIMATES = ("blind_baseline_r", "country_gain", "skill")
# Rankings by their reliability: the mart, what is ranked by what, and of whom it is one ranking.
_RANKINGS = {
    "r_ranking_reliability": (
        "agg_country_correlations",
        *("country_id", "pearson_r", "model_id"),
    ),
    "demeaned_ranking_reliability": (
        "agg_country_correlations",
        *("country_id", "demeaned_pearson_r", "model_id"),
    ),
    "category_ranking_reliability": (
        "agg_category_correlations",
        *("split_part(category_id, ':', 2)", "random_distance", "model_id"),
    ),
    "model_ranking_reliability": (
        "agg_model_summary",
        *("model_id", "mean_pearson_r", "'all'"),
    ),
}
# Numbers of templates and orders for which errors are forecast and measured here, too.
_FORECASTS = ((1, 1), (3, 2), (10, 2), (20, 4))
# What saved questions conclude, and what is wrong of a model where nothing differs.
_CONCLUSIONS = {
    "does_it_beat_the_blind_baseline": {
        "better than the blind baseline": 1,
        "worse than the blind baseline": -1,
        "not distinguishable from the blind baseline": 0,
    },
    "observation_1_categories": {
        "closer to people than random answers": 1,
        "not distinguishable from random answers": 0,
    },
    "observation_2_western_gap": {
        "closer in the West": 1,
        "closer elsewhere": -1,
        "no difference shown": 0,
    },
}
_OF_GROUPS = (
    *(
        ("agg_group_correlations", number)
        for number in (
            "pearson_r",
            "gain",
            "deviation_r",
            "mean_total_variation",
            "mean_wasserstein_1",
        )
    ),
    ("agg_group_differences", "deviation_r"),
    ("agg_group_differences", "stereotyping"),
)


@dataclass(frozen=True)
class Measured:
    """Rows of a scene: what is stated of a number, and `truth`.

    `tests` are tests without an interval, with a `p_value` and whether their null `is_null`;
    `ranks` say of what share of those that are truly as high a unit is said to be surely higher or
    lower, or whether its interval leaves out its true rank. `power` has tests of a difference of
    about the size that is stated to be found in 80%, `forecasts` errors of numbers of prompts.
    """

    intervals: pd.DataFrame = field(default_factory=pd.DataFrame)
    families: pd.DataFrame = field(default_factory=pd.DataFrame)
    verdicts: pd.DataFrame = field(default_factory=pd.DataFrame)
    estimates: pd.DataFrame = field(default_factory=pd.DataFrame)
    tests: pd.DataFrame = field(default_factory=pd.DataFrame)
    ranks: pd.DataFrame = field(default_factory=pd.DataFrame)
    power: pd.DataFrame = field(default_factory=pd.DataFrame)
    forecasts: pd.DataFrame = field(default_factory=pd.DataFrame)

    @classmethod
    def together(cls, scenes: Iterable[tuple[Scene, "Measured"]]) -> "Measured":
        """Return the rows of scenes that differ in their seed, whose surveys are all different."""
        found = [
            {
                field.name: rows.assign(survey_id=f"{scene.seed}-" + rows["survey_id"])
                if len(rows := getattr(own, field.name))
                else rows
                for field in fields(cls)
            }
            for scene, own in scenes
        ]
        return cls(
            **{
                name: pd.concat([own[name] for own in found], ignore_index=True)
                for name in found[0]
            }
        )


def measured_scene(home: Home, scene: Scene) -> Measured:
    """Build a scene in an empty home; return what its marts state."""
    if scene.kind == "map":
        return Measured(intervals_of_places(home, scene.surveys, scene.seed))
    return measured(home, scene, build_scene(home, scene, read_instrument()))


def measured(home: Home, scene: Scene, drawn: list[Drawn]) -> Measured:
    """Return every interval, test, verdict and estimate of a built scene."""
    world = World(scene.countries)
    if scene.kind == "prompts":
        return Measured(_of_prompts(home, world), forecasts=_of_other_prompts(home, world))
    if scene.kind == "ways":
        rows, verdicts = _of_ways(home, world)
        return Measured(rows, _families(rows), verdicts)
    if scene.kind == "subjects":
        rows = pd.concat([_of_groups(home, world), _of_people(home, drawn)], ignore_index=True)
        tests, families = _of_names(home)
        return Measured(rows, families, estimates=_steering(home, world), tests=tests)
    if scene.kind == "ranks":
        return Measured(estimates=_reliabilities(home), ranks=_true_ranks(home, scene))
    if scene.kind == "differences":
        return Measured(power=_power(home, world))
    models = {
        f"{name}-{quantization}": model
        for (name, quantization), model in generated_models(world).items()
    }
    truths = {model_id: world.truth(model) for model_id, model in models.items()}
    distances = {model_id: world.distances(model) for model_id, model in models.items()}
    rows = pd.concat(
        [_of_models(home, truths), _of_distances(home, distances), _of_pairs(home, truths)],
        ignore_index=True,
    )
    return Measured(
        rows,
        _families(rows),
        pd.concat([_verdicts(home, truths), _conclusions(home, truths)], ignore_index=True),
        _estimates(home, truths),
        _tests(home),
        _ranks(home, truths),
    )


class _Design(NamedTuple):
    model: str
    other_model: str
    measure: str


def _designs(rows: pd.DataFrame) -> Iterator[_Design]:
    """Return what each row measures; the other model is the same where there is none."""
    others = rows.get("other_model_id", rows["model_id"])
    for names in zip(rows["model_id"], others, rows["measure"], strict=True):
        yield _Design(*map(str, names))


def _of_models(home: Home, truths: dict[str, Truth]) -> pd.DataFrame:
    rows = read(home, " union all by name ".join(_OF_MODELS))
    # Countries differ by chance alone, in the West as elsewhere.
    truth = [
        0.0 if row.measure == "western_gap" else float(getattr(truths[row.model], row.measure))
        for row in _designs(rows)
    ]
    return rows.drop(columns="measure").assign(truth=truth)


def _of_distances(home: Home, distances: dict[str, dict[str, float]]) -> pd.DataFrame:
    rows = read(home, " union all by name ".join(_DISTANCES))
    truth = [distances[row.model][row.measure] for row in _designs(rows)]
    return rows.drop(columns="measure").assign(truth=truth)


def _of_prompts(home: Home, world: World) -> pd.DataFrame:
    """Return the intervals over prompts that were asked."""
    rows = read(
        home,
        f"""
        select
            survey_id, model_id, '{PROMPT_MART}' as mart, measure,
            'estimate of ' || measure as number,
            estimate, ci_low, ci_high, cast(null as double) as p_value,
            cast(null as double) as q_value, cast(null as varchar) as family
        from marts.{PROMPT_MART}
        where is_asked and model_id = '{"-".join(PROMPTED)}' and estimate is not null
        """,
    )
    truth = world.truth_over_prompts(PROMPTS)
    return rows.assign(truth=[getattr(truth, measure) for measure in rows["measure"]]).drop(
        columns="measure"
    )


def _of_other_prompts(home: Home, world: World) -> pd.DataFrame:
    """Return errors forecast for numbers of prompts, and what they are in generated studies.

    `covers` is in which share of such studies the forecast interval about their mean has the truth.
    """
    batteries, _ = pd.factorize(asked_questions(read_instrument())["battery_id"])
    truth, frames = world.truth_over_prompts(PROMPTS), []
    for templates, orders in _FORECASTS:
        generated = world.means_over_prompts(PROMPTS, batteries, templates, orders)
        rows = read(
            home,
            f"""
            select survey_id, measure, standard_error as estimate,
                (atanh(ci_high) - atanh(ci_low)) / 2 as half
            from marts.{PROMPT_MART}
            where template_count = {templates} and order_count = {orders} and ci_low is not null
            """,
        )
        for measure, means in generated.items():
            own = rows[rows["measure"] == measure]
            away = np.abs(np.arctanh(means) - np.arctanh(getattr(truth, measure)))
            frames.append(
                own.assign(
                    number=f"standard_error of {measure}",
                    prompts=f"{templates} x {orders}",
                    truth=means.std(ddof=1),
                    covers=[float((away <= half).mean()) for half in own["half"]],
                ).drop(columns=["measure", "half"])
            )
    return pd.concat(frames, ignore_index=True)


def _power(home: Home, world: World) -> pd.DataFrame:
    """Return tests of differences that are there, and how small one is said to be detected."""
    rows = read(
        home,
        """
        select
            survey_id, model_id, other_model_id, measure, delta as estimate,
            'cmp_base_chat, ' || area_kind as mart, smallest_detectable_delta as stated,
            p_value < 0.05 as is_found
        from marts.cmp_base_chat
        where
            smallest_detectable_delta is not null and measure != 'r_above_blind'
            and area_kind in ('country', 'world')
        """,
    )
    truths = {"-".join(name): world.truth(model) for name, model in differing_models(world).items()}
    rows["truth"] = [
        _difference(truths, row.model, row.other_model, row.measure) for row in _designs(rows)
    ]
    rows["model_id"] += " - " + rows["other_model_id"]
    # The first pair differs by what shows in means over countries, the second in single ones.
    is_meant = rows["model_id"].str.contains("360m") == rows["mart"].str.endswith("world")
    return rows[is_meant].rename(columns={"measure": "number"}).drop(columns="other_model_id")


_PRECISIONS = f"""
    select
        survey_id, model_id, other_model_id, 'cmp_quantization' as mart,
        'pearson_r' as measure, 'pearson_r_delta' as number, pearson_r_delta as estimate,
        pearson_r_delta_ci_low as ci_low, pearson_r_delta_ci_high as ci_high,
        cast(null as double) as p_value, cast(null as double) as q_value,
        cast(null as varchar) as family
    from marts.cmp_quantization
    where {AVERAGED}
"""


def _of_pairs(home: Home, truths: dict[str, Truth]) -> pd.DataFrame:
    frames = [
        read(
            home,
            f"""
            select
                survey_id, model_id, other_model_id, '{mart}, ' || area_kind as mart, measure,
                'delta of ' || measure as number, delta as estimate, ci_low, ci_high, p_value,
                q_value, test_family as family
            from marts.{mart}
            -- The blind baseline is the same for both: the third measure repeats the first.
            where {AVERAGED} and measure != 'r_above_blind'
            """,
        )
        for mart in _PAIRS
    ]
    frames.append(read(home, _PRECISIONS))
    rows = pd.concat(frames, ignore_index=True)
    rows["truth"] = [
        _difference(truths, row.model, row.other_model, row.measure) for row in _designs(rows)
    ]
    rows["model_id"] += " - " + rows["other_model_id"]
    return rows.drop(columns=["other_model_id", "measure"])


def _difference(truths: dict[str, Truth], model: str, other: str, measure: str) -> float:
    return float(getattr(truths[model], measure) - getattr(truths[other], measure))


def is_null(truth: pd.Series) -> pd.Series:
    """Return where nothing is true to be found."""
    return truth.abs() < 1e-12


def _families(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the families of tests in which every difference is 0, and their smallest q."""
    tested = rows[rows["q_value"].notna() & rows["family"].notna()]
    families = tested.groupby(["mart", "number", "family"], as_index=False).agg(
        survey_id=("survey_id", "first"),
        truth=("truth", lambda truths: truths.abs().max()),
        q_value=("q_value", "min"),
        tests=("q_value", "size"),
    )
    return families[is_null(families["truth"])]


def _verdicts(home: Home, truths: dict[str, Truth]) -> pd.DataFrame:
    """Return verdicts of pairs, wrong if they say a difference that is 0 or has the other sign."""
    parts = [
        f"""
        select
            survey_id, model_id, other_model_id, '{mart}' as mart, measure,
            case verdict when 'higher' then 1 when 'lower' then -1 else 0 end as said
        from marts.{mart}
        where {AVERAGED} and verdict is not null and measure != 'r_above_blind'
        """
        for mart in _PAIRS
    ]
    parts.append(
        f"""
        select
            survey_id, model_id, other_model_id, 'cmp_quantization' as mart,
            'pearson_r' as measure,
            if(answer = 'changes results', sign(pearson_r_delta), 0) as said
        from marts.cmp_quantization
        where {AVERAGED} and answer is not null
        """
    )
    rows = read(home, " union all by name ".join(parts))
    truth = pd.Series(
        [_difference(truths, row.model, row.other_model, row.measure) for row in _designs(rows)],
        dtype=float,
    )
    sign = np.sign(truth.mask(is_null(truth), 0.0))
    return rows.assign(
        model_id=rows["model_id"] + " - " + rows["other_model_id"],
        truth=truth,
        is_wrong=(rows["said"] != 0) & (rows["said"] != sign),
    )


def _conclusions(home: Home, truths: dict[str, Truth]) -> pd.DataFrame:
    """Return the verdicts of saved questions, wrong where they say what is not so."""
    names = read(
        home,
        "select model_id, display_name, quantization from marts.dim_models",
    )
    frames = []
    for name, sides in _CONCLUSIONS.items():
        found = read(home, statement(name)).merge(names, on=["display_name", "quantization"])
        found = found[found["is_order_controlled"] & found["verdict"].notna()]
        if name == "observation_1_categories":
            # Of models that know something the question is not how much.
            found = found[found["model_id"] == KNOWS_NOTHING]
        truth = pd.Series(0.0, index=found.index)
        if name == "does_it_beat_the_blind_baseline":
            above = [truths[str(own)].r_above_blind for own in found["model_id"]]
            truth = pd.Series(above, index=found.index, dtype=float)
        said = found["verdict"].map(sides).astype(float)
        assert said.notna().all()
        frames.append(
            pd.DataFrame(
                {
                    "survey_id": found["survey_id"],
                    "model_id": found["model_id"],
                    "mart": name,
                    "measure": "verdict",
                    "said": said,
                    "truth": truth,
                    "is_wrong": (said != 0) & (said != np.sign(truth.mask(is_null(truth), 0.0))),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _of_ways(home: Home, world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the intervals and the verdicts of ways of asking, and of precisions in one way."""
    truths = {name: world.truth(model) for name, model in ways_of_asking(world).items()}
    ways = [
        f"""
        select
            survey_id, model_id || ' ' || elicitation as model_id,
            model_id || ' ' || other_elicitation as other_model_id, 'cmp_elicitations' as mart,
            '{measure}' as measure, '{measure}_delta' as number, {measure}_delta as estimate,
            {measure}_delta_ci_low as ci_low, {measure}_delta_ci_high as ci_high,
            cast(null as double) as p_value, {q_value} as q_value, {family} as family,
            {said} as said
        from marts.cmp_elicitations
        where {AVERAGED}
        """
        for measure, q_value, family, said in (
            (
                "pearson_r",
                "pearson_r_delta_q_value",
                "survey_id",
                "case verdict when 'higher' then 1 when 'lower' then -1 "
                "when 'not distinguishable' then 0 end",
            ),
            ("demeaned_pearson_r", "cast(null as double)", "cast(null as varchar)", "null"),
        )
    ]
    precisions = f"""
        select
            found.* replace (
                model_id || ' sampled' as model_id, other_model_id || ' sampled' as other_model_id
            ),
            if(answer = 'changes results', sign(estimate), 0) as said
        from ({_PRECISIONS}) as found
        inner join marts.cmp_quantization as own using (survey_id, model_id, other_model_id)
        where own.answer is not null and {AVERAGED.replace("prompt_id", "own.prompt_id")}
    """
    rows = read(home, " union all by name ".join([*ways, precisions]))
    rows["truth"] = [
        _difference(truths, row.model, row.other_model, row.measure) for row in _designs(rows)
    ]
    rows["model_id"] += " - " + rows["other_model_id"]
    said = rows[rows["said"].notna()]
    sign = np.sign(said["truth"].mask(is_null(said["truth"]), 0.0))
    verdicts = said.assign(is_wrong=(said["said"] != 0) & (said["said"] != sign))
    columns = ["survey_id", "model_id", "mart", "measure", "said", "truth", "is_wrong"]
    return rows.drop(columns=["other_model_id", "measure", "said"]), verdicts[columns]


def _of_groups(home: Home, world: World) -> pd.DataFrame:
    """Return the intervals of what models say of groups."""
    rows = read(
        home,
        " union all by name ".join(
            f"""
            select
                survey_id, model_id, '{mart}' as mart, '{number}' as number,
                {number} as estimate, {number}_ci_low as ci_low, {number}_ci_high as ci_high,
                cast(null as double) as p_value, cast(null as double) as q_value,
                cast(null as varchar) as family
            from marts.{mart} where {number} is not null
            """
            for mart, number in _OF_GROUPS
        ),
    )
    truths = {name: world.truth_of_groups(model) for name, model in grouped_models(world).items()}
    truth = [
        truths[model][number]
        for model, number in zip(rows["model_id"], rows["number"], strict=True)
    ]
    return rows.assign(truth=truth)


def _of_people(home: Home, drawn: list[Drawn]) -> pd.DataFrame:
    """Return the intervals of people's mean scores, and of differences between groups."""
    names = read(home, "select country_id, country_name from marts.dim_countries")
    asked = list(asked_questions(read_instrument())["question_id"])
    means = read(home, statement("how_certain_is_a_survey_mean"))
    differences = read(home, statement("do_men_and_women_differ"))
    columns = ["question_id", "country_name", "estimate", "ci_low", "ci_high"]
    rows = pd.concat(
        [
            means.rename(columns={"human_mean_score": "estimate"})[columns].assign(
                mart="how_certain_is_a_survey_mean", number="human_mean_score"
            ),
            differences.rename(columns={"difference": "estimate"})[columns].assign(
                mart="do_men_and_women_differ", number="difference"
            ),
        ]
    ).merge(names)
    rows[["survey_id", "question"]] = rows["question_id"].str.split(":", expand=True)
    countries = sorted(rows["country_id"].unique())
    truth: dict[tuple[str, str], Floats] = {}
    for number, own in enumerate(drawn):
        assert own.halves is not None
        groups = [
            np.clip(own.scores.people + sign * own.halves.people, 1 - 2 * CERTAIN, 2 * CERTAIN - 1)
            for sign in GROUPS.values()
        ]
        both = {
            "human_mean_score": (groups[0] + groups[1]) / 2,
            "difference": groups[0] - groups[1],
        }
        truth |= {(survey_name(number), name): scores for name, scores in both.items()}
    rows["truth"] = [
        truth[survey_id, number][countries.index(country_id), asked.index(question)]
        for survey_id, number, country_id, question in zip(
            *(rows[name] for name in ("survey_id", "number", "country_id", "question")),
            strict=True,
        )
    ]
    kept = ["survey_id", "mart", "number", "estimate", "ci_low", "ci_high", "truth"]
    return rows[kept].assign(model_id="people", p_value=np.nan, q_value=np.nan, family=None)


def _of_names(home: Home) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tests of groups and of invented names, and the families of true nulls."""
    guessing = next(name for name, model in grouped_models(World(6)).items() if model.steering == 1)
    tests = read(
        home,
        " union all ".join(
            f"""
            select
                survey_id, model_id, '{mart}' as mart, '{number}' as number, {number} as p_value,
                model_id = '{guessing}' as is_null
            from marts.{mart} where {number} is not null
            """
            for mart, number in (
                ("agg_group_differences", "shuffled_p_value"),
                ("agg_steering", "p_value"),
                ("agg_question_steering", "p_value"),
            )
        ),
    )
    families = read(
        home,
        f"""
        select
            survey_id, 'agg_question_steering' as mart, 'steering_ratio' as number,
            min(q_value) as q_value, count(*) as tests
        from marts.agg_question_steering where model_id = '{guessing}' group by survey_id
        """,
    )
    return tests, families


def _steering(home: Home, world: World) -> pd.DataFrame:
    """Return the ratios of spreads over real and invented names."""
    rows = read(
        home,
        """
        select survey_id, model_id, 'steering_ratio' as number, steering_ratio as estimate
        from marts.agg_steering where steering_ratio is not null
        """,
    )
    models = grouped_models(world)
    return rows.assign(truth=[models[name].steering for name in rows["model_id"]])


def _estimates(home: Home, truths: dict[str, Truth]) -> pd.DataFrame:
    """Return estimates without an interval."""
    frames = []
    for number in _ESTIMATES:
        found = read(
            home,
            f"""
            select survey_id, model_id, '{number}' as number, {number} as estimate
            from marts.agg_country_correlations
            where {AVERAGED} and {number} is not null
            """,
        )
        truth = [getattr(truths[model_id], number) for model_id in found["model_id"]]
        frames.append(found.assign(truth=truth))
    return pd.concat(frames, ignore_index=True)


def _reliabilities(home: Home) -> pd.DataFrame:
    """Return reliabilities of rankings beside the rank correlation of two surveys' rankings.

    Surveys in a row have the same units and other batteries. Where all countries and models are
    alike, there is nothing that other batteries would repeat; categories of more questions are
    further beyond random answers.
    """
    frames = []
    for number, (mart, unit, value, whose) in _RANKINGS.items():
        rows = read(
            home,
            f"""
            select
                survey_id, split_part(prompt_id, '-', 2) as units, {whose} as whose,
                {unit} as unit, {value} as value, {number} as estimate
            from marts.{mart} where {number} is not null and {value} is not null
            order by survey_id, unit
            """,
        )
        rows["pair"] = rows["survey_id"].str[1:].astype(int) // 2
        for (units, _, pair), own in rows.groupby(["units", "whose", "pair"]):
            both = own.pivot(index="unit", columns="survey_id", values="value").dropna()
            stated = own.groupby("survey_id")["estimate"].first()
            is_chance = units == ALIKE and number != "category_ranking_reliability"
            again = 0.0 if is_chance else float(spearmanr(*both.to_numpy().T).statistic)
            frames.append(
                pd.DataFrame(
                    {
                        "survey_id": f"pair {pair}",
                        "model_id": f"units {units}",
                        "number": number,
                        "estimate": stated.to_numpy(),
                        "truth": again,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def _true_ranks(home: Home, scene: Scene) -> pd.DataFrame:
    """Return whether intervals of ranks leave out the true rank, of units that are not alike."""
    frames = []
    for mart, number, unit in (
        ("agg_country_correlations", "r_rank", "country_id"),
        ("agg_model_summary", "model_rank", "model_id"),
    ):
        rows = read(
            home,
            f"""
            select
                survey_id, model_id, {unit} as unit, '{mart}' as mart, '{number}' as number,
                {number}_low as low, {number}_high as high
            from marts.{mart}
            where prompt_id like '%-{APART}-%' and {number}_low is not null
            """,
        )
        units = sorted(rows["unit"].unique())
        factors = {"-".join(name): factor for name, factor in RANKED.items()}
        for survey_id, own in rows.groupby("survey_id"):
            of_survey = qualities(scene, int(str(survey_id)[1:]), 1).countries
            errors = [factors[name] for name in units] if unit == "model_id" else of_survey
            # Who errs least has the highest r.
            rank = own["unit"].map(dict(zip(units, rankdata(errors), strict=True)))
            is_wrong = (rank < own["low"]) | (rank > own["high"])
            frames.append(own.assign(share=is_wrong.astype(float)))
    found = pd.concat(frames, ignore_index=True)
    columns = ["survey_id", "mart", "number", "share"]
    return found[columns].assign(model_id=f"units {APART}")


def _tests(home: Home) -> pd.DataFrame:
    """Return tests without an interval, of models for which their null is true.

    A place among random answers is a test from both sides, of which one draw is the model's own.
    """
    rarer = f"({DRAWS} * least(random_place, 1 - random_place) + 1) / ({DRAWS} + 1)"
    tests = [
        (KNOWS_NOTHING, "shuffled_countries_p", "agg_country_correlations", "shuffled_countries_p"),
        (KNOWS_NOTHING, "shuffled_p_value", "agg_item_structure", "shuffled_p_value"),
        (SAYS_THE_SAME, "shuffled_p_value", "agg_item_structure", "shuffled_p_value"),
        *(
            (KNOWS_NOTHING, "random_place", mart, f"2 * {rarer}")
            for mart in (
                "agg_country_correlations",
                "agg_continent_correlations",
                "agg_model_summary",
                "agg_western_gap",
                "agg_category_correlations",
            )
        ),
    ]
    return read(
        home,
        " union all ".join(
            f"""
            select
                survey_id, model_id, '{mart}' as mart, '{number}' as number, {p} as p_value,
                true as is_null
            from marts.{mart}
            where {AVERAGED} and model_id = '{model_id}' and {p} is not null
            """
            for model_id, number, mart, p in tests
        ),
    )


def _ranks(home: Home, truths: dict[str, Truth]) -> pd.DataFrame:
    """Return how often ranks set units apart that are truly alike.

    All countries and categories of a model are alike, and three of the models.
    """
    countries = read(
        home,
        " union all ".join(
            f"""
            select
                survey_id, model_id, '{mart}' as mart, '{number}' as number,
                (({number}_low - 1) + (units - {number}_high)) / (units - 1) as share
            from (
                select *, count({number}) over (partition by survey_id, model_id) as units
                from marts.{mart} where {AVERAGED}
            ) as ranked
            where {number}_low is not null and units > 1
            """
            for mart, number in (
                ("agg_country_correlations", "r_rank"),
                ("agg_country_correlations", "demeaned_rank"),
                ("agg_category_correlations", "category_rank"),
            )
        ),
    )
    models = read(
        home,
        f"""
        select survey_id, model_id, 'agg_model_summary' as mart, 'model_rank' as number,
            model_rank_low, model_rank_high, ranked_model_count
        from marts.agg_model_summary
        where {AVERAGED} and model_rank_low is not null
        """,
    )
    r = {model_id: round(truth.pearson_r, 9) for model_id, truth in truths.items()}
    higher = {name: sum(other > own for other in r.values()) for name, own in r.items()}
    lower = {name: sum(other < own for other in r.values()) for name, own in r.items()}
    is_wrong = (models["model_rank_low"] - 1 > models["model_id"].map(higher)) | (
        models["ranked_model_count"] - models["model_rank_high"] > models["model_id"].map(lower)
    )
    columns = ["survey_id", "model_id", "mart", "number", "share"]
    return pd.concat([countries, models.assign(share=is_wrong.astype(float))])[columns]
