"""The headline: how close a model is to each country."""

from valuescope.reports.charts import countries
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

EXHIBITS = (
    Exhibit(
        exhibit_id="key_figures",
        section=Section.COUNTRIES,
        title="The model in short",
        reading=(
            "Means over countries. What r is worth shows in the difference to the blind baseline, "
            "which knows nothing about any country: below 0, the model knows less than that."
        ),
        has_one_row=True,
        columns=(
            Column("mean_pearson_r", "mean r"),
            Column("ci_low", "r from"),
            Column("ci_high", "r to"),
            Column("mean_blind_baseline_r", "blind baseline"),
            Column("mean_r_above_blind", "r minus blind"),
            Column("r_above_blind_ci_low", "difference from"),
            Column("r_above_blind_ci_high", "difference to"),
            Column("mean_demeaned_pearson_r", "demeaned r"),
            Column("mean_country_gain", "country gain"),
            Column("mean_skill", "skill"),
            Column("country_count", "countries"),
            Column("common_question_count", "common questions"),
            Column("choice_order", "choice order"),
            Column("null_reason", "why null"),
        ),
    ),
    Exhibit(
        exhibit_id="country_agreement",
        section=Section.COUNTRIES,
        title="How close is the model to each country?",
        reading=(
            "A row a country: the model's r over its questions with a 95% interval. The blind "
            "baseline gives every country the mean of all others; a model to the left of it knows "
            "less than somebody who never heard of the country. Where the model does as well "
            "without a country in the prompt, or by its leaning to an option alone, its r says "
            "nothing about the country."
        ),
        chart=countries.country_agreement,
        columns=(
            Column("country_name", "country"),
            Column("continent", "continent"),
            Column("pearson_r", "r"),
            Column("ci_low", "from"),
            Column("ci_high", "to"),
            Column("blind_baseline_r", "blind baseline"),
            Column("best_other_country_r", "best other country"),
            Column("best_other_country_name", "which"),
            Column("country_free_r", "no country named"),
            Column("option_position_r", "option position"),
            Column("skill", "skill"),
            Column("country_gain", "country gain"),
            Column("question_count", "questions"),
            Column("null_reason", "why null"),
        ),
    ),
    Exhibit(
        exhibit_id="country_demeaned",
        section=Section.COUNTRIES,
        title="Does it know what is special about a country?",
        reading=(
            "The same countries in the same order, with what countries share taken off both sides: "
            "r of what is left. Around zero, the model tells no country from another."
        ),
        chart=countries.country_demeaned,
        columns=(
            Column("country_name", "country"),
            Column("demeaned_pearson_r", "demeaned r"),
            Column("demeaned_ci_low", "from"),
            Column("demeaned_ci_high", "to"),
            Column("demeaned_question_count", "questions"),
            Column("demeaned_null_reason", "why null"),
        ),
    ),
)
