"""What smaller files of a model change."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import altair as alt

from valuescope.reports.charts.drawing import specification
from valuescope.reports.charts.labelled import (
    TICK,
    across,
    by_rank,
    kinds,
    lookup,
    named_rows,
    numbers,
    rows_with,
)
from valuescope.reports.charts.palette import INK, MODEL, VERMILION
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Row, Section
from valuescope.reports.exhibits.reasons import in_words
from valuescope.reports.files.number_format import brackets, decimals

_HEIGHT = 56
_ANSWERS = {
    "no difference beyond numerical noise": "may be used",
    "small change in r": "may be used for r",
    "changes results": "may not be used",
    "undecided": "undecided",
}
_DRIFT = {"rms_noise_floor": "numerical noise alone", "rms_score_drift": "drift of mean scores"}


def quantization_drift() -> dict[str, Any]:
    """Draw one row per pair of files: drift of mean scores, noise floor, and the answer."""
    pairs = named_rows("pair_name", by_rank(), _HEIGHT)
    known = rows_with("rms_score_drift")
    points = (
        known.transform_fold(list(_DRIFT), as_=["column", "drift"])
        .transform_filter("isValid(datum.drift)")
        .transform_calculate(kind=lookup(_DRIFT, "column"))
        .mark_point(filled=True, size=60, opacity=1, strokeWidth=2)
        .encode(
            x=across("drift", "root mean square difference of mean scores"),
            y=pairs,
            **kinds(list(_DRIFT.values()), [VERMILION, MODEL], [TICK, "circle"]),
            tooltip=[
                alt.Tooltip("pair_name:N", title="files"),
                alt.Tooltip("answer:N"),
                alt.Tooltip("null_reason:N", title="why no answer"),
                *numbers(
                    ("rms_score_drift", "drift"), ("rms_noise_floor", "noise floor"), digits=4
                ),
                *numbers(
                    ("pearson_r", "r of the smaller file"),
                    ("other_pearson_r", "r of the larger file"),
                    digits=3,
                ),
            ],
        )
    )
    answers = (
        known.transform_calculate(
            verdict="(isValid(datum.answer) ? datum.answer : 'no answer: ' + "
            "replace(datum.null_reason, /_/g, ' ')) + "
            "(isValid(datum.pearson_r) && isValid(datum.other_pearson_r) ? "
            "'; r ' + format(datum.pearson_r, '.2f') + ', larger file ' + "
            "format(datum.other_pearson_r, '.2f') : '')"
        )
        .mark_text(align="left", dy=15, fontSize=12, color=INK, opacity=0.8)
        .encode(x=alt.value(3), y=pairs, text="verdict:N")
    )
    return specification(alt.layer(points, answers).properties(height=alt.Step(_HEIGHT)))


def may_be_used(rows: Sequence[Row]) -> str | None:
    """Say whether the smaller file may be used, with the numbers where there is one pair."""
    known = [row for row in rows if row["pearson_r_delta"] is not None]
    if not known:
        return None
    if len(known) > 1:
        counts = Counter(_answer(row) for row in known)
        each = ", ".join(f"{answer}: {count}" for answer, count in counts.items())
        return f"Of {len(known)} smaller files, {each}"
    (row,) = known
    low, high = row["pearson_r_delta_ci_low"], row["pearson_r_delta_ci_high"]
    change = f"{decimals(row['pearson_r_delta'], 3)}{brackets(low, high, 3)}"
    likeliest = f"{100 * row['modal_answer_changed_share']:.0f}% of likeliest answers change"
    return f"{row['pair_name']}: {_answer(row)}; r changes by {change}, {likeliest}"


def _answer(row: Row) -> str:
    if row["answer"] is None:
        return f"no answer ({in_words(row['null_reason'])})"
    return _ANSWERS[row["answer"]]


EXHIBITS = (
    Exhibit(
        exhibit_id="quantization_drift",
        section=Section.QUANTIZATION,
        title="May a smaller file be used for the larger one?",
        reading=(
            "How far mean scores of a smaller file are from the larger one's, cell by cell, "
            "beside what arithmetic alone would move them. The answer is about results: whether "
            "r changes. Where the noise was not measured, by scoring with several numerics, "
            "there is no answer."
        ),
        chart=quantization_drift,
        draws="rms_score_drift",
        finding=may_be_used,
        needs="two files of one model in different quantizations, asked the same questions",
        columns=(
            Column("pair_name", "files"),
            Column("answer", "answer"),
            Column("rms_score_drift", "drift", digits=4),
            Column("rms_noise_floor", "noise floor", digits=4),
            Column("mean_absolute_score_drift", "mean absolute drift", digits=4),
            Column("modal_answer_changed_share", "other answer likeliest"),
            Column("pearson_r", "r", digits=3),
            Column("other_pearson_r", "r of the larger file", digits=3),
            Column(
                "pearson_r_delta",
                "difference",
                digits=3,
                low="pearson_r_delta_ci_low",
                high="pearson_r_delta_ci_high",
            ),
            Column("scored_cell_count", "cells"),
            Column("country_count", "countries"),
            Column("file_bytes", "bytes"),
            Column("other_file_bytes", "bytes of the larger file"),
            Column("null_reason", "why no answer"),
        ),
    ),
)
