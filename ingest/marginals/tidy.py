"""Tidy marginals: one row per country, question and code, with a share or a count."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from valuescope.ingest.coding.country_names import create_country_names
from valuescope.ingest.coding.labels import (
    MOST_LABELS,
    code_of_label,
    codes_of_labels,
    nearest_label,
)
from valuescope.ingest.formats.sources import Source, decimal, whole
from valuescope.ingest.loads.report import Findings
from valuescope.warehouse.counted import counted
from valuescope.warehouse.database.sql_texts import number_of_text
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Instrument, Question
from valuescope.warehouse.problems import Problems, listed

COUNTRY = ("iso3", "country_id", "country_code", "country", "b_country_alpha")
QUESTION = ("variable", "question_id", "question", "item")
CODE = ("code", "answer_code", "answer", "value")
COUNT = ("count", "respondents", "frequency")
SHARE = ("share", "proportion")
SHARE_OF_ALL = ("share_of_all",)
RESPONDENTS_ASKED = ("n",)
SUM_OF_WEIGHTS = ("sum_of_weights", "weighted_count")
SUM_OF_SQUARED_WEIGHTS = ("sum_of_squared_weights",)
WAVE = ("wave", "a_wave")

# However coarsely shares were rounded, a sum this far from 1 has lost an answer.
_LARGEST_TOLERANCE = 0.02
_SMALLEST_TOLERANCE = 1e-6
# Digits in groups of three: thousands, or decimals that happen to be three.
_GROUPED = "\\d{1,3}(?:[., \u00a0\u202f''’_]\\d{3})+"
# More people than there are.
_LARGEST_COUNT = 1e10


@dataclass(frozen=True)
class TidyColumns:
    """The columns of the file by their use; `format_id` says what `value` holds.

    `asked` holds the number of respondents that a share is a share of; `weight` and
    `squared_weight` the sums of weights and of their squares beside counts; `share`
    and `share_of_all` the shares beside counts, which must agree with them.
    """

    format_id: str
    country: str
    question: str
    code: str
    value: str
    asked: str | None
    wave: str | None
    weight: str | None = None
    squared_weight: str | None = None
    share: str | None = None
    share_of_all: str | None = None

    @property
    def used(self) -> frozenset[str]:
        """Return every column of the file that is used."""
        named = (
            self.country,
            self.question,
            self.code,
            self.value,
            self.asked,
            self.wave,
            self.weight,
            self.squared_weight,
            self.share,
            self.share_of_all,
        )
        return frozenset(column for column in named if column is not None)


def find_columns(source: Source) -> TidyColumns | None:
    """Return the columns by their use; None if the file is not tidy marginals."""
    country = source.find(*COUNTRY)
    question = source.find(*QUESTION)
    code = source.find(*CODE)
    asked = source.find(*RESPONDENTS_ASKED)
    value, format_id = None, ""
    for names, candidate in (
        (COUNT, "tidy_counts"),
        (SHARE, "tidy_shares_valid"),
        (SHARE_OF_ALL, "tidy_shares_all"),
        (RESPONDENTS_ASKED, "tidy_counts"),
    ):
        value = source.find(*names)
        if value is not None:
            format_id = candidate
            break
    if country is None or question is None or code is None or value is None:
        return None
    weight = squared_weight = share = share_of_all = None
    if format_id == "tidy_counts":
        asked = None
        share, share_of_all = source.find(*SHARE), source.find(*SHARE_OF_ALL)
        weight = source.find(*SUM_OF_WEIGHTS)
        squared_weight = source.find(*SUM_OF_SQUARED_WEIGHTS) if weight else None
    return TidyColumns(
        format_id,
        country,
        question,
        code,
        value,
        asked,
        source.find(*WAVE),
        weight,
        squared_weight,
        share,
        share_of_all,
    )


def missing_columns(source: Source) -> tuple[str, ...]:
    """Describe the columns that the file lacks to be tidy marginals."""
    parts = {
        f"country ({', '.join(COUNTRY)})": COUNTRY,
        f"question ({', '.join(QUESTION)})": QUESTION,
        f"answer code ({', '.join(CODE)})": CODE,
        "share, share_of_all or count": (*SHARE, *SHARE_OF_ALL, *COUNT, *RESPONDENTS_ASKED),
    }
    return tuple(part for part, names in parts.items() if source.find(*names) is None)


def read_tidy(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    columns: TidyColumns,
    instrument: Instrument,
    survey_id: str,
    wave: int | None,
    weighting: str,
    problems: Problems,
) -> Findings:
    """Fill `marginals` from tidy marginals, of one `wave` or of all that the file has.

    Shares of one country and question must sum to 1 (`tidy_shares_valid`) or to at most 1
    (`tidy_shares_all`), as closely as the decimals they are written with allow.
    What is not a share, count, code or known country, and codes that come twice, are collected in
    `problems`. Raises ValuescopeError where the file cannot be read at all.
    """
    _read_rows(connection, source, columns, wave)
    rows_read = _total(connection, "select count(*) from tidy_rows")
    if not rows_read:
        raise ValuescopeError(f"{source.path} has a header but no rows. Export it again.")
    questions = instrument.questions_of_survey(survey_id)
    _read_labels(connection, questions, survey_id, problems)
    _check_cells(connection, columns, weighting, problems)
    if columns.wave is not None:
        _check_waves(connection, source, wave, problems)
    create_country_names(
        connection,
        "select distinct country from tidy_rows where country is not null order by all",
        instrument,
        problems,
    )
    known = tuple(question.question_id for question in questions)
    _name_rows(connection, survey_id, known)
    if not _total(connection, "select count(*) from named_rows where in_instrument"):
        problems.refuse(
            f"has a column {columns.question!r} that names no question of survey {survey_id!r}",
            f"Its questions are called {known[0]} to {known[-1]}."
            if known
            else "It has no questions.",
        )
    problems.refuse_rows(
        connection,
        "select country_id, question_id, 'code ' || code from named_rows where code is not null "
        "group by wave, country_id, question_id, code having count(*) > 1 order by all",
        "has more than one row for",
        "Keep one row for each country, question and code.",
    )
    if columns.format_id == "tidy_counts":
        _warn_of_empty_questions(connection, problems)
        _check_shares_of_counts(connection, columns, problems)
    else:
        _check_sums(connection, columns.format_id, problems)
    if columns.asked is not None and weighting == "within_country":
        problems.warn(
            f"Column {columns.asked!r} is not used: the number of respondents does not show "
            "how precise weighted shares are."
        )
    _store_marginals(connection, columns, weighting)
    ignored = tuple(column for column in source.columns if column not in columns.used)
    return Findings(rows_read, ignored)


def _store_marginals(
    connection: duckdb.DuckDBPyConnection, columns: TidyColumns, weighting: str
) -> None:
    is_weighted = weighting == "within_country"
    # With the number of respondents a share is a count again, as far as its decimals reach.
    in_counts = columns.asked is not None and not is_weighted
    amount = "number * asked" if in_counts else "number"
    # A weighted count says nothing of the squares of its weights.
    has_counts = in_counts or (columns.format_id == "tidy_counts" and not is_weighted)
    respondents = f"try_cast(round({amount}) as bigint)" if has_counts else "null"
    weight, squared_weight = amount, amount if has_counts else "null"
    if columns.weight is not None:
        respondents, weight = "try_cast(number as bigint)", "weight"
        squared_weight = "squared_weight" if columns.squared_weight else "null"
    connection.execute(
        f"""
        insert into marginals by name
        select
            wave,
            country_id,
            question_id,
            code,
            {respondents} as respondents,
            {weight} as sum_of_weights,
            {squared_weight} as sum_of_squared_weights
        from named_rows
        where country_id is not null and code is not null and isfinite(number)
            and wave is not null
        """
    )


def _read_rows(
    connection: duckdb.DuckDBPyConnection, source: Source, columns: TidyColumns, wave: int | None
) -> None:
    """Create `tidy_rows`: the file's texts and the numbers that they mean."""
    wave_text = source.text(columns.wave) if columns.wave else f"'{wave}'"
    used = [column for column in source.columns if column in columns.used]
    number = source.number(columns.value)
    if columns.format_id == "tidy_counts" and columns.value not in source.numbers:
        # A comma in a count parts thousands; in a share it is a decimal comma.
        number = number_of_text(source.text(columns.value))
    connection.execute(
        f"""
        create temp table tidy_rows as
        select
            {source.text(columns.country)} as country,
            {source.text(columns.question)} as question,
            {source.text(columns.code)} as code_text,
            {source.text(columns.value)} as number_text,
            {source.text(columns.asked)} as asked_text,
            {wave_text} as wave_text,
            {source.text(columns.weight)} as weight_text,
            {source.text(columns.squared_weight)} as squared_weight_text,
            {source.text(columns.share)} as share_text,
            {source.text(columns.share_of_all)} as share_of_all_text,
            {number_of_text("code_text")} as code_number,
            {number} as number,
            {number_of_text("asked_text")} as asked,
            {number_of_text("wave_text")} as wave_number,
            {whole("wave_number")} as wave,
            {decimal("weight_text")} as weight,
            {decimal("squared_weight_text")} as squared_weight,
            {decimal("share_text")} as share,
            {decimal("share_of_all_text")} as share_of_all
        from {source.rows(used)}
        """
    )


