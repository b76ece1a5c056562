"""The steps of every load: its identity, one transaction, and the report of what is there now."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb

from valuescope.ingest.loads.checking import describe_file
from valuescope.ingest.loads.effects import (
    Confirm,
    changed_reference,
    create_effect_tables,
    repeated_people,
    replaced_loads,
)
from valuescope.ingest.loads.report import FileReport, Findings, LoadReport
from valuescope.ingest.tables import FILLED_BY_READERS, LOADED, LOADS
from valuescope.warehouse.database.connections import (
    create_raw_tables,
    has_warehouse,
    open_for_loading,
    open_for_reading,
    population_id_expression,
    stored_whole,
)
from valuescope.warehouse.errors import unknown_name
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.instruments.surveys import store_instrument
from valuescope.warehouse.problems import Problems
from valuescope.warehouse.status.reference import reference_population
from valuescope.warehouse.version import project_version

WEIGHTINGS = ("within_country", "unweighted", "unstated")
# DuckDB spills to disk beyond this, whatever the size of the survey file.
_MEMORY_LIMIT = "1GiB"

Read = Callable[[duckdb.DuckDBPyConnection, Problems], Findings]


@dataclass(frozen=True)
class Load:
    """The identity of a load, known before a row is read.

    `wave_selection` is None where each wave of the file makes populations of its own, else the
    name of the one selection. `breakdowns` are the names of what the rows are divided by.
    """

    survey_id: str
    wave_selection: str | None
    weighting: str
    file_name: str
    file_sha256: str
    file_bytes: int
    format_id: str
    options: Mapping[str, str]
    breakdowns: tuple[str, ...] = ("all",)

    def load_id(self, wave: int, subgroup_id: str) -> str:
        """Return the same for a corrected file of the same name, which then replaces this load."""
        parts = (
            self.survey_id,
            self.file_name,
            self.format_id,
            self.weighting,
            self.selection(wave),
            subgroup_id,
        )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def selection(self, wave: int) -> str:
        """Return the wave selection that the rows of `wave` belong to."""
        return self.wave_selection or str(wave)

    @property
    def options_json(self) -> str:
        """Return the options as `raw.survey_loads` keeps them."""
        return json.dumps(dict(self.options), sort_keys=True)


def run_load(
    load: Load,
    home: Home,
    instrument: Instrument,
    problems: Problems,
    read: Read,
    confirm: Confirm | None = None,
) -> LoadReport:
    """Load what `read` puts into the temporary tables `marginals` and `fieldwork`.

    `confirm` gets the changes that the user may not expect, and raises to stop the load.
    All of it is loaded or nothing; raises ValuescopeError with every fault that `read` found,
    or when the database is held; nothing is lost then.
    """
    # Before the rows are read.
    problems.raise_refusals()
    earlier = _same_load(load, home)
    # Answers without their survey's questions are loaded once more, to bring these back.
    if earlier and load.survey_id in instrument.surveys:
        return _report_loaded(load, home, instrument, earlier)
    with open_for_loading(home) as connection:
        create_raw_tables(connection)
        findings = _read(connection, load, problems, read)
        problems.raise_refusals()
        if findings.own is not None:
            instrument = instrument.with_survey(findings.own)
        report = describe_file(connection, load, instrument, findings, problems)
        loaded_at = datetime.now(UTC)
        _list_loads(connection, load)
        with stored_whole(home, connection):
            before = create_effect_tables(connection, load.survey_id, instrument)
            replaced = _store(connection, load, findings.rows_read, loaded_at)
            effects = replaced_loads(connection)
            surveys = instrument.surveys_of_same_questions(load.survey_id)
            unexpected = (
                *changed_reference(before, reference_population(connection, surveys)),
                *repeated_people(connection, load.weighting),
            )
            if unexpected and confirm is not None:
                confirm((*effects, *unexpected))
            if findings.own is not None:
                # Before the answers are there: a survey without answers harms nobody.
                store_instrument(home, findings.own)
        return LoadReport(
            file=report,
            file_sha256=load.file_sha256,
            load_ids=_load_ids(connection, load),
            already_loaded=False,
            replaced_earlier_version=replaced,
            effects=(*effects, *unexpected),
            loaded_at=loaded_at,
        )


def check_load(
    load: Load, home: Home, instrument: Instrument, problems: Problems, read: Read
) -> FileReport:
    """Describe what `run_load` would load, every fault included, and change nothing."""
    with duckdb.connect() as connection:
        findings = _read(connection, load, problems, read)
        if findings.own is not None:
            instrument = instrument.with_survey(findings.own)
        has_loaded = has_warehouse(home)
        if has_loaded:
            _copy_loaded(connection, load, home)
        return describe_file(
            connection, load, instrument, findings, problems, has_loaded=has_loaded
        )


def checked_weighting(weighting: str) -> str:
    """Return `weighting` if it exists. Raises ValuescopeError otherwise."""
    if weighting not in WEIGHTINGS:
        raise unknown_name(
            "weighting", weighting, WEIGHTINGS, f"Weightings: {', '.join(WEIGHTINGS)}."
        )
    return weighting


def _read(
    connection: duckdb.DuckDBPyConnection, load: Load, problems: Problems, read: Read
) -> Findings:
    connection.execute(f"set memory_limit = '{_MEMORY_LIMIT}'")
    connection.execute("set preserve_insertion_order = false")
    for table in FILLED_BY_READERS:
        table.create(connection)
    findings = read(connection, problems)
    answers = connection.execute("select count(*) from marginals").fetchall()[0][0]
    if not answers and not problems.refusals:
        selection = f" for wave {load.wave_selection}" if load.wave_selection else ""
        problems.refuse(
            f"has no answers to load{selection}", "Choose another wave or check the file."
        )
    return findings


def _same_load(load: Load, home: Home) -> tuple[str, ...]:
    """Return the ids of the loads that have this very content and these options already, if any."""
    if not has_warehouse(home):
        return ()
    with open_for_reading(home, is_latest=True) as connection:
        columns = connection.execute(
            "select column_name from duckdb_columns() "
            "where schema_name = 'raw' and table_name = 'survey_loads'"
        ).fetchall()
        # A database of an earlier version has no breakdowns and is loaded anew.
        if ("breakdown",) not in columns:
            return ()
        found = connection.execute(
            """
            select load_id, breakdown
            from raw.survey_loads
            where survey_id = ?
                and (wave_selection = ? or ? is null)
                and weighting = ?
                and format_id = ?
                and file_sha256 = ?
                and options = ?
                and valuescope_version = ?
                and list_contains(?, breakdown)
            order by loaded_at, load_id
            """,
            [
                load.survey_id,
                load.wave_selection,
                load.wave_selection,
                load.weighting,
                load.format_id,
                load.file_sha256,
                load.options_json,
                project_version(),
                list(load.breakdowns),
            ],
        ).fetchall()
    if {breakdown for _, breakdown in found} != set(load.breakdowns):
        return ()
    return tuple(str(load_id) for load_id, _ in found)


def _copy_loaded(connection: duckdb.DuckDBPyConnection, load: Load, home: Home) -> None:
    """Create `loaded`: what the database has of the survey's own populations of everybody."""
    with open_for_reading(home, is_latest=True) as database:
        rows = database.sql(
            f"""
            with

            loads as (
                select *, {population_id_expression()} as population_id
                from raw.survey_loads
                where survey_id = ? and subgroup_id = 'all'
            )

            select
                loads.population_id,
                marginals.wave,
                marginals.country_id,
                marginals.question_id,
                marginals.code,
                marginals.sum_of_weights
            from raw.human_marginals as marginals
            inner join loads using (load_id)
            qualify row_number() over (
                partition by
                    loads.population_id,
                    marginals.wave,
                    marginals.country_id,
                    marginals.question_id,
                    marginals.code
                order by loads.has_counts desc, loads.loaded_at desc
            ) = 1
            """,
            params=[load.survey_id],
        ).to_arrow_table()
        connection.register("copied", rows)
        LOADED.create(connection)
        connection.execute("insert into loaded by name select * from copied")


