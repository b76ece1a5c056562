"""The world at a glance."""

from valuescope.reports.charts import world
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

EXHIBITS = (
    Exhibit(
        exhibit_id="world_agreement",
        section=Section.WORLD,
        title="Where in the world is the model close to people?",
        reading=(
            "A tile a country, roughly where it lies: the darker the orange, the closer the model "
            "follows its people's answers over questions (r); blue is worse than chance. A dashed "
            "tile has no r, its tooltip and the table say why; a faint one was not asked about. "
            "Look at the blind baseline before you praise a colour: it reaches a high r everywhere "
            "without knowing any country."
        ),
        chart=world.world_agreement,
        query_of="country_agreement",
        columns=(
            Column("country_name", "country"),
            Column("continent", "continent"),
            Column("pearson_r", "r"),
            Column("ci_low", "from"),
            Column("ci_high", "to"),
            Column("blind_baseline_r", "blind baseline"),
            Column("question_count", "questions"),
            Column("null_reason", "why null"),
        ),
    ),
    Exhibit(
        exhibit_id="world_signed_error",
        section=Section.WORLD,
        title="On one question, where does the model miss, and to which side?",
        reading=(
            "The model's mean score minus people's: orange where the model leans more to the last "
            "choice than people do, blue where more to the first, white where both are the same. A "
            "difference of 1, half the scale, has the full colour. One colour over the whole map "
            "is an error about the question, not about countries."
        ),
        chart=world.world_signed_error,
        query_of="question_countries",
        columns=(
            Column("country_name", "country"),
            Column("human_mean_score", "people", digits=3),
            Column("llm_mean_score", "model", digits=3),
            Column("first_choice", "-1 is"),
            Column("last_choice", "1 is"),
        ),
    ),
)
