"""From a home to the files of a package; what is written depends on the home's content only."""

import json
import re
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.landing_zone.shards import SCHEMAS
from valuescope.warehouse.replication.manifest import RAW_TABLES, SURVEY_FOLDER, SurveyFile

_SCORES = "choice_log_likelihoods"
_PLAIN_NAME = re.compile(r"[\w.-]+")


def pack_landing(home: Home, folder: Path) -> dict[str, int]:
    """Copy the landing zone, the scores of each run merged into one file.

    Returns the number of scored rows by model and prompt, as `last_build` has them. Raises
    ValuescopeError when a shard cannot be read, which also happens while a run merges its own.
    """
    target = Home(folder).landing
    try:
        for pattern in ("prompts/*.parquet", "models/*.parquet", "runs/*.parquet", "studies/*"):
            for path in sorted(home.landing.glob(pattern)):
                # The zero-row files come with every landing zone; unfinished files are left out.
                if not path.name.startswith(("_", ".")):
                    _copy(path, target / path.relative_to(home.landing))
        return _pack_scores(home, target / _SCORES)
    except (OSError, ValueError) as error:
        raise ValuescopeError(
            f"Cannot copy the landing zone {home.landing}: {error}. If a run has just ended and "
            "merged its shards, repeat the command."
        ) from error


def _pack_scores(home: Home, target: Path) -> dict[str, int]:
    shards_of_run: dict[str, list[Path]] = defaultdict(list)
    for shard in sorted((home.landing / _SCORES).glob("*.parquet")):
        runs = pq.read_table(shard, columns=["run_id"], partitioning=None)["run_id"]
        for run_id in runs.unique().to_pylist():
            shards_of_run[run_id].append(shard)
    landed: Counter[str] = Counter()
    for run_id, shards in sorted(shards_of_run.items()):
        if not _PLAIN_NAME.fullmatch(run_id):
            raise ValuescopeError(f"The run {run_id!r} in {shards[0]} has no id that names a file.")
        # In their order, because the last bits of sums depend on it.
        tables = [
            pq.read_table(
                shard,
                schema=SCHEMAS[_SCORES],
                filters=[("run_id", "=", run_id)],
                partitioning=None,
            )
            for shard in shards
        ]
        merged = pa.concat_tables(tables)
        target.mkdir(parents=True, exist_ok=True)
        pq.write_table(merged, target / f"{run_id}.parquet", compression="zstd")
        counted = merged.group_by(["model_id", "prompt_id"]).aggregate([([], "count_all")])
        for row in counted.to_pylist():
            landed[f"{row['model_id']} {row['prompt_id']}"] += row["count_all"]
    return dict(landed)


def pack_instrument(home: Home, folder: Path) -> None:
    """Copy the user's wordings and the instruments of other surveys, where there are any."""
    for path in sorted(home.instrument.rglob("*")):
        relative = path.relative_to(home.path)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            _copy(path, folder / relative)


def pack_survey(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the raw tables of what people said, in the order in which they were loaded."""
    (folder / SURVEY_FOLDER).mkdir(parents=True, exist_ok=True)
    connection.execute("set threads = 1")
    for table in RAW_TABLES:
        target = str(folder / SURVEY_FOLDER / f"{table}.parquet").replace("'", "''")
        connection.execute(
            f"copy (select * from raw.{table} order by rowid) "
            f"to '{target}' (format parquet, compression zstd)"
        )


def smallest_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int | None]:
    """Return the fewest respondents behind a row, by table; None without counted rows."""
    rows: dict[str, int | None] = {}
    for table in ("human_marginals", "indicator_moments"):
        found = connection.execute(
            f"select min(respondents) from raw.{table} where respondents > 0"
        ).fetchall()
        rows[table] = found[0][0]
    return rows


def loaded_files(connection: duckdb.DuckDBPyConnection) -> tuple[SurveyFile, ...]:
    """Return the survey files that are loaded, in the order in which they were."""
    rows = connection.execute(
        """
        select
            survey_id,
            file_name,
            file_sha256,
            file_bytes,
            format_id,
            weighting,
            list(distinct wave_selection order by wave_selection) as wave_selections,
            list(distinct breakdown order by breakdown) as breakdowns,
            options
        from raw.survey_loads
        group by survey_id, file_name, file_sha256, file_bytes, format_id, weighting, options
        order by min(loaded_at), file_sha256, options
        """
    ).fetchall()
    return tuple(_survey_file(row) for row in rows)


def _survey_file(row: tuple[Any, ...]) -> SurveyFile:
    survey_id, name, sha256, size, format_id, weighting, waves, breakdowns, options = row
    return SurveyFile(
        survey_id=survey_id,
        file_name=name,
        file_sha256=sha256,
        file_bytes=size,
        format_id=format_id,
        weighting=weighting,
        wave_selections=tuple(waves),
        breakdowns=tuple(breakdowns),
        options=json.loads(options),
    )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
