"""Checks of a file of answers whose names are known: values, cells, and their sums."""

import duckdb

from valuescope.warehouse.problems import Problems

# Rounding of probabilities that somebody wrote down.
_TOLERANCE = 1e-6
# More draws than anybody takes.
_LARGEST_COUNT = 1e12
_CELL = "model_number, design_number, question_id, country_id"
_NAMED = "{row}model, {row}question, {row}country"


def create_answers(connection: duckdb.DuckDBPyConnection, problems: Problems) -> None:
    """Create `answers`: the rows of `given` by numbers and ids, off-choice rows without an index.

    A choice is named by its index in the instrument, its words, its label as shown, or the whole
    answer. Refuses names that no choice of the cell has.
    """
    connection.execute(
        """
        create table choice_names as
        select
            design_number, question_id, country_id, name, min(choice_index) as choice_index
        from (
            select
                design_number,
                question_id,
                country_id,
                choice_index,
                unnest(list_distinct([
                    cast(choice_index as varchar),
                    lower(trim(choice_text)),
                    lower(choice_label),
                    lower(trim(answer_text))
                ])) as name
            from shown
        )
        group by all
        having count(distinct choice_index) = 1
        """
    )
    connection.execute(
        """
        create table answers as
        select
            given.* exclude (design, "order", is_chat, quantization),
            models.model_number,
            designs.design_number,
            questions.question_id,
            countries.country_id,
            choice_names.choice_index
        from given
        inner join models on given.model = models.model
        inner join designs on given.design is not distinct from designs.design
            and given."order" is not distinct from designs."order"
        inner join questions on given.question = questions.question
        inner join countries on given.country = countries.country
        inner join prompts on designs.design_number = prompts.design_number
            and questions.question_id = prompts.question_id
            and countries.country_id = prompts.country_id
        left join choice_names on prompts.design_number = choice_names.design_number
            and prompts.question_id = choice_names.question_id
            and prompts.country_id = choice_names.country_id
            and lower(given.choice) = choice_names.name
        """
    )
    problems.refuse_rows(
        connection,
        """
        with

        unknown as (
            select
                design_number, question_id, country_id, choice, count(*) as times
            from answers
            where choice is not null and choice_index is null
            group by all
        ),

        -- One country's words for all that share them.
        of_question as (
            select
                question_id, choice, sum(times) as times, any_value(design_number) as design_number,
                any_value(country_id) as country_id
            from unknown
            group by all
        )

        select
            of_question.question_id,
            '''' || choice || '''',
            times || if(times = 1, ' time', ' times') || ', nearest',
            '''' || arg_max(
                shown.choice_text,
                jaro_winkler_similarity(lower(choice), lower(shown.choice_text))
            ) || ''''
        from of_question
        inner join shown using (design_number, question_id, country_id)
        group by all
        order by all
        """,
        "has answers that match no choice",
        "Write the choice's words, its index in the instrument or its label as shown; leave it "
        "blank for answers outside the choices.",
    )


def check_answers(connection: duckdb.DuckDBPyConnection, value: str, problems: Problems) -> None:
    """Refuse values that cannot be, rows that come twice, and cells whose parts disagree."""
    row = _NAMED.format(row="")
    problems.refuse_rows(
        connection,
        f"select {row}, choice from answers "
        f"group by {row}, choice, choice_index, design_number having count(*) > 1 and "
        "count(choice_index) > 0 order by all",
        "has more than one row for",
        "Keep one row for each model, question, country, order, design and choice.",
    )
    allowed = {
        "log_likelihood": ("value <= 0 and isfinite(value)", "log-likelihoods", "at most 0"),
        "probability": ("value between 0 and 1", "probabilities", "from 0 to 1"),
        "count": (
            f"value between 0 and {_LARGEST_COUNT} and value = floor(value)",
            "counts",
            "whole numbers of at least 0",
        ),
    }[value]
    condition, name, bounds = allowed
    problems.refuse_rows(
        connection,
        f"select {row}, choice, value_text from given where not coalesce({condition}, false)",
        f"has {name} in column {value!r} that are not numbers {bounds}",
        "Correct these rows.",
    )
    for column, condition, bounds in (
        ("draws", f"between 1 and {_LARGEST_COUNT} and draws = floor(draws)", "whole, from 1 on"),
        ("off_choice_mass", "between 0 and 1", "from 0 to 1"),
        ("label_log_likelihood", "<= 0 and isfinite(label_log_likelihood)", "at most 0"),
        ("token_count", "between 1 and 1e6 and token_count = floor(token_count)", "whole"),
        ("byte_count", "between 1 and 1e7 and byte_count = floor(byte_count)", "whole"),
    ):
        problems.refuse_rows(
            connection,
            f"select {row}, choice, {column}_text from given where {column}_text is not null "
            f"and not coalesce({column} {condition}, false)",
            f"has values in column {column!r} that are not {bounds}",
            "Correct these rows, or leave them blank.",
        )
    for column in ("draws", "off_choice_mass", "text", "text_sha256", "boundary_merged"):
        problems.refuse_rows(
            connection,
            f"select {row} from answers group by {_CELL}, {row} "
            f"having min({column}) <> max({column}) order by all",
            f"gives more than one value in column {column!r} for",
            "It must be the same for all choices of one model, question, country and design.",
        )
    problems.refuse_rows(
        connection,
        f"select {row}, boundary_merged from given "
        "where boundary_merged is not null and try_cast(boundary_merged as boolean) is null",
        "has values in column 'boundary_merged' that are neither true nor false",
        "Correct these rows, or leave them blank.",
    )
    problems.refuse_rows(
        connection,
        f"""
        select {row}, answers.text_sha256 from answers
        inner join prompts using (design_number, question_id, country_id)
        where answers.text is null and answers.text_sha256 <> prompts.prompt_sha256
        """,
        "has answers to another text than `valuescope questions` writes now",
        "Bring the text that was asked in a column 'text', or the answers to today's.",
    )
    _create_cells(connection, value)
    _check_cells(connection, value, problems)


