"""Respondents in, marginals out: one row of the file is one person's answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa

from valuescope.ingest.coding.answers import LARGEST_CODE, MISSING, Answers, read_answers
from valuescope.ingest.coding.country_names import create_country_codes
from valuescope.ingest.formats.sources import Source, whole
from valuescope.ingest.loads.report import Findings
from valuescope.ingest.respondents.breakdowns import EVERYBODY, Breakdown, Trait
from valuescope.ingest.respondents.checks import (
    check_answers,
    check_duplicates,
    check_rows,
    check_waves,
    drop_label_row,
    warn_of_size,
)
from valuescope.ingest.respondents.indicators import store_moments
from valuescope.ingest.respondents.layouts import (
    EVS,
    EVS_STUDY,
    EVS_WAVE,
    INVERTED_ITEMS,
    NOTHING_STATED,
    WVS_STUDY,
    Layout,
    RespondentFile,
    Stated,
    TraitColumn,
)
from valuescope.ingest.respondents.tallies import exact_parts, tallies
from valuescope.ingest.tables import ANSWERS, COUNTRY_WAVES
from valuescope.warehouse.counted import counted
from valuescope.warehouse.database.sql_texts import quoted
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.problems import Problems, listed

_UNWEIGHTED_LABEL = "no weighting"


@dataclass(frozen=True)
class Division:
    """A way to count respondents: weighted or not, one wave or all, and into which cells.

    `stated` holds what the file has no column for. With `weighs_missing_as_one` respondents
    without a weight count once; they are left out otherwise.
    """

    is_weighted: bool = True
    weighs_missing_as_one: bool = False
    wave: int | None = None
    stated: Stated = NOTHING_STATED
    breakdowns: tuple[Breakdown, ...] = (EVERYBODY,)
    minimum_cell: int = 1


def read_respondents(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    instrument: Instrument,
    division: Division,
    problems: Problems,
) -> Findings:
    """Fill `marginals`, `indicator_moments` and `fieldwork`; blank answers get code -5.

    Faults of the rows are collected in `problems`. Raises ValuescopeError where the file cannot
    be read at all.
    """
    source = file.source
    answers = _read_rows(connection, file, division, instrument)
    read = _total(connection, "select count(*) from respondents")
    if not read:
        raise ValuescopeError(f"{source.path} has a header but no respondents. Download it again.")
    read -= drop_label_row(connection, file, problems)
    # What the instrument does not ask must not keep the rest from being loaded.
    file = replace(
        file,
        items=tuple(
            i
            for i in file.items
            if i.question_id in instrument.questions or not answers[i.question_id].bad
        ),
    )
    _keep_own_study(connection, file, problems)
    if division.wave is not None:
        _keep_wave(connection, division.wave, problems)
    check_waves(connection, file, problems)
    if division.is_weighted:
        _settle_missing_weights(connection, file, division, problems)
    check_rows(connection, file, division.is_weighted, problems)
    _number_country_waves(connection, file, instrument, problems)
    check_duplicates(connection, file, answers, problems)
    warn_of_size(connection, file, read, problems)
    if any(breakdown.split is not None for breakdown in division.breakdowns):
        _draw_halves(connection, file, division, problems)
    _count_answers(connection, file, division, answers)
    check_answers(connection, file, instrument, answers, problems)
    kept = _check_recodes(connection, file, problems)
    _store_marginals(connection, file, division, problems)
    store_moments(
        connection,
        kept,
        answers,
        division.breakdowns,
        [_cell(breakdown) for breakdown in division.breakdowns],
        division.minimum_cell,
    )
    _store_fieldwork(connection)
    return Findings(rows_read=read, columns_ignored=file.ignored_columns())


def _read_rows(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    division: Division,
    instrument: Instrument,
) -> Mapping[str, Answers]:
    """Create `respondents`: who and where as text and numbers; return what they answered."""
    layout, stated, find = file.layout, division.stated, file.source.find
    country, number = find(*layout.country), find(*layout.country_number)
    wave, year, weight = find(*layout.wave), find(layout.year), find(layout.weight)
    interview, mode = find(layout.interview), find(*layout.mode)
    release, doi = find(layout.release), find(layout.doi)
    used = [country, number, wave, year, weight, interview, mode, release, doi]
    used += [find(*layout.study), find(*layout.other_wave)]
    used += [find(c.column) for columns in layout.traits.values() for c in columns]
    others = [column for column in dict.fromkeys(used) if column is not None]
    table, answers = read_answers(connection, file.source, others, file.items, instrument)
    connection.register("read_rows", table)
    source = file.source.with_texts("read_rows", others)
    traits = {
        trait: _trait(source, trait, columns)
        for trait, columns in layout.traits.items()
        if any(trait in breakdown.traits for breakdown in division.breakdowns)
    }
    country_text = source.text(country)
    if country is None and number is None:
        country_text = f"'{stated.country_id}'"
    # The whole number, where pandas made 528.0 of 528.
    number_text = source.text(number)
    number_text = f"coalesce(cast({whole(source.number(number))} as varchar), {number_text})"
    parts = {
        "country_text": country_text,
        "number_text": number_text,
        "wave_text": source.text(wave),
        "wave": _wave(source, wave, layout.wave_years)
        if wave
        else f"{stated.wave or layout.only_wave}",
        "year_text": source.text(year),
        "fieldwork_year": whole(source.number(year)) if year else f"{stated.year or 'null'}::int",
        "weight_text": source.text(weight) if division.is_weighted else "cast(null as varchar)",
        "weight": _weight(source, weight) if division.is_weighted else "1::double",
        "interview": source.text(interview),
        "mode": _mode(source, mode),
        "release": source.text(release),
        "doi": source.text(doi),
        "study": _study(source, layout),
        **{f"trait_{trait.name}": sql for trait, sql in traits.items()},
        "row": "row",
    }
    chosen = ",\n".join(f'{sql} as "{name}"' for name, sql in parts.items())
    connection.execute(f"create temp table respondents as select {chosen} from {source.rows(())}")
    connection.unregister("read_rows")
    return answers


def _weight(source: Source, column: str | None) -> str:
    number = source.number(column)
    if column is None or column in source.numbers:
        return number
    return f"if(lower({source.text(column)}) = '{_UNWEIGHTED_LABEL}', 1, {number})"


def _study(source: Source, layout: Layout) -> str:
    """Return SQL for the study of a row of a merged file; null if it is not known."""
    column, other = source.find(*layout.study), source.find(*layout.other_wave)
    text = f"lower({source.text(column)})"
    other_study = EVS_STUDY if layout.own_study == WVS_STUDY else WVS_STUDY
    studies = [
        whole(source.number(column)),
        f"case when starts_with({text}, 'evs') or {text} like 'european%' then {EVS_STUDY} "
        f"when starts_with({text}, 'wvs') or {text} like 'world%' then {WVS_STUDY} end",
    ]
    if other is not None and other != source.find(*layout.wave):
        studies.append(f"if({whole(source.number(other))} > 0, {other_study}, null)")
    elif other is not None:
        studies.append(
            f"case {whole(source.number(other))} when {EVS_WAVE} then {EVS_STUDY} "
            f"when 7 then {WVS_STUDY} end"
        )
    return f"coalesce({', '.join(studies)})"


def _wave(source: Source, column: str, years: Mapping[str, int]) -> str:
    """Return SQL for the wave: a number, or a label with its years or `Wave 7`."""
    text = source.text(column)
    by_year = " ".join(f"when '{year}' then {wave}" for year, wave in years.items())
    return (
        f"coalesce({whole(source.number(column))}, "
        f"try_cast(regexp_extract({text}, '(?i)wave (\\d)', 1) as integer), "
        f"case left({text}, 4) {by_year} end)"
    )


def _mode(source: Source, column: str | None) -> str:
    """Return SQL for the mode of an interview: its label, or its code if it has no label."""
    text = source.text(column)
    if column is None:
        return text
    labels = source.value_labels.get(column, {})
    cases = " ".join(f"when '{code}' then {quoted(label)}" for code, label in labels.items())
    other = f"if(try_cast({text} as double) is null, {text}, 'code ' || {text})"
    return f"case {text} {cases} else {other} end" if cases else other


def _trait(source: Source, trait: Trait, columns: Sequence[TraitColumn]) -> str:
    """Return SQL for the number of a respondent's category, null where it is not known."""
    for candidate in columns:
        column = source.find(candidate.column)
        if column is None:
            continue
        number = source.number(column)
        if candidate.recodes:
            cases = " ".join(f"when {old} then {new}" for old, new in candidate.recodes.items())
            number = f"case {number} {cases} end"
        conditions = []
        for index, category in enumerate(trait.categories):
            condition = f"{number} between {category.lowest} and {category.highest}"
            if column not in source.numbers:
                text = f"lower({source.text(column)})"
                tests = [f"starts_with({text}, '{label}')" for label in category.labels]
                condition = " or ".join([condition, *tests])
            conditions.append(f"when {condition} then {index}")
        return f"cast(case {' '.join(conditions)} end as utinyint)"
    raise ValuescopeError(
        f"{source.path} has no column {' or '.join(c.column for c in columns)}, which "
        f"--by {trait.name} needs. Leave {trait.name} out."
    )


