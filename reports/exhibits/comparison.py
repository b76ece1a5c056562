"""Two designs beside one another."""

from valuescope.reports.charts import comparison
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

COMPARING = (
    Exhibit(
        exhibit_id="compared_countries",
        section=Section.COUNTRIES,
        title="In which countries is one model closer than the other?",
        reading=(
            "Both models' r on the cells that both have in one coding, the largest lead of the "
            "first on top; the stroke is the blind baseline on the same cells. Only a line "
            "marked as told apart stands for a difference that the paired draws support; they "
            "exist for base and chat models and for sizes of one family."
        ),
        chart=comparison.compared_countries,
        columns=(
            Column("country_name", "country"),
            Column("model_name", "first"),
            Column("pearson_r", "r"),
            Column("other_model_name", "second"),
            Column("other_pearson_r", "r"),
            Column("difference", "difference"),
            Column("ci_low", "from"),
            Column("ci_high", "to"),
            Column("q_value", "q", digits=3),
            Column("verdict", "the first is"),
            Column("blind_baseline_r", "blind baseline"),
            Column("question_count", "questions"),
            Column("null_reason", "why null"),
        ),
    ),
)
