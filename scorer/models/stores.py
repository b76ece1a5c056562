"""Find the GGUF files that other programs keep on this machine, without copying or changing any.

Each store's layout is its own program's:

- the Hugging Face cache, also llama.cpp's since 2026: `models--OWNER--NAME/snapshots/COMMIT/FILE`,
  a link to `blobs` (https://huggingface.co/docs/hub/local-cache);
- Ollama: `manifests/HOST/NAMESPACE/MODEL/TAG` is JSON whose layers name files in `blobs`;
- LM Studio: `PUBLISHER/MODEL/FILE` (https://lmstudio.ai/docs/app/advanced/import-model);
- llama.cpp before 2026: `OWNER_NAME_FILE`, beside `manifest=OWNER=NAME=TAG.json`.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from valuescope.warehouse.errors import ValuescopeError

HUGGING_FACE, OLLAMA, LM_STUDIO, LLAMA_CPP = "Hugging Face", "Ollama", "LM Studio", "llama.cpp"
SPLIT_NAME = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)
# A quantization at the end of a name, as in dbt_project/macros/quantization.sql.
_QUANTIZATION = re.compile(
    r"[._-]((i1|imat|imatrix|ud)[._-])?"
    r"(i?q\d+[a-z]*(_[0-9a-z]+)*|tq\d_\d|mxfp4(_moe)?|bf16|fp?16|fp?32)$"
)
_SHA256 = re.compile(r"(sha256[-:])?[0-9a-f]{64}", re.IGNORECASE)
_HASH = re.compile(r"(sha256[-:])?[0-9a-f]{40,64}", re.IGNORECASE)
_OLLAMA_HOST, _OLLAMA_NAMESPACE, _OLLAMA_TAG = "registry.ollama.ai", "library", "latest"
_OLLAMA_WEIGHTS = "application/vnd.ollama.image.model"
_LARGEST_MANIFEST = 1 << 20


@dataclass(frozen=True)
class StoredModel:
    """A model in a store; `path` is the file, of a split one the first part.

    `reference` is the store's own name: `OWNER/NAME/FILE` or Ollama's `MODEL:TAG`. A file that is
    missing has a `problem`.
    """

    store: str
    reference: str
    path: Path
    problem: str | None = None

    @property
    def name(self) -> str:
        """Return the model's name: in Ollama's store its name there, elsewhere its file's."""
        return self.reference if self.store == OLLAMA else file_stem(Path(self.reference))

    @property
    def content(self) -> str:
        """Return what identifies the contents unread: the store's hash, else the file's path."""
        # Not `Path.resolve`, which fails where links form a circle.
        file = os.path.realpath(self.path)
        name = Path(file).name
        return name[-64:].lower() if _SHA256.fullmatch(name) else file

    def is_called(self, name: str) -> bool:
        """Return whether `name`, in upper or lower case, may mean this model.

        That is the store's name, its end from a file's name on, or the file's without `.gguf`; of a
        hub's repository `OWNER/NAME` and, as llama.cpp has it, `OWNER/NAME:QUANTIZATION`.
        """
        wanted, reference = name.casefold(), self.reference.casefold()
        if self.store == OLLAMA:
            return _full_ollama_name(wanted) == _full_ollama_name(reference)
        if wanted in (reference, self.path.name.casefold(), self.name.casefold()):
            return True
        repository, colon, quantization = wanted.partition(":")
        if not reference.startswith(f"{repository}/") or repository.count("/") != 1:
            return False
        ending = rf"[._-]{re.escape(quantization)}$"
        return not colon or re.search(ending, self.name.casefold()) is not None


def file_stem(path: Path) -> str:
    """Return a file's name without `.gguf` and part number.

    >>> file_stem(Path("big-Q8_0-00001-of-00003.gguf"))
    'big-Q8_0'
    """
    if split := SPLIT_NAME.fullmatch(path.name):
        return split.group(1)
    return path.stem if path.suffix.lower() == ".gguf" else path.name


def weights_name(name: str) -> str:
    """Return what the names of a model's precisions share, as the macro of this name does.

    >>> weights_name("Llama-3.2-1B-Instruct.i1-Q4_K_M"), weights_name("Mine_bf16")
    ('llama-3-2-1b-instruct', 'mine')
    """
    bare = _QUANTIZATION.sub("", name.lower().rpartition("/")[2])
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")


def link_target(link: Path) -> Path:
    """Return where a link points to, whether or not anything is there."""
    return Path(os.path.normpath(link.parent / link.readlink()))


def is_hash(name: str) -> bool:
    """Return whether a file is named by the hash of its content, which people cannot read."""
    return _HASH.fullmatch(name) is not None


