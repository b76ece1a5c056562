"""How a model is computed: as it is in the file, or with its weights written out."""

import os
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.scorer.scoring import score
from valuescope.scorer.engine import weights
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import Numerics, common_compute_type
from valuescope.scorer.engine.weights import choose_computation, computed_file
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.runs.run import earlier_compute_type
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument

PARAMETERS = 134_515_008


@pytest.mark.parametrize(("compute_type", "size"), [("f32", 4), ("f16", 2)])
def test_the_written_weights_are_kept_for_all_homes(
    home: Home, own_cache: Path, smollm2_file: ModelFile, compute_type: str, size: int
) -> None:
    killed = own_cache / "computed" / f"{smollm2_file.model_id}.{compute_type}.tmp"
    killed.parent.mkdir(parents=True)
    killed.write_bytes(b"what a killed process left")
    path = computed_file(smollm2_file, PARAMETERS, compute_type, home)
    assert path.parent == own_cache / "computed"
    assert path.stat().st_size == pytest.approx(PARAMETERS * size, rel=0.02)
    with Model(path, "written") as model:
        assert model.description.parameter_count == PARAMETERS
    written = path.stat().st_mtime_ns
    other = Home(home.path.with_name("other"))
    assert computed_file(smollm2_file, PARAMETERS, compute_type, other) == path
    assert path.stat().st_mtime_ns == written
    assert {file.suffix for file in path.parent.iterdir()} == {".gguf", ".lock"}


def test_weights_that_an_earlier_version_wrote_into_the_home_are_used(
    home: Home, own_cache: Path, smollm2_file: ModelFile
) -> None:
    written = home.models / "computed" / f"{smollm2_file.model_id}.f32.gguf"
    written.parent.mkdir(parents=True)
    written.write_bytes(b"weights")
    assert computed_file(smollm2_file, PARAMETERS, "f32", home) == written
    assert not own_cache.exists()


def test_as_is_is_the_file_itself(home: Home, smollm2_file: ModelFile) -> None:
    assert computed_file(smollm2_file, PARAMETERS, "as-is", home) == smollm2_file.path


@pytest.fixture
def speeds(
    monkeypatch: pytest.MonkeyPatch, smollm2_file: ModelFile, tmp_path: Path
) -> dict[str, float]:
    """Tokens a second of each computation: speeds of this machine are no property of the rules.

    No weights are written: each computation's file is a link to the model's own.
    """
    told: dict[str, float] = {}
    asked: list[str] = []

    def file(_model: ModelFile, _parameters: int, compute_type: str, _home: Home) -> Path:
        asked.append(compute_type)
        link = tmp_path / f"{compute_type}.gguf"
        if not link.is_symlink():
            link.symlink_to(smollm2_file.path)
        return link

    monkeypatch.setattr(weights, "computed_file", file)
    monkeypatch.setattr(weights, "_written", lambda *_: None)
    monkeypatch.setattr(weights, "has_blas", lambda: False)
    monkeypatch.setattr(weights, "tokens_a_second", lambda *_: told[asked[-1]])
    return told


