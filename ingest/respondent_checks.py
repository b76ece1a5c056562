"""What can be wrong with the rows of a file of respondents."""

from collections.abc import Mapping, Sequence

import duckdb

from valuescope.ingest.answers import BAD, BLANK, MISSING
from valuescope.ingest.labels import code_of_label, codes_of_labels, nearest_label
from valuescope.ingest.layouts import Item, RespondentFile
from valuescope.ingest.problems import Problems, listed
from valuescope.warehouse.instrument import Instrument

_ROWS = "count(*) || if(count(*) = 1, ' row', ' rows')"


def check_value_labels(file: RespondentFile, instrument: Instrument, problems: Problems) -> None:
    """A label that belongs to another code of the question: the scale may run the other way."""
    wrong = []
    for item in file.items:
        question = instrument.questions.get(item.question_id)
        labels = file.source.value_labels.get(item.column, {})
        if question is None or not labels:
            continue
        known = codes_of_labels(question)
        for code, label in sorted(labels.items()):
            meant = code_of_label(label, known)
            stored = code if item.recodes is None else item.recodes.get(code)
            if code >= 0 and meant is not None and stored is not None and meant != stored:
                wrong.append(f"{item.column} {code} is {label!r}, which is {meant} of the question")
    if wrong:
        problems.refuse(
            f"labels codes in another way than the instrument: {listed(wrong)}",
            "The scales may have been turned round; load the survey's own edition.",
        )


def check_waves(
    connection: duckdb.DuckDBPyConnection, file: RespondentFile, problems: Problems
) -> None:
    """Refuse rows of another wave than the file's, or of none."""
    layout = file.layout
    if layout.only_wave is not None:
        problems.refuse_rows(
            connection,
            f"select wave_text, {_ROWS} from respondents "
            f"where wave is distinct from {layout.only_wave} group by wave_text order by all",
            f"has rows whose {layout.wave} is not {layout.only_wave}",
            f"Load the wave {layout.only_wave} file; files of other waves use other question "
            "numbers.",
        )
        return
    problems.refuse_rows(
        connection,
        f"select wave_text, {_ROWS} from respondents "
        "where wave is null or not wave between 1 and 99 group by wave_text order by all",
        f"has rows whose {layout.wave} is not a wave",
        "Download the file again.",
    )


def check_rows(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    is_weighted: bool,
    problems: Problems,
) -> None:
    """Refuse rows without a country or a year, and weights that are no weights."""
    layout = file.layout
    problems.refuse_rows(
        connection,
        f"select {_ROWS} from respondents where coalesce(country_text, number_text) is null "
        "having count(*) > 0",
        f"has rows with a blank {layout.country[0]}",
        "The file may have been cut off; download it again.",
    )
    problems.refuse_rows(
        connection,
        f"select year_text, {_ROWS} from respondents "
        "where fieldwork_year is null or not fieldwork_year between 1980 and 2100 "
        "group by year_text order by all",
        f"has rows whose {layout.year} is not a year",
        "Download the file again.",
    )
    if not is_weighted:
        return
    problems.refuse_rows(
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
        f"has unusable weights in {layout.weight}",
        "Correct them, or load the file with --weighting unweighted.",
    )


def check_duplicates(
    connection: duckdb.DuckDBPyConnection, file: RespondentFile, problems: Problems
) -> None:
    """A row that comes twice counts somebody twice; a number that comes twice may be a slip."""
    repeated = (
        "select place, interview from respondents where interview is not null "
        "group by place, interview having count(*) > 1"
    )
    again = connection.execute(f"select count(*) from ({repeated})").fetchall()[0][0]
    if not again:
        return
    connection.execute(
        "create temp table repeats as select respondents.* from respondents "
        f"semi join ({repeated}) as twice using (place, interview)"
    )
    same = problems.refuse_rows(
        connection,
        """
        select places.country_id, same_rows.interview, count(*) || ' times'
        from (
            select place, interview, count(*) over (partition by hash(repeats)) as copies
            from repeats
        ) as same_rows
        inner join places using (place)
        where same_rows.copies > 1
        group by places.country_id, places.wave, same_rows.interview
        order by all
        """,
        f"has the same respondent more than once (same {file.layout.interview}, same answers)",
        "Remove the repeated rows.",
    )
    if not same:
        problems.warn(
            f"{again} values of {file.layout.interview} come more than once within a country and "
            "wave, with different answers; all these respondents were counted."
        )


def warn_of_size(
    connection: duckdb.DuckDBPyConnection, file: RespondentFile, read: int, problems: Problems
) -> None:
    """Whoever has a part of a release may not know it."""
    releases = connection.execute(
        "select distinct release from respondents where release is not null"
    ).fetchall()
    if len(releases) != 1:
        return
    whole = file.layout.release_sizes.get(str(releases[0][0]).split("-")[0].split(".")[0].strip())
    if whole is not None and read != whole:
        problems.warn(
            f"Release {releases[0][0]} has {whole} respondents, this file {read}: it is a "
            "selection or was cut off."
        )


def check_answers(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    instrument: Instrument,
    expressions: Mapping[str, str],
    problems: Problems,
) -> None:
    """Refuse answers that are no codes; tell of blank ones."""
    counted = connection.execute(
        "select item, code, sum(respondents) from answers where breakdown = 0 "
        f"and code in ({BLANK}, {BAD}) group by item, code order by all"
    ).fetchall()
    bad = [file.items[item] for item, code, _ in counted if code == BAD]
    if bad:
        _refuse_answers(connection, file, bad, instrument, expressions, problems)
    blank = [(file.items[item].question_id, count) for item, code, count in counted if code != BAD]
    if blank:
        total = sum(count for _, count in blank)
        problems.warn(
            f"{total} blank answers ({listed([q for q, _ in blank])}) were stored as missing "
            f"(code {MISSING})."
        )


def _refuse_answers(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    items: Sequence[Item],
    instrument: Instrument,
    expressions: Mapping[str, str],
    problems: Problems,
) -> None:
    """Name the answers that are no codes, or the labels that no option has."""
    source = file.source
    relation = source.rows(
        [
            column
            for item in file.items
            for column in (item.column, source.find(file.layout.country[0]))
            if column is not None
        ]
    )
    found = connection.execute(
        " union all ".join(
            f"select '{item.question_id}' as question, {source.text(item.column)} as answer, "
            f"count(*) as times from {relation} "
            f"where {expressions[item.question_id]} = {BAD} group by all"
            for item in items
        )
    ).fetchall()
    if source.has_labels:
        shown = []
        for question_id, answer, times in sorted(found):
            question = instrument.questions.get(question_id)
            near = f", nearest {nearest_label(answer, question)}" if question else ""
            shown.append(f"{question_id} {answer!r} {times} times{near}")
        problems.refuse(
            f"has labels that match no option: {listed(shown)}",
            "Correct them, or load the edition that has codes instead of labels.",
        )
        return
    shown = [
        f"{question_id} {answer} {times} times" for question_id, answer, times in sorted(found)
    ]
    problems.refuse(
        f"has answers that are not whole numbers: {listed(shown)}",
        "Load the edition that has codes instead of labels.",
    )