def _keep_own_study(
    connection: duckdb.DuckDBPyConnection, file: RespondentFile, problems: Problems
) -> None:
    """Leave out the respondents of another survey, in files of several."""
    if not file.layout.study:
        return
    # Without a column for the study, other surveys' rows have a missing wave.
    others = (
        f"study <> {file.layout.own_study} or (study is null and wave between -5 and -1)"
        f" or (study = {file.layout.own_study} and wave < 0)"
    )
    left_out = _total(connection, f"select count(*) from respondents where {others}")
    if left_out:
        connection.execute(f"delete from respondents where {others}")
        what = "World Values Survey"
        if file.layout.survey_id != EVS:
            what = f"European Values Study; --survey {EVS} loads those of 2017"
        problems.warn(f"{left_out} respondents of another survey were left out (the {what}).")


def _settle_missing_weights(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    division: Division,
    problems: Problems,
) -> None:
    """Leave out respondents without a weight, or count each once; warn of them."""
    column = file.layout.weight
    found = connection.execute(
        "select coalesce(country_text, number_text), count(*) from respondents "
        "where weight_text is null group by all order by all"
    ).fetchall()
    if not found:
        return
    total = sum(count for _, count in found)
    where = listed(f"{country} {count}" for country, count in found)
    if division.weighs_missing_as_one:
        connection.execute("update respondents set weight = 1 where weight_text is null")
        problems.warn(f"{total} respondents without a {column} ({where}) count as one each.")
        return
    connection.execute("delete from respondents where weight_text is null")
    problems.warn(
        f"{total} respondents without a {column} ({where}) were left out. Count each as one with "
        "--missing-weights as-one."
    )


