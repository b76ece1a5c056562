"""What every load shares: its identity, one transaction, and the report of what is there now."""

import csv
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from ingest.report import CodeOutsideInstrument, LoadReport
from warehouse.database import (
    create_raw_tables,
    open_for_reading,
    open_for_writing,
    replacement_copy,
)
from warehouse.errors import ValuescopeError, unknown_name
from warehouse.home import SEEDS, Home
from warehouse.instrument import Instrument
from warehouse.version import project_version

WEIGHTINGS = ("within_country", "unweighted", "unstated")
# Don't know, no answer, not applicable, not asked, missing.
MISSING_CODES = frozenset({-1, -2, -3, -4, -5})
# DuckDB spills to disk beyond this, whatever the size of the survey file.
_MEMORY_LIMIT = "1GiB"

_MARGINALS = """
create temp table marginals (
    wave integer not null,
    country_id varchar not null,
    question_id varchar not null,
    code integer not null,
    respondents bigint,
    sum_of_weights double not null,
    sum_of_squared_weights double,
    first_year integer,
    last_year integer
)
"""


@dataclass(frozen=True)
class Load:
    """What is loaded and how, known before a row is read."""

    survey_id: str
    wave_selection: str
    weighting: str
    file_name: str
    file_sha256: str
    file_bytes: int
    format_id: str
    options: Mapping[str, str]

    @property
    def load_id(self) -> str:
        """The same for a corrected file of the same name, which then replaces this load."""
        parts = (
            self.survey_id,
            self.file_name,
            self.format_id,
            self.weighting,
            self.wave_selection,
        )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def options_json(self) -> str:
        """The options as `raw.survey_loads` keeps them."""
        return json.dumps(dict(self.options), sort_keys=True)


@dataclass(frozen=True)
class Findings:
    """What a reader saw beside the marginals; `rows_read` counts rows of the file."""

    rows_read: int
    columns_ignored: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def run_load(
    load: Load,
    home: Home,
    instrument: Instrument,
    read: Callable[[duckdb.DuckDBPyConnection], Findings],
) -> LoadReport:
    """Load what `read` puts into the temporary table `marginals`, all of it or nothing.

    The table has the columns of `raw.human_marginals` without the survey and the load, and the
    first and last fieldwork year; one row a wave, country, question and code.
    Raises ValuescopeError when the file is bad or the database is held; nothing is lost then.
    """
    earlier = _same_load(load, home)
    if earlier is not None:
        with open_for_reading(home) as connection:
            return _report(connection, earlier, instrument, Findings(0), already_loaded=True)
    with replacement_copy(home) as working, open_for_writing(working) as connection:
        create_raw_tables(connection)
        connection.execute(f"set memory_limit = '{_MEMORY_LIMIT}'")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(_MARGINALS)
        findings = read(connection)
        if not _count(connection, "select count(*) from marginals"):
            raise ValuescopeError(
                f"{load.file_name} has no answers to load for wave {load.wave_selection}. "
                "Choose another wave or check the file."
            )
        replaced = _store(connection, load, findings.rows_read)
        return _report(
            connection,
            load.load_id,
            instrument,
            findings,
            replaced_earlier_version=replaced,
        )


def default_wave(survey_id: str) -> int:
    """The wave that the survey's marts compare with. Raises for an unknown survey."""
    with (SEEDS / "surveys.csv").open(encoding="utf-8", newline="") as file:
        waves = {row["survey_id"]: int(row["default_wave"]) for row in csv.DictReader(file)}
    if survey_id not in waves:
        raise unknown_name("survey", survey_id, waves, f"Surveys: {', '.join(waves)}.")
    return waves[survey_id]


def checked_weighting(weighting: str) -> str:
    """`weighting` when it exists. Raises ValuescopeError otherwise."""
    if weighting not in WEIGHTINGS:
        raise unknown_name(
            "weighting", weighting, WEIGHTINGS, f"Weightings: {', '.join(WEIGHTINGS)}."
        )
    return weighting


def _same_load(load: Load, home: Home) -> str | None:
    """The id of the load that has this very content and these options already, if any."""
    if not home.database.exists():
        return None
    with open_for_reading(home) as connection:
        loads = connection.execute(
            "select count(*) from duckdb_tables() "
            "where schema_name = 'raw' and table_name = 'survey_loads'"
        ).fetchall()
        if not loads[0][0]:
            return None
        found = connection.execute(
            """
            select load_id
            from raw.survey_loads
            where survey_id = ?
                and wave_selection = ?
                and weighting = ?
                and format_id = ?
                and file_sha256 = ?
                and options = ?
                and valuescope_version = ?
            order by loaded_at
            """,
            [
                load.survey_id,
                load.wave_selection,
                load.weighting,
                load.format_id,
                load.file_sha256,
                load.options_json,
                project_version(),
            ],
        ).fetchall()
    return str(found[0][0]) if found else None


