"""The figures of the paper whose method valuescope follows."""

from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import rows_named, specification
from valuescope.reports.charts.labelled import (
    TICK,
    across,
    by_rank,
    lookup,
    named_rows,
    numbers,
    rows_with,
    why_nothing,
    zero,
)
from valuescope.reports.charts.palette import (
    BLUE,
    GREEN,
    GREY,
    INK,
    MODEL,
    ORANGE,
    PEOPLE,
    PURPLE,
    VERMILION,
)
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

_CATEGORY_HEIGHT = 56
_CONTINENT_HEIGHT = 92
_MOST_NAMES = 4
"""More dots of a continent have no room for their names, which their tooltips have."""
_PAIR_HEIGHT = 36

_SIZES = {
    "small": BLUE,
    "medium": GREEN,
    "large": PURPLE,
    "not in the registry": GREY,
}
_NO_VERDICT = "no verdict"
_VERDICTS = {
    "higher": GREEN,
    "lower": ORANGE,
    "not distinguishable": BLUE,
    _NO_VERDICT: GREY,
}


def category_scores() -> dict[str, Any]:
    """Draw one box per category for people and one for the model, over countries (Figure 1)."""
    columns = {"human_keyed_mean_score": "people", "keyed_mean_score": "model"}
    boxes = (
        alt.Chart(rows_named())
        .transform_fold(list(columns), as_=["column", "score"])
        .transform_filter("isValid(datum.score)")
        .transform_calculate(who=lookup(columns, "column"))
        .transform_aggregate(
            lowest="min(score)",
            lower="q1(score)",
            median="median(score)",
            upper="q3(score)",
            highest="max(score)",
            countries="count()",
            category_order="min(category_order)",
            groupby=["category_name", "who"],
        )
    )
    in_order = alt.EncodingSortField(field="category_order", op="min", order="ascending")
    position = {
        "y": named_rows("category_name", in_order, _CATEGORY_HEIGHT),
        "yOffset": alt.YOffset(
            "who:N",
            sort=list(columns.values()),
            scale=alt.Scale(range=[12, _CATEGORY_HEIGHT - 12]),
        ),
        "color": alt.Color(
            "who:N",
            title=None,
            scale=alt.Scale(domain=list(columns.values()), range=[PEOPLE, MODEL]),
        ),
        "tooltip": [
            alt.Tooltip("category_name:N", title="category"),
            alt.Tooltip("who:N"),
            *numbers(
                ("lowest", "lowest country"),
                ("lower", "lower quartile"),
                ("median", "median"),
                ("upper", "upper quartile"),
                ("highest", "highest country"),
            ),
            alt.Tooltip("countries:Q"),
        ],
    }
    whiskers = boxes.mark_rule(strokeWidth=1.5).encode(
        x=across("lowest", "keyed mean score"),
        x2="highest:Q",
        **position,
    )
    halves = boxes.mark_bar(size=11).encode(x="lower:Q", x2="upper:Q", **position)
    medians = boxes.mark_tick(size=11, thickness=2).encode(
        x="median:Q", **{**position, "color": alt.value(INK)}
    )
    return specification(
        alt.layer(zero(), whiskers, halves, medians).properties(
            height=alt.Step(_CATEGORY_HEIGHT, **{"for": "position"})
        )
    )


def continents() -> dict[str, Any]:
    """Draw one band per continent with one row per design: r by size of model (Figures 2 and 3)."""
    in_order = alt.EncodingSortField(field="continent", op="min", order="ascending")
    position = {
        "y": named_rows("continent", in_order, _CONTINENT_HEIGHT),
        "yOffset": alt.YOffset(
            "position:Q", scale=alt.Scale(domain=[0, 1], range=[14, _CONTINENT_HEIGHT - 14])
        ),
    }
    sizes = alt.Color(
        "size_group:N",
        title=None,
        legend=alt.Legend(symbolOpacity=1),
        scale=alt.Scale(domain=list(_SIZES), range=list(_SIZES.values())),
    )
    known = rows_with("pearson_r")
    interval = (
        rows_with("pearson_r", "ci_low")
        .mark_rule(strokeWidth=1.5, opacity=0.5)
        .encode(x="ci_low:Q", x2="ci_high:Q", color=sizes, **position)
    )
    blind = (
        rows_with("pearson_r", "blind_baseline_r")
        .mark_point(shape=TICK, size=30, strokeWidth=1.5, color=VERMILION, opacity=1)
        .encode(x="blind_baseline_r:Q", **position)
    )
    points = known.mark_point(filled=True, size=34, opacity=1).encode(
        x=across("pearson_r", "mean r over countries"),
        color=sizes,
        tooltip=[
            alt.Tooltip("display_name:N", title="model"),
            alt.Tooltip("quantization:N"),
            alt.Tooltip("prompt_name:N", title="asked"),
            alt.Tooltip("continent:N"),
            *numbers(
                ("pearson_r", "mean r"),
                ("ci_low", "from"),
                ("ci_high", "to"),
                ("blind_baseline_r", "blind baseline"),
            ),
            alt.Tooltip("country_count:Q", title="countries"),
        ],
        **position,
    )
    is_right = "datum.pearson_r > 0.5"
    names = (
        known.transform_joinaggregate(designs="count()", groupby=["continent"])
        .transform_filter(f"datum.designs <= {_MOST_NAMES}")
        .mark_text(
            align={"expr": f"{is_right} ? 'right' : 'left'"},
            dx={"expr": f"{is_right} ? -8 : 8"},
            dy=-8,
            color=INK,
        )
        .encode(x="pearson_r:Q", text="display_name:N", **position)
    )
    return specification(
        alt.layer(zero(), interval, blind, points, names, why_nothing("pearson_r")).properties(
            height=alt.Step(_CONTINENT_HEIGHT, **{"for": "position"})
        )
    )


