"""Checks of the rows of a file of respondents."""

import re
from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa

from valuescope.ingest.coding.answers import BAD, BLANK, MISSING, Answers
from valuescope.ingest.coding.labels import (
    MOST_LABELS,
    code_of_label,
    codes_of_labels,
    nearest_label,
)
from valuescope.ingest.respondents.layouts import Item, RespondentFile
from valuescope.warehouse.counted import counted
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.problems import Problems, listed

_ROWS = "count(*) || if(count(*) = 1, ' row', ' rows')"


def check_value_labels(file: RespondentFile, instrument: Instrument, problems: Problems) -> None:
    """Warn of labels that belong to another code: the scale may run the other way."""
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


def drop_label_row(
    connection: duckdb.DuckDBPyConnection, file: RespondentFile, problems: Problems
) -> bool:
    """Leave out a row that holds the columns' labels: words where all others have numbers.

    Returns whether there was one.
    """
    find, layout = file.source.find, file.layout
    words = [
        f"({text} is not null and {value} is null)"
        for column, text, value in (
            (find(*layout.wave), "wave_text", "wave"),
            (find(layout.year), "year_text", "fieldwork_year"),
            (find(layout.weight), "weight_text", "weight"),
        )
        if column is not None
    ]
    if len(words) < 2:
        return False
    is_label = " and ".join(words)
    if connection.execute(f"select count(*) from respondents where {is_label}").fetchall() == [
        (1,)
    ]:
        connection.execute(f"delete from respondents where {is_label}")
        problems.warn("One row holds the labels of the columns and no answers; it was left out.")
        return True
    return False


def check_waves(
    connection: duckdb.DuckDBPyConnection, file: RespondentFile, problems: Problems
) -> None:
    """Refuse rows of another wave than the file's, or of none."""
    layout = file.layout
    wave = layout.wave[0]
    if layout.only_wave is not None:
        problems.refuse_rows(
            connection,
            f"select wave_text, {_ROWS} from respondents "
            f"where wave is distinct from {layout.only_wave} group by wave_text order by all",
            f"has rows whose {wave} is not {layout.only_wave}",
            f"Load the wave {layout.only_wave} file; files of other waves use other question "
            "numbers.",
        )
        if file.source.find(*layout.wave) is None and layout.only_years is not None:
            years = layout.only_years
            problems.refuse_rows(
                connection,
                f"select year_text, {_ROWS} from respondents "
                f"where not fieldwork_year between {years.start} and {years.stop - 1} "
                "group by year_text order by all",
                f"has no {wave}, and years outside of wave {layout.only_wave}",
                f"If it is of wave {layout.only_wave}, correct its {layout.year} or remove the "
                "column.",
            )
        return
    problems.refuse_rows(
        connection,
        f"select wave_text, {_ROWS} from respondents "
        "where wave is null or not wave between 1 and 99 group by wave_text order by all",
        f"has rows whose {wave} is not a wave",
        "Choose a wave with --wave, or correct these rows.",
    )


def check_rows(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    is_weighted: bool,
    problems: Problems,
) -> None:
    """Refuse rows without a country or a year, and unusable weights."""
    layout = file.layout
    problems.refuse_rows(
        connection,
        f"select {_ROWS} from respondents where coalesce(country_text, number_text) is null "
        "having count(*) > 0",
        f"has rows with a blank {layout.country[0]}",
        "The file may have been cut off; download it again.",
    )
    if file.source.find(layout.year) is not None:
        problems.refuse_rows(
            connection,
            f"select year_text, {_ROWS} from respondents "
            "where fieldwork_year is null or not fieldwork_year between 1980 and 2100 "
            "group by year_text order by all",
            f"has rows whose {layout.year} is not a year",
            "Correct them, or remove the column.",
        )
    if not is_weighted:
        return
    problems.refuse_rows(
        connection,
        f"""
        select
            case
                when weight is null or not isfinite(weight) then 'not a number'
                when weight < 0 then 'negative'
                else 'too large'
            end as problem,
            '(' || min(weight_text) || ')',
            {_ROWS}
        from respondents
        where weight is null or not weight between 0 and 1e9
        group by problem
        order by all
        """,
        f"has unusable weights in {layout.weight}",
        "Correct them, or load the file with --weighting unweighted.",
    )
    problems.refuse_rows(
        connection,
        f"select coalesce(country_text, number_text), {_ROWS} from respondents "
        "group by country_text, number_text, wave having max(abs(weight)) = 0 order by all",
        f"has countries whose weights in {layout.weight} are all zero",
        "Load the file with --weighting unweighted.",
    )


