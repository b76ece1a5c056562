"""The landing zone: Parquet shards that the scorer appends and dbt reads.

Every shard is written under a temporary name, flushed to disk and renamed, so that a reader
sees whole files only. A zero-row file in each folder keeps the schema readable when nothing
has landed yet.
"""

import glob
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.unfinished import remove_unfinished_files, replaced_file

CHOICE_LOG_LIKELIHOODS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("prompt_id", pa.string(), nullable=False),
        pa.field("numerics_id", pa.string(), nullable=False),
        pa.field("coding_id", pa.string(), nullable=False),
        pa.field("question_id", pa.string(), nullable=False),
        pa.field("country_id", pa.string(), nullable=False),
        # The instrument's 1-based index; position and label are those shown in the prompt.
        pa.field("choice_index", pa.int32(), nullable=False),
        pa.field("choice_position", pa.int32(), nullable=False),
        pa.field("choice_label", pa.string(), nullable=False),
        pa.field("choice_text", pa.string(), nullable=False),
        pa.field("prompt_text", pa.string(), nullable=False),
        pa.field("answer_text", pa.string(), nullable=False),
        pa.field("text_sha256", pa.string(), nullable=False),
        # Minus infinity for a probability of 0, which brought, sampled and named answers have.
        pa.field("log_likelihood", pa.float64(), nullable=False),
        pa.field("label_log_likelihood", pa.float64()),
        pa.field("token_log_likelihoods", pa.list_(pa.float64()), nullable=False),
        pa.field("label_token_count", pa.int32()),
        # Null if the brought answers do not say, and of sampled and named ones.
        pa.field("token_count", pa.int32()),
        pa.field("byte_count", pa.int32()),
        # Probability, at the answer's first token, of all tokens that start none of the choices;
        # of brought samples the share that are none of the choices; 1 where a model names 0% of
        # every choice. Null where it is not known.
        pa.field("off_choice_mass", pa.float64()),
        # The tokenizer merged the prompt's end with the answer's beginning.
        pa.field("boundary_merged", pa.bool_(), nullable=False),
        pa.field("scored_at", pa.timestamp("us", tz="UTC"), nullable=False),
        # How many sampled answers the cell's probabilities are shares of; null where none were.
        pa.field("draws", pa.int64()),
        # The group of the country's people that was asked about; null for the country as a whole.
        pa.field("group_id", pa.string()),
        # The invented country that was asked about, under the country ZZZ; null for real ones.
        pa.field("placebo_id", pa.string()),
        # Sum over the cell of the percentages that a model names, 1 for 100%; null where it names
        # none.
        pa.field("stated_sum", pa.float64()),
    ]
)

