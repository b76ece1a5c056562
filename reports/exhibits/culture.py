"""The Inglehart-Welzel map."""

from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import specification
from valuescope.reports.charts.labelled import kinds, numbers, rows_with
from valuescope.reports.charts.palette import GREY, INK, MODEL, PEOPLE
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

_HEIGHT = 480
_AROUND = alt.Scale(zero=False, nice=True, padding=16)
_ACROSS = alt.X("x:Q", title="survival to self-expression values", scale=_AROUND)
_UP = alt.Y("y:Q", title="traditional to secular-rational values", scale=_AROUND)
_MOST_NAMES = 25
"""With more places than that, codes are shown instead of names, which would overlap."""

_WHO = {"human": "people, with 95% sampling error", "llm": "model"}


def cultural_map() -> dict[str, Any]:
    """Draw the places of countries' people, joined to those of the model's answers."""
    joined = (
        _places("human", "llm_self_expression")
        .mark_rule(color=GREY, opacity=0.45)
        .encode(x=_ACROSS, y=_UP, x2="llm_self_expression:Q", y2="llm_secular_rational:Q")
    )
    errors = [_sampling_error(axis) for axis in ("x", "y")]
    points = [_points(who) for who in _WHO]
    names = [
        _names(_places("human")),
        _names(_places("llm").transform_filter("!isValid(datum.human_self_expression)")),
    ]
    return specification(alt.layer(joined, *errors, *points, *names).properties(height=_HEIGHT))


def _places(who: str, *needed: str) -> alt.Chart:
    """Draw the rows where `who` has a place, which `x` and `y` hold."""
    placed: alt.Chart = rows_with(f"{who}_self_expression", *needed).transform_calculate(
        x=f"datum.{who}_self_expression",
        y=f"datum.{who}_secular_rational",
        kind=f"'{_WHO[who]}'",
    )
    return placed


def _points(who: str) -> alt.Chart:
    points: alt.Chart = (
        _places(who)
        .mark_point(filled=True, size=50, opacity=1)
        .encode(
            x=_ACROSS,
            y=_UP,
            **kinds(list(_WHO.values()), [PEOPLE, MODEL], ["circle", "diamond"]),
            tooltip=[
                alt.Tooltip("country_name:N", title="country"),
                alt.Tooltip("kind:N", title="who"),
                *numbers(("x", "self-expression"), ("y", "secular-rational")),
            ],
        )
    )
    return points


def _names(places: alt.Chart) -> alt.Chart:
    names: alt.Chart = (
        places.transform_joinaggregate(places="count()")
        .transform_calculate(
            name=f"datum.places > {_MOST_NAMES} ? datum.country_id : datum.country_name"
        )
        .mark_text(color=INK, align="left", dx=5, dy=-5, fontSize=12)
        .encode(x=_ACROSS, y=_UP, text="name:N")
    )
    return names


def _sampling_error(axis: str) -> alt.Chart:
    """Draw 1.96 standard errors of people's place to both sides, along an axis."""
    error = {
        "x": "datum.human_self_expression_standard_error",
        "y": "datum.human_secular_rational_standard_error",
    }[axis]
    ends = {
        "low": f"datum.{axis} - 1.96 * {error}",
        "high": f"datum.{axis} + 1.96 * {error}",
    }
    position = (
        {"x": alt.X("low:Q"), "x2": "high:Q", "y": _UP}
        if axis == "x"
        else {"x": _ACROSS, "y": alt.Y("low:Q"), "y2": "high:Q"}
    )
    bars: alt.Chart = (
        _places("human", "human_self_expression_standard_error")
        .transform_calculate(**ends)
        .mark_rule(color=PEOPLE, opacity=0.5)
        .encode(**position)
    )
    return bars


EXHIBITS = (
    Exhibit(
        exhibit_id="cultural_map",
        section=Section.CULTURE,
        title="Where on the world's map of values does the model put a country?",
        reading=(
            "The Inglehart-Welzel map, its axes from respondents and from no model: a line joins "
            "a country's people to where the model puts them. One place for all countries is a "
            "model that tells them apart no more than a single answer would. Bars of people are "
            "1.96 standard errors, a lower bound; a model's place has no bars."
        ),
        chart=cultural_map,
        draws="human_self_expression",
        needs="a survey file with a row for each respondent",
        columns=(
            Column("country_id", "code"),
            Column("country_name", "country"),
            Column("human_self_expression", "people: self-expression"),
            Column("human_self_expression_standard_error", "standard error"),
            Column("human_secular_rational", "people: secular-rational"),
            Column("human_secular_rational_standard_error", "standard error"),
            Column("human_null_reason", "why people have no place"),
            Column("llm_self_expression", "model: self-expression"),
            Column("llm_secular_rational", "model: secular-rational"),
            Column("llm_null_reason", "why the model has no place"),
        ),
    ),
)
