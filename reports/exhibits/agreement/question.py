"""One question, over countries."""

from collections.abc import Sequence
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
    colours,
    dumbbells,
    folded,
)
from valuescope.reports.charts.labelled import why_nothing
from valuescope.reports.charts.palette import GREY, MODEL, PEOPLE
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Row, Section
from valuescope.reports.files.number_format import decimals

_COUNTRY_HEIGHT = 17
_QUESTION_HEIGHT = 38
_BAR_HEIGHT = 17
_MOST_OF_A_KIND = 10
_LINE_LENGTH = 26
_CHOICE_LENGTH = 28


def question_countries() -> dict[str, Any]:
    """Draw one dumbbell per country, in the order of people's mean scores, from -1 to 1."""
    rows = alt.Chart(rows_named()).transform_calculate(
        signed_error="datum.llm_mean_score - datum.human_mean_score"
    )
    y = alt.Y(
        "country_name:N",
        title=None,
        sort=alt.EncodingSortField(field="human_mean_score", op="max", order="ascending"),
        axis=alt.Axis(ticks=False, labelPadding=8),
    )
    tooltip = (
        alt.Tooltip("country_name:N", title="country"),
        alt.Tooltip("human_mean_score:Q", title="people", format=".3f"),
        alt.Tooltip("llm_mean_score:Q", title="model", format=".3f"),
        alt.Tooltip("signed_error:Q", title="model minus people", format="+.3f"),
    )
    chart = alt.layer(
        *dumbbells(rows, (PEOPLE_MEAN, MODEL_MEAN), "mean score", y, tooltip),
        # Vega-Lite takes two aggregates for one where they have the same name.
        _above(alt.value(0), "left")
        .transform_aggregate(first_end="max(first_choice)")
        .transform_filter("isValid(datum.first_end)")
        .transform_calculate(words="'\u2190 ' + datum.first_end"),
        _above(alt.value("width"), "right")
        .transform_aggregate(last_end="max(last_choice)")
        .transform_filter("isValid(datum.last_end)")
        .transform_calculate(words="datum.last_end + ' \u2192'"),
    )
    return specification(chart.properties(height=alt.Step(_COUNTRY_HEIGHT)))


def _above(x: Any, align: Any) -> alt.Chart:
    """Draw `words` above one end of the scale."""
    text = alt.Chart(rows_named()).mark_text(
        align=align, fontSize=12, dy=-8, limit={"expr": "width / 2 - 6"}
    )
    above: alt.Chart = text.encode(x=x, y=alt.value(0), text="words:N", tooltip="words:N")
    return above


def answer_shares() -> dict[str, Any]:
    """Draw two bars per choice: the share of people who took it, and the model's probability."""
    sides = (
        Side("human_share", "people", PEOPLE, "square"),
        Side("llm_probability", "model", MODEL, "square"),
    )
    bars = (
        folded(alt.Chart(rows_named()), sides)
        .mark_bar()
        .encode(
            x=alt.X(
                "value:Q",
                title="share or probability",
                scale=alt.Scale(zero=True),
                axis=alt.Axis(format="%", tickCount=5),
            ),
            y=alt.Y(
                "choice_text:N",
                title=None,
                sort=alt.EncodingSortField(field="choice_index", op="max", order="ascending"),
                axis=wrapping_axis(_CHOICE_LENGTH),
            ),
            yOffset=alt.YOffset("who:N", sort=[side.name for side in sides]),
            color=alt.Color("who:N", title=None, scale=colours(sides)),
            tooltip=[
                alt.Tooltip("choice_text:N", title="choice"),
                alt.Tooltip("who:N"),
                alt.Tooltip("value:Q", title="share", format=".0%"),
            ],
        )
    )
    return specification(bars.properties(height=alt.Step(_BAR_HEIGHT)))


