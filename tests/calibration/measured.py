"""What the marts of a built scene state, beside what is true."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import pandas as pd

from tests.calibration.study import (
    DRAWS,
    PROMPT_MART,
    PROMPTED,
    PROMPTS,
    RANDOM,
    SMALL_CHAT,
    Scene,
    generated_models,
)
from tests.calibration.truth import Truth, World
from tests.dbt_project.study import read
from valuescope.warehouse.home import Home

AVERAGED = "prompt_id not in ('paper-forward', 'paper-reverse')"
# Model ids of those that know nothing at all, and nothing that countries differ in.
KNOWS_NOTHING = "-".join(RANDOM)
SAYS_THE_SAME = "-".join(SMALL_CHAT)
DISTANCES = (
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


@dataclass(frozen=True)
class Measured:
    """Rows of a scene: what is stated of a number, and `truth`.

    `tests` are tests without an interval whose null is true, with a `p_value`; `ranks` say of what
    share of those that are truly as high a unit is said to be surely higher or lower.
    """

    intervals: pd.DataFrame
    families: pd.DataFrame
    verdicts: pd.DataFrame
    estimates: pd.DataFrame
    tests: pd.DataFrame
    ranks: pd.DataFrame

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


def measured(home: Home, scene: Scene) -> Measured:
    """Return every interval, test, verdict and estimate of a built scene."""
    world = World(scene.countries)
    if scene.has_prompts:
        nothing = pd.DataFrame()
        return Measured(_of_prompts(home, world), nothing, nothing, nothing, nothing, nothing)
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
        _verdicts(home, truths),
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
    frames.append(
        read(
            home,
            f"""
            select
                survey_id, model_id, other_model_id, 'cmp_quantization' as mart,
                'pearson_r' as measure, 'pearson_r_delta' as number, pearson_r_delta as estimate,
                pearson_r_delta_ci_low as ci_low, pearson_r_delta_ci_high as ci_high,
                cast(null as double) as p_value, cast(null as double) as q_value,
                cast(null as varchar) as family
            from marts.cmp_quantization
            where {AVERAGED}
            """,
        )
    )
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


def _estimates(home: Home, truths: dict[str, Truth]) -> pd.DataFrame:
    """Return estimates without an interval, and the permutation test of who knows nothing."""
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
            for mart in ("agg_model_summary", "agg_western_gap", "agg_category_correlations")
        ),
    ]
    return read(
        home,
        " union all ".join(
            f"""
            select survey_id, model_id, '{mart}' as mart, '{number}' as number, {p} as p_value
            from marts.{mart}
            where {AVERAGED} and model_id = '{model_id}' and {p} is not null
            """
            for model_id, number, mart, p in tests
        ),
    )


def _ranks(home: Home, truths: dict[str, Truth]) -> pd.DataFrame:
    """Return how often ranks set units apart that are truly alike.

    All countries of a model are alike, and three of the models.
    """
    countries = read(
        home,
        f"""
        select
            survey_id, model_id, 'agg_country_correlations' as mart, 'r_rank' as number,
            ((r_rank_low - 1) + (count(*) over same - r_rank_high)) / (count(*) over same - 1)
                as share
        from marts.agg_country_correlations
        where {AVERAGED} and r_rank_low is not null
        window same as (partition by survey_id, model_id)
        """,
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
