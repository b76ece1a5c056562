"""Models beside one another."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import specification
from valuescope.reports.charts.labelled import (
    TICK,
    across,
    kinds,
    lookup,
    named_rows,
    numbers,
    rows_with,
    why_nothing,
    zero,
)
from valuescope.reports.charts.palette import BLUE, MODEL, VERMILION
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Row, Section
from valuescope.reports.files.number_format import decimals

_HEIGHT = 46
_BY_R = alt.EncodingSortField(field="mean_pearson_r", op="max", order="descending")
_BLIND = "blind baseline"
_MODEL = "model, with 95% interval"


def model_agreement() -> dict[str, Any]:
    """Draw one row per design: mean r with its interval, and the blind baseline's mean r."""
    designs = named_rows("design_name", _BY_R, _HEIGHT)
    interval = (
        rows_with("mean_pearson_r", "ci_low")
        .mark_rule(color=BLUE, strokeWidth=2, opacity=0.55)
        .encode(x="ci_low:Q", x2="ci_high:Q", y=designs)
    )
    points = (
        rows_with("mean_pearson_r")
        .transform_fold(["mean_blind_baseline_r", "mean_pearson_r"], as_=["column", "r"])
        .transform_filter("isValid(datum.r)")
        .transform_calculate(
            kind=lookup({"mean_blind_baseline_r": _BLIND, "mean_pearson_r": _MODEL}, "column")
        )
        .mark_point(filled=True, size=60, opacity=1, strokeWidth=2)
        .encode(
            x=across("r", "mean r over countries"),
            y=designs,
            **kinds([_MODEL, _BLIND], [MODEL, VERMILION], ["circle", TICK]),
            tooltip=[
                alt.Tooltip("design_name:N", title="design"),
                *numbers(
                    ("mean_pearson_r", "mean r"),
                    ("ci_low", "from"),
                    ("ci_high", "to"),
                    ("mean_blind_baseline_r", "blind baseline"),
                ),
                alt.Tooltip("country_count:Q", title="countries"),
            ],
        )
    )
    return specification(
        alt.layer(zero(), interval, points, why_nothing("mean_pearson_r")).properties(
            height=alt.Step(_HEIGHT)
        )
    )


def highest_r(rows: Sequence[Row]) -> str | None:
    """Name the design with the highest r beside the blind baseline on the same cells."""
    known = [row for row in rows if row["mean_pearson_r"] is not None]
    if not known:
        return None
    first = max(known, key=lambda row: row["mean_pearson_r"])
    said = f"Highest r: {first['design_name']} ({decimals(first['mean_pearson_r'])})"
    if first["mean_blind_baseline_r"] is None:
        return said
    return f"{said}; knowing no country at all: {decimals(first['mean_blind_baseline_r'])}"