def _read_labels(
    connection: duckdb.DuckDBPyConnection,
    questions: Sequence[Question],
    survey_id: str,
    problems: Problems,
) -> None:
    """Give rows that have an answer's words its code; refuse words that no option has."""
    known = {question.question_id.casefold(): question for question in questions}
    found = connection.execute(
        "select question, code_text, count(*) from tidy_rows "
        "where question is not null and code_text is not null and code_number is null "
        "group by all order by all"
    ).fetchall()
    unknown = []
    for name, text, times in found:
        folded = name.casefold()
        question = known.get(folded) or known.get(f"{survey_id}:{folded}")
        code = None if question is None else code_of_label(text, codes_of_labels(question))
        if code is not None:
            connection.execute(
                "update tidy_rows set code_number = ? where question = ? and code_text = ?",
                [code, name, text],
            )
        elif question is not None:
            near = nearest_label(text, question)
            unknown.append(f"{name} {text!r} {counted(times, 'time')}, nearest {near}")
    if unknown:
        problems.refuse(
            f"has answers that match no option: {listed(unknown, shown=MOST_LABELS)}",
            "Write the option's words or its code instead.",
        )


def _check_cells(
    connection: duckdb.DuckDBPyConnection,
    columns: TidyColumns,
    weighting: str,
    problems: Problems,
) -> None:
    blank = "select country, question, code_text, number_text from tidy_rows where "
    problems.refuse_rows(
        connection,
        f"{blank} country is null or question is null or code_text is null or number_text is null",
        "has rows with a blank country, question, code or value",
        "The file may have been cut off; fill or remove these rows.",
    )
    where = "select country, question, "
    problems.refuse_rows(
        connection,
        f"""
        {where} code_text from tidy_rows
        where not isfinite(code_number) or code_number <> floor(code_number)
            or abs(code_number) > 2000000000
        """,
        f"has answer codes in column {columns.code!r} that are not whole numbers",
        "Write the survey's numeric codes there.",
    )
    if columns.format_id == "tidy_counts":
        _check_counts(connection, columns, weighting, problems)
        return
    problems.refuse_rows(
        connection,
        f"{where} code_text, number_text from tidy_rows where number_text is not null "
        "and (number is null or not isfinite(number) or not number between 0 and 1)",
        f"has shares in column {columns.value!r} outside 0 to 1",
        "Divide percentages by 100; correct what is not a number.",
    )
    if columns.asked is not None:
        problems.refuse_rows(
            connection,
            f"{where} asked_text from tidy_rows "
            f"where asked is null or not asked between 1 and {_LARGEST_COUNT} "
            "or asked <> floor(asked) "
            f"or regexp_full_match(asked_text, '{_GROUPED}')",
            f"has numbers of respondents in column {columns.asked!r} that are not positive and "
            "whole, or may have thousands separators",
            "Correct these rows or remove the column; write thousands without separators.",
        )
        problems.refuse_rows(
            connection,
            "select country, question from tidy_rows group by wave, country, question "
            "having min(asked) <> max(asked) order by all",
            f"gives more than one number of respondents in column {columns.asked!r} for",
            "It must be the same for all answers of one country and question.",
        )


