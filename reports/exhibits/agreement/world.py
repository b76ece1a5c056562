"""The world at a glance."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from valuescope.reports.charts.labelled import numbers
from valuescope.reports.charts.world_map import world_map
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Row, Section
from valuescope.reports.files.number_format import decimals


def world_agreement() -> dict[str, Any]:
    """Draw each country coloured by r minus what random answers reach there."""
    return world_map(
        "r_above_random",
        "r minus that of random answers",
        "from lowest to highest",
        (
            alt.Tooltip("country_name:N", title="country"),
            *numbers(
                ("r_above_random", "r minus random answers"),
                ("r_above_random_ci_low", "from"),
                ("r_above_random_ci_high", "to"),
                ("pearson_r", "r"),
                ("blind_baseline_r", "blind baseline"),
            ),
            alt.Tooltip("question_count:Q", title="questions"),
        ),
        (
            alt.Tooltip("country_name:N", title="country"),
            alt.Tooltip("random_null_reason:N", title="why no value"),
            alt.Tooltip("question_count:Q", title="questions"),
        ),
    )


def world_signed_error() -> dict[str, Any]:
    """Draw each country coloured by the model's mean score minus people's on a question."""
    return world_map(
        "signed_error",
        "model minus people",
        "around zero",
        (
            alt.Tooltip("country_name:N", title="country"),
            alt.Tooltip("short_label:N", title="question"),
            *numbers(
                ("human_mean_score", "people"),
                ("llm_mean_score", "model"),
                ("signed_error", "model minus people"),
                digits=3,
            ),
        ),
    )


def furthest_above_random(rows: Sequence[Row]) -> str | None:
    """Name the countries at both ends."""
    known = [row for row in rows if row["r_above_random"] is not None]
    if len(known) < 2:
        return None
    lowest, *_, highest = sorted(known, key=lambda row: (row["r_above_random"], row["country_id"]))
    return (
        f"The model is furthest above random answers in {highest['country_name']} "
        f"({decimals(highest['r_above_random'])}), least in {lowest['country_name']} "
        f"({decimals(lowest['r_above_random'])})"
    )


EXHIBITS = (
    Exhibit(
        exhibit_id="world_agreement",
        section=Section.WORLD,
        title="Where in the world is the model close to people?",
        reading=(
            "The colour is r minus what random answers of the same spread reach in that country: "
            "the model's share of it, without what any answers would reach there. Dots are "
            "countries too small to be seen. A dashed outline has no value, its tooltip and the "
            "table say why; grey countries were not asked about. Differences between neighbours "
            "are small beside their intervals, which the table has."
        ),
        chart=world_agreement,
        draws="r_above_random",
        finding=furthest_above_random,
        needs="a model that was asked five questions or more of two countries or more",
        query_of="country_agreement",
        columns=(
            Column("country_name", "country"),
            Column("continent", "continent"),
            Column(
                "r_above_random",
                "r minus random answers",
                low="r_above_random_ci_low",
                high="r_above_random_ci_high",
            ),
            Column("pearson_r", "r", low="ci_low", high="ci_high"),
            Column("blind_baseline_r", "blind baseline"),
            Column("question_count", "questions"),
            Column("random_null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="world_signed_error",
        section=Section.WORLD,
        title="On one question, where does the model miss, and to which side?",
        reading=(
            "The model's mean score minus people's: orange where the model leans more to the last "
            "choice than people do, blue where it leans more to the first, white where both are "
            "the same. One colour over the whole map is an error about the question, not about "
            "countries."
        ),
        chart=world_signed_error,
        draws="signed_error",
        needs="a model that was asked this question in a country that the survey has",
        query_of="question_countries",
        columns=(
            Column("country_name", "country"),
            Column("human_mean_score", "people", digits=3),
            Column("llm_mean_score", "model", digits=3),
            Column("signed_error", "model minus people", digits=3),
            Column("first_choice", "-1 is"),
            Column("last_choice", "1 is"),
        ),
    ),
)