def stored_models() -> list[StoredModel]:
    """Return the models of all stores, missing ones too; parts of a split one are one model."""
    found = [
        *_in_hugging_face(),
        *_in_ollama(),
        *_in_folders(LM_STUDIO, lm_studio_folders()),
        *_in_llama_cpp(),
    ]
    return sorted(found, key=lambda model: (model.store, model.reference.casefold()))


def find_stored(name: str) -> StoredModel | None:
    """Return the stored model that is called so.

    Raises ValuescopeError where files with unlike content are called so.
    """
    found = [model for model in stored_models() if model.is_called(name)]
    exact = [model for model in found if model.reference.casefold() == name.casefold()]
    usable = [model for model in exact or found if model.problem is None] or found
    files = {model.content: model for model in reversed(usable)}
    if len(files) > 1:
        listed = "".join(
            f"\n  {model.path}  ({model.store}: {model.reference})"
            for model in sorted(files.values(), key=lambda model: str(model.path))
        )
        raise ValuescopeError(
            f"'{name}' may be any of {len(files)} files. Name the one that is meant by its "
            f"path:{listed}"
        )
    return next(iter(files.values()), None)


def stored_name(path: Path) -> StoredModel | None:
    """Return the stored model whose file this is, where the file's own name is a hash."""
    target = os.path.realpath(path)
    return next((m for m in stored_models() if os.path.realpath(m.path) == target), None)


def kept_hub_files() -> dict[str, Path]:
    """Return the files of hub repositories that stores keep, by `owner/name/file` in lower case."""
    return {
        model.reference.casefold(): model.path
        for model in reversed(stored_models())
        if model.store != OLLAMA and model.problem is None
    }


def hugging_face_folder() -> Path | None:
    """Return the Hugging Face cache, in the order in which its own library looks."""
    for variable, below in (
        ("HF_HUB_CACHE", ""),
        ("HUGGINGFACE_HUB_CACHE", ""),
        ("HF_HOME", "hub"),
        ("XDG_CACHE_HOME", "huggingface/hub"),
    ):
        if folder := _named_folder(variable):
            return folder / below
    return _below_user(".cache/huggingface/hub")


def ollama_folders() -> list[Path]:
    """Return Ollama's folders: the named one, else the user's and that of its Linux service."""
    if folder := _named_folder("OLLAMA_MODELS"):
        return [folder]
    service = Path("/usr/share/ollama/.ollama/models")
    return [folder for folder in (_below_user(".ollama/models"), service) if folder]


def lm_studio_folders() -> list[Path]:
    """Return LM Studio's folders: below its home, or where its settings say."""
    homes = [_below_user(".lmstudio"), _below_user(".cache/lm-studio")]
    if pointer := _below_user(".lmstudio-home-pointer"):
        with suppress(OSError, UnicodeDecodeError):
            homes.insert(0, Path(pointer.read_text(encoding="utf-8").strip()))
    folders: dict[Path, None] = {}
    for home in filter(None, homes):
        settings = _json(home / "settings.json")
        named = settings.get("downloadsFolder") if isinstance(settings, dict) else None
        if isinstance(named, str) and named:
            folders[Path(named).expanduser()] = None
        folders[home / "models"] = None
    return list(folders)


def llama_cpp_folder() -> Path | None:
    """Return the folder in which llama.cpp kept downloads before it took to the hub's cache."""
    if folder := _named_folder("LLAMA_CACHE"):
        return folder
    if sys.platform == "darwin":
        return _below_user("Library/Caches/llama.cpp")
    if folder := _named_folder("XDG_CACHE_HOME"):
        return folder / "llama.cpp"
    return _below_user(".cache/llama.cpp")


def _in_hugging_face() -> Iterator[StoredModel]:
    cache = hugging_face_folder()
    for repository in _entries(cache) if cache else ():
        kind, *parts = repository.name.split("--")
        if kind != "models" or not parts:
            continue
        # The same file of several revisions is the newest one's; others can be named by path.
        seen: dict[str, StoredModel] = {}
        for snapshot in _newest_first(repository):
            for path in sorted(_files_below(snapshot)):
                reference = f"{'/'.join(parts)}/{path.relative_to(snapshot).as_posix()}"
                seen.setdefault(reference, _stored(HUGGING_FACE, reference, path))
        yield from seen.values()


def _newest_first(repository: Path) -> list[Path]:
    """Return a repository's snapshots, that of its main branch first, then by age."""
    main = ""
    with suppress(OSError, UnicodeDecodeError):
        main = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    snapshots = [path for path in _entries(repository / "snapshots") if path.is_dir()]
    return sorted(snapshots, key=lambda path: (path.name != main, -path.stat().st_mtime))