def _check_counts(
    connection: duckdb.DuckDBPyConnection,
    columns: TidyColumns,
    weighting: str,
    problems: Problems,
) -> None:
    where = "select country, question, code_text, number_text from tidy_rows where "
    # A weighted count may have three decimals, if all of them have.
    is_decimal = "false"
    if weighting == "within_country" and columns.weight is None:
        is_decimal = (
            "regexp_full_match(number_text, '\\d+\\.\\d{3}') and (select bool_and("
            "regexp_full_match(number_text, '\\d+\\.\\d{3}')) from tidy_rows)"
        )
    separated = problems.refuse_rows(
        connection,
        f"{where} regexp_full_match(number_text, '{_GROUPED}') and not ({is_decimal})",
        f"has counts in column {columns.value!r} that may have thousands separators",
        "Write them as digits only: 1000, not 1.000 or 1,000.",
    )
    if not separated:
        problems.refuse_rows(
            connection,
            f"{where} number_text is not null "
            f"and (number is null or not number between 0 and {_LARGEST_COUNT})",
            f"has counts in column {columns.value!r} that are negative, too large or no numbers",
            "Correct these rows.",
        )
    if weighting != "within_country" or columns.weight is not None:
        problems.refuse_rows(
            connection,
            f"{where} number <> floor(number)",
            f"has counts in column {columns.value!r} that are not whole",
            "If they are sums of weights, load the file with --weighting within_country.",
        )
    for column, name in ((columns.weight, "weight"), (columns.squared_weight, "squared_weight")):
        if column is not None:
            problems.refuse_rows(
                connection,
                f"select country, question, code_text, {name}_text from tidy_rows "
                f"where {name} is null or not {name} between 0 and {_LARGEST_COUNT}",
                f"has sums in column {column!r} that are negative or no numbers",
                "Correct these rows.",
            )