EXHIBITS = (
    Exhibit(
        exhibit_id="model_agreement",
        section=Section.MODELS,
        title="Which model is closest, and is it closer than knowing no country at all?",
        reading=(
            "One row per model and way of asking, best first: the mean of its countries' r with a "
            "95% interval. A model to the left of the blind baseline's stroke knows less than "
            "the mean of all other countries tells. Two intervals that overlap do not say that "
            "two models are alike; only paired differences do. Ranks are among models asked the "
            "same questions alike: from below those surely closer to above those surely less close."
        ),
        chart=model_agreement,
        draws="mean_pearson_r",
        finding=highest_r,
        needs="a model that was asked five questions or more of a country in the survey",
        columns=(
            Column("design_name", "model"),
            Column("mean_pearson_r", "mean r", low="ci_low", high="ci_high"),
            Column("mean_blind_baseline_r", "blind baseline"),
            Column(
                "mean_r_above_blind",
                "r - blind",
                low="r_above_blind_ci_low",
                high="r_above_blind_ci_high",
            ),
            Column("random_r_above_blind", "random answers reach"),
            Column("random_place", "place among random"),
            Column("model_rank", "rank", low="model_rank_low", high="model_rank_high"),
            Column("ranked_model_count", "of"),
            Column("model_ranking_reliability", "reliability of ranks"),
            Column("country_count", "countries"),
            Column("is_order_controlled", "order controlled"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="model_summary",
        section=Section.MODELS,
        title="What is each model's r worth?",
        reading=(
            "r - blind above 0: more than the mean of all other countries gives. Place among "
            "random: the share of random answers that the model is above; .5 is chance. Demeaned "
            "r (empty if it says the same of every country) and country gain: knowledge of one "
            "country rather than of all. Skill: 1 is perfect, below 0 is worse than blind. "
            "Off-choice mass: on words that start no choice. Order spread: r in the survey's "
            "order minus r reversed. Survey older: it was released before the model's text ends, "
            "and may be part of it."
        ),
        columns=(
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("mean_pearson_r", "mean r", low="ci_low", high="ci_high"),
            Column("mean_blind_baseline_r", "blind baseline"),
            Column(
                "mean_r_above_blind",
                "r - blind",
                low="r_above_blind_ci_low",
                high="r_above_blind_ci_high",
            ),
            Column("random_r_above_blind", "random answers reach"),
            Column("random_place", "place among random"),
            Column(
                "mean_demeaned_pearson_r",
                "demeaned r",
                low="demeaned_ci_low",
                high="demeaned_ci_high",
            ),
            Column("mean_country_gain", "country gain"),
            Column("mean_skill", "skill"),
            Column("mean_off_choice_mass", "off-choice mass"),
            Column("order_spread", "order spread"),
            Column("country_count", "countries"),
            Column("common_question_count", "common questions"),
            Column("survey_precedes_cutoff", "survey older"),
            Column("is_order_controlled", "order controlled"),
            Column("population_id", "people"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="distances",
        section=Section.MODELS,
        title="How far are its distributions from people's?",
        reading=(
            "Over all cells and thirds of them: where people are of one mind (consensus), most "
            "divided, or in between. Score: 100 (1 - total variation / that of uniform answers). "
            "Worth: how many random respondents would err as much. Floor: what the truth itself "
            "would have, since the survey is a sample; empty for shares without counts. A model "
            "that is too sure of itself does well at consensus and badly where people are divided. "
            "Thirds have no interval: which cells are in them depends on all questions."
        ),
        saved_query="how_far_are_its_distributions",
        columns=(
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("stratum", "cells"),
            Column(
                "total_variation_score",
                "score",
                digits=0,
                low="total_variation_score_ci_low",
                high="total_variation_score_ci_high",
            ),
            Column(
                "effective_respondents",
                "worth (respondents)",
                digits=1,
                low="effective_respondents_ci_low",
                high="effective_respondents_ci_high",
            ),
            Column(
                "mean_total_variation",
                "total variation",
                low="mean_total_variation_ci_low",
                high="mean_total_variation_ci_high",
            ),
            Column("floor_mean_total_variation", "floor"),
            Column("uniform_mean_total_variation", "uniform"),
            Column(
                "mean_wasserstein_1",
                "Wasserstein-1",
                low="mean_wasserstein_1_ci_low",
                high="mean_wasserstein_1_ci_high",
            ),
            Column("floor_mean_wasserstein_1", "floor"),
            Column("uniform_mean_wasserstein_1", "uniform"),
            Column(
                "mean_jensen_shannon_distance",
                "Jensen-Shannon",
                low="mean_jensen_shannon_distance_ci_low",
                high="mean_jensen_shannon_distance_ci_high",
            ),
            Column("floor_mean_jensen_shannon_distance", "floor"),
            Column("uniform_mean_jensen_shannon_distance", "uniform"),
            Column("mean_human_entropy", "people's entropy"),
            Column("mean_llm_entropy", "model's entropy"),
            Column("cell_count", "cells", digits=0),
            Column("is_order_controlled", "order controlled"),
            Column("effective_respondents_null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="item_structure",
        section=Section.MODELS,
        title="Does it know which questions go together?",
        reading=(
            "Where people say yes to one question more than elsewhere, they may say yes to "
            "another one more, too. r between people's and the model's correlations of this kind,"
            " over pairs of questions of different batteries; 95% of models with shuffled "
            "countries are between from and to. The ceiling is what so many countries leave "
            "reachable."
        ),
        saved_query="does_it_know_what_goes_together",
        columns=(
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column(
                "structure_r",
                "r of patterns",
                low="structure_ci_low",
                high="structure_ci_high",
            ),
            Column("shuffled_low", "shuffled from"),
            Column("shuffled_high", "to"),
            Column("shuffled_p_value", "p", digits=3),
            Column("structure_ceiling", "ceiling"),
            Column("country_count", "countries", digits=0),
            Column("question_count", "questions", digits=0),
            Column("pair_count", "pairs", digits=0),
            Column("is_order_controlled", "order controlled"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="steering",
        section=Section.MODELS,
        title="Does a country's name move it further than an invented one?",
        reading=(
            "Spread of its mean scores over real countries, over that of invented ones. A ratio of "
            "1 means that real names say no more to it than made-up ones; p is of reaching the "
            "ratio when which names are real is shuffled."
        ),
        saved_query="does_it_tell_real_names_from_invented_ones",
        needs="answers about invented countries: valuescope score --placebos 12",
        columns=(
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("steering_ratio", "ratio"),
            Column("p_value", "p", digits=3),
            Column("country_spread", "spread of real names", digits=3),
            Column("placebo_spread", "of invented names", digits=3),
            Column("steered_question_count", "questions above chance", digits=0),
            Column("question_count", "of", digits=0),
            Column("country_count", "countries", digits=0),
            Column("placebo_count", "invented", digits=0),
            Column("is_order_controlled", "order controlled"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="group_differences",
        section=Section.MODELS,
        title="Does it know how groups of people differ?",
        reading=(
            "Groups of a country's people, against the mean of its groups: r between how the model "
            "and how people deviate, over all countries and questions. p is of reaching the r when "
            "the model's groups are shuffled in each battery. Stereotyping: the model's spread "
            "between groups over people's; above 1 it makes them more different than they are."
        ),
        saved_query="does_it_know_how_groups_differ",
        needs=(
            "answers about groups (valuescope score --by sex) and people divided likewise "
            "(valuescope ingest FILE --by sex)"
        ),
        columns=(
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("division_id", "people by"),
            Column(
                "deviation_r",
                "r of deviations",
                low="deviation_r_ci_low",
                high="deviation_r_ci_high",
            ),
            Column("shuffled_p_value", "p", digits=3),
            Column(
                "stereotyping",
                "stereotyping",
                low="stereotyping_ci_low",
                high="stereotyping_ci_high",
            ),
            Column("llm_spread", "model's spread", digits=3),
            Column("human_spread", "people's spread", digits=3),
            Column("country_count", "countries", digits=0),
            Column("question_count", "questions", digits=0),
            Column("is_order_controlled", "order controlled"),
            Column("null_reason", "why there is none"),
            Column("stereotyping_null_reason", "why no stereotyping"),
        ),
    ),
    Exhibit(
        exhibit_id="changes",
        section=Section.MODELS,
        title="Does it know what changes from year to year?",
        reading=(
            "What the model says of a later year minus what it says of an earlier one, against the "
            "change of people between the waves near them, over all countries and questions. p is "
            "of reaching the r when the model's years are exchanged at random. Demeaned: "
            "without what a question changes in all countries alike. Right signs: of changes of "
            "people that are beyond sampling error."
        ),
        saved_query="does_it_know_what_changes",
        needs=(
            "answers about years (valuescope score --by year=1995,2018) and people of waves near "
            "them (valuescope ingest FILE --wave 3)"
        ),
        columns=(
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("earlier_year", "from", digits=0),
            Column("later_year", "to", digits=0),
            Column("change_r", "r of changes", low="change_r_ci_low", high="change_r_ci_high"),
            Column("change_r_p_value", "p", digits=3),
            Column(
                "demeaned_change_r",
                "demeaned r",
                low="demeaned_change_r_ci_low",
                high="demeaned_change_r_ci_high",
            ),
            Column("demeaned_change_r_p_value", "p", digits=3),
            Column("right_sign_share", "right signs"),
            Column("clear_cell_count", "of", digits=0),
            Column("llm_change_size", "model's size", digits=3),
            Column("human_change_size", "people's size", digits=3),
            Column("country_count", "countries", digits=0),
            Column("question_count", "questions", digits=0),
            Column("is_order_controlled", "order controlled"),
            Column("null_reason", "why there is none"),
            Column("demeaned_null_reason", "why no demeaned r"),
        ),
    ),
)