def question_agreement() -> dict[str, Any]:
    """Draw the questions with the best and the worst r across countries."""
    questions = (
        alt.Chart(rows_named())
        .transform_filter("isValid(datum.pearson_r)")
        .transform_calculate(question="datum.question_id + ' ' + datum.short_label", zero="0")
    )
    shown = both_ends(questions, "pearson_r", "descending", _MOST_OF_A_KIND)
    y = alt.Y(
        "question:N",
        title=None,
        sort=alt.EncodingSortField(field="pearson_r", op="max", order="descending"),
        axis=wrapping_axis(_LINE_LENGTH),
    )
    tooltip = [
        alt.Tooltip("question_id:N", title="question"),
        alt.Tooltip("short_label:N", title="about"),
        alt.Tooltip("pearson_r:Q", title="r", format=".2f"),
        alt.Tooltip("mean_error:Q", title="mean error", format="+.2f"),
        alt.Tooltip("country_count:Q", title="countries"),
    ]
    from_zero = shown.mark_rule(color=GREY, strokeWidth=2, opacity=0.6).encode(
        x=alt.X("zero:Q", scale=FROM_MINUS_ONE_TO_ONE), x2="pearson_r:Q", y=y, tooltip=tooltip
    )
    points = shown.mark_point(filled=True, size=60, opacity=1, color=MODEL).encode(
        x=alt.X(
            "pearson_r:Q",
            title="r across countries",
            scale=FROM_MINUS_ONE_TO_ONE,
            axis=FIVE_TICKS,
        ),
        y=y,
        tooltip=tooltip,
    )
    between = line_between(shown, y, _MOST_OF_A_KIND, _QUESTION_HEIGHT)
    above = alt.value(-9)
    chart = alt.layer(between, from_zero, points, why_nothing("pearson_r").encode(y=above))
    return specification(chart.properties(height=alt.Step(_QUESTION_HEIGHT)))


def questions_with_r(rows: Sequence[Row]) -> str | None:
    """Count the questions with an r above 0, and name the highest."""
    known = [row for row in rows if row["pearson_r"] is not None]
    if not known:
        return None
    above = [row for row in known if row["pearson_r"] > 0]
    first = max(known, key=lambda row: row["pearson_r"])
    return (
        f"r across countries is above 0 on {len(above)} of {len(known)} questions, highest on "
        f"{first['question_id']} {first['short_label']} ({decimals(first['pearson_r'])})"
    )


EXHIBITS = (
    Exhibit(
        exhibit_id="question_countries",
        section=Section.QUESTION,
        title="What do the people of each country answer, and what does the model expect?",
        reading=(
            "One row per country, in the order of its people's mean score, which is between the "
            "first choice (-1) and the last (1). A model that knows the countries follows people's "
            "slope; one whose marks form a column gives every country the same answer."
        ),
        chart=question_countries,
        needs="a model that was asked this question in a country that the survey has",
        columns=(
            Column("country_name", "country"),
            Column("human_mean_score", "people", digits=3),
            Column("llm_mean_score", "model", digits=3),
            Column("first_choice", "-1 is"),
            Column("last_choice", "1 is"),
        ),
    ),
    Exhibit(
        exhibit_id="answer_shares",
        section=Section.QUESTION,
        title="How are the answers distributed in this country?",
        reading=(
            "For each choice, in the order of the questionnaire, the share of people who took it "
            "beside the probability that the model gives it. Equal means can hide different "
            "shapes: people who are split, and a model that is undecided. Questions without a "
            "scale, which have no mean score, are here too."
        ),
        chart=answer_shares,
        needs="a model that was asked this question about this country",
        columns=(
            Column("choice_index", "number"),
            Column("choice_text", "choice"),
            Column("human_share", "people"),
            Column("llm_probability", "model"),
        ),
    ),
    Exhibit(
        exhibit_id="question_agreement",
        section=Section.QUESTION,
        title="On which questions does the model tell countries apart?",
        reading=(
            "r across countries: whether the model expects more where people answer more. The ten "
            "best and the ten worst questions; the table has all, with the model's mean error, "
            "model minus people. Among many questions some have a high r by luck, and r is "
            "little worth where the model's answers hardly differ between countries (its "
            "standard deviation)."
        ),
        chart=question_agreement,
        draws="pearson_r",
        finding=questions_with_r,
        needs="a model that was asked one question about five countries or more",
        columns=(
            Column("question_id", "question"),
            Column("short_label", "about"),
            Column("category_name", "category"),
            Column("pearson_r", "r"),
            Column("mean_error", "mean error"),
            Column("mean_absolute_error", "mean absolute error"),
            Column("llm_standard_deviation", "model's standard deviation"),
            Column("human_standard_deviation", "people's standard deviation"),
            Column("country_count", "countries"),
            Column("null_reason", "why there is none"),
        ),
    ),
)
