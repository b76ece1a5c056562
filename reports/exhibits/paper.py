"""The figures of the paper whose method valuescope follows."""

from valuescope.reports.charts import paper
from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

EXHIBITS = (
    Exhibit(
        exhibit_id="category_scores",
        section=Section.PAPER,
        title="Figure 1: How do people and the model rate each kind of value?",
        reading=(
            "A box holds the middle half of the countries, its stroke is the median and the line "
            "reaches from the lowest country to the highest. Both are over the same questions "
            "and countries, turned so that a high score lies at each question's named pole. "
            "Boxes that coincide need not agree country by country."
        ),
        chart=paper.category_scores,
        columns=(
            Column("category_name", "category"),
            Column("country_name", "country"),
            Column("human_keyed_mean_score", "people"),
            Column("keyed_mean_score", "model"),
            Column("question_count", "questions"),
        ),
    ),
    Exhibit(
        exhibit_id="continents",
        section=Section.PAPER,
        title="Figures 2 and 3: Are small and large models closer to some continents?",
        reading=(
            "A dot a model and way of asking: the mean r of the continent's countries, with a "
            "95% interval where there are five or more. Within a continent the small models "
            "stand on top, then medium and large ones, each from high to low. The strokes are "
            "the blind baseline of the same countries, which differs between continents too."
        ),
        chart=paper.continents,
        columns=(
            Column("continent", "continent"),
            Column("size_group", "size"),
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("pearson_r", "mean r"),
            Column("ci_low", "from"),
            Column("ci_high", "to"),
            Column("blind_baseline_r", "blind baseline"),
            Column("country_count", "countries"),
            Column("is_order_controlled", "order controlled"),
            Column("null_reason", "why null"),
        ),
    ),
    Exhibit(
        exhibit_id="base_and_chat",
        section=Section.PAPER,
        title="Figure 4: Is a chat model closer to people than its base model?",
        reading=(
            "A filled dot is the chat model's mean r, the ring that of what it is compared with "
            "on the same cells. Weights: both in plain text; template: the chat model with its "
            "template beside itself without; both: what users meet. The bar is the 95% interval "
            "of the difference, drawn from the ring: where it leaves out the ring, the "
            "difference is not 0. No difference shown is no finding of equality."
        ),
        chart=paper.base_and_chat,
        columns=(
            Column("pair_name", "chat model: what changes"),
            Column("chat_mode", "asked"),
            Column("other_name", "compared with"),
            Column("other_chat_mode", "asked"),
            Column("model_estimate", "r of the chat model"),
            Column("other_estimate", "r of the other"),
            Column("delta", "difference"),
            Column("ci_low", "from"),
            Column("ci_high", "to"),
            Column("smallest_detectable_delta", "smallest that would show"),
            Column("verdict", "verdict"),
            Column("demeaned_delta", "difference of demeaned r"),
            Column("demeaned_ci_low", "from"),
            Column("demeaned_ci_high", "to"),
            Column("country_count", "countries"),
            Column("question_count", "questions"),
            Column("is_order_controlled", "order controlled"),
            Column("null_reason", "why no verdict"),
        ),
    ),
)
