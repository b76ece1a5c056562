"""Models beside one another."""

from valuescope.reports.charts import models
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

EXHIBITS = (
    Exhibit(
        exhibit_id="model_agreement",
        section=Section.MODELS,
        title="Which model is closest, and is it closer than knowing no country at all?",
        reading=(
            "A row a model and way of asking, best first: the mean of its countries' r with a "
            "95% interval. A model to the left of the blind baseline's stroke knows less than "
            "the mean of all other countries tells. Two intervals that overlap do not say that "
            "two models are alike; only pairs from the same draws do."
        ),
        chart=models.model_agreement,
        columns=(
            Column("design_name", "model"),
            Column("mean_pearson_r", "mean r"),
            Column("ci_low", "from"),
            Column("ci_high", "to"),
            Column("mean_blind_baseline_r", "blind baseline"),
            Column("mean_r_above_blind", "r - blind"),
            Column("r_above_blind_ci_low", "from"),
            Column("r_above_blind_ci_high", "to"),
            Column("country_count", "countries"),
            Column("is_order_controlled", "order controlled"),
            Column("null_reason", "why null"),
        ),
    ),
    Exhibit(
        exhibit_id="model_summary",
        section=Section.MODELS,
        title="What is each model's r worth?",
        reading=(
            "r - blind above 0: more than the mean of all other countries tells. Demeaned r and "
            "country gain: what the model knows of one country rather than of all; demeaned r is "
            "empty where a model tells no countries apart. Skill: 1 is perfect, below 0 is worse "
            "than the blind baseline. Off-choice mass: what the model would rather say than any "
            "choice. Order spread: r in the survey's order minus r with the choices reversed; "
            "where the order is not controlled, it is part of r."
        ),
        columns=(
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("mean_pearson_r", "mean r"),
            Column("ci_low", "from"),
            Column("ci_high", "to"),
            Column("mean_blind_baseline_r", "blind baseline"),
            Column("mean_r_above_blind", "r - blind"),
            Column("r_above_blind_ci_low", "from"),
            Column("r_above_blind_ci_high", "to"),
            Column("mean_demeaned_pearson_r", "demeaned r"),
            Column("demeaned_ci_low", "from"),
            Column("demeaned_ci_high", "to"),
            Column("mean_country_gain", "country gain"),
            Column("mean_skill", "skill"),
            Column("mean_off_choice_mass", "off-choice mass"),
            Column("order_spread", "order spread"),
            Column("country_count", "countries"),
            Column("common_question_count", "common questions"),
            Column("is_order_controlled", "order controlled"),
            Column("population_id", "people"),
            Column("null_reason", "why null"),
        ),
    ),
)
