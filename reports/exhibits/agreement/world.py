"""The world at a glance."""

from typing import Any

import altair as alt

from valuescope.reports.charts.tile_map import tile_map
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section


def world_agreement() -> dict[str, Any]:
    """One tile per country, coloured by r over its questions."""
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
    """One tile per country, coloured by the model's mean score minus people's on a question."""
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


EXHIBITS = (
    Exhibit(
        exhibit_id="world_agreement",
        section=Section.WORLD,
        title="Where in the world is the model close to people?",
        reading=(
            "One tile per country, roughly where it lies: the darker the orange, the closer the "
            "model follows its people's answers over questions (r); blue is worse than chance. A "
            "dashed tile has no r, its tooltip and the table say why; a faint one was not asked "
            "about. Look at the blind baseline before you praise a colour: it reaches a high r "
            "everywhere without knowing any country."
        ),
        chart=world_agreement,
        query_of="country_agreement",
        columns=(
            Column("country_name", "country"),
            Column("continent", "continent"),
            Column("pearson_r", "r"),
            Column("ci_low", "from"),
            Column("ci_high", "to"),
            Column("blind_baseline_r", "blind baseline"),
            Column("question_count", "questions"),
            Column("null_reason", "why null"),
        ),
    ),
    Exhibit(
        exhibit_id="world_signed_error",
        section=Section.WORLD,
        title="On one question, where does the model miss, and to which side?",
        reading=(
            "The model's mean score minus people's: orange where the model leans more to the last "
            "choice than people do, blue where more to the first, white where both are the same. A "
            "difference of 1, half the scale, has the full colour. One colour over the whole map "
            "is an error about the question, not about countries."
        ),
        chart=world_signed_error,
        query_of="question_countries",
        columns=(
            Column("country_name", "country"),
            Column("human_mean_score", "people", digits=3),
            Column("llm_mean_score", "model", digits=3),
            Column("first_choice", "-1 is"),
            Column("last_choice", "1 is"),
        ),
    ),
)