def check_duplicates(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    answers: Mapping[str, Answers],
    problems: Problems,
) -> None:
    """Refuse rows that are there twice; warn of numbers that are there twice."""
    repeated = (
        "select country_wave, interview from respondents where interview is not null "
        "group by country_wave, interview having count(*) > 1"
    )
    again = connection.execute(f"select count(*) from ({repeated})").fetchall()[0][0]
    if not again:
        return
    interview = file.layout.interview
    rounded = connection.execute(
        "select interview, count(*) from respondents "
        "where regexp_full_match(interview, '[-+]?\\d+([.,]\\d+)?[eE][-+]?\\d+') "
        "group by interview having count(*) > 1 order by all"
    ).fetchall()
    if rounded:
        problems.warn(
            f"Values of {interview} repeat because a program rounded them "
            f"({listed(f'{value} {count} times' for value, count in rounded)}). All respondents "
            "were counted; the file no longer shows whether one of them is in it twice."
        )
        return
    connection.execute(
        "create temp table repeats as select respondents.* from respondents "
        f"semi join ({repeated}) as twice using (country_wave, interview)"
    )
    rows = connection.execute("select row from repeats").fetchnumpy()["row"]
    codes = np.column_stack([found.codes[rows] for found in answers.values()])
    connection.register("said", pa.table({"row": rows, "codes": [c.tobytes() for c in codes]}))
    same = problems.refuse_rows(
        connection,
        """
        select country_waves.country_id, same_rows.interview, count(*) || ' times'
        from (
            select country_wave, interview, count(*) over (partition by hash(whole)) as copies
            from (
                select repeats.* exclude (row), said.codes
                from repeats
                inner join said using (row)
            ) as whole
        ) as same_rows
        inner join country_waves using (country_wave)
        where same_rows.copies > 1
        group by country_waves.country_id, country_waves.wave, same_rows.interview
        order by all
        """,
        f"has the same respondent more than once (same {interview}, same answers)",
        f"Remove the repeated rows if they are copies; correct {interview} if they are people.",
    )
    if not same:
        problems.warn(
            f"{again} values of {interview} come more than once within a country and "
            "wave, with different answers; all these respondents were counted."
        )


def warn_of_size(
    connection: duckdb.DuckDBPyConnection, file: RespondentFile, read: int, problems: Problems
) -> None:
    """Warn when the file has fewer or more respondents than its release."""
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
    answers: Mapping[str, Answers],
    problems: Problems,
) -> None:
    """Refuse answers that are not codes, all at once; warn of blank ones."""
    counted = connection.execute(
        "select item, code, sum(respondents) from answers where breakdown = 0 "
        f"and code in ({BLANK}, {BAD}) group by item, code order by all"
    ).fetchall()
    bad = [file.items[item] for item, code, _ in counted if code == BAD]
    if bad:
        _refuse_answers(bad, instrument, answers, problems)
    blank = [(file.items[item].question_id, count) for item, code, count in counted if code != BAD]
    if blank:
        total = sum(count for _, count in blank)
        problems.warn(
            f"{total} answers are blank or missing without a reason "
            f"({listed([q for q, _ in blank])}); they were stored as missing (code {MISSING})."
        )


def _refuse_answers(
    items: Sequence[Item],
    instrument: Instrument,
    answers: Mapping[str, Answers],
    problems: Problems,
) -> None:
    """Name the answers that are not codes, and the labels that no option has."""
    labels, numbers = [], []
    for item in items:
        question = instrument.questions.get(item.question_id)
        for text, times in sorted(answers[item.question_id].bad.items()):
            if re.fullmatch(r"[-+.,\deE]*(inf|nan)?", text):
                numbers.append(f"{item.column} {text} {counted(times, 'time')}")
            else:
                near = f", nearest {nearest_label(text, question)}" if question else ""
                labels.append(f"{item.column} {text!r} {counted(times, 'time')}{near}")
    if labels:
        problems.refuse(
            f"has labels that match no option: {listed(labels, shown=MOST_LABELS)}",
            "Write the option's words or its code instead, or remove the columns that you "
            "do not need.",
        )
    if numbers:
        problems.refuse(
            f"has answers that are not whole numbers: {listed(numbers)}",
            "Load a file whose answers were not imputed or averaged, or remove these columns.",
        )