def _check_waves(
    connection: duckdb.DuckDBPyConnection, source: Source, wave: int | None, problems: Problems
) -> None:
    """Keep the rows of one wave when it is asked for; says which others the file has."""
    if problems.refuse_rows(
        connection,
        "select distinct wave_text from tidy_rows where wave is null order by all",
        "has waves that are not numbers",
        "Correct them or remove the column.",
    ):
        return
    if wave is None:
        return
    waves = connection.execute("select distinct wave from tidy_rows order by all").fetchall()
    others = [str(found) for (found,) in waves if found != wave]
    if (wave,) not in waves:
        raise ValuescopeError(
            f"{source.path} has no rows of wave {wave}, only of {listed(others)}. Choose one of "
            "these with --wave."
        )
    connection.execute("delete from tidy_rows where wave <> ?", [wave])
    if others:
        problems.warn(f"Rows of other waves were left out: {listed(others)}.")


def _name_rows(
    connection: duckdb.DuckDBPyConnection, survey_id: str, known: tuple[str, ...]
) -> None:
    """Create `named_rows`; a question that the instrument does not know keeps its own name.

    Questions of other surveys than the World Values Survey may leave out the survey's name.
    """
    connection.execute("create temp table known_questions as select unnest(?) as id", [list(known)])
    connection.execute(
        """
        create temp table named_rows as
        select
            tidy_rows.wave,
            country_names.country_id,
            coalesce(known_questions.id, tidy_rows.question) as question_id,
            known_questions.id is not null as in_instrument,
            try_cast(tidy_rows.code_number as integer) as code,
            tidy_rows.number,
            tidy_rows.number_text,
            tidy_rows.code_text,
            tidy_rows.share,
            tidy_rows.share_text,
            tidy_rows.share_of_all,
            tidy_rows.share_of_all_text,
            tidy_rows.asked,
            tidy_rows.weight,
            tidy_rows.squared_weight
        from tidy_rows
        inner join country_names on tidy_rows.country = country_names.name
        left join known_questions
            on
                upper(known_questions.id) = upper(tidy_rows.question)
                or upper(known_questions.id) = upper(? || ':' || tidy_rows.question)
        """,
        [survey_id],
    )


