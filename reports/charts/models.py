"""Models beside one another."""

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

_HEIGHT = 32
_BY_R = alt.EncodingSortField(field="mean_pearson_r", op="max", order="descending")
_BLIND = "blind baseline"
_MODEL = "model, with 95% interval"


def model_agreement() -> dict[str, Any]:
    """A row a design: mean r with its interval, and the blind baseline's mean r."""
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
