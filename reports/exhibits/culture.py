"""The Inglehart-Welzel map."""

from valuescope.reports.charts import culture
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

EXHIBITS = (
    Exhibit(
        exhibit_id="cultural_map",
        section=Section.CULTURE,
        title="Where on the world's map of values does the model put a country?",
        reading=(
            "The Inglehart-Welzel map, its axes from respondents and from no model: a line joins "
            "a country's people to where the model puts them. One place for all countries is a "
            "model that tells them apart no more than a single answer would. Bars of people are "
            "1.96 standard errors, a lower bound; a model has none."
        ),
        chart=culture.cultural_map,
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
