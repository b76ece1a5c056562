"""Studies in a temporary home: raw survey rows and landed shards, then a real `dbt build`."""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from tests.dbt_project.started_dbt import StartedDbt
from valuescope.warehouse.database.connections import create_raw_tables, open_for_writing
from valuescope.warehouse.home import DBT_PROJECT, SEEDS, Home
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone, write_shard

SCORED_AT = datetime(2026, 1, 1, tzinfo=UTC)
DBT = Path(sys.executable).parent / "dbt"


# Unit tests make their own rows, so one study's build runs them for all.
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
# Tests of data cost several times as much as all the rest of a build: `failing` asks the same.
WITHOUT_DATA_TESTS = ("--exclude-resource-type", "test")
WITHOUT_TESTS = (*WITHOUT_UNIT_TESTS, *WITHOUT_DATA_TESTS)


def build(home: Home, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run `dbt build` (or the dbt command named first) on a home, from dbt_project.

    dbt parses once for all homes (`started_dbt.py`): they are built under one name, because what is
    parsed holds it. What dbt writes beside the database is under `dbt_output()` until the next
    build.
    """
    home.path.mkdir(parents=True, exist_ok=True)
    name = _name_of_homes()
    name.unlink(missing_ok=True)
    name.symlink_to(home.path)
    return _started_dbt().run(
        _command(arguments), variables, {**os.environ, "VALUESCOPE_HOME": str(name)}
    )


def build_as_named(home: Home, output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dbt as `build` does, on a home under its own name; `output` is where dbt writes."""
    return subprocess.run(
        [
            str(DBT),
            *_command(arguments),
            "--no-use-colors",
            "--target-path",
            str(output / "target"),
            "--log-path",
            str(output / "logs"),
        ],
        cwd=DBT_PROJECT,
        env={**os.environ, "VALUESCOPE_HOME": str(home.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def _command(arguments: tuple[str, ...]) -> tuple[str, ...]:
    is_named = bool(arguments) and not arguments[0].startswith("-")
    return arguments if is_named else ("build", *arguments)


@cache
def dbt_output() -> Path:
    """Where the dbt of this process writes, until the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="valuescope-dbt-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _name_of_homes() -> Path:
    return dbt_output() / "home"


@cache
def _started_dbt() -> StartedDbt:
    """One for this process."""
    started = StartedDbt(_name_of_homes(), dbt_output())
    atexit.register(started.stop)
    return started


def build_successfully(home: Home, *arguments: str, **variables: Any) -> None:
    """Build every model and run every test that is not excluded; fail with dbt's own words."""
    result = build(home, *arguments, **variables)
    assert result.returncode == 0, result.stdout.split("Finished running")[-1] + result.stderr


def tests_of_data() -> dict[str, str]:
    """Return the SQL of each test of data that the last build ran and that is no mere warning.

    It selects rows at fault, in any home.
    """
    target = dbt_output() / "target"
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    return {
        name: result["compiled_code"]
        for result in results
        if (name := result["unique_id"]).startswith("test.")
        and nodes[name]["config"]["severity"].lower() == "error"
    }


def failing(home: Home, tests: dict[str, str]) -> list[str]:
    """Return what the tests of data find at fault: names, or the rules and rows that they name.

    dbt takes 60 ms of processor time for each, and one connection 3.
    """
    found = []
    with duckdb.connect(str(home.database), read_only=True) as connection:
        for name, sql in tests.items():
            try:
                if connection.execute(sql).fetchone():
                    found.append(name)
            except duckdb.InvalidInputException as error:
                found.append(str(error))
    return found


def read(home: Home, query: str) -> pd.DataFrame:
    """The rows of a query on the built warehouse."""
    with duckdb.connect(str(home.database), read_only=True) as connection:
        return connection.execute(query).fetch_df()


def add_load(
    home: Home,
    load_id: str,
    marginals: pd.DataFrame,
    *,
    loaded_after: int = 0,
    first_year: int = 2017,
    **facts: Any,
) -> None:
    """Load marginals (wave, country_id, question_id, code, respondents, sum_of_weights, ..).

    `loaded_after` is in hours, `first_year` the first of three years of fieldwork; `facts` replace
    columns of `raw.survey_loads`.
    """
    load = {
        "load_id": load_id,
        "survey_id": "wvs",
        "wave_selection": "7",
        "weighting": "within_country",
        "subgroup_id": "all",
        "file_name": f"{load_id}.csv",
        "file_sha256": load_id,
        "file_bytes": 1,
        "format_id": "tidy_counts",
        "options": "{}",
        "has_counts": True,
        "has_dont_know_codes": True,
        "rows_read": len(marginals),
        "rows_loaded": len(marginals),
        "loaded_at": SCORED_AT + timedelta(hours=loaded_after),
        "valuescope_version": "0",
        **facts,
    }
    rows = marginals.assign(load_id=load_id, survey_id=load["survey_id"])
    for column in ("respondents", "sum_of_squared_weights"):
        if column not in rows:
            rows[column] = None
    years = rows[["load_id", "wave", "country_id"]].drop_duplicates()
    years = years.assign(first_year=first_year, last_year=first_year + 2)
    home.path.mkdir(parents=True, exist_ok=True)
    connection = open_for_writing(home.database)
    create_raw_tables(connection)
    for table, frame in (
        ("survey_loads", pd.DataFrame([load])),
        ("human_marginals", rows),
        ("survey_fieldwork", years),
    ):
        connection.register("frame", frame)
        connection.execute(f"insert into raw.{table} by name select * from frame")
        connection.unregister("frame")
    connection.close()


def land_design(home: Home, prompt_id: str, **design: Any) -> None:
    """Land one prompt design."""
    prompt = {
        "prompt_id": prompt_id,
        "template_id": "paper",
        "template_text": "{question}",
        "coding_id": "native",
        "wording_set": "valuescope",
        "language": "en",
        "answer_style": "label_text",
        "choice_order": "forward",
        "chat_mode": "template",
        **design,
    }
    ensure_landing_zone(home)
    write_shard(home, "prompts", [prompt], f"{prompt_id}.parquet")


def land_model(home: Home, model_id: str, model_name: str = "my-model", **facts: Any) -> None:
    """Land one scored model file."""
    model = {
        "model_id": model_id,
        "model_name": model_name,
        "is_in_registry": False,
        "file_name": f"{model_name}.gguf",
        "file_bytes": 1,
        "is_chat": False,
        "described_at": SCORED_AT,
        **facts,
    }
    ensure_landing_zone(home)
    write_shard(home, "models", [model], f"{model_id}.parquet")


def land_run(home: Home, run_id: str, model_id: str, prompt_id: str, **facts: Any) -> None:
    """Land one run."""
    run = {
        "run_id": run_id,
        "model_id": model_id,
        "prompt_id": prompt_id,
        "numerics_id": "n1",
        "status": "finished",
        "scoring_path": "sequence",
        "compute_type": "as-is",
        "kv_cache_type": "f32",
        "flash_attention": False,
        "batch_size": 512,
        "context_size": 512,
        "gpu_layers": 0,
        "threads": 2,
        "engine_version": "0",
        "valuescope_version": "0",
        "cells_planned": 1,
        "cells_already_done": 0,
        "cells_scored": 1,
        "tokens_decoded": 1,
        "started_at": SCORED_AT,
        "finished_at": SCORED_AT,
        **facts,
    }
    ensure_landing_zone(home)
    write_shard(home, "runs", [run], f"{run_id}.parquet")


def choice_row(cell: dict[str, Any], index: int, log_likelihood: float) -> dict[str, Any]:
    """One row of the landing zone; `cell` gives model, prompt, question and country."""
    return {
        "run_id": "run",
        "numerics_id": "n1",
        "coding_id": "native",
        "choice_index": index,
        "choice_position": index,
        "choice_label": chr(64 + index),
        "choice_text": f"choice {index}",
        "prompt_text": "prompt",
        "answer_text": f"{chr(64 + index)}) choice {index}",
        "text_sha256": "t1",
        "log_likelihood": log_likelihood,
        "label_log_likelihood": None,
        "token_log_likelihoods": [log_likelihood * 0.25, log_likelihood * 0.75],
        "label_token_count": 1,
        "token_count": 2,
        "byte_count": 10 + index,
        "off_choice_mass": 0.125,
        "boundary_merged": False,
        "scored_at": SCORED_AT,
        **cell,
    }


def land_cells(
    home: Home, cells: list[tuple[dict[str, Any], list[float]]], file_name: str | None = None
) -> Path:
    """Land cells, each with the log-likelihoods of its choices in the instrument's order."""
    ensure_landing_zone(home)
    rows = [
        choice_row(cell, index, value)
        for cell, values in cells
        for index, value in enumerate(values, start=1)
    ]
    return write_shard(home, "choice_log_likelihoods", rows, file_name)


@dataclass(frozen=True)
class Instrument:
    """The seeds as data frames, read without any code of the project."""

    questions: pd.DataFrame
    choices: pd.DataFrame
    countries: pd.DataFrame

    @cached_property
    def _choice_counts(self) -> dict[tuple[str, str], int]:
        on_scale = self.choices[self.choices["is_on_scale"]]
        keys = ["question_id", "coding_id"]
        return {
            (str(question), str(coding)): len(choices)
            for (question, coding), choices in on_scale.groupby(keys)["choice_index"]
        }

    def choice_count(self, question_id: str, coding_id: str = "native") -> int:
        """K of a question."""
        return self._choice_counts.get((question_id, coding_id), 0)


def read_instrument() -> Instrument:
    """Read the seed files."""
    return Instrument(
        questions=pd.read_csv(SEEDS / "questions.csv"),
        choices=pd.read_csv(SEEDS / "choices.csv", dtype={"survey_codes": str}),
        countries=pd.read_csv(SEEDS / "countries.csv"),
    )


def random_counts(
    instrument: Instrument,
    question_ids: list[str],
    country_ids: list[str],
    seed: int,
    *,
    country_pull: float = 0.6,
) -> pd.DataFrame:
    """Weighted counts of invented respondents, with missing codes and codes outside the scale.

    Countries share each question's tendency and stray from it by `country_pull`.
    """
    random = np.random.default_rng(seed)
    # One frame at the end: a frame for each cell takes fifty times as long.
    columns: dict[str, list[Any]] = {
        name: [] for name in ("country_id", "question_id", "code", "respondents", "sum_of_weights")
    }
    native = instrument.choices[instrument.choices["coding_id"] == "native"]
    joined_codes = native.groupby("question_id")["survey_codes"].agg("|".join)
    for question_id in question_ids:
        codes = [int(code) for code in joined_codes[question_id].split("|")]
        tendency = random.normal(size=len(codes))
        for country_id in country_ids:
            pull = tendency + country_pull * random.normal(size=len(codes))
            shares = np.exp(pull) / np.exp(pull).sum()
            counts = random.multinomial(1000, shares)
            missing = random.integers(1, 60, size=2)
            all_counts = np.array([*counts, *missing])
            weights = all_counts * random.uniform(0.7, 1.3, size=len(all_counts))
            columns["country_id"] += [country_id] * len(weights)
            columns["question_id"] += [question_id] * len(weights)
            columns["code"] += [*codes, -1, -2]
            columns["respondents"] += [*all_counts]
            columns["sum_of_weights"] += [*weights]
    rows = pd.DataFrame({"wave": 7} | columns)
    rows["sum_of_squared_weights"] = (
        rows["sum_of_weights"] ** 2 / rows["respondents"].clip(lower=1) * 1.1
    )
    return rows[rows["respondents"] > 0].reset_index(drop=True)