def _in_ollama() -> Iterator[StoredModel]:
    for folder in ollama_folders():
        manifests = folder / "manifests"
        for manifest in sorted(_walk(manifests, depth=6)):
            below = manifest.relative_to(manifests).parts
            if len(below) != 4 or manifest.name.startswith("."):
                continue
            name = _short_ollama_name(*below)
            content = _json(manifest)
            layers = content.get("layers") if isinstance(content, dict) else None
            digests = [
                str(layer.get("digest"))
                for layer in (layers if isinstance(layers, list) else ())
                if isinstance(layer, dict) and layer.get("mediaType") == _OLLAMA_WEIGHTS
            ]
            if content is None:
                yield StoredModel(OLLAMA, name, manifest, "its manifest cannot be read")
            # A model without weights of its own runs elsewhere.
            for digest in digests[:1]:
                if not is_hash(digest):
                    yield StoredModel(OLLAMA, name, manifest, "its manifest names no file")
                    continue
                # Early versions wrote the colon into the file's name.
                paths = [folder / "blobs" / digest.replace(":", "-"), folder / "blobs" / digest]
                path = next((path for path in paths if path.is_file()), paths[0])
                yield _stored(OLLAMA, name, path)


def _short_ollama_name(host: str, namespace: str, model: str, tag: str) -> str:
    """Return a name as Ollama lists it."""
    name = f"{model}:{tag}"
    if host != _OLLAMA_HOST:
        return f"{host}/{namespace}/{name}"
    return name if namespace == _OLLAMA_NAMESPACE else f"{namespace}/{name}"


def _full_ollama_name(name: str) -> str:
    model, _, tag = name.partition(":")
    parts = model.split("/")
    before = [_OLLAMA_HOST, _OLLAMA_NAMESPACE][: max(0, 3 - len(parts))]
    return f"{'/'.join([*before, *parts])}:{tag or _OLLAMA_TAG}"


def _in_llama_cpp() -> Iterator[StoredModel]:
    folder = llama_cpp_folder()
    if folder is None:
        return
    files = _entries(folder)
    repositories = [
        f"{parts[1]}/{parts[2]}"
        for file in files
        if file.name.startswith("manifest=") and len(parts := file.name.split("=")) > 3
    ]
    for path in _models_among(files):
        reference = path.name
        for repository in repositories:
            prefix = repository.replace("/", "_") + "_"
            if path.name.startswith(prefix):
                reference = f"{repository}/{path.name.removeprefix(prefix)}"
        yield _stored(LLAMA_CPP, reference, path)


def _in_folders(store: str, folders: Iterable[Path]) -> Iterator[StoredModel]:
    for folder in folders:
        for path in sorted(_files_below(folder)):
            yield _stored(store, path.relative_to(folder).as_posix(), path)


def _stored(store: str, reference: str, path: Path) -> StoredModel:
    if path.is_file():
        return StoredModel(store, reference, path)
    if path.is_symlink():
        problem = f"its link points to {link_target(path)}, which is gone"
    else:
        problem = f"its file {path} is gone"
    return StoredModel(store, reference, path, problem)


def _files_below(folder: Path) -> list[Path]:
    return _models_among(_walk(folder, depth=4))


def _models_among(paths: Iterable[Path]) -> list[Path]:
    """Return the GGUF files among `paths`, links that lead nowhere too, of split ones the first."""
    return [
        path
        for path in paths
        if path.suffix.lower() == ".gguf"
        and ((split := SPLIT_NAME.fullmatch(path.name)) is None or int(split.group(2)) == 1)
    ]


def _walk(folder: Path, depth: int, *above: str) -> Iterator[Path]:
    """Yield files, so many levels deep; links to folders are followed, but not up."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for path in _entries(folder):
        if not path.is_dir():
            yield path
        elif depth > 1:
            yield from _walk(path, depth - 1, real, *above)


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder, in order; nothing where it is missing or closed to this user."""
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _json(path: Path) -> object:
    with suppress(OSError, ValueError, RecursionError):
        if path.stat().st_size <= _LARGEST_MANIFEST:
            content: object = json.loads(path.read_text(encoding="utf-8"))
            return content
    return None


def _named_folder(variable: str) -> Path | None:
    named = os.environ.get(variable, "").strip()
    return Path(os.path.expandvars(named)).expanduser() if named else None


def _below_user(folder: str) -> Path | None:
    try:
        return Path.home() / folder
    except RuntimeError:
        return None
