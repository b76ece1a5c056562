"""What the numbers rest on, so that somebody else can get them again."""

from valuescope.reports.exhibits.exhibit import Column, Exhibit, Section

EXHIBITS = (
    Exhibit(
        exhibit_id="files_and_hashes",
        section=Section.METHODS,
        title="Which model files were scored, with what?",
        reading=(
            "One row per file and way of computing. The same file has the same SHA-256 (of a split "
            "file: that of its parts' hashes in order); another engine, precision or cache may "
            "move the last digits."
        ),
        columns=(
            Column("display_name", "model"),
            Column("file_name", "file"),
            Column("quantization", "quantization"),
            Column("file_bytes", "bytes"),
            Column("sha256", "SHA-256"),
            Column("engine_version", "llama-cpp-python"),
            Column("valuescope_version", "valuescope"),
            Column("compute_type", "computed in"),
            Column("kv_cache_type", "cache"),
            Column("flash_attention", "flash attention"),
            Column("scoring_path", "path"),
            Column("run_count", "runs"),
            Column("cells_scored", "cells scored"),
        ),
    ),
    Exhibit(
        exhibit_id="survey_files",
        section=Section.METHODS,
        title="Whose answers are models compared with?",
        reading=(
            "The survey files behind the population that models are compared with, one row per "
            "file, wave and release. Years are those of the interviews, empty where a file does "
            "not say."
        ),
        columns=(
            Column("population_id", "people"),
            Column("wave", "wave"),
            Column("file_name", "file"),
            Column("file_sha256", "SHA-256"),
            Column("release", "release"),
            Column("doi", "DOI"),
            Column("country_count", "countries"),
            Column("first_year", "from"),
            Column("last_year", "to"),
        ),
    ),
    Exhibit(
        exhibit_id="prompts",
        section=Section.METHODS,
        title="How were the models asked?",
        reading=(
            "Every design's template and how its choices were shown and read. An averaged design "
            "was never asked: it is the mean over the orders of its family."
        ),
        columns=(
            Column("prompt_name", "name"),
            Column("template_text", "template"),
            Column("coding_id", "coding"),
            Column("wording_set", "wordings"),
            Column("language", "language"),
            Column("translator", "translator"),
            Column("source", "source"),
            Column("answer_style", "answer"),
            Column("choice_order", "order"),
            Column("chat_mode", "chat"),
            Column("elicitation", "elicitation"),
            Column("is_derived", "averaged"),
            Column("prompt_id", "prompt_id"),
        ),
    ),
    Exhibit(
        exhibit_id="deviations",
        section=Section.METHODS,
        title="Did the runs do what was planned?",
        reading=(
            "One row per run; runs that did not finish or lack cells first. Missing: cells planned "
            "that neither this run nor one before it has scored. Path difference: by how many "
            "nats the way of computing moved an answer at most, on a few cells scored one by "
            "one."
        ),
        columns=(
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("study_name", "study"),
            Column("study_sha256", "SHA-256 of the study file"),
            Column("status", "status"),
            Column("cells_planned", "cells planned"),
            Column("cells_already_done", "done before"),
            Column("cells_scored", "scored"),
            Column("cells_missing", "missing"),
            Column("path_difference", "path difference", digits=4),
            Column("started_at_utc", "started (UTC)"),
        ),
    ),
    Exhibit(
        exhibit_id="excluded",
        section=Section.METHODS,
        title="Which questions were left out, or kept with a caution?",
        reading=(
            "Questions that no mean score rests on, with the reason, then those that are kept "
            "although codes are outside their scale or something is to be kept in mind."
        ),
        saved_query="what_was_excluded",
        columns=(
            Column("question_id", "question"),
            Column("short_label", "about"),
            Column("scale_kind", "scale"),
            Column("excluded_because", "left out because"),
            Column("is_left_out_of_category_scores", "not in Figure 1"),
            Column("outside_scale_codes", "codes outside the scale"),
            Column("largest_outside_scale_share", "their largest share", digits=3),
            Column("countries_asked", "countries"),
            Column("caution", "caution"),
        ),
    ),
    Exhibit(
        exhibit_id="missing_cells",
        section=Section.METHODS,
        title="How many cells were compared, and why not the others?",
        reading=(
            "A cell is a question in a country. Every cell that a model was asked is here once: "
            "compared, or why its mean score could not be."
        ),
        saved_query="how_many_cells_are_missing_and_why",
        columns=(
            Column("display_name", "model"),
            Column("quantization", "quantization"),
            Column("prompt_name", "asked"),
            Column("outcome", "outcome"),
            Column("cells", "cells"),
            Column("share_of_cells", "share", digits=3),
            Column("questions", "questions"),
            Column("countries", "countries"),
        ),
    ),
    Exhibit(
        exhibit_id="citations",
        section=Section.METHODS,
        title="How is the survey cited?",
        reading=(
            "Survey data have terms of use of their own, and none are passed on here. Cite the "
            "edition that you loaded; the files above say which."
        ),
        columns=(
            Column("survey_name", "survey"),
            Column("edition", "edition"),
            Column("citation", "citation"),
            Column("bibtex", "BibTeX"),
        ),
    ),
)
