"""Bring a file of anyone's answers into the landing zone, checked, as ordinary shards."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from valuescope.scorer.brought.asked_prompts import AskedPrompts
from valuescope.scorer.brought.checks import check_answers, create_answers
from valuescope.scorer.brought.columns import GivenColumns
from valuescope.scorer.brought.formats import TIDY, read_answers
from valuescope.scorer.brought.landed_rows import create_landed_rows, landed_rows
from valuescope.scorer.brought.resolving import Resolved, resolve_names
from valuescope.scorer.planning.design import canonical_hash
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import DEFAULT_SURVEY, Instrument
from valuescope.warehouse.landing_zone.removal import LandedRun, landed_runs, remove_runs
from valuescope.warehouse.landing_zone.shards import (
    ANSWERS,
    ensure_landing_zone,
    query_landing,
    write_batches,
    write_shard,
)
from valuescope.warehouse.problems import Problems, listed
from valuescope.warehouse.version import project_version

_ELICITATIONS = {
    "log_likelihood": "likelihood",
    "probability": "probability",
    "count": "sampled",
}
# In the place of what only a run that was scored here has.
_BROUGHT = "brought"
_NOT_RUN = {
    "numerics_id": _BROUGHT,
    "status": "finished",
    "scoring_path": _BROUGHT,
    "compute_type": "unknown",
    "kv_cache_type": "unknown",
    "flash_attention": False,
    "batch_size": 0,
    "context_size": 0,
    "gpu_layers": 0,
    "threads": 0,
    "engine_version": "unknown",
    "cells_already_done": 0,
    "tokens_decoded": 0,
}
_MEMORY = "1GB"
_ROWS_A_BATCH = 100_000


@dataclass(frozen=True)
class BroughtRun:
    """The answers of one model in one design. `run_id` follows from all that they are."""

    run_id: str
    model_id: str
    model_name: str
    prompt_id: str
    elicitation: str
    cells: int
    rows: int


@dataclass(frozen=True)
class Brought:
    """The contents of a file of answers, and how much of it landed.

    `kept` counts runs that had landed before as they are, `replaced` runs that an earlier version
    of the file had brought, `left` names models that only that version has.
    """

    runs: tuple[BroughtRun, ...]
    cells: int
    rows: int
    elicitation: str
    mean_off_choice_mass: float | None
    fewest_draws: int | None
    most_draws: int | None
    notes: tuple[str, ...]
    kept: int = 0
    replaced: int = 0
    left: tuple[str, ...] = ()


def land_answers(
    home: Home,
    path: Path,
    instrument: Instrument,
    *,
    survey_id: str | None = None,
    model: str | None = None,
    format_name: str = TIDY,
    check_only: bool = False,
) -> Brought:
    """Land a file of answers, or with `check_only` only look at it.

    A file that landed before changes nothing; a corrected file of the same name replaces the runs
    of its models and designs. Raises ValuescopeError with everything that is wrong with the file.
    """
    problems = Problems(path, undone="nothing of it has landed")
    with _workbench() as connection:
        survey = instrument.survey(survey_id or DEFAULT_SURVEY).survey_id
        asked = AskedPrompts(home, instrument, survey)
        columns = read_answers(connection, path, format_name, model, asked, problems)
        if not _count(connection, "given"):
            raise ValuescopeError(f"{path} has a header but no rows. Export it again.")
        has_draws = _count(connection, "given where draws is not null") > 0
        elicitation = _ELICITATIONS[columns.value]
        if has_draws and columns.value == "probability":
            # Probabilities that are shares of draws.
            elicitation = "sampled"
        found = resolve_names(connection, home, instrument, survey, elicitation, problems)
        create_answers(connection, problems)
        check_answers(connection, columns.value, problems)
        if has_draws and columns.value == "log_likelihood":
            problems.refuse("has draws of log-likelihoods", "Leave out the column 'draws'.")
        facts = _model_facts(connection, instrument, found, problems)
        problems.raise_refusals()
        create_landed_rows(connection, columns.value, found)
        notes = (*_notes(connection, columns, problems), *_assumed(facts))
        brought = _described(connection, path, found, notes)
        if check_only:
            return brought
        return _land(home, connection, path, brought, found, facts)


@contextmanager
def _workbench() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection whose tables are on disk, for files that are larger than memory."""
    with (
        tempfile.TemporaryDirectory(prefix="valuescope-answers-") as folder,
        duckdb.connect(
            str(Path(folder, "answers.duckdb")),
            config={
                "memory_limit": _MEMORY,
                "temp_directory": folder,
                "preserve_insertion_order": False,
                "threads": min(os.cpu_count() or 1, 4),
            },
        ) as connection,
    ):
        yield connection


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.execute(f"select count(*) from {table}").fetchall()[0][0])


