"""What smaller files of a model change."""

from valuescope.reports.charts import quantization
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

EXHIBITS = (
    Exhibit(
        exhibit_id="quantization_drift",
        section=Section.QUANTIZATION,
        title="May a smaller file stand for the larger one?",
        reading=(
            "How far mean scores of a smaller file lie from the larger one's, cell by cell, "
            "beside what arithmetic alone would move them. The answer is about results: whether "
            "r changes. Where the noise was not measured, by scoring with several numerics, "
            "there is no answer."
        ),
        chart=quantization.quantization_drift,
        columns=(
            Column("pair_name", "files"),
            Column("answer", "answer"),
            Column("rms_score_drift", "drift", digits=4),
            Column("rms_noise_floor", "noise floor", digits=4),
            Column("mean_absolute_score_drift", "mean absolute drift", digits=4),
            Column("modal_answer_changed_share", "other answer likeliest"),
            Column("pearson_r", "r", digits=3),
            Column("other_pearson_r", "r of the larger file", digits=3),
            Column("pearson_r_delta", "difference", digits=3),
            Column("pearson_r_delta_ci_low", "from", digits=3),
            Column("pearson_r_delta_ci_high", "to", digits=3),
            Column("scored_cell_count", "cells"),
            Column("country_count", "countries"),
            Column("file_bytes", "bytes"),
            Column("other_file_bytes", "bytes of the larger file"),
            Column("null_reason", "why no answer"),
        ),
    ),
)