def base_and_chat() -> dict[str, Any]:
    """Draw one row per pair: r of both models, and the interval between (Figure 4)."""
    pairs = named_rows("pair_name", by_rank(), _PAIR_HEIGHT)
    verdict = f"isValid(datum.verdict) ? datum.verdict : '{_NO_VERDICT}'"
    verdicts = alt.Color(
        "said:N",
        title="the chat model is",
        legend=alt.Legend(symbolOpacity=1),
        scale=alt.Scale(domain=list(_VERDICTS), range=list(_VERDICTS.values())),
    )
    known = rows_with("delta").transform_calculate(said=verdict)
    interval = (
        rows_with("delta", "ci_low")
        .transform_calculate(
            said=verdict,
            low="datum.other_estimate + datum.ci_low",
            high="datum.other_estimate + datum.ci_high",
        )
        .mark_rule(strokeWidth=2, opacity=0.6)
        .encode(x="low:Q", x2="high:Q", y=pairs, color=verdicts)
    )
    tooltip = [
        alt.Tooltip("pair_name:N", title="pair"),
        alt.Tooltip("other_name:N", title="beside"),
        *numbers(
            ("other_estimate", "r beside it"),
            ("model_estimate", "r of the chat model"),
            ("delta", "difference"),
            ("ci_low", "from"),
            ("ci_high", "to"),
        ),
        alt.Tooltip("verdict:N"),
        alt.Tooltip("null_reason:N", title="why no verdict"),
    ]
    other = known.mark_point(size=60, color=GREY, opacity=1, strokeWidth=2).encode(
        x=across("other_estimate", "mean r over countries"),
        y=pairs,
        tooltip=tooltip,
    )
    chat = known.mark_point(filled=True, size=60, opacity=1).encode(
        x="model_estimate:Q", y=pairs, color=verdicts, tooltip=tooltip
    )
    return specification(
        alt.layer(zero(), interval, other, chat).properties(height=alt.Step(_PAIR_HEIGHT))
    )


EXHIBITS = (
    Exhibit(
        exhibit_id="category_scores",
        section=Section.PAPER,
        title="Figure 1: How do people and the model rate each kind of value?",
        reading=(
            "A box holds the middle half of the countries, its stroke is the median and the line "
            "reaches from the lowest country to the highest. Both are over the same questions "
            "and countries, turned so that a high score is at each question's named pole. "
            "Boxes that coincide need not agree country by country."
        ),
        chart=category_scores,
        draws="keyed_mean_score",
        needs="questions with a keyed direction, asked of people and the model",
        columns=(
            Column("category_name", "category"),
            Column("country_name", "country"),
            Column("human_keyed_mean_score", "people"),
            Column("keyed_mean_score", "model"),
            Column("question_count", "questions"),
        ),
    ),
    Exhibit(
        exhibit_id="continents",
        section=Section.PAPER,
        title="Figures 2 and 3: Are small and large models closer to some continents?",
        reading=(
            "Each dot is one model and way of asking: the mean r of the continent's countries, "
            "with a 95% interval where there are five or more. Within a continent the small models "
            "are on top, then medium and large ones, each from high to low. The strokes are "
            "the blind baseline of the same countries, which differs between continents too."
        ),
        chart=continents,
        draws="pearson_r",
        needs="a model that was asked five questions or more of a country in the survey",
        columns=(
            Column("continent", "continent"),
            Column("size_group", "size"),
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("pearson_r", "mean r", low="ci_low", high="ci_high"),
            Column("blind_baseline_r", "blind baseline"),
            Column("country_count", "countries"),
            Column("is_order_controlled", "order controlled"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="base_and_chat",
        section=Section.PAPER,
        title="Figure 4: Is a chat model closer to people than its base model?",
        reading=(
            "A filled dot is the chat model's mean r, the ring that of what it is compared with "
            "on the same cells. Weights: both in plain text; template: the chat model with its "
            "template beside itself without; both: what users meet. The bar is the 95% interval "
            "of the difference, drawn from the ring: where it leaves out the ring, the "
            "difference is not 0. An undetected difference does not mean equality."
        ),
        chart=base_and_chat,
        draws="delta",
        needs="a base model and its chat version, scored with the same prompts",
        columns=(
            Column("pair_name", "chat model: what changes"),
            Column("chat_mode", "asked"),
            Column("other_name", "compared with"),
            Column("other_chat_mode", "asked"),
            Column("model_estimate", "r of the chat model"),
            Column("other_estimate", "r of the other"),
            Column("delta", "difference", low="ci_low", high="ci_high"),
            Column("smallest_detectable_delta", "smallest that would show"),
            Column("verdict", "verdict"),
            Column(
                "demeaned_delta",
                "difference of demeaned r",
                low="demeaned_ci_low",
                high="demeaned_ci_high",
            ),
            Column("country_count", "countries"),
            Column("question_count", "questions"),
            Column("is_order_controlled", "order controlled"),
            Column("null_reason", "why no verdict"),
        ),
    ),
)