def _store(connection: duckdb.DuckDBPyConnection, load: Load, rows_read: int) -> bool:
    """Move `marginals` into raw; true when an earlier version of the load gave way."""
    replaced = _count(
        connection, "select count(*) from raw.survey_loads where load_id = ?", load.load_id
    )
    connection.execute("begin")
    for table in ("survey_loads", "human_marginals", "survey_fieldwork"):
        connection.execute(f"delete from raw.{table} where load_id = ?", [load.load_id])
    connection.execute(
        """
        insert into raw.human_marginals by name
        select
            ? as survey_id,
            * exclude (first_year, last_year),
            ? as load_id
        from marginals
        order by wave, country_id, question_id, code
        """,
        [load.survey_id, load.load_id],
    )
    connection.execute(
        """
        insert into raw.survey_fieldwork by name
        select
            ? as load_id,
            wave,
            country_id,
            question_id,
            min(first_year) as first_year,
            max(last_year) as last_year
        from marginals
        where first_year is not null
        group by wave, country_id, question_id
        order by wave, country_id, question_id
        """,
        [load.load_id],
    )
    connection.execute(
        """
        insert into raw.survey_loads by name
        select
            ? as load_id,
            ? as survey_id,
            ? as wave_selection,
            ? as weighting,
            'all' as subgroup_id,
            ? as file_name,
            ? as file_sha256,
            ? as file_bytes,
            ? as format_id,
            ? as options,
            count(*) = count(respondents) as has_counts,
            bool_or(code = -1) as has_dont_know_codes,
            ? as rows_read,
            count(*) as rows_loaded,
            ? as loaded_at,
            ? as valuescope_version
        from marginals
        """,
        [
            load.load_id,
            load.survey_id,
            load.wave_selection,
            load.weighting,
            load.file_name,
            load.file_sha256,
            load.file_bytes,
            load.format_id,
            load.options_json,
            rows_read,
            datetime.now(UTC),
            project_version(),
        ],
    )
    connection.execute("commit")
    return bool(replaced)


def _report(
    connection: duckdb.DuckDBPyConnection,
    load_id: str,
    instrument: Instrument,
    findings: Findings,
    *,
    already_loaded: bool = False,
    replaced_earlier_version: bool = False,
) -> LoadReport:
    """Describe the load as it stands in raw."""
    found = connection.execute(
        """
        select
            survey_id,
            format_id,
            file_name,
            file_sha256,
            wave_selection,
            weighting,
            subgroup_id,
            rows_read,
            rows_loaded,
            has_counts,
            has_dont_know_codes,
            loaded_at at time zone 'UTC' as loaded_at
        from raw.survey_loads
        where load_id = ?
        """,
        [load_id],
    ).fetchall()
    (
        survey_id,
        format_id,
        file_name,
        file_sha256,
        wave_selection,
        weighting,
        subgroup_id,
        rows_read,
        rows_loaded,
        has_counts,
        has_dont_know_codes,
        loaded_at,
    ) = found[0]
    answers = connection.execute(
        """
        select
            question_id,
            code,
            list(distinct country_id order by country_id) as countries,
            list(distinct wave order by wave) as waves,
            sum(respondents)::bigint as respondents
        from raw.human_marginals
        where load_id = ?
        group by question_id, code
        """,
        [load_id],
    ).fetchall()
    years = connection.execute(
        "select min(first_year), max(last_year) from raw.survey_fieldwork where load_id = ?",
        [load_id],
    ).fetchall()
    asked = {question_id for question_id, *_ in answers}
    known = {
        question.question_id: question.known_codes | MISSING_CODES
        for question in instrument.questions.values()
        if question.survey_id == survey_id
    }
    # In survey order; what the instrument does not know comes last.
    questions = (*(q for q in known if q in asked), *sorted(asked - known.keys()))
    answers.sort(key=lambda answer: (questions.index(answer[0]), answer[1]))
    return LoadReport(
        load_id=load_id,
        population_id=f"{survey_id}:{wave_selection}:{weighting}:{subgroup_id}",
        survey_id=survey_id,
        format_id=format_id,
        file_name=file_name,
        file_sha256=file_sha256,
        wave_selection=wave_selection,
        weighting=weighting,
        waves=tuple(sorted({wave for *_, waves, _ in answers for wave in waves})),
        countries=tuple(sorted({country for _, _, some, *_ in answers for country in some})),
        questions=questions,
        first_year=years[0][0],
        last_year=years[0][1],
        rows_read=rows_read,
        rows_loaded=rows_loaded,
        has_counts=has_counts,
        has_dont_know_codes=has_dont_know_codes,
        codes_outside_instrument=tuple(
            CodeOutsideInstrument(question_id, code, tuple(countries), respondents)
            for question_id, code, countries, _, respondents in answers
            if question_id in known and code not in known[question_id]
        ),
        questions_outside_instrument=tuple(sorted(asked - known.keys())),
        columns_ignored=findings.columns_ignored,
        warnings=findings.warnings,
        already_loaded=already_loaded,
        replaced_earlier_version=replaced_earlier_version,
        loaded_at=loaded_at.replace(tzinfo=UTC),
    )


def _count(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> int:
    return int(connection.execute(query, list(values)).fetchall()[0][0])