def _keep_wave(connection: duckdb.DuckDBPyConnection, wave: int, problems: Problems) -> None:
    waves = connection.execute(
        "select distinct wave from respondents where wave is not null order by all"
    ).fetchall()
    if (wave,) not in waves:
        raise ValuescopeError(
            f"{problems.path} has no respondents of wave {wave}, only of "
            f"{listed(str(found) for (found,) in waves)}. Choose one of these with --wave."
        )
    connection.execute("delete from respondents where wave is distinct from ?", [wave])


def _number_country_waves(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    instrument: Instrument,
    problems: Problems,
) -> None:
    """Create `country_waves` (country and wave) and give each respondent the number of theirs."""
    create_country_codes(
        connection,
        "select distinct country_text, number_text from respondents "
        "where coalesce(country_text, number_text) is not null order by all",
        instrument,
        problems,
    )
    COUNTRY_WAVES.create(connection)
    connection.execute(
        """
        insert into country_waves
        select
            row_number() over (order by country_id, wave) as country_wave,
            country_id,
            wave
        from (
            select distinct country_codes.country_id, respondents.wave
            from respondents
            inner join country_codes
                on
                    respondents.country_text is not distinct from country_codes.country_text
                    and respondents.number_text is not distinct from country_codes.number_text
            where respondents.wave is not null
        ) as named
        """
    )
    connection.execute("alter table respondents add column country_wave usmallint")
    connection.execute(
        """
        update respondents
        set country_wave = found.country_wave
        from (
            select
                country_waves.country_wave,
                country_waves.wave,
                country_codes.country_text,
                country_codes.number_text
            from country_waves
            inner join country_codes on country_waves.country_id = country_codes.country_id
        ) as found
        where
            respondents.wave = found.wave
            and respondents.country_text is not distinct from found.country_text
            and respondents.number_text is not distinct from found.number_text
        """
    )


