"""Tidy marginals: one row a country, question and answer code, with a share or a count."""

from dataclasses import dataclass

import duckdb

from ingest.loading import Findings
from ingest.names import create_country_names, listed, refuse
from ingest.sources import Source, reading
from warehouse.errors import ValuescopeError
from warehouse.instrument import Instrument

COUNTRY = ("iso3", "country_id", "country_code", "country", "b_country_alpha")
QUESTION = ("variable", "question_id", "question", "item")
CODE = ("code", "answer_code", "answer", "value")
COUNT = ("count", "respondents", "frequency")
SHARE = ("share", "proportion")
SHARE_OF_ALL = ("share_of_all",)
RESPONDENTS_ASKED = ("n",)
WAVE = ("wave", "a_wave")

# However coarsely shares were rounded, a sum this far from 1 has lost an answer.
_LARGEST_TOLERANCE = 0.02
_SMALLEST_TOLERANCE = 1e-6


@dataclass(frozen=True)
class TidyColumns:
    """Which column of the file plays which part; `format_id` says what `value` holds.

    `asked` holds the number of respondents that a share is a share of.
    """

    format_id: str
    country: str
    question: str
    code: str
    value: str
    asked: str | None
    wave: str | None

    @property
    def used(self) -> frozenset[str]:
        """Every column of the file that plays a part."""
        named = (self.country, self.question, self.code, self.value, self.asked, self.wave)
        return frozenset(column for column in named if column is not None)


def find_columns(source: Source) -> TidyColumns | None:
    """The parts that the columns play, None when the file is not tidy marginals."""
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
    if format_id == "tidy_counts":
        asked = None
    return TidyColumns(format_id, country, question, code, value, asked, source.find(*WAVE))


def missing_columns(source: Source) -> tuple[str, ...]:
    """What the file lacks to be tidy marginals, in words."""
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
    wave: int,
    weighting: str,
) -> Findings:
    """Fill `marginals` from tidy marginals.

    Shares of one country and question must sum to 1 (`tidy_shares_valid`) or to at most 1
    (`tidy_shares_all`), as closely as the decimals they are written with allow.
    Raises ValuescopeError for anything that is not a share, count, code or known country, and
    for codes that come twice.
    """
    warnings: list[str] = []
    _read_rows(connection, source, columns)
    rows_read = _total(connection, "select count(*) from tidy_rows")
    if not rows_read:
        raise ValuescopeError(f"{source.path} has a header but no rows. Export it again.")
    _check_cells(connection, source, columns, weighting)
    if columns.wave is not None:
        warnings += _choose_wave(connection, source, wave)
    create_country_names(
        connection, "select distinct country from tidy_rows order by all", source, instrument
    )
    known = tuple(q.question_id for q in instrument.questions.values() if q.survey_id == survey_id)
    _name_rows(connection, known)
    if not _total(connection, "select count(*) from named_rows where in_instrument"):
        raise ValuescopeError(
            f"{source.path}: column {columns.question!r} names no question of survey "
            f"{survey_id!r}. Its questions are called {known[0]} to {known[-1]}."
        )
    refuse(
        connection,
        "select country_id, question_id, 'code ' || code from named_rows "
        "group by country_id, question_id, code having count(*) > 1 order by all",
        source,
        "has more than one row for",
        "Keep one row for each country, question and code.",
    )
    if columns.format_id == "tidy_counts":
        warnings += _empty_questions(connection)
    else:
        _check_sums(connection, source, columns.format_id)
    if columns.asked is not None and weighting == "within_country":
        warnings.append(
            f"Column {columns.asked!r} is not used: respondents do not tell how far weighted "
            "shares can be trusted."
        )
    is_weighted = weighting == "within_country"
    # With the number of respondents a share is a count again, as far as its decimals reach.
    in_counts = columns.asked is not None and not is_weighted
    amount = "number * asked" if in_counts else "number"
    # A weighted count says nothing of the squares of its weights.
    has_counts = in_counts or (columns.format_id == "tidy_counts" and not is_weighted)
    connection.execute(
        f"""
        insert into marginals by name
        select
            {wave} as wave,
            country_id,
            question_id,
            code,
            {f"round({amount})::bigint" if has_counts else "null"} as respondents,
            {amount} as sum_of_weights,
            {amount if has_counts else "null"} as sum_of_squared_weights,
            null as first_year,
            null as last_year
        from named_rows
        """
    )
    ignored = tuple(column for column in source.columns if column not in columns.used)
    return Findings(rows_read, ignored, tuple(warnings))


def _read_rows(connection: duckdb.DuckDBPyConnection, source: Source, columns: TidyColumns) -> None:
    """Create `tidy_rows`: the file's texts and the numbers they stand for."""
    asked = "null" if columns.asked is None else source.text(columns.asked)
    wave = "null" if columns.wave is None else source.text(columns.wave)
    with reading(source.path):
        connection.execute(
            f"""
            create temp table tidy_rows as
            select
                {source.text(columns.country)} as country,
                {source.text(columns.question)} as question,
                {source.text(columns.code)} as code_text,
                {source.text(columns.value)} as number_text,
                {asked} as asked_text,
                {wave} as wave_text,
                try_cast(code_text as double) as code_number,
                try_cast(number_text as double) as number,
                try_cast(asked_text as double) as asked
            from {source.relation}
            """
        )


