import json
import struct
from pathlib import Path

from tests.scorer.tiny_models import write_tiny_model
from tests.valuescope.conftest import fail, run, succeed

FEW = ("--question-count", "1", "--answer", "label")


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
    assert "Error: short does not pass 3 of 8 checks: scoring path, " in message


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "No such model file" in fail(tmp_path, "doctor", "--model", "missing.gguf")