def _list_loads(connection: duckdb.DuckDBPyConnection, load: Load) -> None:
    """Create `loads`: the load that each wave and group of the file makes."""
    groups = connection.execute(
        "select distinct wave, breakdown, subgroup_id from marginals order by all"
    ).fetchall()
    LOADS.create(connection)
    connection.executemany(
        "insert into loads values (?, ?, ?, ?, ?)",
        [
            [wave, breakdown, group, load.selection(wave), load.load_id(wave, group)]
            for wave, breakdown, group in groups
        ],
    )


def _store(
    connection: duckdb.DuckDBPyConnection, load: Load, rows_read: int, loaded_at: datetime
) -> bool:
    """Move the temporary tables into raw; true when an earlier version of the load gave way."""
    replaced = connection.execute(
        """
        select load_id
        from raw.survey_loads
        where survey_id = ?
            and file_name = ?
            and format_id = ?
            and weighting = ?
            and (wave_selection = ? or ? is null)
            and list_contains(?, breakdown)
        """,
        [
            load.survey_id,
            load.file_name,
            load.format_id,
            load.weighting,
            load.wave_selection,
            load.wave_selection,
            list(load.breakdowns),
        ],
    ).fetchall()
    for table in ("survey_loads", "human_marginals", "indicator_moments", "survey_fieldwork"):
        connection.execute(
            f"delete from raw.{table} where list_contains(?, load_id) "
            "or load_id in (select load_id from loads)",
            [[load_id for (load_id,) in replaced]],
        )
    connection.execute(
        """
        insert into raw.human_marginals by name
        select
            ? as survey_id,
            marginals.* exclude (breakdown, subgroup_id),
            loads.load_id
        from marginals
        inner join loads using (wave, breakdown, subgroup_id)
        order by marginals.wave, subgroup_id, country_id, question_id, code
        """,
        [load.survey_id],
    )
    connection.execute(
        """
        insert into raw.indicator_moments by name
        select
            loads.load_id,
            indicator_moments.* exclude (breakdown, subgroup_id)
        from indicator_moments
        inner join loads using (wave, breakdown, subgroup_id)
        order by loads.load_id, wave, country_id, deletion, indicator_id, other_indicator_id
        """
    )
    connection.execute(
        """
        insert into raw.survey_fieldwork by name
        select
            loads.load_id,
            fieldwork.wave,
            fieldwork.country_id,
            fieldwork.first_year,
            fieldwork.last_year,
            fieldwork.mode,
            fieldwork.release,
            fieldwork.doi
        from fieldwork
        inner join loads using (wave)
        order by load_id, wave, country_id
        """
    )
    connection.execute(
        """
        insert into raw.survey_loads by name
        select
            loads.load_id,
            ? as survey_id,
            loads.wave_selection,
            ? as weighting,
            loads.breakdown,
            loads.subgroup_id,
            ? as file_name,
            ? as file_sha256,
            ? as file_bytes,
            ? as format_id,
            ? as options,
            count(*) = count(marginals.respondents) as has_counts,
            bool_or(marginals.code = -1) as has_dont_know_codes,
            ? as rows_read,
            count(*) as rows_loaded,
            ? as loaded_at,
            ? as valuescope_version
        from marginals
        inner join loads using (wave, breakdown, subgroup_id)
        group by all
        order by loads.load_id
        """,
        [
            load.survey_id,
            load.weighting,
            load.file_name,
            load.file_sha256,
            load.file_bytes,
            load.format_id,
            load.options_json,
            rows_read,
            loaded_at,
            project_version(),
        ],
    )
    return bool(replaced)


