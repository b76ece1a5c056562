import json
import struct
from pathlib import Path

import pytest

from tests.scorer.broken_engine import broken_kernels
from tests.scorer.tiny_models import write_tiny_model
from tests.valuescope.conftest import fail, run, succeed

FEW = ("--question-count", "1", "--answer", "label")


def test_without_a_model_the_engine_is_tried_and_a_broken_one_is_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", str(broken_kernels(tmp_path)))
    monkeypatch.setenv("VALUESCOPE_CACHE", str(tmp_path))
    finished = run(tmp_path / "home", "doctor", "--json")
    assert finished.returncode == 1
    shown = json.loads(finished.stdout)
    statuses = {result["weight_type"]: result["status"] for result in shown["weight_types"]}
    assert {kind for kind, status in statuses.items() if status != "ok"} == {"Q4_1", "Q6_K"}
    assert shown["engine"].startswith("llama-cpp-python ")
    assert shown["threads"] >= 1
    assert "does not work on this processor: it dies with SIGILL" in finished.stderr.decode()
    assert not (tmp_path / "valuescope").exists()


def test_checks_noise_and_compute_types_are_shown_as_tables(tmp_path: Path) -> None:
    model = tmp_path / "tiny.gguf"
    write_tiny_model(model, "mamba")
    text = succeed(tmp_path / "home", "doctor", "--model", str(model), *FEW)
    first, *_ = text.splitlines()
    assert first.startswith("tiny: mamba, 0M parameters, ")
    assert "A base model, asked in plain text." in text
    assert "The copies path differs from single sequences by at most " in text
    assert "copies path, f16 cache" in text
    assert "(chosen)" in text


def test_a_problem_is_an_exit_code_and_json_stays_whole(tmp_path: Path) -> None:
    model = tmp_path / "short.gguf"
    write_tiny_model(model, "mamba")
    key = b"mamba.context_length"
    long, short = (key + struct.pack("<II", 4, length) for length in (4096, 64))
    assert model.read_bytes().count(long) == 1
    model.write_bytes(model.read_bytes().replace(long, short))

    finished = run(tmp_path / "home", "doctor", "--model", str(model), *FEW, "--json")

    assert finished.returncode == 1
    shown = json.loads(finished.stdout)
    assert (shown["model_name"], shown["description"]["context_length"]) == ("short", 64)
    checks = {check["name"]: check for check in shown["checks"]}
    assert checks["chat template"]["status"] == "ok"
    assert checks["scoring path"]["status"] == "problem"
    assert "short was trained for 64" in checks["scoring path"]["detail"]
    assert all("trained for 64" in measurement["problem"] for measurement in shown["noise"])
    message = finished.stderr.decode()
    assert "Error: short does not pass 3 of 9 checks: scoring path, " in message


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "No such model file" in fail(tmp_path, "doctor", "--model", "missing.gguf")
