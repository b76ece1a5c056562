"""The world: agreement of all countries, and who a model takes for what on one question."""

from typing import Any

import altair as alt

from valuescope.reports.charts.tile_map import tile_map


def world_agreement() -> dict[str, Any]:
    """A tile a country, coloured by r over its questions."""
    return tile_map(
        "pearson_r",
        "r",
        (
            alt.Tooltip("country_name:N", title="country"),
            alt.Tooltip("pearson_r:Q", title="r", format=".2f"),
            alt.Tooltip("ci_low:Q", title="from", format=".2f"),
            alt.Tooltip("ci_high:Q", title="to", format=".2f"),
            alt.Tooltip("blind_baseline_r:Q", title="blind baseline", format=".2f"),
            alt.Tooltip("question_count:Q", title="questions"),
        ),
        (
            alt.Tooltip("country_name:N", title="country"),
            alt.Tooltip("null_reason:N", title="why no r"),
            alt.Tooltip("question_count:Q", title="questions"),
        ),
    )


def world_signed_error() -> dict[str, Any]:
    """A tile a country, coloured by the model's mean score minus people's on a question."""
    return tile_map(
        "signed_error",
        "model minus people",
        (
            alt.Tooltip("country_name:N", title="country"),
            alt.Tooltip("short_label:N", title="question"),
            alt.Tooltip("human_mean_score:Q", title="people", format=".3f"),
            alt.Tooltip("llm_mean_score:Q", title="model", format=".3f"),
            alt.Tooltip("signed_error:Q", title="model minus people", format="+.3f"),
        ),
        calculated="datum.llm_mean_score - datum.human_mean_score",
    )
