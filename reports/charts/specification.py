"""What a researcher's own choices do to r."""

from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import specification
from valuescope.reports.charts.labelled import kinds, lookup, numbers, rows_with, why_nothing
from valuescope.reports.charts.palette import MODEL, ORANGE, PEOPLE

_CURVE_HEIGHT = 170
_GAP = 24
_LEVELS_HEIGHT = 270
_COMPONENT_HEIGHT = 20

_CHOSEN = "the chosen design"
_FACTORS = {
    "template_id": "template",
    "choice_order": "order",
    "answer_style": "answer",
    "normalization": "normalisation",
    "coding_id": "coding",
    "wording_set": "wording",
    "chat_mode": "chat",
}
_CURVE = {"pearson_r": "a specification", "blind_baseline_r": "blind baseline"}


def specification_curve() -> dict[str, Any]:
    """Above, r of every specification from high to low; below, what each of them is."""
    across = alt.X("place:Q", title="specifications, highest r first", axis=alt.Axis(grid=False))
    tooltip = [
        *(alt.Tooltip(f"{column}:N", title=title) for column, title in _FACTORS.items()),
        *numbers(
            ("pearson_r", "mean r"),
            ("blind_baseline_r", "blind baseline"),
            ("demeaned_pearson_r", "demeaned r"),
        ),
    ]
    known = rows_with("pearson_r")
    curve = (
        known.transform_fold(list(_CURVE), as_=["column", "r"])
        .transform_filter("isValid(datum.r)")
        .transform_calculate(
            kind=f"datum.is_chosen && datum.column == 'pearson_r' ? '{_CHOSEN}' : "
            + lookup(_CURVE, "column"),
            on_top="datum.is_chosen && datum.column == 'pearson_r' ? 1 : 0",
        )
        .mark_point(filled=True, opacity=1, strokeWidth=2)
        .encode(
            x=across,
            y=alt.Y(
                "r:Q",
                title="mean r",
                scale=alt.Scale(zero=True, range=[_CURVE_HEIGHT, 0]),
                axis=alt.Axis(titleY=_CURVE_HEIGHT / 2, titleAnchor="middle"),
            ),
            **kinds(
                [*_CURVE.values(), _CHOSEN],
                [MODEL, PEOPLE, ORANGE],
                ["circle", "stroke", "diamond"],
            ),
            size=alt.condition(f"datum.kind === '{_CHOSEN}'", alt.value(110), alt.value(32)),
            order=alt.Order("on_top:Q"),
            tooltip=tooltip,
        )
    )
    levels = (
        known.transform_fold(list(_FACTORS), as_=["factor", "level"])
        .transform_joinaggregate(levels="distinct(level)", groupby=["factor"])
        .transform_filter("datum.levels > 1")
        .transform_calculate(
            named=lookup(_FACTORS, "factor") + " + ': ' + datum.level",
            factor_order=f"indexof({list(_FACTORS)}, datum.factor)",
        )
        .mark_tick(color=MODEL, thickness=2)
        .encode(
            x=across,
            y=alt.Y(
                "named:N",
                title=None,
                scale=alt.Scale(
                    range=[_CURVE_HEIGHT + _GAP, _CURVE_HEIGHT + _GAP + _LEVELS_HEIGHT]
                ),
                sort=alt.EncodingSortField(field="factor_order", op="min", order="ascending"),
                axis=alt.Axis(orient="left", domain=False, ticks=False),
            ),
            tooltip=tooltip,
        )
    )
    return specification(
        alt.layer(curve, levels, why_nothing("pearson_r"))
        .resolve_scale(y="independent")
        .properties(height=_CURVE_HEIGHT + _GAP + _LEVELS_HEIGHT)
    )


def variance_components() -> dict[str, Any]:
    """A bar a component: its share of the variance of the model's mean scores."""
    bars = (
        rows_with("share_of_total")
        .mark_bar(color=MODEL)
        .encode(
            x=alt.X(
                "share_of_total:Q",
                title="share of the variance of mean scores",
                axis=alt.Axis(format=".0%", tickCount=8),
                scale=alt.Scale(zero=True),
            ),
            y=alt.Y(
                "component_name:N",
                sort=alt.EncodingSortField(field="share_of_total", op="max", order="descending"),
                title=None,
                axis=alt.Axis(ticks=False),
            ),
            tooltip=[
                alt.Tooltip("component_name:N", title="component"),
                alt.Tooltip("share_of_total:Q", title="share", format=".2%"),
                alt.Tooltip("level_count:Q", title="levels"),
            ],
        )
    )
    return specification(
        alt.layer(bars, why_nothing("share_of_total")).properties(
            height=alt.Step(_COMPONENT_HEIGHT)
        )
    )