def _create_cells(connection: duckdb.DuckDBPyConnection, value: str) -> None:
    """Create `cells` with the sums of each cell's values, and the number of its choices."""
    merged = "coalesce(bool_or(try_cast(boundary_merged as boolean)), false)"
    connection.execute(
        f"""
        create table cells as
        select
            {_CELL},
            any_value(model) as model,
            any_value(question) as question,
            any_value(country) as country,
            count(choice_index) as choices,
            count(choice) - count(choice_index) as unknown_choices,
            coalesce(sum(value) filter (where choice_index is not null), 0) as on_choices,
            coalesce(sum(value) filter (where choice is null), 0) as off_choices,
            count(*) filter (where choice is null) > 0 as tells_off_choices,
            any_value(draws) as asked,
            any_value(off_choice_mass) as off_choice_mass,
            any_value(text) as text,
            {merged} as boundary_merged
        from answers
        group by {_CELL}
        """
    )


def _check_cells(connection: duckdb.DuckDBPyConnection, value: str, problems: Problems) -> None:
    cell = _NAMED.format(row="")
    if value != "count":
        problems.refuse_rows(
            connection,
            f"""
            select {cell}, choices || ' of ' || expected || ' choices'
            from cells
            inner join (
                select design_number, question_id, country_id, count(*) as expected
                from shown group by all
            ) using (design_number, question_id, country_id)
            where choices < expected and not unknown_choices
            order by all
            """,
            "lacks choices of",
            "Every choice needs a row; one that is impossible has the probability 0.",
        )
    if value == "log_likelihood":
        problems.refuse_rows(
            connection,
            f"select {cell} from cells where tells_off_choices order by all",
            "has log-likelihoods without a choice for",
            "The probability outside the choices belongs into the column 'off_choice_mass'.",
        )
        return
    problems.refuse_rows(
        connection,
        f"select {cell} from cells where tells_off_choices and off_choice_mass is not null "
        "order by all",
        "has both rows without a choice and the column 'off_choice_mass' for",
        "Keep one of them.",
    )
    if value == "probability":
        problems.refuse_rows(
            connection,
            f"select {cell}, round(on_choices + off_choices, 6) from cells "
            f"where on_choices + off_choices > 1 + {_TOLERANCE} order by all",
            "has probabilities that sum to more than 1 for",
            "Divide percentages by 100; probabilities of choices exclude one another.",
        )
        problems.refuse_rows(
            connection,
            f"""
            select {cell}, round(on_choices, 6) || ' and off-choice ' || off_choice_mass
            from cells
            where abs(on_choices - 1) > {_TOLERANCE}
                and abs(on_choices + off_choice_mass - 1) > {_TOLERANCE}
            order by all
            """,
            "has probabilities that sum neither to 1 nor, with the off-choice mass, to 1 for",
            "Leave out 'off_choice_mass': what is missing to 1 is taken for it.",
        )
        return
    problems.refuse_rows(
        connection,
        f"select {cell} from cells where off_choice_mass is not null order by all",
        "has counts and the column 'off_choice_mass' for",
        "Count the answers outside the choices in rows without a choice, or give all 'draws'.",
    )
    problems.refuse_rows(
        connection,
        f"select {cell}, on_choices + off_choices || ' of ' || asked || ' draws' from cells "
        "where on_choices + off_choices > asked or (tells_off_choices and "
        "on_choices + off_choices <> asked) order by all",
        "has counts that do not fit the column 'draws' for",
        "Draws are all answers, those outside the choices too.",
    )
    problems.refuse_rows(
        connection,
        f"select {cell} from cells where on_choices + off_choices = 0 and asked is null "
        "order by all",
        "has no answer at all for",
        "Leave these rows out: nobody was asked.",
    )
