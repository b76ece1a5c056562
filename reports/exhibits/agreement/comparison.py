"""Two designs beside one another."""

from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import specification
from valuescope.reports.charts.labelled import TICK, across, numbers, rows_with, zero
from valuescope.reports.charts.palette import GREEN, GREY, MODEL, ORANGE, PURPLE, VERMILION
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

_ROW_HEIGHT = 19
_APART = "distinguishable"
_ALIKE = "not distinguishable"
_NO_VERDICT = "no verdict"
_LINES = {_APART: GREEN, _ALIKE: GREY, _NO_VERDICT: ORANGE}
_BY_DIFFERENCE = alt.EncodingSortField(field="difference", op="max", order="descending")


def compared_countries() -> dict[str, Any]:
    """Draw one row per country: r of both, and a line that shows whether they differ reliably."""
    countries = alt.Y(
        "country_name:N",
        sort=_BY_DIFFERENCE,
        title=None,
        axis=alt.Axis(labelPadding=8, ticks=False),
    )
    known = rows_with("difference")
    joined = (
        known.transform_calculate(
            said="isValid(datum.verdict) ? (datum.verdict === 'not distinguishable' "
            f"? '{_ALIKE}' : '{_APART}') : '{_NO_VERDICT}'"
        )
        .mark_rule(strokeWidth=3)
        .encode(
            x=alt.X("other_pearson_r:Q"),
            x2="pearson_r:Q",
            y=countries,
            stroke=alt.Stroke(
                "said:N",
                title=None,
                scale=alt.Scale(domain=list(_LINES), range=list(_LINES.values())),
                legend=alt.Legend(orient="bottom", symbolType="stroke", symbolStrokeWidth=3),
            ),
        )
    )
    blind = (
        rows_with("difference", "blind_baseline_r")
        .mark_point(shape=TICK, size=90, strokeWidth=2.5, color=VERMILION, opacity=1)
        .encode(x="blind_baseline_r:Q", y=countries)
    )
    points = (
        known.transform_fold(["pearson_r", "other_pearson_r"], as_=["column", "r"])
        .transform_calculate(
            name="datum.column === 'pearson_r' ? datum.model_name : datum.other_model_name",
            which="datum.column === 'pearson_r' ? 0 : 1",
        )
        .mark_point(filled=True, size=56, opacity=1)
        .encode(
            x=across("r", "r over the same questions"),
            y=countries,
            fill=alt.Fill(
                "name:N",
                title=None,
                sort=alt.EncodingSortField(field="which", op="min", order="ascending"),
                scale=alt.Scale(range=[MODEL, PURPLE]),
                legend=alt.Legend(columns=1, labelLimit=alt.ExprRef("width")),
            ),
            tooltip=[
                alt.Tooltip("country_name:N", title="country"),
                alt.Tooltip("name:N", title="model"),
                *numbers(
                    ("r", "r"),
                    ("difference", "difference"),
                    ("ci_low", "from"),
                    ("ci_high", "to"),
                    ("blind_baseline_r", "blind baseline"),
                ),
                alt.Tooltip("question_count:Q", title="questions"),
            ],
        )
    )
    return specification(
        alt.layer(zero(), joined, blind, points).properties(height=alt.Step(_ROW_HEIGHT))
    )


COMPARING = (
    Exhibit(
        exhibit_id="compared_countries",
        section=Section.COUNTRIES,
        title="In which countries is one model closer than the other?",
        reading=(
            "Both models' r on the cells that both have in one coding, the largest lead of the "
            "first on top; the stroke is the blind baseline on the same cells. Only a line "
            "marked as distinguishable is a difference that the paired test supports; they "
            "exist for base and chat models and for sizes of one family."
        ),
        chart=compared_countries,
        draws="difference",
        needs="two models that were asked the same questions with the same prompts",
        columns=(
            Column("country_name", "country"),
            Column("model_name", "first"),
            Column("pearson_r", "r"),
            Column("other_model_name", "second"),
            Column("other_pearson_r", "r"),
            Column("difference", "difference", low="ci_low", high="ci_high"),
            Column("q_value", "q", digits=3),
            Column("verdict", "the first is"),
            Column("blind_baseline_r", "blind baseline"),
            Column("question_count", "questions"),
            Column("null_reason", "why there is none"),
        ),
    ),
)
