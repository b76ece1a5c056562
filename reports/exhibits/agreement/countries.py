"""The headline: how close a model is to each country."""

from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import specification
from valuescope.reports.charts.labelled import TICK, kinds, lookup, numbers, rows_with, zero
from valuescope.reports.charts.palette import BLUE, GREEN, MODEL, ORANGE, PEOPLE, PURPLE
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

_ROW_HEIGHT = 17
_BY_R = alt.EncodingSortField(field="pearson_r", op="max", order="descending")

# What r is worth: what each reaches, its colour and the shape of its mark.
_BESIDE_R = {
    "pearson_r": ("model", MODEL, "circle"),
    "blind_baseline_r": ("blind baseline", PEOPLE, TICK),
    "best_other_country_r": ("best other country", GREEN, "triangle-down"),
    "country_free_r": ("model, no country named", PURPLE, "diamond"),
    "option_position_r": ("option position alone", ORANGE, "cross"),
}


def _countries() -> alt.Y:
    return alt.Y(
        "country_name:N", sort=_BY_R, title=None, axis=alt.Axis(labelPadding=8, ticks=False)
    )


def country_agreement() -> dict[str, Any]:
    """One row per country: r with its interval, and what else reaches an r on the same cells."""
    known = rows_with("pearson_r")
    interval = known.mark_rule(color=BLUE, strokeWidth=2, opacity=0.55).encode(
        x=alt.X("ci_low:Q"), x2="ci_high:Q", y=_countries()
    )
    labels, colours, shapes = zip(*_BESIDE_R.values(), strict=True)
    points = (
        known.transform_fold(list(_BESIDE_R), as_=["column", "r"])
        .transform_filter("isValid(datum.r)")
        .transform_calculate(kind=lookup(dict(zip(_BESIDE_R, labels, strict=True)), "column"))
        .mark_point(filled=True, size=48, opacity=1, strokeWidth=2)
        .encode(
            x=alt.X("r:Q", title="r over the questions of a country", scale=alt.Scale(zero=True)),
            y=_countries(),
            **kinds(labels, colours, shapes),
            tooltip=[
                alt.Tooltip("country_name:N", title="country"),
                alt.Tooltip("kind:N", title="who"),
                *numbers(("r", "r"), ("ci_low", "model from"), ("ci_high", "to")),
                alt.Tooltip("question_count:Q", title="questions"),
            ],
        )
    )
    chart = alt.layer(zero(), interval, points).properties(height=alt.Step(_ROW_HEIGHT))
    return specification(chart)


def country_demeaned() -> dict[str, Any]:
    """One row per country, in the order of r: demeaned r with its interval, around zero."""
    known = rows_with("pearson_r")
    interval = known.mark_rule(color=BLUE, strokeWidth=2, opacity=0.55).encode(
        x=alt.X("demeaned_ci_low:Q"), x2="demeaned_ci_high:Q", y=_countries()
    )
    points = known.mark_point(filled=True, size=48, opacity=1, color=MODEL).encode(
        x=alt.X("demeaned_pearson_r:Q", title="demeaned r: what is special about a country"),
        y=_countries(),
        tooltip=[
            alt.Tooltip("country_name:N", title="country"),
            *numbers(
                ("demeaned_pearson_r", "demeaned r"),
                ("demeaned_ci_low", "from"),
                ("demeaned_ci_high", "to"),
            ),
            alt.Tooltip("demeaned_question_count:Q", title="questions"),
        ],
    )
    chart = alt.layer(zero(), interval, points).properties(height=alt.Step(_ROW_HEIGHT))
    return specification(chart)


EXHIBITS = (
    Exhibit(
        exhibit_id="key_figures",
        section=Section.COUNTRIES,
        title="The model in short",
        reading=(
            "Means over countries. What r is worth shows in the difference to the blind baseline, "
            "which knows nothing about any country: below 0, the model knows less than that. Place "
            "among random: the share of random answers of the same spread that the model is above. "
            "Reliability of ranks: the rank correlation to expect between this order of the "
            "countries and that by as many other questions; 0 is chance, 1 the same order again."
        ),
        has_one_row=True,
        columns=(
            Column("mean_pearson_r", "mean r"),
            Column("ci_low", "r from"),
            Column("ci_high", "r to"),
            Column("mean_blind_baseline_r", "blind baseline"),
            Column("mean_r_above_blind", "r minus blind"),
            Column("r_above_blind_ci_low", "difference from"),
            Column("r_above_blind_ci_high", "difference to"),
            Column("random_r_above_blind", "random answers reach"),
            Column("random_place", "place among random"),
            Column("mean_demeaned_pearson_r", "demeaned r"),
            Column("country_ranking_reliability", "reliability of ranks by r"),
            Column("demeaned_country_ranking_reliability", "by demeaned r"),
            Column("mean_country_gain", "country gain"),
            Column("mean_skill", "skill"),
            Column("country_count", "countries"),
            Column("common_question_count", "common questions"),
            Column("choice_order", "choice order"),
            Column("null_reason", "why null"),
        ),
    ),
    Exhibit(
        exhibit_id="country_agreement",
        section=Section.COUNTRIES,
        title="How close is the model to each country?",
        reading=(
            "One row per country: the model's r over its questions with a 95% interval. The blind "
            "baseline gives every country the mean of all others; a model to the left of it knows "
            "less than somebody who never heard of the country. Where the model does as well "
            "without a country in the prompt, or by its leaning to an option alone, its r says "
            "nothing about the country."
        ),
        chart=country_agreement,
        columns=(
            Column("country_name", "country"),
            Column("continent", "continent"),
            Column("pearson_r", "r"),
            Column("ci_low", "from"),
            Column("ci_high", "to"),
            Column("r_rank", "rank"),
            Column("r_rank_low", "rank from"),
            Column("r_rank_high", "rank to"),
            Column("blind_baseline_r", "blind baseline"),
            Column("best_other_country_r", "best other country"),
            Column("best_other_country_name", "which"),
            Column("country_free_r", "no country named"),
            Column("option_position_r", "option position"),
            Column("skill", "skill"),
            Column("country_gain", "country gain"),
            Column("question_count", "questions"),
            Column("null_reason", "why null"),
        ),
    ),
    Exhibit(
        exhibit_id="country_demeaned",
        section=Section.COUNTRIES,
        title="Does it know what is special about a country?",
        reading=(
            "The same countries in the same order, with what countries share taken off both sides: "
            "r of what is left. Around zero, the model tells no country from another."
        ),
        chart=country_demeaned,
        columns=(
            Column("country_name", "country"),
            Column("demeaned_pearson_r", "demeaned r"),
            Column("demeaned_ci_low", "from"),
            Column("demeaned_ci_high", "to"),
            Column("demeaned_rank", "rank"),
            Column("demeaned_rank_low", "rank from"),
            Column("demeaned_rank_high", "rank to"),
            Column("demeaned_question_count", "questions"),
            Column("demeaned_null_reason", "why null"),
        ),
    ),
)