@dataclass(frozen=True)
class _ModelFacts:
    name: str
    model_id: str
    is_chat: bool
    is_in_registry: bool
    quantization: str | None
    is_assumed: bool


def _model_facts(
    connection: duckdb.DuckDBPyConnection,
    instrument: Instrument,
    found: Resolved,
    problems: Problems,
) -> tuple[_ModelFacts, ...]:
    """Return what is known of each model, from the file, else from the registry."""
    problems.refuse_rows(
        connection,
        "select distinct model, is_chat from given "
        "where is_chat is not null and try_cast(is_chat as boolean) is null",
        "has values in column 'is_chat' that are neither true nor false",
        "Correct these rows.",
    )
    for column in ("is_chat", "quantization"):
        problems.refuse_rows(
            connection,
            f"select model from given group by model having min({column}) <> max({column})",
            f"gives more than one value in column {column!r} for",
            "It must be the same in all rows of a model.",
        )
    rows = connection.execute(
        "select model, bool_or(try_cast(is_chat as boolean)), any_value(quantization) from given "
        "where model is not null group by model"
    ).fetchall()
    stated = {name: (is_chat, quantization) for name, is_chat, quantization in rows}
    facts = []
    for name in found.models:
        registered = instrument.models.get(name)
        is_chat, quantization = stated[name]
        is_assumed = is_chat is None and registered is None
        if is_chat is None:
            is_chat = True if registered is None else registered.is_chat
        facts.append(
            _ModelFacts(
                name, model_id_of(name), is_chat, registered is not None, quantization, is_assumed
            )
        )
    return tuple(facts)


def model_id_of(name: str) -> str:
    """Return the identity of a model of which nothing but the name is known."""
    return hashlib.sha256(f"{_BROUGHT}:{name}".encode()).hexdigest()


def _assumed(facts: tuple[_ModelFacts, ...]) -> tuple[str, ...]:
    names = [fact.name for fact in facts if fact.is_assumed]
    if not names:
        return ()
    return (f"Taken for chat models (a column is_chat says otherwise): {listed(names)}.",)


def _notes(
    connection: duckdb.DuckDBPyConnection, columns: GivenColumns, problems: Problems
) -> Iterator[str]:
    """Say what somebody should know who brings the file."""
    yield from problems.warnings
    if columns.unused:
        yield f"Columns that are not used: {listed(columns.unused)}."
    changed, cells = connection.execute(
        """
        select count(*) filter (where not contains(text, prompt_text)), count(*)
        from cells inner join prompts using (design_number, question_id, country_id)
        """
    ).fetchall()[0]
    if changed:
        yield (
            f"{changed} of {cells} cells were asked with another text than `valuescope questions` "
            "writes now; their own text and its hash are kept."
        )


