"""Stores laid out as their own documentation says (scorer/models/stores.py names it)."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scorer.models.test_gguf_header import write_gguf
from valuescope.scorer.models.files import resolve_model
from valuescope.scorer.models.found import FoundFile, found_files
from valuescope.scorer.models.stores import (
    find_stored,
    hugging_face_folder,
    llama_cpp_folder,
    ollama_folders,
    stored_models,
)
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument

VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder in which no program keeps models yet."""
    for variable in (*VARIABLES, "OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return tmp_path / "user"


def hub_snapshot(cache: Path, repository: str, commit: str, **files: Path) -> Path:
    """A snapshot of the hub's cache: links to files that are named by their content."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    for name, source in files.items():
        blob = folder / "blobs" / hashlib.sha256(source.read_bytes()).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(source.read_bytes())
        link = folder / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(commit)
    return folder / "snapshots" / commit


def ollama_model(store: Path, name: str, source: Path | None, media_type: str = "model") -> Path:
    """A model of Ollama's store, `HOST/NAMESPACE/MODEL/TAG`; without a source its file is gone."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest() if source else "a" * 64
    if source:
        blob = store / "blobs" / f"sha256-{digest}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(source.read_bytes())
    layer = {"mediaType": f"application/vnd.ollama.image.{media_type}", "size": 1}
    manifest = store / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    content = {"schemaVersion": 2, "layers": [layer | {"digest": f"sha256:{digest}"}]}
    manifest.write_text(json.dumps(content))
    return manifest


@pytest.fixture
def resolve(
    home: Home, instrument: Instrument, own_cache: Path
) -> Callable[[str], tuple[str, Path]]:
    def resolved(name: str) -> tuple[str, Path]:
        found = resolve_model(name, home, instrument)
        return found.name, found.path

    return resolved


def test_stores_are_where_their_programs_look(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hugging_face_folder() == user / ".cache/huggingface/hub"
    assert ollama_folders()[0] == user / ".ollama/models"
    # The first that is set counts.
    for variable, folder in zip(
        reversed(VARIABLES), ("xdg/huggingface/hub", "hf/hub", "old", "hub"), strict=True
    ):
        monkeypatch.setenv(variable, f"~/{folder.split('/')[0]}")
        assert hugging_face_folder() == user / folder
    assert llama_cpp_folder() in (user / "xdg/llama.cpp", user / "Library/Caches/llama.cpp")
    monkeypatch.setenv("LLAMA_CACHE", str(user / "own"))
    monkeypatch.setenv("OLLAMA_MODELS", str(user / "elsewhere"))
    assert (llama_cpp_folder(), ollama_folders()) == (user / "own", [user / "elsewhere"])


def test_a_file_of_the_hub_goes_by_its_own_name_not_by_its_content(
    user: Path, tmp_path: Path, resolve: Callable[[str], tuple[str, Path]]
) -> None:
    cache = user / ".cache/huggingface/hub"
    small = write_gguf(tmp_path / "small.gguf", file_type=15)
    old = hub_snapshot(cache, "me/Tiny-GGUF", "0ld", **{"Tiny-1B-Q4_K_M.gguf": small})
    new = hub_snapshot(
        cache,
        "me/Tiny-GGUF",
        "new",
        **{
            "Tiny-1B-Q4_K_M.gguf": write_gguf(tmp_path / "newer.gguf", file_type=15, name="new"),
            "Q8/Tiny-1B-Q8_0.gguf": write_gguf(tmp_path / "large.gguf", file_type=7),
        },
    )
    newest = ("Tiny-1B-Q4_K_M", new / "Tiny-1B-Q4_K_M.gguf")
    for name in (
        *("Tiny-1B-Q4_K_M", "tiny-1b-q4_k_m.gguf", "me/Tiny-GGUF/Tiny-1B-Q4_K_M.gguf"),
        *("me/Tiny-GGUF:Q4_K_M", "me/tiny-gguf:q4_k_m", str(newest[1])),
        str(newest[1].resolve()),
    ):
        assert resolve(name) == (newest[0], Path(name) if name.startswith("/") else newest[1])
    # An earlier revision is there, by its path.
    assert resolve(str(old / "Tiny-1B-Q4_K_M.gguf"))[0] == "Tiny-1B-Q4_K_M"
    with pytest.raises(
        ValuescopeError, match=r"any of 2 files. .* path:\n  /\S+Q8_0.gguf  \(Hugging Face: me"
    ):
        resolve("me/Tiny-GGUF")


def test_ollamas_models_go_by_the_names_that_ollama_gives_them(
    user: Path, tmp_path: Path, resolve: Callable[[str], tuple[str, Path]]
) -> None:
    store = user / ".ollama/models"
    source = write_gguf(tmp_path / "a.gguf")
    blob = store / "blobs" / f"sha256-{hashlib.sha256(source.read_bytes()).hexdigest()}"
    for place, listed, *others in (
        ("registry.ollama.ai/library/tiny/latest", "tiny:latest", "tiny", "TINY"),
        ("registry.ollama.ai/me/tiny/1b", "me/tiny:1b", "registry.ollama.ai/me/tiny:1b"),
        ("hf.co/me/Tiny-GGUF/Q4_0", "hf.co/me/Tiny-GGUF:Q4_0", "hf.co/me/tiny-gguf:q4_0"),
    ):
        ollama_model(store, place, source)
        for name in (listed, *others):
            found = find_stored(name)
            assert found is not None
            assert (found.name, found.path) == (listed, blob)
    # A remote model, one of pictures alone and a stray file are no models.
    ollama_model(store, "registry.ollama.ai/library/cloud/latest", None, "params")
    (store / "manifests" / ".DS_Store").write_bytes(b"\0")
    assert len(stored_models()) == 3
    assert resolve("tiny") == ("tiny:latest", blob)
    assert resolve(str(blob))[0] in ("tiny:latest", "me/tiny:1b", "hf.co/me/Tiny-GGUF:Q4_0")
    (file,) = found_files()
    assert {file.name, *file.other_names} == {
        "tiny:latest",
        "me/tiny:1b",
        "hf.co/me/Tiny-GGUF:Q4_0",
    }


def test_lm_studio_and_llama_cpp_keep_files_under_names_of_the_hub(
    user: Path, tmp_path: Path, resolve: Callable[[str], tuple[str, Path]]
) -> None:
    home, elsewhere = tmp_path / "studio", tmp_path / "elsewhere"
    for folder, name in ((home / "models", "Own-Q8_0"), (elsewhere, "Other-Q8_0")):
        (folder / "me/Own-GGUF").mkdir(parents=True)
        write_gguf(folder / f"me/Own-GGUF/{name}.gguf", name=name)
    user.mkdir()
    (user / ".lmstudio-home-pointer").write_text(f"{home}\n")
    (home / "settings.json").write_text(json.dumps({"downloadsFolder": str(elsewhere)}))
    cache = user / ".cache/llama.cpp"
    cache.mkdir(parents=True)
    write_gguf(cache / "me_Old-GGUF_Old-Q4_0.gguf")
    (cache / "manifest=me=Old-GGUF=latest.json").write_text("{}")

    assert resolve("Own-Q8_0") == ("Own-Q8_0", home / "models/me/Own-GGUF/Own-Q8_0.gguf")
    assert resolve("Other-Q8_0")[1].parent == elsewhere / "me/Own-GGUF"
    assert resolve("me/Old-GGUF/Old-Q4_0.gguf") == (
        "Old-Q4_0",
        cache / "me_Old-GGUF_Old-Q4_0.gguf",
    )


def test_what_is_broken_in_a_store_is_told_and_hides_nothing_else(
    user: Path, tmp_path: Path, resolve: Callable[[str], tuple[str, Path]]
) -> None:
    source = write_gguf(tmp_path / "a.gguf", file_type=2)
    snapshot = hub_snapshot(
        user / ".cache/huggingface/hub", "me/T", "c", **{"Good.gguf": source, "Lost.gguf": source}
    )
    (snapshot / "Lost.gguf").unlink()
    (snapshot / "Lost.gguf").symlink_to("../../blobs/missing")
    (snapshot / "Loop.gguf").symlink_to("Loop.gguf")
    (snapshot / "loop").symlink_to(".")
    (snapshot / "Page.gguf").write_text("<html>")
    write_gguf(snapshot / "Lora.gguf", type="adapter")
    write_gguf(snapshot / "Big-00001-of-00002.gguf")
    store = user / ".ollama/models"
    ollama_model(store, "registry.ollama.ai/library/gone/latest", None)
    for name, text in (("cut", '{"layers": ['), ("list", "[]"), ("odd", '{"layers": 3}')):
        ollama_model(store, f"registry.ollama.ai/library/{name}/latest", None).write_text(text)

    found: dict[str, FoundFile] = {file.name: file for file in found_files()}
    problems = {name: file.problem or "" for name, file in found.items()}
    assert problems["Good"] == ""
    assert (found["Good"].quantization, found["Good"].parameter_count) == ("Q4_0", 8)
    assert problems["Lost"].endswith("blobs/missing, which is gone")
    assert "Loop.gguf, which is gone" in problems["Loop"]
    assert problems["Page"].startswith("it is not a GGUF file")
    assert problems["Lora"].startswith("a LoRA adapter")
    assert problems["Big"] == ""  # its metadata count one part, whatever its name says
    assert problems["cut:latest"] == "its manifest cannot be read"
    assert problems["gone:latest"].endswith("is gone")
    assert not {"list:latest", "odd:latest"} & set(problems)
    for name, reason in (("Lost", "points to"), ("gone", "Download it again with Ollama")):
        with pytest.raises(ValuescopeError, match=reason):
            resolve(name)
    with pytest.raises(ValuescopeError, match=r"link to .*missing, which does not exist"):
        resolve(str(snapshot / "Lost.gguf"))
    with pytest.raises(ValuescopeError, match="did you mean Good"):
        resolve("Goood")