def _load_ids(connection: duckdb.DuckDBPyConnection, load: Load) -> tuple[str, ...]:
    found = connection.execute("select distinct load_id from loads order by all").fetchall()
    return tuple(str(load_id) for (load_id,) in found)


def _report_loaded(
    load: Load, home: Home, instrument: Instrument, load_ids: tuple[str, ...]
) -> LoadReport:
    """Describe a load as it is in raw."""
    with open_for_reading(home, is_latest=True) as loaded, duckdb.connect() as connection:
        for table in FILLED_BY_READERS:
            table.create(connection)
        rows = loaded.sql(
            """
            select
                marginals.wave,
                marginals.country_id,
                loads.breakdown,
                loads.subgroup_id,
                marginals.question_id,
                marginals.code,
                marginals.respondents,
                marginals.sum_of_weights,
                marginals.sum_of_squared_weights
            from raw.human_marginals as marginals
            inner join raw.survey_loads as loads using (load_id)
            where list_contains(?, load_id)
            """,
            params=[list(load_ids)],
        ).to_arrow_table()
        connection.register("copied_marginals", rows)
        connection.execute("insert into marginals by name select * from copied_marginals")
        years = loaded.sql(
            "select distinct * exclude (load_id) from raw.survey_fieldwork "
            "where list_contains(?, load_id)",
            params=[list(load_ids)],
        ).to_arrow_table()
        connection.register("copied_fieldwork", years)
        connection.execute("insert into fieldwork by name select * from copied_fieldwork")
        read, file_name, loaded_at = loaded.execute(
            "select max(rows_read), max(file_name), max(loaded_at at time zone 'UTC') "
            "from raw.survey_loads "
            "where list_contains(?, load_id)",
            [list(load_ids)],
        ).fetchall()[0]
        load = replace(load, file_name=file_name)
        file = describe_file(connection, load, instrument, Findings(read), Problems(home.database))
    return LoadReport(
        file=file,
        file_sha256=load.file_sha256,
        load_ids=load_ids,
        already_loaded=True,
        replaced_earlier_version=False,
        loaded_at=loaded_at.replace(tzinfo=UTC),
    )