def _described(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    found: Resolved,
    notes: tuple[str, ...],
) -> Brought:
    # The content, whatever the order of its rows and the file's format.
    rows = connection.execute(
        """
        select
            model_number,
            design_number,
            count(*) filter (where choice_index = 1),
            count(*),
            sum(hash(
                question_id, country_id, choice_index, text_sha256, log_likelihood,
                label_log_likelihood, token_count, byte_count, off_choice_mass, boundary_merged,
                draws
            ))::varchar
        from landed inner join texts using (design_number, question_id, country_id, text_number)
        group by all
        order by all
        """
    ).fetchall()
    runs = tuple(
        BroughtRun(
            run_id=canonical_hash(
                [
                    path.name,
                    model_id_of(found.models[model]),
                    found.designs[design].prompt_id,
                    content,
                ]
            )[:12],
            model_id=model_id_of(found.models[model]),
            model_name=found.models[model],
            prompt_id=found.designs[design].prompt_id,
            elicitation=found.designs[design].elicitation,
            cells=cells,
            rows=count,
        )
        for model, design, cells, count, content in rows
    )
    off_choice_mass, fewest, most = connection.execute(
        "select avg(off_choice_mass), min(draws), max(draws) from landed"
    ).fetchall()[0]
    return Brought(
        runs=runs,
        cells=sum(run.cells for run in runs),
        rows=sum(run.rows for run in runs),
        elicitation=", ".join(sorted({run.elicitation for run in runs})),
        mean_off_choice_mass=off_choice_mass,
        fewest_draws=fewest,
        most_draws=most,
        notes=notes,
    )


def _land(
    home: Home,
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    brought: Brought,
    found: Resolved,
    facts: tuple[_ModelFacts, ...],
) -> Brought:
    ensure_landing_zone(home)
    name = path.name.replace("'", "''")
    earlier = {
        (model_id, prompt_id): run_id
        for run_id, model_id, prompt_id in query_landing(
            home,
            f"select distinct run_id, model_id, prompt_id from runs where source_file = '{name}'",
        )
    }
    of_model = {fact.model_id: fact for fact in facts}
    number_of = {design.prompt_id: n for n, design in enumerate(found.designs)}
    kept = 0
    for run in brought.runs:
        if earlier.get((run.model_id, run.prompt_id)) == run.run_id:
            kept += 1
            continue
        design = found.designs[number_of[run.prompt_id]]
        fact = of_model[run.model_id]
        started_at = datetime.now(UTC)
        write_shard(home, "prompts", [design.as_row()], f"{design.prompt_id}.parquet")
        write_shard(home, "models", [_model_row(fact, started_at)], f"{run.model_id}.parquet")
        ids = {
            "run_id": run.run_id,
            "model_id": run.model_id,
            "prompt_id": run.prompt_id,
            "numerics_id": _BROUGHT,
            "coding_id": design.coding_id,
        }
        numbers = found.models.index(run.model_name), number_of[run.prompt_id]
        rows = landed_rows(connection, *numbers, ids, started_at)
        write_batches(home, ANSWERS, rows, f"{run.run_id}.parquet")
        record = {
            **_NOT_RUN,
            "run_id": run.run_id,
            "model_id": run.model_id,
            "prompt_id": run.prompt_id,
            "valuescope_version": project_version(),
            "source_file": path.name,
            "cells_planned": run.cells,
            "cells_scored": run.cells,
            "started_at": started_at,
            "finished_at": datetime.now(UTC),
        }
        write_shard(home, "runs", [record], f"{run.run_id}.parquet")
    here = {(run.model_id, run.prompt_id): run.run_id for run in brought.runs}
    outdated = {run_id for key, run_id in earlier.items() if key in here and here[key] != run_id}
    return _after(home, brought, kept, outdated, {model for model, _ in set(earlier) - set(here)})


def _after(
    home: Home, brought: Brought, kept: int, outdated: set[str], left_models: set[str]
) -> Brought:
    """Remove what an earlier version of the file had brought, and say what it alone has."""
    left: list[LandedRun] = []
    if outdated or left_models:
        runs = landed_runs(home)
        remove_runs(home, [run for run in runs if run.run_id in outdated])
        left = [run for run in runs if run.model_id in left_models]
    return Brought(
        **{
            **{name: getattr(brought, name) for name in Brought.__dataclass_fields__},
            "kept": kept,
            "replaced": len(outdated),
            "left": tuple(dict.fromkeys(run.model_name for run in left)),
        }
    )


def _model_row(fact: _ModelFacts, described_at: datetime) -> dict[str, object]:
    return {
        "model_id": fact.model_id,
        "model_name": fact.name,
        "is_in_registry": fact.is_in_registry,
        "file_name": fact.name,
        "file_bytes": 0,
        "quantization": fact.quantization,
        "is_chat": fact.is_chat,
        "described_at": described_at,
    }