def _draw_halves(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    division: Division,
    problems: Problems,
) -> None:
    """Add a column for each split: the half, 0 or 1, of each respondent.

    Within each country and wave respondents are ordered by a hash of seed, split and interview,
    so the halves are the same whatever the file's format and order, and of equal size.
    """
    if _total(
        connection,
        "select count(*) - count(distinct (country_wave, interview)) from respondents "
        "where country_wave is not null",
    ):
        problems.refuse(
            f"has respondents without a {file.layout.interview} of their own, so halves cannot be "
            "drawn",
            "Load the file without --split-halves.",
        )
    splits = [b for b in division.breakdowns if b.split is not None]
    drawn = ", ".join(
        f"cast((row_number() over (partition by country_wave order by "
        f"md5('{b.seed}:{b.split}:' || interview), interview) - 1) % 2 as utinyint) "
        f"as half_{b.split}"
        for b in splits
    )
    connection.execute(
        f"create temp table halves as select rowid as respondent, {drawn} from respondents "
        "where country_wave is not null and interview is not null"
    )
    connection.execute(
        "create or replace temp table respondents as select respondents.*, "
        "halves.* exclude (respondent) from respondents "
        "left join halves on respondents.rowid = halves.respondent"
    )


def _cell(breakdown: Breakdown) -> str:
    """Return SQL for the number of a respondent's cell in `Breakdown.cells`; null for none."""
    if breakdown.split is not None:
        return f"half_{breakdown.split}"
    cell = "0"
    for trait in breakdown.traits:
        cell = f"({cell} * {len(trait.categories)} + trait_{trait.name})"
    return cell


def _count_answers(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    division: Division,
    answers: Mapping[str, Answers],
) -> None:
    """Create `answers`: counts of each code by question, country_wave and cell."""
    ANSWERS.create(connection)
    cells = ", ".join(f"{_cell(b)} as cell_{n}" for n, b in enumerate(division.breakdowns))
    rows = connection.execute(
        f"select row, country_wave, coalesce(weight, 0) as weight, {cells} "
        "from respondents where country_wave is not null order by row"
    ).fetchnumpy()
    parts = []
    for number, breakdown in enumerate(division.breakdowns):
        cell = np.ma.filled(np.ma.asarray(rows[f"cell_{number}"], np.int64), -1)
        is_in_cell = cell >= 0
        if not is_in_cell.any():
            continue
        size = len(breakdown.cells())
        groups = (np.asarray(rows["country_wave"], np.int64) * size + cell)[is_in_cell]
        people, weights = rows["row"][is_in_cell], np.asarray(rows["weight"])[is_in_cell]
        # Weights whose squares overflow are refused later.
        with np.errstate(over="ignore"):
            squares = weights * weights
        amounts = exact_parts(weights), exact_parts(squares)
        for index, item in enumerate(file.items):
            found = tallies(groups, answers[item.question_id].codes[people], *amounts)
            parts.append(
                {
                    "breakdown": np.full(len(found.groups), number),
                    "item": np.full(len(found.groups), index),
                    "country_wave": found.groups // size,
                    "cell": found.groups % size,
                    "code": found.codes,
                    "respondents": found.respondents,
                    "sum_of_weights": found.sums[0],
                    "sum_of_squared_weights": found.sums[1],
                }
            )
    if parts:
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        connection.register("parts", pa.table(columns))
        connection.execute("insert into answers by name select * from parts")
        connection.unregister("parts")


def _check_recodes(
    connection: duckdb.DuckDBPyConnection, file: RespondentFile, problems: Problems
) -> RespondentFile:
    """Create `recodes`; a code that a recoded question does not know must not become another.

    Returns the file without the questions that are left out for it.
    """
    connection.execute("create temp table recodes (item usmallint, code integer, new integer)")
    rows = [
        (index, old, new)
        for index, item in enumerate(file.items)
        for old, new in (item.recodes or {}).items()
    ]
    if not rows:
        return file
    _insert(connection, "recodes", rows)
    unknown = connection.execute(
        """
        select answers.item, answers.code, sum(answers.respondents)
        from answers
        left join recodes using (item, code)
        where
            answers.breakdown = 0
            and answers.code >= 0
            and recodes.new is null
            and answers.item in (select item from recodes)
        group by answers.item, answers.code
        order by all
        """
    ).fetchall()
    # An edition's codes are known together or not at all.
    refused = {item for item, _, _ in unknown if file.items[item].has_edition_codes}
    if refused:
        connection.execute("delete from answers where list_contains(?, item)", [list(refused)])
        connection.execute("delete from recodes where list_contains(?, item)", [list(refused)])
        shown = [_count_of_code(file, row) for row in unknown if row[0] in refused]
        problems.warn(
            f"{listed(file.items[item].column for item in sorted(refused))} were left out: they "
            f"have codes that this edition is not known to have ({listed(shown)}; "
            f"{INVERTED_ITEMS.name})."
        )
    shown = [_count_of_code(file, row) for row in unknown if row[0] not in refused]
    if shown:
        problems.warn(
            f"Codes that the question does not know were stored as missing (code {MISSING}): "
            f"{listed(shown)}."
        )
    return replace(file, items=tuple(i for n, i in enumerate(file.items) if n not in refused))


