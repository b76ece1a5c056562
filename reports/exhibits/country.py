"""One country, over questions."""

from valuescope.reports.charts import country
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

_QUESTIONS = (
    Column("question_id", "question"),
    Column("short_label", "about"),
    Column("category_name", "category"),
    Column("human_mean_score", "people", digits=3),
    Column("llm_mean_score", "model", digits=3),
)

EXHIBITS = (
    Exhibit(
        exhibit_id="country_scatter",
        section=Section.COUNTRY,
        title="Does the model know what this country's people answer?",
        reading=(
            "A point a question, from -1 where all take the first choice to 1 where all take the "
            "last. On the dashed line people and model agree. Points around a level line mean that "
            "the model gives much the same answer to everything; points in a slope need not be "
            "about this country, since all countries' people answer much alike."
        ),
        chart=country.country_scatter,
        columns=_QUESTIONS,
    ),
    Exhibit(
        exhibit_id="country_gaps",
        section=Section.COUNTRY,
        title="On which questions is it nearest to people, and on which farthest away?",
        reading=(
            "The eight questions with the shortest way from people to model, then the eight with "
            "the longest; the table has all. Short ways are no knowledge where people stand in "
            "the middle of the scale: an undecided model stands there too."
        ),
        chart=country.country_gaps,
        query_of="country_scatter",
        columns=_QUESTIONS,
    ),
    Exhibit(
        exhibit_id="country_categories",
        section=Section.COUNTRY,
        title="Which subjects does it know in this country?",
        reading=(
            "rho0 is an agreement from -1 to 1 that does not depend on which end of a scale comes "
            "first. Only a model to the right of the blind baseline, the mean of all other "
            "countries, adds something about this one. A category of fewer than ten questions is "
            "too small to be compared with others."
        ),
        chart=country.country_categories,
        columns=(
            Column("category_name", "category"),
            Column("rho0", "rho0"),
            Column("blind_rho0", "blind baseline"),
            Column("rho0_above_blind", "above blind"),
            Column("mean_absolute_error", "mean absolute error"),
            Column("question_count", "questions"),
            Column("null_reason", "why null"),
        ),
    ),
)
