"""Two designs beside one another."""

from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import specification
from valuescope.reports.charts.labelled import TICK, across, numbers, rows_with, zero
from valuescope.reports.charts.palette import GREEN, GREY, MODEL, ORANGE, PURPLE, VERMILION

_ROW_HEIGHT = 19
_APART = "told apart"
_ALIKE = "not distinguishable"
_NO_VERDICT = "no verdict"
_LINES = {_APART: GREEN, _ALIKE: GREY, _NO_VERDICT: ORANGE}
_BY_DIFFERENCE = alt.EncodingSortField(field="difference", op="max", order="descending")


def compared_countries() -> dict[str, Any]:
    """A row a country: r of both, joined by a line that says whether they can be told apart."""
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
