"""One country: people's answers beside a model's, over questions."""

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

_ROW_HEIGHT = 30
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
    """A point a question: people's mean score against the model's, and where both are the same."""
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
    """A dumbbell a question, for those where people and model are nearest and farthest apart."""
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
    """A dumbbell a category: the model's rho0 and the blind baseline's, around zero."""
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