PROMPTS = pa.schema(
    [
        pa.field("prompt_id", pa.string(), nullable=False),
        # Shared by designs that differ in choice order only; null in rows of earlier versions.
        pa.field("order_family_id", pa.string()),
        pa.field("template_id", pa.string(), nullable=False),
        pa.field("template_text", pa.string(), nullable=False),
        pa.field("coding_id", pa.string(), nullable=False),
        pa.field("wording_set", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        # Of the wordings; null in rows of versions that did not record them.
        pa.field("translator", pa.string()),
        pa.field("source", pa.string()),
        pa.field("answer_style", pa.string(), nullable=False),
        pa.field("choice_order", pa.string(), nullable=False),
        pa.field("chat_mode", pa.string(), nullable=False),
        # Null in rows of earlier versions, which are of likelihoods.
        pa.field("elicitation", pa.string()),
        # Of sampled answers; 1 where those who brought them do not say. Null for all others.
        pa.field("temperature", pa.float64()),
    ]
)

MODELS = pa.schema(
    [
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("model_name", pa.string(), nullable=False),
        pa.field("is_in_registry", pa.bool_(), nullable=False),
        pa.field("file_name", pa.string(), nullable=False),
        pa.field("file_bytes", pa.int64(), nullable=False),
        pa.field("architecture", pa.string()),
        pa.field("parameter_count", pa.int64()),
        pa.field("quantization", pa.string()),
        pa.field("context_length", pa.int64()),
        pa.field("vocabulary_size", pa.int64()),
        pa.field("is_chat", pa.bool_(), nullable=False),
        pa.field("chat_template_sha256", pa.string()),
        # By what precisions of one model are known: the metadata's name, and the weights that no
        # quantization changes. Null in rows of earlier versions.
        pa.field("base_name", pa.string()),
        pa.field("norms_sha256", pa.string()),
        pa.field("described_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)

RUNS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("prompt_id", pa.string(), nullable=False),
        pa.field("numerics_id", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("scoring_path", pa.string(), nullable=False),
        pa.field("compute_type", pa.string(), nullable=False),
        pa.field("kv_cache_type", pa.string(), nullable=False),
        pa.field("flash_attention", pa.bool_(), nullable=False),
        pa.field("batch_size", pa.int32(), nullable=False),
        pa.field("context_size", pa.int32(), nullable=False),
        pa.field("gpu_layers", pa.int32(), nullable=False),
        pa.field("threads", pa.int32(), nullable=False),
        pa.field("engine_version", pa.string(), nullable=False),
        pa.field("valuescope_version", pa.string(), nullable=False),
        # Largest difference, in nats an answer, between the run's path and the sequence path on
        # a probe; null where the run took the sequence path itself.
        pa.field("path_difference", pa.float64()),
        # JSON of the metadata that was taken in the place of the file's own; null where none was
        # and in rows of versions that did not record it.
        pa.field("metadata_overrides", pa.string()),
        # The study that the run is part of, with the SHA-256 of its file; null outside studies.
        pa.field("study_name", pa.string()),
        pa.field("study_sha256", pa.string()),
        # The file that brought the run's answers; null where they were scored.
        pa.field("source_file", pa.string()),
        pa.field("cells_planned", pa.int64(), nullable=False),
        pa.field("cells_already_done", pa.int64(), nullable=False),
        pa.field("cells_scored", pa.int64(), nullable=False),
        pa.field("tokens_decoded", pa.int64(), nullable=False),
        # Time for all cells, and the part of it that llama.cpp and its output rows took.
        pa.field("seconds_scoring", pa.float64()),
        pa.field("seconds_decoding", pa.float64()),
        pa.field("started_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("finished_at", pa.timestamp("us", tz="UTC")),
    ]
)

SCHEMAS: Mapping[str, pa.Schema] = {
    "choice_log_likelihoods": CHOICE_LOG_LIKELIHOODS,
    "prompts": PROMPTS,
    "models": MODELS,
    "runs": RUNS,
}
EMPTY_SHARD = "_schema.parquet"
ANSWERS = "choice_log_likelihoods"
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def ensure_landing_zone(home: Home) -> None:
    """Create the landing zone's folders with their zero-row files; harmless when they exist.

    Zero-row files of an earlier version are replaced, so that readers find every column, and files
    that killed commands were writing are removed.
    """
    for folder in home.landing.glob("*"):
        remove_unfinished_files(folder)
    for name, schema in SCHEMAS.items():
        empty = home.landing / name / EMPTY_SHARD
        is_whole = empty.exists() and not _is_damaged(empty)
        if not (is_whole and pq.read_schema(empty).equals(schema)):
            write_shard(home, name, [], EMPTY_SHARD)


def write_shard(
    home: Home, table: str, rows: Sequence[Mapping[str, Any]], file_name: str | None = None
) -> Path:
    """Write `rows` as one Parquet shard of `table`, whole or not at all.

    Returns the path of the shard. A named shard replaces the one of that name.
    Raises ValuescopeError when the disk is full or the landing zone cannot be written.
    """
    folder = home.landing / table
    target = folder / (file_name or f"{uuid.uuid4().hex}.parquet")
    content = pa.Table.from_pylist(list(rows), schema=SCHEMAS[table])
    return _write_table(content, target)


def write_batches(
    home: Home, table: str, batches: Iterable[pa.RecordBatch], file_name: str
) -> Path:
    """Write rows as one shard, as `write_shard` does, without ever holding all of them."""

    def fill(file: BinaryIO) -> None:
        with pq.ParquetWriter(file, SCHEMAS[table], compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)

    return _write(home.landing / table / file_name, fill)


def replace_shard(shard: Path, content: pa.Table) -> None:
    """Write a shard anew, whole or not at all. Raises ValuescopeError as `write_shard` does."""
    _write_table(content, shard)


def write_text(target: Path, text: str) -> Path:
    """Write a text file, whole or not at all. Raises ValuescopeError as `write_shard` does."""
    return write_bytes(target, text.encode())


def write_bytes(target: Path, content: bytes) -> Path:
    """Write a file, whole or not at all. Raises ValuescopeError as `write_shard` does."""
    return _write(target, lambda file: file.write(content))


def other_versions(home: Home) -> tuple[Path, ...]:
    """Return the folders beside the landing zone with other versions of its schema, in order.

    They belong to an earlier or later version of valuescope; nothing here reads or changes them.
    """
    beside = home.landing.parent.glob("schema=*")
    return tuple(sorted(path for path in beside if path.is_dir() and path != home.landing))


def set_damaged_aside(home: Home) -> tuple[Path, ...]:
    """Move the shards that cannot be read out of the landing zone; return where they are now.

    Raises ValuescopeError, naming the shard, where it cannot be moved.
    """
    moved = []
    for table in SCHEMAS:
        for shard in sorted((home.landing / table).glob("*.parquet")):
            if _is_damaged(shard):
                target = home.damaged / table / shard.name
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shard.replace(target)
                except OSError as error:
                    raise ValuescopeError(
                        f"The shard {shard} is damaged and cannot be moved to {target.parent}: "
                        f"{error.strerror}. Move it away, then repeat the command."
                    ) from error
                moved.append(target)
    if moved:
        ensure_landing_zone(home)
    return tuple(moved)


def landed_model_count(home: Home) -> int:
    """Return how many models have answers here."""
    if not (home.landing / "choice_log_likelihoods").exists():
        return 0
    rows = query_landing(home, "select count(distinct model_id) from choice_log_likelihoods")
    return int(rows[0][0])


def damaged_shards(home: Home) -> tuple[Path, ...]:
    """Return the shards that were found damaged and set aside, in order."""
    return tuple(sorted(home.damaged.glob("*/*.parquet")))


def _is_damaged(shard: Path) -> bool:
    try:
        pq.read_table(shard, partitioning=None)
    except pa.ArrowException:
        return True
    except OSError as error:
        # Without a number it is Arrow's; a file that is gone or not to be read is not damaged.
        return error.errno is None
    return False


def _without_damaged(
    read: Callable[Concatenate[Home, _Arguments], _Result],
) -> Callable[Concatenate[Home, _Arguments], _Result]:
    """Let a function that fails for a damaged shard run again without that shard."""

    @wraps(read)
    def read_what_is_whole(
        home: Home, /, *arguments: _Arguments.args, **settings: _Arguments.kwargs
    ) -> _Result:
        try:
            return read(home, *arguments, **settings)
        except (pa.ArrowException, OSError, ValuescopeError):
            if not set_damaged_aside(home):
                raise
        return read(home, *arguments, **settings)

    return read_what_is_whole


@_without_damaged
def query_landing(home: Home, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of an SQL statement on the landing zone's tables.

    Raises ValuescopeError when a shard cannot be read.
    """
    # Brackets and stars in the home's own name are not a pattern.
    landing = glob.escape(str(home.landing)).replace("'", "''")
    connection = duckdb.connect(":memory:")
    try:
        # A view costs a look into its files; an earlier version's lack columns.
        for table in (name for name in SCHEMAS if name in statement):
            connection.register(f"{table}_columns", SCHEMAS[table].empty_table())
            connection.execute(
                f"create view {table} as select * from {table}_columns union all by name select * "
                f"from read_parquet('{landing}/{table}/*.parquet', hive_partitioning = false, "
                "union_by_name = true)"
            )
        return connection.execute(statement).fetchall()
    except duckdb.Error as error:
        raise ValuescopeError(
            f"Cannot read the landing zone {home.landing}: {str(error).splitlines()[0]} If a run "
            "has just ended and merged its shards, repeat the command."
        ) from error
    finally:
        connection.close()


@_without_damaged
def done_cells(
    home: Home, model_id: str, prompt_id: str, numerics_id: str
) -> set[tuple[str, str, str]]:
    """Return the (question, country, text) cells landed whole for a model, design and numerics.

    Of shards whose run is on record only those of the model and design are read.
    """
    columns = ["question_id", "country_id", "text_sha256"]
    wanted = [
        ("model_id", "=", model_id),
        ("prompt_id", "=", prompt_id),
        ("numerics_id", "=", numerics_id),
    ]
    cells: set[tuple[str, str, str]] = set()
    others = {run_id for run_id, *ids in _recorded_runs(home) if ids != [model_id, prompt_id]}
    for shard in (home.landing / "choice_log_likelihoods").glob("*.parquet"):
        if shard.stem.split("-")[0] in others:
            continue
        try:
            landed = pq.read_table(shard, columns=columns, filters=wanted, partitioning=None)
        except FileNotFoundError:
            # Another run has merged this shard into a larger one meanwhile; at worst its cells
            # are scored again.
            continue
        cells.update(zip(*(landed[column].to_pylist() for column in columns), strict=True))
    return cells


@_without_damaged
def run_records(home: Home, model_id: str) -> list[dict[str, Any]]:
    """Return the records of a model's runs."""
    return [
        row
        for record in (home.landing / "runs").glob("[!_]*.parquet")
        if any(model == model_id for _, model, _ in _identities(record))
        for row in pq.read_table(record, partitioning=None).to_pylist()
        if row["model_id"] == model_id
    ]


@_without_damaged
def model_record(home: Home, model_id: str) -> dict[str, Any] | None:
    """Return a model as this home's last run described it; None before the first."""
    record = home.landing / "models" / f"{model_id}.parquet"
    if not record.is_file():
        return None
    rows: list[dict[str, Any]] = pq.read_table(record, partitioning=None).to_pylist()
    return rows[0]


@_without_damaged
def loose_shards(home: Home, model_id: str, prompt_id: str) -> list[Path]:
    """Return the shards of single questions that runs of a model and design have left, in order."""
    return _loose_shards(home, _run_ids(home, model_id, prompt_id))


def _loose_shards(home: Home, runs: Collection[str]) -> list[Path]:
    folder = home.landing / "choice_log_likelihoods"
    return sorted(path for path in folder.glob("*-*.parquet") if path.stem.split("-")[0] in runs)


def compact_shards(home: Home, table: str, shards: Sequence[Path], file_name: str) -> Path:
    """Merge `shards` into one file, then delete them.

    A stop between the rename and the deletes leaves rows twice, never lost: staging keeps one
    row for each key, and `remove_leftovers` deletes the rest.
    """
    merged = pa.concat_tables([pq.read_table(shard, schema=SCHEMAS[table]) for shard in shards])
    target = _write_table(merged, home.landing / table / file_name)
    for shard in shards:
        if shard != target:
            shard.unlink()
    return target


@_without_damaged
def remove_leftovers(home: Home, model_id: str, prompt_id: str) -> None:
    """Delete the shards that a killed run of a model and design had already merged.

    Only for the process that holds the lock of the model and design.
    """
    runs = _run_ids(home, model_id, prompt_id)
    folder = home.landing / "choice_log_likelihoods"
    merged: set[tuple[str, ...]] = set()
    for run_id in runs:
        compacted = folder / f"{run_id}.parquet"
        if compacted.exists():
            merged |= _row_keys(compacted)
    for shard in _loose_shards(home, runs):
        if _row_keys(shard) <= merged:
            shard.unlink()


def _run_ids(home: Home, model_id: str, prompt_id: str) -> set[str]:
    return {run_id for run_id, *ids in _recorded_runs(home) if ids == [model_id, prompt_id]}


def _recorded_runs(home: Home) -> list[tuple[str, str, str]]:
    """Run, model and prompt of each run on record."""
    records = (home.landing / "runs").glob("[!_]*.parquet")
    return [identity for record in records for identity in _identities(record)]


@cache
def _identities(record: Path) -> tuple[tuple[str, str, str], ...]:
    """Run, model and prompt of a file of records, which is rewritten but keeps these."""
    columns = ["run_id", "model_id", "prompt_id"]
    rows = pq.read_table(record, columns=columns, partitioning=None)
    return tuple(zip(*(rows[column].to_pylist() for column in columns), strict=True))


def _row_keys(shard: Path) -> set[tuple[str, ...]]:
    columns = ["run_id", "question_id", "country_id", "text_sha256", "choice_index"]
    rows = pq.read_table(shard, columns=columns, partitioning=None)
    return set(zip(*(rows[column].to_pylist() for column in columns), strict=True))


def _write_table(content: pa.Table, target: Path) -> Path:
    return _write(target, lambda file: pq.write_table(content, file, compression="zstd"))


def _write(target: Path, fill: Callable[[BinaryIO], object]) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(target) as file:
            fill(file)
    except OSError as error:
        raise ValuescopeError(
            f"Cannot write the shard {target}: {error.strerror or error}. What landed before is "
            "whole; make room or fix the permissions, then repeat the command to go on."
        ) from error
    return target
