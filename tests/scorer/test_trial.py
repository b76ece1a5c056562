import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.scorer.broken_engine import broken_kernels
from valuescope.scorer.trial import records, variants
from valuescope.scorer.trial.generated_model import VOCABULARY_SIZE, GeneratedModel
from valuescope.scorer.trial.records import Engine, failed_trial
from valuescope.scorer.trial.reference import log_probabilities
from valuescope.scorer.trial.try_engine import BOUNDS, Trial, WeightTypeResult, try_engine
from valuescope.scorer.trial.variants import build_variants

ROOT = Path(__file__).resolve().parents[2]
SERVER = frozenset(["sse4_2", "avx", "avx2", "fma", "f16c", "bmi2", "avx512f", "amx_tile"])
# Calls it twice and tells how often the engine was tried and whether it was loaded.
TWICE = """
import sys
from valuescope.scorer.trial.records import require_tried_engine
tried = []
for _ in range(2):
    require_tried_engine(lambda: tried.append(1))
print(len(tried), any(name.startswith("llama_cpp") for name in sys.modules))
"""


def test_an_engine_is_tried_once_and_never_loaded_by_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALUESCOPE_CACHE", str(tmp_path))
    command = [sys.executable, "-c", TWICE]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout == "1 False\n"
    engine = Engine.installed()
    assert engine.record().parent == tmp_path / "trials"
    assert engine.is_tried()


def test_a_kernel_that_dies_or_computes_wrong_numbers_is_found_by_its_weight_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", str(broken_kernels(tmp_path)))
    trial = try_engine(weight_types=("F32", "Q4_1", "Q6_K", "Q8_0"))
    right, dead, wrong, other = trial.results
    assert (right.status, dead.status, wrong.status, other.status) == ("ok", "died", "wrong", "ok")
    assert trial.failures == (dead, wrong)
    assert trial.reason == (
        "dies with SIGILL (Illegal instruction) on Q4_1 weights (and fails with 1 more weight type)"
    )
    assert dead.largest_difference is None
    assert wrong.largest_difference is not None
    assert wrong.largest_difference > 10 * wrong.bound
    assert "computes wrong numbers with Q6_K weights: log-probabilities are off by up to" in (
        wrong.detail or ""
    )


def test_an_engine_that_cannot_be_loaded_says_why_and_is_not_tried_further(
    tmp_path: Path,
) -> None:
    package = tmp_path / "llama_cpp" / "__init__.py"
    package.parent.mkdir()
    package.write_text('raise OSError("libllama.so: undefined symbol: ggml_add")\n')
    trial = try_engine(packages=tmp_path, weight_types=("F32", "Q8_0"))
    assert [result.status for result in trial.results] == ["died", "not tried"]
    assert trial.reason.startswith(
        "stops with exit code 1: OSError: libllama.so: undefined symbol: ggml_add while it is "
        "loaded"
    )


@pytest.mark.parametrize("name", ["attn_q", "attn_v", "ffn_gate", "ffn_down", "output"])
def test_a_missing_block_of_any_matrix_lies_far_beyond_every_bound(name: str) -> None:
    full = GeneratedModel.generate()
    key = name if name == "output" else f"blk.0.{name}"
    damaged = full.weights[key].copy()
    damaged[:, :32] = 0
    tokens = np.random.default_rng(1).integers(VOCABULARY_SIZE, size=100).tolist()
    difference = log_probabilities(GeneratedModel({**full.weights, key: damaged}), tokens)
    difference -= log_probabilities(full, tokens)
    assert np.abs(difference).max() > 3 * max(BOUNDS.values())


def test_a_record_belongs_to_the_libraries_and_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "libggml-cpu.so.0"
    library.write_bytes(b"one")
    engine = Engine(tmp_path)
    first = engine.record()
    library.write_bytes(b"two")
    second = engine.record()
    monkeypatch.setattr(records, "processor_features", lambda: frozenset(["avx2"]))
    assert len({first, second, engine.record()}) == 3


def test_a_cache_that_cannot_be_written_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").touch()
    monkeypatch.setenv("VALUESCOPE_CACHE", str(tmp_path / "cache"))
    engine = Engine(tmp_path)
    engine.keep(Trial(()), "native")
    assert not engine.is_tried()
    assert engine.variant() is None


def test_how_an_engine_was_compiled_stays_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALUESCOPE_CACHE", str(tmp_path))
    engine = Engine(tmp_path)
    engine.keep(Trial(()), "without AMX")
    engine.keep(Trial(()))
    assert engine.variant() == "without AMX"


@pytest.mark.parametrize(
    ("compiled", "command"),
    [
        (("AVX2", "AMX_INT8"), 'CXXFLAGS="-mno-amx-tile -mno-amx-int8 -mno-amx-bf16" '),
        (("AVX2",), 'CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_SSE42=ON -DGGML_AVX=ON '),
        ((), f"Compile it anew: {sys.executable} -m pip install --force-reinstall "),
    ],
)
def test_a_failed_trial_names_the_command_for_the_next_variant(
    compiled: tuple[str, ...], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "processor_features", lambda: SERVER)
    monkeypatch.setattr(variants, "is_x86", lambda: True)
    monkeypatch.setattr(records, "CLONE", tmp_path)
    failure = WeightTypeResult("Q8_0", "died", 0.6, detail="dies with SIGILL on Q8_0 weights")
    message = str(failed_trial(Engine(tmp_path), Trial((failure,), compiled)))
    assert f"The engine in {tmp_path} does not work" in message
    assert "it dies with SIGILL on Q8_0 weights." in message
    assert command in message


def test_in_a_clone_make_setup_replaces_a_failed_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "CLONE", tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    failure = WeightTypeResult("Q8_0", "died", 0.6, detail="dies")
    message = str(failed_trial(Engine(tmp_path), Trial((failure,))))
    assert "Compile it anew: make setup. If that fails too, put CC=clang CXX=clang++ in" in message


def test_variants_give_up_what_fails_first_and_use_no_more_than_the_processor_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(variants, "is_x86", lambda: True)
    assert [v.name for v in build_variants(SERVER)] == ["native", "without AMX", "not native"]
    native, old = build_variants(frozenset(["sse4_2"]))
    assert native.cmake_args == native.compiler_flags == ""
    assert old.cmake_args == (
        "-DGGML_NATIVE=OFF -DGGML_SSE42=ON -DGGML_AVX=OFF -DGGML_AVX2=OFF -DGGML_FMA=OFF "
        "-DGGML_F16C=OFF -DGGML_BMI2=OFF"
    )
    monkeypatch.setattr(variants, "is_x86", lambda: False)
    assert build_variants(frozenset(["asimd"]))[-1].cmake_args == "-DGGML_NATIVE=OFF"
