"""The temporary tables through which the modules of ingest hand rows to one another.

A table that only one module uses is its own and not declared here. `tests/ingest/test_tables.py`
holds writers and readers.
"""

from dataclasses import dataclass

import duckdb


@dataclass(frozen=True)
class WorkingTable:
    """A temporary table: its columns, the modules that fill it, and those that read it.

    `columns` is None where they depend on the file; then `rows` says what they are.
    """

    name: str
    rows: str
    columns: str | None
    writers: tuple[str, ...]
    readers: tuple[str, ...]

    def create(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Create the table without rows."""
        connection.execute(f"create temp table {self.name} ({self.columns})")


MARGINALS = WorkingTable(
    "marginals",
    "one row per wave, country, subgroup, question and code",
    """
    wave integer not null,
    country_id varchar not null,
    breakdown varchar not null default 'all',
    subgroup_id varchar not null default 'all',
    question_id varchar not null,
    code integer not null,
    respondents bigint,
    sum_of_weights double not null,
    sum_of_squared_weights double
    """,
    writers=(
        "loads.loading",
        "marginals.globalopinionqa",
        "marginals.tidy",
        "respondents.counting",
        "sample",
    ),
    readers=("loads.checking", "loads.loading", "sample"),
)
INDICATOR_MOMENTS = WorkingTable(
    "indicator_moments",
    "one row per wave, country, subgroup and two indicators; only respondents have any",
    """
    wave integer not null,
    country_id varchar not null,
    breakdown varchar not null,
    subgroup_id varchar not null,
    deletion varchar not null,
    indicator_id varchar not null,
    other_indicator_id varchar not null,
    respondents bigint not null,
    sum_of_weights double not null,
    sum_of_values double not null,
    sum_of_squares double not null,
    sum_of_products double not null,
    sum_of_squared_weights double not null,
    squared_weight_values double not null,
    squared_weight_products double not null
    """,
    writers=("respondents.indicators",),
    readers=("loads.loading",),
)
FIELDWORK = WorkingTable(
    "fieldwork",
    "one row per wave and country",
    """
    wave integer not null,
    country_id varchar not null,
    first_year integer,
    last_year integer,
    mode varchar,
    release varchar,
    doi varchar,
    respondents bigint,
    smallest_weight double,
    largest_weight double,
    effective_sample_size double
    """,
    writers=("loads.loading", "respondents.counting", "sample"),
    readers=("loads.checking", "loads.loading"),
)
LOADS = WorkingTable(
    "loads",
    "one row per load that the file makes: its wave and subgroup",
    """
    wave integer,
    breakdown varchar,
    subgroup_id varchar,
    wave_selection varchar,
    load_id varchar
    """,
    writers=("loads.loading",),
    readers=("loads.checking", "loads.effects", "loads.loading"),
)
LOADED = WorkingTable(
    "loaded",
    "what the database has of the survey's populations of everybody: one row per population, "
    "wave, country, question and code",
    """
    population_id varchar,
    wave integer,
    country_id varchar,
    question_id varchar,
    code integer,
    sum_of_weights double
    """,
    writers=("loads.loading",),
    readers=("loads.checking",),
)
RESPONDENTS = WorkingTable(
    "respondents",
    "one row per respondent: country, wave, weight, interview, traits, halves, and the row of the "
    "file, where arrays hold the answers",
    None,
    writers=("respondents.counting",),
    readers=("respondents.checks", "respondents.counting", "respondents.indicators"),
)
COUNTRY_WAVES = WorkingTable(
    "country_waves",
    "one row per country and wave of respondents, numbered",
    "country_wave usmallint, country_id varchar, wave integer",
    writers=("respondents.counting",),
    readers=("respondents.checks", "respondents.counting", "respondents.indicators"),
)
ANSWERS = WorkingTable(
    "answers",
    "one row per breakdown, question, country and wave, cell and code of respondents",
    """
    breakdown utinyint,
    item usmallint,
    country_wave usmallint,
    cell usmallint,
    code integer,
    respondents bigint,
    sum_of_weights double,
    sum_of_squared_weights double
    """,
    writers=("respondents.counting",),
    readers=("respondents.checks", "respondents.counting"),
)
COUNTRY_NAMES = WorkingTable(
    "country_names",
    "one row per name that a file has for a country",
    "name varchar, country_id varchar",
    writers=("coding.country_names",),
    readers=("marginals.tidy",),
)
COUNTRY_CODES = WorkingTable(
    "country_codes",
    "one row per pair of text and number that a file has for a country",
    "country_text varchar, number_text varchar, country_id varchar",
    writers=("coding.country_names",),
    readers=("respondents.counting",),
)

FILLED_BY_READERS = (MARGINALS, INDICATOR_MOMENTS, FIELDWORK)
"""What a reader of a file fills; the rest is made on the way."""

WORKING_TABLES = (
    *FILLED_BY_READERS,
    LOADS,
    LOADED,
    RESPONDENTS,
    COUNTRY_WAVES,
    ANSWERS,
    COUNTRY_NAMES,
    COUNTRY_CODES,
)
