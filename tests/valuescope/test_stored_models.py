"""Models that another program keeps on this machine, at the command line."""

import json
import shutil
from pathlib import Path

import pytest

from tests.scorer.models.test_stores import ollama_model
from tests.scorer.tiny_models import write_tiny_model
from tests.valuescope.conftest import fail, run, succeed
from tests.valuescope.tiny_study import landed

CELL = ("--questions", "Q1", "--countries", "JPN", "--answer", "label", "--compute", "as-is")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model in Ollama's store, and the same file elsewhere."""
    write_tiny_model(tmp_path / "copy.gguf", "llama")
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    ollama_model(tmp_path / "ollama", "registry.ollama.ai/library/tiny/1b", tmp_path / "copy.gguf")
    return tmp_path / "copy.gguf"


def test_found_models_are_listed_without_an_engine(tmp_path: Path, tiny: Path) -> None:
    assert "tiny:1b" in succeed(tmp_path, "models", "--found")
    (found,) = json.loads(succeed(tmp_path, "models", "--found", "--json"))
    assert (found["name"], found["store"], found["problem"]) == ("tiny:1b", "Ollama", None)
    assert found["file_bytes"] == tiny.stat().st_size
    shutil.rmtree(tmp_path / "ollama")
    assert succeed(tmp_path, "models", "--found") == ""
    assert "leave the name out" in fail(tmp_path, "models", "phi-2", "--found", code=2)


def test_a_file_has_one_name_until_another_is_given(tmp_path: Path, tiny: Path) -> None:
    home = tmp_path / "home"

    def names(*model: str) -> tuple[set[tuple[str, str]], str]:
        finished = run(home, "score", *model, *CELL)
        assert finished.returncode == 0, finished.stderr.decode()
        rows = landed(home, "models")
        return {(row["model_name"], row["file_name"]) for row in rows}, finished.stderr.decode()

    assert names("--model", "tiny:1b")[0] == {("tiny:1b", "tiny:1b")}
    found, told = names("--model", str(tiny))
    assert found == {("tiny:1b", "copy.gguf")}
    assert "copy is the file that was scored as tiny:1b and keeps that name" in told
    assert names("--model", str(tiny), "--name", "mine")[0] == {("mine", "copy.gguf")}
    (row,) = landed(home, "models")
    assert len(row["norms_sha256"]) == 64
    # Nothing was scored twice.
    assert len(landed(home)) == len({tuple(map(str, row.values())) for row in landed(home)})

    assert "single --model" in fail(home, "score", *("--model", "a") * 2, "--name", "b", code=2)
    message = fail(home, "score", "--model", str(tiny), *CELL, "--gpu-layers", "4")
    assert "--gpu-layers 4 needs a GPU" in message
