"""One country, over questions."""

from typing import Any

import altair as alt

from valuescope.reports.charts.both_ends import both_ends, line_between
from valuescope.reports.charts.drawing import rows_named, specification, wrapping_axis
from valuescope.reports.charts.dumbbell import (
    FIVE_TICKS,
    FROM_MINUS_ONE_TO_ONE,
    MODEL_MEAN,
    PEOPLE_MEAN,
    Side,
    dumbbells,
)
from valuescope.reports.charts.labelled import why_nothing, zero
from valuescope.reports.charts.palette import GREY, MODEL, PEOPLE
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

_ROW_HEIGHT = 38
_MOST_OF_A_KIND = 8
_LINE_LENGTH = 26

_QUESTION = (
    alt.Tooltip("question_id:N", title="question"),
    alt.Tooltip("short_label:N", title="about"),
    alt.Tooltip("category_name:N", title="category"),
    alt.Tooltip("human_mean_score:Q", title="people", format=".3f"),
    alt.Tooltip("llm_mean_score:Q", title="model", format=".3f"),
)


def country_scatter() -> dict[str, Any]:
    """Draw one point per question: people's mean score against the model's; a line of equality."""
    people = alt.X(
        "human_mean_score:Q",
        title="people's mean score",
        scale=FROM_MINUS_ONE_TO_ONE,
        axis=FIVE_TICKS,
    )
    model = alt.Y(
        "llm_mean_score:Q",
        title="model's mean score",
        scale=FROM_MINUS_ONE_TO_ONE,
        axis=FIVE_TICKS,
    )
    ends = [dict.fromkeys(("human_mean_score", "llm_mean_score"), end) for end in (-1, 1)]
    same = (
        alt.Chart(alt.InlineData(ends))
        .mark_line(color=GREY, strokeDash=[4, 4])
        .encode(x=people, y=model)
    )
    points = (
        alt.Chart(rows_named())
        .mark_point(filled=True, size=48, opacity=0.6, color=MODEL)
        .encode(x=people, y=model, tooltip=list(_QUESTION))
    )
    return specification(alt.layer(same, points).properties(height=400))


def country_gaps() -> dict[str, Any]:
    """Draw one dumbbell per question, for those where people and model are nearest and farthest."""
    questions = (
        alt.Chart(rows_named())
        .transform_calculate(
            signed_error="datum.llm_mean_score - datum.human_mean_score",
            question="datum.question_id + ' ' + datum.short_label",
        )
        .transform_calculate(distance="abs(datum.signed_error)")
    )
    shown = both_ends(questions, "distance", "ascending", _MOST_OF_A_KIND)
    y = alt.Y(
        "question:N",
        title=None,
        sort=alt.EncodingSortField(field="distance", op="max", order="ascending"),
        axis=wrapping_axis(_LINE_LENGTH),
    )
    error = alt.Tooltip("signed_error:Q", title="model minus people", format="+.3f")
    chart = alt.layer(
        line_between(shown, y, _MOST_OF_A_KIND, _ROW_HEIGHT),
        *dumbbells(
            shown,
            (PEOPLE_MEAN, MODEL_MEAN),
            "mean score",
            y,
            (*_QUESTION, error),
        ),
    )
    return specification(chart.properties(height=alt.Step(_ROW_HEIGHT)))


def country_categories() -> dict[str, Any]:
    """Draw one dumbbell per category: the model's rho0 and the blind baseline's, around zero."""
    known = alt.Chart(rows_named()).transform_filter("isValid(datum.rho0)")
    y = alt.Y(
        "category_name:N",
        title=None,
        sort=alt.EncodingSortField(field="category_order", op="max", order="ascending"),
        axis=wrapping_axis(_LINE_LENGTH),
    )
    tooltip = (
        alt.Tooltip("category_name:N", title="category"),
        alt.Tooltip("rho0:Q", title="model's rho0", format=".2f"),
        alt.Tooltip("blind_rho0:Q", title="blind baseline's", format=".2f"),
        alt.Tooltip("rho0_above_blind:Q", title="above blind", format="+.2f"),
        alt.Tooltip("question_count:Q", title="questions"),
    )
    sides = (
        Side("blind_rho0", "blind baseline", PEOPLE, "stroke"),
        Side("rho0", "model", MODEL, "circle"),
    )
    layers = dumbbells(known, sides, "rho0", y, tooltip)
    above = alt.value(-9)
    chart = alt.layer(zero(), *layers, why_nothing("rho0").encode(y=above))
    return specification(chart.properties(height=alt.Step(_ROW_HEIGHT)))


_NEEDS = "a model that was asked about this country, and people's answers there"
_QUESTIONS = (
    Column("question_id", "question"),
    Column("short_label", "about"),
    Column("category_name", "category"),
    Column("human_mean_score", "people", digits=3),
    Column("llm_mean_score", "model", digits=3),
)

EXHIBITS = (
    Exhibit(
        exhibit_id="country_scatter",
        section=Section.COUNTRY,
        title="Does the model know what this country's people answer?",
        reading=(
            "One point per question, from -1 (everybody takes the first choice) to 1 (the last). "
            "On the dashed line people and model agree. Points around a level line mean that "
            "the model gives much the same answer to everything; points in a slope need not be "
            "about this country, since all countries' people answer much alike."
        ),
        chart=country_scatter,
        needs=_NEEDS,
        columns=_QUESTIONS,
    ),
    Exhibit(
        exhibit_id="country_gaps",
        section=Section.COUNTRY,
        title="On which questions is it nearest to people, and on which farthest away?",
        reading=(
            "The eight questions where model and people are closest, then the eight where they are "
            "farthest apart; the table has all. A small gap is not evidence of knowledge where "
            "people are in the middle of the scale: an undecided model is there too."
        ),
        chart=country_gaps,
        needs=_NEEDS,
        query_of="country_scatter",
        columns=_QUESTIONS,
    ),
    Exhibit(
        exhibit_id="country_categories",
        section=Section.COUNTRY,
        title="Which subjects does it know in this country?",
        reading=(
            "rho0 is an agreement from -1 to 1 that does not depend on which end of a scale comes "
            "first. Only a model to the right of the blind baseline, the mean of all other "
            "countries, adds something about this one. A category of fewer than ten questions is "
            "too small to be compared with others."
        ),
        chart=country_categories,
        draws="rho0",
        needs="five questions or more of one category in this country",
        columns=(
            Column("category_name", "category"),
            Column("rho0", "rho0"),
            Column("blind_rho0", "blind baseline"),
            Column("rho0_above_blind", "above blind"),
            Column("mean_absolute_error", "mean absolute error"),
            Column("question_count", "questions"),
            Column("null_reason", "why there is none"),
        ),
    ),
)
