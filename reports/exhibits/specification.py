"""What a researcher's own choices do to the numbers."""

from valuescope.reports.charts import specification
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

EXHIBITS = (
    Exhibit(
        exhibit_id="specification_curve",
        section=Section.SPECIFICATION,
        title="Would another way of asking have given another r?",
        reading=(
            "Above, the model's mean r under every template, order, answer style and "
            "normalisation that was scored, from high to low, on identical cells; below, what "
            "each of them is. A choice whose strokes lie on one side moves r. To pick the "
            "highest afterwards would be picking a result."
        ),
        chart=specification.specification_curve,
        columns=(
            Column("specification_rank", "rank"),
            Column("template_id", "template"),
            Column("choice_order", "order"),
            Column("answer_style", "answer"),
            Column("normalization", "normalisation"),
            Column("coding_id", "coding"),
            Column("wording_set", "wording"),
            Column("chat_mode", "chat"),
            Column("pearson_r", "mean r"),
            Column("blind_baseline_r", "blind baseline"),
            Column("demeaned_pearson_r", "demeaned r"),
            Column("country_count", "countries"),
            Column("cell_count", "cells"),
            Column("is_chosen", "chosen design"),
            Column("null_reason", "why null"),
        ),
    ),
    Exhibit(
        exhibit_id="variance_components",
        section=Section.SPECIFICATION,
        title="What do the model's answers depend on?",
        reading=(
            "How much of the variance of its mean scores lies between questions, between "
            "countries, and between the ways of asking. 'Question by country' is what it says "
            "about countries beyond a general level for each; 'question by choice order' is "
            "answering by position. People's answers play no part here."
        ),
        chart=specification.variance_components,
        columns=(
            Column("component_name", "component"),
            Column("share_of_total", "share", digits=4),
            Column("sum_of_squares", "sum of squares"),
            Column("degrees_of_freedom", "degrees of freedom"),
            Column("level_count", "levels"),
            Column("crossed_design_count", "designs"),
            Column("question_count", "questions"),
            Column("country_count", "countries"),
            Column("null_reason", "why null"),
        ),
    ),
)
