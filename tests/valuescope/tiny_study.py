"""A study of two tiny models that is scored in seconds, and its rows."""

import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.scorer.tiny_models import write_tiny_model

# Three blocks of questions; the second order asks fewer.
STUDY = """
name = "tiny"
models = ["models/attention.gguf", "models/recurrent.gguf"]
countries = ["JPN", "USA"]
questions = [{questions}]

[[designs]]
answers = "label"
orders = ["forward", "rotate_3"]
"""
QUESTIONS = [f"Q{number}" for number in range(1, 37)]
ARCHITECTURES = {"attention": "llama", "recurrent": "jamba"}
MODELS = tuple(ARCHITECTURES)

Key = tuple[str, str, str, str, int]


def write_study(folder: Path, questions: list[str] = QUESTIONS) -> Path:
    """The study file, with its models beside it."""
    (folder / "models").mkdir(parents=True)
    for name, architecture in ARCHITECTURES.items():
        write_tiny_model(folder / "models" / f"{name}.gguf", architecture)
    path = folder / "study.toml"
    listed = ", ".join(f'"{question}"' for question in questions)
    path.write_text(STUDY.format(questions=listed), encoding="utf-8")
    return path


def landed(home: Path, table: str = "choice_log_likelihoods") -> list[dict[str, Any]]:
    """All rows of a table of the landing zone."""
    shards = sorted((home / "landing" / "schema=1" / table).glob("*.parquet"))
    rows: list[dict[str, Any]] = pa.concat_tables(map(pq.read_table, shards)).to_pylist()
    return rows


def answers(home: Path) -> dict[Key, tuple[object, ...]]:
    """What models said, to the last bit, and how it was computed; every row is there once."""
    rows = landed(home)
    found: dict[Key, tuple[object, ...]] = {
        (
            row["model_id"],
            row["prompt_id"],
            row["question_id"],
            row["country_id"],
            row["choice_index"],
        ): (
            tuple(row["token_log_likelihoods"]),
            row["text_sha256"],
            row["numerics_id"],
            row["off_choice_mass"],
        )
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def running_processes() -> dict[int, int]:
    """The processes that run, each with its parent."""
    listed = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid=,stat="], text=True)
    rows = [line.split() for line in listed.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}