def _count_of_code(file: RespondentFile, row: tuple[int, int, int]) -> str:
    item, code, count = row
    return f"{file.items[item].column} {code} {counted(count, 'time')}"


def _store_marginals(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    division: Division,
    problems: Problems,
) -> None:
    connection.execute(
        "create temp table items (item usmallint, question_id varchar, recoded bool)"
    )
    _insert(
        connection,
        "items",
        [(n, i.question_id, i.recodes is not None) for n, i in enumerate(file.items)],
    )
    connection.execute(
        "create temp table cells "
        "(breakdown utinyint, cell usmallint, breakdown_name varchar, subgroup_id varchar)"
    )
    _insert(
        connection,
        "cells",
        [
            (number, cell, breakdown.name, subgroup)
            for number, breakdown in enumerate(division.breakdowns)
            for cell, subgroup in enumerate(breakdown.cells())
        ],
    )
    sizes = " union all ".join(
        f"select {number} as breakdown, country_wave, {_cell(breakdown)} as cell, count(*) as size "
        "from respondents where country_wave is not null group by all"
        for number, breakdown in enumerate(division.breakdowns)
    )
    connection.execute(
        f"create temp table cell_sizes as select * from ({sizes}) where cell is not null"
    )
    small = connection.execute(
        """
        select cells.breakdown_name, count(*), sum(cell_sizes.size)
        from cell_sizes
        inner join cells using (breakdown, cell)
        where cells.subgroup_id <> 'all' and cell_sizes.size < ?
        group by cells.breakdown_name
        order by all
        """,
        [division.minimum_cell],
    ).fetchall()
    for name, count, size in small:
        problems.warn(
            f"--by {name}: {count} cells of a country with fewer than {division.minimum_cell} "
            f"respondents ({size} respondents in all) were left out."
        )
    connection.execute(
        f"""
        insert into marginals by name
        select
            country_waves.wave,
            country_waves.country_id,
            cells.breakdown_name as breakdown,
            cells.subgroup_id,
            items.question_id,
            case
                when answers.code < {-LARGEST_CODE} then {MISSING}
                when recodes.new is not null then recodes.new
                when items.recoded and answers.code >= 0 then {MISSING}
                else answers.code
            end as code,
            sum(answers.respondents)::bigint as respondents,
            fsum(answers.sum_of_weights) as sum_of_weights,
            fsum(answers.sum_of_squared_weights) as sum_of_squared_weights
        from answers
        inner join country_waves using (country_wave)
        inner join items using (item)
        inner join cells using (breakdown, cell)
        inner join cell_sizes using (breakdown, country_wave, cell)
        left join recodes
            on answers.item = recodes.item and answers.code = recodes.code
        where cells.subgroup_id = 'all' or cell_sizes.size >= ?
        group by all
        """,
        [division.minimum_cell],
    )


def _store_fieldwork(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """
        insert into fieldwork by name
        select
            country_waves.wave,
            country_waves.country_id,
            min(fieldwork_year) as first_year,
            max(fieldwork_year) as last_year,
            string_agg(distinct mode, ', ' order by mode) as mode,
            max(release) as release,
            max(doi) as doi,
            count(*) as respondents,
            min(weight) as smallest_weight,
            max(weight) as largest_weight,
            power(fsum(weight), 2) / nullif(fsum(weight * weight), 0) as effective_sample_size
        from respondents
        inner join country_waves using (country_wave)
        group by all
        """
    )


def _total(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert rows at once: `executemany` takes milliseconds for each."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    values = ", ".join("unnest(?)" for _ in columns)
    connection.execute(f"insert into {table} select {values}", columns)