def _check_sums(connection: duckdb.DuckDBPyConnection, format_id: str, problems: Problems) -> None:
    # A share is off by at most half a unit of the last decimal it is written with; the longest
    # one of a question shows how many decimals there were.
    distance = "total - 1" if format_id == "tidy_shares_all" else "abs(total - 1)"
    problems.refuse_rows(
        connection,
        f"""
        with sums as (
            select
                wave,
                country_id,
                question_id,
                sum(number) as total,
                count(*) as answers,
                max(length(regexp_extract(number_text, '[.,](\\d+)', 1))) as decimals
            from named_rows
            where number between 0 and 1
            group by wave, country_id, question_id
        )

        select country_id, question_id, 'sum ' || round(total, 6)
        from sums
        where {distance} > greatest(
            least(answers * 0.5 * power(10, -decimals), {_LARGEST_TOLERANCE}),
            {_SMALLEST_TOLERANCE}
        ) + 1e-9
        order by all
        """,
        "has shares that sum to more than 1 for"
        if format_id == "tidy_shares_all"
        else "has shares that do not sum to 1 for",
        "An answer may be missing or come twice; export the file again.",
    )


def _check_shares_of_counts(
    connection: duckdb.DuckDBPyConnection, columns: TidyColumns, problems: Problems
) -> None:
    """Refuse a share that disagrees with the count beside it, whatever the share is of."""
    for column, name, answers in (
        (columns.share, "share", "code >= 0"),
        (columns.share_of_all, "share_of_all", "true"),
    ):
        if column is None:
            continue
        problems.refuse_rows(
            connection,
            f"""
            with shares as (
                select
                    country_id, question_id, code_text, number_text, {name}_text, {name},
                    number / nullif(sum(number) filter ({answers}) over same, 0) as valid,
                    number / nullif(sum(number) over same, 0) as of_all,
                    0.5 * power(10, -max(length(regexp_extract({name}_text, '[.,](\\d+)', 1)))
                        over same) as rounding
                from named_rows
                window same as (partition by wave, country_id, question_id)
            )

            select country_id, question_id, code_text, number_text, {name}_text
            from shares
            where {name} is not null
                and least(abs({name} - valid), abs({name} - of_all))
                    > least(rounding, {_LARGEST_TOLERANCE}) + {_SMALLEST_TOLERANCE}
            order by all
            """,
            f"has shares in column {column!r} that contradict the counts in {columns.value!r}",
            f"Correct one of the two. If the shares are weighted, load them alone: without the "
            f"column {columns.value!r}.",
        )


def _warn_of_empty_questions(connection: duckdb.DuckDBPyConnection, problems: Problems) -> None:
    empty = connection.execute(
        "select country_id || ' ' || question_id from named_rows "
        "group by wave, country_id, question_id having sum(number) = 0 order by all"
    ).fetchall()
    if empty:
        problems.warn(f"All counts are 0 for {listed([name for (name,) in empty])}.")


def _total(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