def _check_cells(
    connection: duckdb.DuckDBPyConnection, source: Source, columns: TidyColumns, weighting: str
) -> None:
    blank = "select country, question, code_text, number_text from tidy_rows where "
    refuse(
        connection,
        f"{blank} country is null or question is null or code_text is null or number_text is null",
        source,
        "has rows with a blank country, question, code or value",
        "The file may have been cut off; fill or remove these rows.",
    )
    where = "select country, question, "
    refuse(
        connection,
        f"""
        {where} code_text from tidy_rows
        where code_number is null or not isfinite(code_number)
            or code_number <> floor(code_number) or abs(code_number) > 2000000000
        """,
        source,
        f"has answer codes in column {columns.code!r} that are not whole numbers",
        "Write the survey's numeric codes there.",
    )
    if columns.format_id == "tidy_counts":
        refuse(
            connection,
            f"{where} code_text, number_text from tidy_rows "
            "where number is null or not isfinite(number) or number < 0",
            source,
            f"has counts in column {columns.value!r} that are negative or no numbers",
            "Correct these rows.",
        )
        if weighting != "within_country":
            refuse(
                connection,
                f"{where} code_text, number_text from tidy_rows where number <> floor(number)",
                source,
                f"has counts in column {columns.value!r} that are not whole",
                "If they are sums of weights, load the file with --weighting within_country.",
            )
        return
    refuse(
        connection,
        f"{where} code_text, number_text from tidy_rows "
        "where number is null or not isfinite(number) or not number between 0 and 1",
        source,
        f"has shares in column {columns.value!r} outside 0 to 1",
        "Divide percentages by 100; correct what is not a number.",
    )
    if columns.asked is not None:
        refuse(
            connection,
            f"{where} asked_text from tidy_rows "
            "where asked is null or not isfinite(asked) or asked <= 0 or asked <> floor(asked)",
            source,
            f"has numbers of respondents in column {columns.asked!r} that are not positive and "
            "whole",
            "Correct these rows or remove the column.",
        )
        refuse(
            connection,
            "select country, question from tidy_rows group by country, question "
            "having min(asked) <> max(asked) order by all",
            source,
            f"gives more than one number of respondents in column {columns.asked!r} for",
            "It must be the same for all answers of one country and question.",
        )


def _choose_wave(
    connection: duckdb.DuckDBPyConnection, source: Source, wave: int
) -> tuple[str, ...]:
    """Keep the rows of one wave; says which others the file has."""
    refuse(
        connection,
        "select distinct wave_text from tidy_rows "
        "where try_cast(wave_text as integer) is null order by all",
        source,
        "has waves that are not numbers",
        "Correct them or remove the column.",
    )
    waves = connection.execute(
        "select distinct wave_text::integer from tidy_rows order by all"
    ).fetchall()
    others = [str(found) for (found,) in waves if found != wave]
    if (wave,) not in waves:
        raise ValuescopeError(
            f"{source.path} has no rows of wave {wave}, only of {listed(others)}. Choose one of "
            "these with --wave."
        )
    connection.execute("delete from tidy_rows where wave_text::integer <> ?", [wave])
    return (f"Rows of other waves were left out: {listed(others)}.",) if others else ()


def _name_rows(connection: duckdb.DuckDBPyConnection, known: tuple[str, ...]) -> None:
    """Create `named_rows`; a question that the instrument does not know keeps its own name."""
    connection.execute("create temp table known_questions as select unnest(?) as id", [list(known)])
    connection.execute(
        """
        create temp table named_rows as
        select
            country_names.country_id,
            coalesce(known_questions.id, tidy_rows.question) as question_id,
            known_questions.id is not null as in_instrument,
            tidy_rows.code_number::integer as code,
            tidy_rows.number,
            tidy_rows.number_text,
            tidy_rows.asked
        from tidy_rows
        inner join country_names on tidy_rows.country = country_names.name
        left join known_questions on upper(tidy_rows.question) = upper(known_questions.id)
        """
    )


def _check_sums(connection: duckdb.DuckDBPyConnection, source: Source, format_id: str) -> None:
    # A share is off by at most half a unit of the last decimal it is written with; the longest
    # one of a question tells how many decimals there were.
    distance = "total - 1" if format_id == "tidy_shares_all" else "abs(total - 1)"
    refuse(
        connection,
        f"""
        with sums as (
            select
                country_id,
                question_id,
                sum(number) as total,
                count(*) as answers,
                max(length(regexp_extract(number_text, '\\.(\\d+)', 1))) as decimals
            from named_rows
            group by country_id, question_id
        )

        select country_id, question_id, 'sum ' || round(total, 6)
        from sums
        where {distance} > greatest(
            least(answers * 0.5 * power(10, -decimals), {_LARGEST_TOLERANCE}),
            {_SMALLEST_TOLERANCE}
        ) + 1e-9
        order by all
        """,
        source,
        "has shares that sum to more than 1 for"
        if format_id == "tidy_shares_all"
        else "has shares that do not sum to 1 for",
        "An answer may be missing or come twice; export the file again.",
    )


def _empty_questions(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    empty = connection.execute(
        "select country_id || ' ' || question_id from named_rows group by country_id, question_id "
        "having sum(number) = 0 order by all"
    ).fetchall()
    if not empty:
        return ()
    return (f"All counts are 0 for {listed([name for (name,) in empty])}.",)


def _total(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
