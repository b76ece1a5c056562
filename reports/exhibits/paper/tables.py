"""The tables of the paper whose method valuescope follows."""

from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

EXHIBITS = (
    Exhibit(
        exhibit_id="table_1_models",
        section=Section.TABLES,
        title="Table 1: The models",
        reading=(
            "The files that were scored. Family, tokens and corpus come from the project's "
            "registry and are empty for a file outside it; the rest is what the file states of "
            "itself."
        ),
        columns=(
            Column("display_name", "model"),
            Column("family", "family"),
            Column("billions_of_parameters", "parameters (billions)"),
            Column("size_group", "size"),
            Column("trillions_of_training_tokens", "training tokens (trillions)"),
            Column("corpus_kind", "corpus"),
            Column("release_month", "released"),
            Column("training_cutoff_month", "text until"),
            Column("base_or_chat", "base or chat"),
            Column("quantization", "quantization"),
            Column("architecture", "architecture"),
            Column("context_length", "context"),
            Column("vocabulary_size", "vocabulary"),
            Column("licence", "licence"),
            Column("in_paper", "in the paper"),
        ),
    ),
    Exhibit(
        exhibit_id="table_2_categories",
        section=Section.TABLES,
        title="Table 2: Which kinds of value does the model know?",
        reading=(
            "rho0 is an agreement that does not depend on which way items are coded. Minus the "
            "blind baseline's it is larger where that is weak, so categories of ten questions or "
            "more are ranked by how far they are beyond random answers of the same spread; place "
            "is the share of those that the model is above. Ranks by as many other items would "
            "correlate with these by the reliability or .2 more. r within a category depends on "
            "the coding of its items and ranks nothing. That this is the paper's Table 2 is an "
            "assumption."
        ),
        columns=(
            Column("category_rank", "rank", low="category_rank_low", high="category_rank_high"),
            Column("category_ranking_reliability", "reliability of ranks"),
            Column("category_name", "category"),
            Column("rho0", "rho0"),
            Column("blind_rho0", "blind rho0"),
            Column(
                "rho0_above_blind",
                "rho0 - blind",
                low="rho0_above_blind_ci_low",
                high="rho0_above_blind_ci_high",
            ),
            Column("random_rho0_above_blind", "random answers reach"),
            Column("random_place", "place"),
            Column("random_q_value", "q", digits=3),
            Column("pearson_r", "r within countries"),
            Column("mean_absolute_error", "mean absolute error"),
            Column("question_count", "questions"),
            Column("country_count", "countries"),
            Column("null_reason", "why there is none"),
        ),
    ),
    Exhibit(
        exhibit_id="tables_3_and_4_printed_figures",
        section=Section.TABLES,
        title="Tables 3 and 4: Do the shares that the paper prints agree with the survey?",
        reading=(
            "Six shares of people that the paper prints beside those of the loaded survey, under "
            "each coding, and what models say. They agree within 2 points or not; which of them "
            "is in Table 3 and which in Table 4 is not known."
        ),
        saved_query="tables_3_and_4_printed_figures",
        columns=(
            Column("country_name", "country"),
            Column("question_id", "question"),
            Column("short_label", "about"),
            Column("answer", "answer"),
            Column("coding_id", "coding"),
            Column("printed_share", "printed", digits=3),
            Column("survey_share", "survey", digits=3),
            Column("printed_minus_survey", "difference", digits=3),
            Column("agrees", "agrees"),
            Column("null_reason", "why there is none"),
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("llm_probability", "model's probability", digits=3),
        ),
    ),
)
