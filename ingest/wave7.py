"""The official wave 7 file: one row a respondent, weighted by `W_WEIGHT`."""

import re

import duckdb

from ingest.loading import Findings
from ingest.names import create_country_names, listed, refuse
from ingest.sources import Source, reading
from warehouse.errors import ValuescopeError
from warehouse.instrument import Instrument

WAVE = 7
COUNTRY, WAVE_COLUMN, YEAR, WEIGHT = "B_COUNTRY_ALPHA", "A_WAVE", "A_YEAR", "W_WEIGHT"
# Q260 and later are about the respondent, not about values.
LAST_QUESTION = 259
_ROWS = "count(*) || if(count(*) = 1, ' row', ' rows')"
_MARKERS = (COUNTRY, "B_COUNTRY", WAVE_COLUMN, "D_INTERVIEW", WEIGHT)


def is_wave7(source: Source) -> bool:
    """Whether the columns look like the official file's, complete or not."""
    has_marker = any(source.find(name) is not None for name in _MARKERS)
    return has_marker and any(re.match(r"Q\d", column, re.IGNORECASE) for column in source.columns)


def missing_columns(source: Source, weighting: str) -> tuple[str, ...]:
    """Which columns the file lacks to be an official wave 7 file."""
    needed = [COUNTRY, WAVE_COLUMN, YEAR]
    if weighting != "unweighted":
        needed.append(WEIGHT)
    missing = [name for name in needed if source.find(name) is None]
    if not _question_columns(source):
        missing.append("Q1 to Q259")
    return tuple(missing)


def read_wave7(
    connection: duckdb.DuckDBPyConnection, source: Source, instrument: Instrument, weighting: str
) -> Findings:
    """Fill `marginals` from respondents; blank answers get code -5.

    Raises ValuescopeError for another wave, unusable weights, answers that are not whole numbers
    and unknown countries, and for the edition of the file whose scales are inverted.
    """
    questions = _question_columns(source)
    _refuse_inverted(source, questions)
    _read_respondents(connection, source, questions, weighting)
    respondents = _total(connection, "select count(*) from respondents")
    if not respondents:
        raise ValuescopeError(f"{source.path} has a header but no respondents. Download it again.")
    _check_respondents(connection, source, weighting)
    create_country_names(
        connection, "select distinct country from respondents order by all", source, instrument
    )
    _count_answers(connection, questions)
    refuse(
        connection,
        """
        select question_id, answer, sum(respondents) || ' times'
        from answers
        where answer is not null and (
            try_cast(answer as double) is null or not isfinite(answer::double)
            or answer::double <> floor(answer::double) or abs(answer::double) > 2000000000
        )
        group by question_id, answer
        order by all
        """,
        source,
        "has answers that are not whole numbers",
        "Load the edition that has codes instead of labels.",
    )
    connection.execute(
        f"""
        insert into marginals by name
        select
            {WAVE} as wave,
            country_names.country_id,
            answers.question_id,
            coalesce(answers.answer::double::integer, -5) as code,
            sum(answers.respondents) as respondents,
            fsum(answers.sum_of_weights) as sum_of_weights,
            fsum(answers.sum_of_squared_weights) as sum_of_squared_weights,
            min(answers.first_year) as first_year,
            max(answers.last_year) as last_year
        from answers
        inner join country_names on answers.country = country_names.name
        group by all
        """
    )
    return Findings(
        respondents,
        columns_ignored=_variants(source, questions),
        warnings=_warnings(connection, questions, instrument),
    )


def _question_columns(source: Source) -> dict[str, str]:
    """Question id to column, for exact question names only: `Q33_3` is another variable."""
    named = {}
    for column in source.columns:
        number = re.fullmatch(r"Q([1-9]\d*)", column, re.IGNORECASE)
        if number and int(number.group(1)) <= LAST_QUESTION:
            named[column.upper()] = column
    return named


def _variants(source: Source, questions: dict[str, str]) -> tuple[str, ...]:
    """Columns that look like questions but are not loaded."""
    return tuple(
        column
        for column in source.columns
        if re.match(r"Q\d", column, re.IGNORECASE) and column.upper() not in questions
    )


