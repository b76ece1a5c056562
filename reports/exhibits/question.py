"""One question, over countries."""

from valuescope.reports.charts import question
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

EXHIBITS = (
    Exhibit(
        exhibit_id="question_countries",
        section=Section.QUESTION,
        title="What do the people of each country answer, and what does the model expect?",
        reading=(
            "A row a country, in the order of its people's mean score, which lies between the "
            "first choice (-1) and the last (1). A model that knows the countries follows people's "
            "slope; one whose marks stand in a column gives every country the same answer."
        ),
        chart=question.question_countries,
        columns=(
            Column("country_name", "country"),
            Column("human_mean_score", "people", digits=3),
            Column("llm_mean_score", "model", digits=3),
            Column("first_choice", "-1 is"),
            Column("last_choice", "1 is"),
        ),
    ),
    Exhibit(
        exhibit_id="answer_shares",
        section=Section.QUESTION,
        title="How are the answers distributed in this country?",
        reading=(
            "For each choice, in the order of the questionnaire, the share of people who took it "
            "beside the probability that the model gives it. Equal means can hide different "
            "shapes: people who are split, and a model that is undecided. Questions without a "
            "scale, which have no mean score, are here too."
        ),
        chart=question.answer_shares,
        columns=(
            Column("choice_index", "place"),
            Column("choice_text", "choice"),
            Column("human_share", "people"),
            Column("llm_probability", "model"),
        ),
    ),
    Exhibit(
        exhibit_id="question_agreement",
        section=Section.QUESTION,
        title="On which questions does the model tell countries apart?",
        reading=(
            "r across countries: whether the model expects more where people answer more. The ten "
            "best and the ten worst questions; the table has all, with the model's mean error, "
            "model minus people. Among many questions some have a high r by luck, and r is "
            "little worth where the model's answers hardly differ between countries (its "
            "standard deviation)."
        ),
        chart=question.question_agreement,
        columns=(
            Column("question_id", "question"),
            Column("short_label", "about"),
            Column("category_name", "category"),
            Column("pearson_r", "r"),
            Column("mean_error", "mean error"),
            Column("mean_absolute_error", "mean absolute error"),
            Column("llm_standard_deviation", "model's standard deviation"),
            Column("human_standard_deviation", "people's standard deviation"),
            Column("country_count", "countries"),
            Column("null_reason", "why null"),
        ),
    ),
)