def with_memory(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    sizes = {"SC_PHYS_PAGES": size // 4096, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", lambda name: sizes[name])


@pytest.mark.parametrize(
    ("f32_speed", "expected", "reason"),
    [
        (600.0, "f32", "float32 weights, which hardly round: 600 tokens/s"),
        (6.0, "f32", "float32 weights"),
        (5.9, "f16", "float16 weights, because float32 weights read 5.9 tokens/s"),
    ],
)
def test_auto_rounds_as_little_as_the_survey_can_be_read_with_in_a_day(
    home: Home,
    smollm2_file: ModelFile,
    speeds: dict[str, float],
    f32_speed: float,
    expected: str,
    reason: str,
) -> None:
    """No other speed is asked for, so no machine rounds more because its other kernels are fast."""
    speeds["f32"] = f32_speed
    computation = choose_computation(smollm2_file, Numerics(), home, threads=1)
    assert computation.compute_type == expected
    assert computation.reason is not None
    assert reason in computation.reason


@pytest.mark.parametrize(
    ("memory", "told", "expected"),
    [
        (1_100_000_000, {"f32": 5, "unpacked": 7}, "unpacked"),
        (500_000_000, {"unpacked": 7}, "unpacked"),
        (500_000_000, {"unpacked": 5.9}, "as-is"),
        (600_000_000, {"unpacked": 5.9}, "f16"),
    ],
)
def test_blas_multiplies_the_file_s_weights_without_rounding_where_the_engine_has_it(
    home: Home,
    smollm2_file: ModelFile,
    speeds: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
    memory: int,
    told: dict[str, float],
    expected: str,
) -> None:
    unpacked = Numerics(compute_type="unpacked")
    with pytest.raises(ValuescopeError, match="compiled without BLAS"):
        choose_computation(smollm2_file, unpacked, home, threads=1)
    monkeypatch.setattr(weights, "has_blas", lambda: True)
    assert choose_computation(smollm2_file, unpacked, home, 1).compute_type == "unpacked"
    with_memory(monkeypatch, memory)
    speeds.update(told)
    assert choose_computation(smollm2_file, Numerics(), home, 1).compute_type == expected
    with pytest.raises(ValuescopeError, match="batch-size 32 or more"):
        choose_computation(smollm2_file, replace(unpacked, batch_size=16), home, 1)


@pytest.mark.parametrize(
    ("told", "earlier", "expected"),
    [
        ({"f32": 81, "f16": 90, "as-is": 100}, None, "f32"),
        ({"f32": 79, "f16": 81, "as-is": 100}, None, "f16"),
        ({"f32": 30, "f16": 79, "as-is": 100}, None, "as-is"),
        ({"f32": 81, "f16": 90, "as-is": 100}, "as-is", "as-is"),
        ({"f32": 130, "f16": 90, "as-is": 100}, "as-is", "f32"),
    ],
)
def test_fast_takes_the_fastest_or_what_rounds_less_and_is_hardly_slower(
    home: Home,
    smollm2_file: ModelFile,
    speeds: dict[str, float],
    told: dict[str, float],
    earlier: str | None,
    expected: str,
) -> None:
    speeds.update(told)
    fast = Numerics(compute_type="fast")
    computation = choose_computation(smollm2_file, fast, home, threads=1, earlier=earlier)
    assert computation.compute_type == expected


@pytest.mark.parametrize(
    ("memory", "expected"), [(1_100_000_000, "f32"), (600_000_000, "f16"), (500_000_000, None)]
)
@pytest.mark.usefixtures("speeds")
def test_exact_takes_what_rounds_least_of_what_memory_holds_whatever_was_used_before(
    home: Home,
    smollm2_file: ModelFile,
    monkeypatch: pytest.MonkeyPatch,
    memory: int,
    expected: str | None,
) -> None:
    with_memory(monkeypatch, memory)
    asked = smollm2_file, Numerics(compute_type="exact"), home, 1, "as-is"
    if expected is None:
        with pytest.raises(ValuescopeError, match=r"float16 take 0\.3 GB.*half.*--compute fast"):
            choose_computation(*asked)
    else:
        assert choose_computation(*asked).compute_type == expected


@pytest.mark.parametrize(("memory", "gpu_layers"), [(400_000_000, 0), (40_000_000_000, 99)])
def test_the_file_is_computed_as_it_is_without_memory_or_on_a_gpu(
    home: Home,
    smollm2_file: ModelFile,
    monkeypatch: pytest.MonkeyPatch,
    memory: int,
    gpu_layers: int,
) -> None:
    with_memory(monkeypatch, memory)
    numerics = Numerics(gpu_layers=gpu_layers)
    computation = choose_computation(smollm2_file, numerics, home, threads=1)
    assert (computation.compute_type, computation.path) == ("as-is", smollm2_file.path)


@pytest.mark.parametrize(
    ("parameters", "gpu_layers", "goal", "expected"),
    [
        (2_000_000_000, 0, "auto", "f32"),
        (2_000_000_001, 0, "auto", "f16"),
        (4_000_000_001, 0, "auto", "as-is"),
        (135_000_000, 99, "auto", "as-is"),
        (135_000_000, 0, "fast", "as-is"),
        (135_000_000, 99, "exact", "f32"),
    ],
)
def test_machines_that_share_a_study_choose_by_size_alone(
    parameters: int, gpu_layers: int, goal: str, expected: str
) -> None:
    assert common_compute_type(parameters, gpu_layers, goal) == expected


def test_a_model_of_a_shared_study_is_not_measured(
    home: Home, smollm2_file: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(weights, "tokens_a_second")
    computation = choose_computation(smollm2_file, Numerics(), home, threads=1, measures=False)
    assert (computation.compute_type, computation.reason) == ("f32", None)


def test_a_machine_too_small_for_what_all_others_choose_is_told(
    home: Home, smollm2_file: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_memory(monkeypatch, 400_000_000)
    with pytest.raises(ValuescopeError, match=r"takes 0\.5 GB.*give all of them --compute as-is"):
        choose_computation(smollm2_file, Numerics(), home, threads=1, measures=False)


def test_a_model_keeps_the_computation_of_its_earlier_runs(
    home: Home, smollm2_file: ModelFile, label_design: PromptDesign, instrument: Instrument
) -> None:
    questions = [instrument.question("Q57")]
    as_is = Numerics(compute_type="as-is")
    score(home, smollm2_file, label_design, questions, [], numerics=as_is, threads=1)
    earlier = earlier_compute_type(smollm2_file.model_id, home)
    assert earlier == "as-is"
    computation = choose_computation(smollm2_file, Numerics(), home, threads=1, earlier=earlier)
    assert (computation.compute_type, computation.reason) == ("as-is", None)


def test_a_model_is_described_by_its_own_file_also_when_a_copy_is_computed(
    home: Home, smollm2_file: ModelFile, label_design: PromptDesign, instrument: Instrument
) -> None:
    questions = [instrument.question("Q57")]
    f32 = Numerics(compute_type="f32")
    summary = score(home, smollm2_file, label_design, questions, [], numerics=f32, threads=1)
    (model,) = pq.read_table(
        home.landing / "models" / f"{smollm2_file.model_id}.parquet"
    ).to_pylist()
    assert summary.model_id == model["model_id"] == smollm2_file.model_id
    assert (model["quantization"], model["file_name"]) == ("Q4_1", smollm2_file.path.name)


@pytest.mark.usefixtures("own_cache")
def test_a_copy_that_the_disk_has_no_room_for_is_refused_by_its_size(
    home: Home, smollm2_file: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 9 * 10**8, 10**8))
    with pytest.raises(ValuescopeError, match=r"needs 0\.5 GB in .* 0\.1 GB are free"):
        computed_file(smollm2_file, PARAMETERS, "f32", home)


def test_a_file_that_cannot_be_written_out_leaves_nothing_behind(
    home: Home, own_cache: Path, smollm2_file: ModelFile, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and no more")
    file = replace(smollm2_file, path=broken, model_id="0" * 64)
    with pytest.raises(ValuescopeError, match=r"could not write .*broken\.gguf out as f32"):
        computed_file(file, 10, "f32", home)
    assert [file.suffix for file in (own_cache / "computed").iterdir()] == [".lock"]