def _refuse_inverted(source: Source, questions: dict[str, str]) -> None:
    inverted = [
        column
        for column in source.columns
        if re.fullmatch(r"Q\d+P", column, re.IGNORECASE) and column[:-1].upper() not in questions
    ]
    if inverted:
        raise ValuescopeError(
            f"{source.path} is the edition with inverted scales (columns {listed(inverted)}), in "
            "which codes run backwards. Load the edition without inverted scales."
        )


def _read_respondents(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    questions: dict[str, str],
    weighting: str,
) -> None:
    """Create `respondents`: texts as they are, and weight and year as numbers."""
    weight = "'1'" if weighting == "unweighted" else source.text(_column(source, WEIGHT))
    answers = ", ".join(f"{source.text(column)} as {name}" for name, column in questions.items())
    with reading(source.path):
        connection.execute(
            f"""
            create temp table respondents as
            select
                {source.text(_column(source, COUNTRY))} as country,
                {source.text(_column(source, WAVE_COLUMN))} as wave_text,
                {source.text(_column(source, YEAR))} as year_text,
                {weight} as weight_text,
                try_cast(year_text as integer) as fieldwork_year,
                try_cast(weight_text as double) as weight,
                {answers}
            from {source.relation}
            """
        )


def _column(source: Source, name: str) -> str:
    column = source.find(name)
    assert column is not None, "missing_columns is asked first"
    return column


def _check_respondents(
    connection: duckdb.DuckDBPyConnection, source: Source, weighting: str
) -> None:
    refuse(
        connection,
        f"select wave_text, {_ROWS} from respondents "
        f"where wave_text is distinct from '{WAVE}' group by wave_text order by all",
        source,
        f"has rows whose {WAVE_COLUMN} is not {WAVE}",
        "Load the wave 7 file; files of other waves use other question numbers.",
    )
    refuse(
        connection,
        f"select {_ROWS} from respondents where country is null having count(*) > 0",
        source,
        f"has rows with a blank {COUNTRY}",
        "The file may have been cut off; download it again.",
    )
    refuse(
        connection,
        f"select year_text, {_ROWS} from respondents "
        "where fieldwork_year is null or not fieldwork_year between 1980 and 2100 "
        "group by year_text order by all",
        source,
        f"has rows whose {YEAR} is not a year",
        "Download the file again.",
    )
    if weighting == "unweighted":
        return
    refuse(
        connection,
        f"""
        select
            case
                when weight_text is null then 'missing'
                when weight is null or not isfinite(weight) then 'not a number'
                when weight < 0 then 'negative'
                else 'zero'
            end as problem,
            {_ROWS}
        from respondents
        where weight is null or not isfinite(weight) or weight <= 0
        group by problem
        order by all
        """,
        source,
        f"has unusable weights in {WEIGHT}",
        "Correct them, or load the file with --weighting unweighted.",
    )


def _count_answers(connection: duckdb.DuckDBPyConnection, questions: dict[str, str]) -> None:
    """Create `answers`: one row a question, country and answer text.

    One small aggregation a question reads three columns; unpivoting all of them first would make
    25 million rows of the official file. Years are of those who were asked (not code -4).
    """
    connection.execute(
        "create temp table answers as "
        + " union all ".join(
            f"""
            select
                '{question}' as question_id,
                country,
                {question} as answer,
                count(*) as respondents,
                fsum(weight) as sum_of_weights,
                fsum(weight * weight) as sum_of_squared_weights,
                case when answer is distinct from '-4' then min(fieldwork_year) end as first_year,
                case when answer is distinct from '-4' then max(fieldwork_year) end as last_year
            from respondents
            group by country, {question}
            """
            for question in questions
        )
    )


def _warnings(
    connection: duckdb.DuckDBPyConnection, questions: dict[str, str], instrument: Instrument
) -> tuple[str, ...]:
    warnings = []
    absent = [question for question in instrument.questions if question not in questions]
    if absent:
        warnings.append(f"The file has no columns for {listed(absent)}.")
    blank = connection.execute(
        "select question_id, sum(respondents) from answers where answer is null "
        "group by question_id order by all"
    ).fetchall()
    if blank:
        answers = sum(count for _, count in blank)
        named = listed([question for question, _ in blank])
        warnings.append(f"{answers} blank answers ({named}) were stored as missing (code -5).")
    return tuple(warnings)


def _total(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
