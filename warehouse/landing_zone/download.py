"""Download new shards from a shared store."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from valuescope.warehouse.errors import ValuescopeError, unknown_name
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.landing_zone.checks import (
    Known,
    RefusedError,
    check_answers,
    checked_shard,
)
from valuescope.warehouse.landing_zone.shards import (
    ANSWERS,
    EMPTY_SHARD,
    ensure_landing_zone,
    query_landing,
    write_bytes,
)
from valuescope.warehouse.landing_zone.stores import SharedStore
from valuescope.warehouse.landing_zone.upload import (
    AT_ONCE,
    FOLDERS,
    STUDIES,
    SharedFile,
    shared_file,
)

_KEYS = {"prompts": "prompt_id", "models": "model_id", "runs": "run_id"}
_RUN_COLUMNS = ("run_id", "model_id", "prompt_id", "study_name", "study_sha256")
_Run = Mapping[str, Any]


@dataclass(frozen=True)
class Landed:
    """The outcome of a landing.

    `refused` says of each file that was not taken why; `left` counts runs of other studies by the
    study's name; `other_versions` are folders of other versions of the landing zone's schema.
    """

    files: int
    answers: int
    bytes: int
    already_here: int
    refused: tuple[str, ...]
    left: Mapping[str, int]
    other_versions: tuple[str, ...]


def land_shards(home: Home, store: SharedStore, study: str | None = None) -> Landed:
    """Download what is in `store` and not here yet; each file is checked before it counts.

    Runs of a study that this home does not know stay where they are, unless it knows none yet.
    `study`, a name or the beginning of its SHA-256, brings the runs of that study only. Raises
    ValuescopeError where there is nothing to land from, or no permission.
    """
    ensure_landing_zone(home)
    instrument = load_instrument(home)
    shared, unnamed, other_versions = _shared_files(home, store)
    new = [file for file in shared if not _is_here(home, file)]
    left = _Left(_new_runs(store, new), _runs_here(home), _frozen_studies(home), study)
    chosen = [file for file in new if not left.covers(file)]
    landed: list[tuple[int, int]] = []
    refused = [unnamed] if unnamed else []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # One folder after the other, so that no row comes before what it points to.
        for folder in FOLDERS:
            files = [file for file in chosen if file.folder == folder]
            known = Known(instrument, _ids_here(home, "prompts"), _ids_here(home, "models"))
            for outcome in pool.map(partial(_land, home, store, known), files):
                if isinstance(outcome, str):
                    refused.append(outcome)
                else:
                    landed.append(outcome)
    return Landed(
        files=len(landed),
        answers=sum(answers for answers, _ in landed),
        bytes=sum(size for _, size in landed),
        already_here=len(shared) - len(new),
        refused=tuple(refused),
        left=left.runs_by_study,
        other_versions=other_versions,
    )


def _shared_files(
    home: Home, store: SharedStore
) -> tuple[list[SharedFile], str | None, tuple[str, ...]]:
    """Return this schema's files, the faults of other files' names, and other schemas."""
    schema = home.landing.name
    versions = [name for name in store.folders() if name.startswith("schema=")]
    others = tuple(name for name in versions if name != schema)
    if schema not in versions:
        found = f"only {', '.join(others)}, of another version" if others else "nothing like it"
        raise ValuescopeError(
            f"Nothing to land at {store.address}: valuescope reads the folder {schema} there, and "
            f"there is {found}. Check the address; `valuescope send` and `valuescope score "
            "--landing` put shards there."
        )
    shared: list[SharedFile] = []
    unnamed: list[PurePosixPath] = []
    for folder in FOLDERS:
        for stored in store.files(f"{schema}/{folder}"):
            file = shared_file(folder, stored.path)
            if file is not None:
                shared.append(file)
            elif stored.path.suffix == ".parquet" and stored.path.name != EMPTY_SHARD:
                unnamed.append(stored.path)
    problem = None
    if unnamed:
        problem = (
            f"{len(unnamed)} files without a hash in their names, such as {unnamed[0]}: so a home "
            "keeps them. Run `valuescope send` in that home instead of copying its files."
        )
    return shared, problem, others


def _is_here(home: Home, file: SharedFile) -> bool:
    folder = home.landing / file.folder
    if file.folder == STUDIES:
        return (folder / f"{file.subject}.toml").exists()
    if (folder / file.path.name).exists():
        return True
    if file.folder in ("runs", ANSWERS):
        # A run that was scored here has its rows here, in whichever file they were merged.
        return (home.landing / "runs" / f"{file.subject}.parquet").exists()
    scored_here = folder / f"{file.subject}.parquet"
    return scored_here.exists() and _sha256(scored_here.read_bytes()) == file.sha256


def _new_runs(store: SharedStore, files: Iterable[SharedFile]) -> list[_Run]:
    """Return the runs in the records among `files`; damaged records are refused later."""
    runs: list[_Run] = []
    for file in files:
        if file.folder == "runs":
            with suppress(RefusedError):
                runs += _checked_rows(file, store.read(file.path)).to_pylist()
    return runs


def _runs_here(home: Home) -> list[_Run]:
    rows = query_landing(home, f"select {', '.join(_RUN_COLUMNS)} from runs")
    return [dict(zip(_RUN_COLUMNS, row, strict=True)) for row in rows]


def _frozen_studies(home: Home) -> set[str]:
    return {path.stem for path in (home.landing / STUDIES).glob("*.toml")}


class _Left:
    """The files that are not downloaded: runs of other studies, and what only they need."""

    def __init__(
        self,
        new: Sequence[_Run],
        here: Sequence[_Run],
        frozen: Collection[str],
        study: str | None,
    ) -> None:
        known = {*frozen, *(run["study_sha256"] for run in here if run["study_sha256"])}

        def is_wanted(run: _Run) -> bool:
            name, sha256 = run["study_name"], run["study_sha256"]
            if study is not None:
                return sha256 is not None and (name == study or sha256.startswith(study))
            return sha256 is None or not known or sha256 in known

        wanted = [run for run in (*here, *new) if is_wanted(run)]
        if study is not None and not wanted:
            names = {run["study_name"] for run in (*here, *new) if run["study_name"]}
            raise unknown_name(
                "study", study, names, f"Studies there: {', '.join(sorted(names)) or 'none'}."
            )
        others = {run["run_id"]: run for run in new if not is_wanted(run)}.values()
        self._only_wanted = study is not None
        self._wanted = _subjects(wanted)
        self._others = _subjects(others) - self._wanted
        self.runs_by_study = Counter(
            f"{run['study_name']} ({run['study_sha256'][:8]})"
            if run["study_sha256"]
            else "no study"
            for run in others
        )

    def covers(self, file: SharedFile) -> bool:
        """Return whether the file is left where it is."""
        if self._only_wanted:
            return file.subject not in self._wanted
        return file.subject in self._others


def _subjects(runs: Iterable[_Run]) -> set[str]:
    keys = ("run_id", "model_id", "prompt_id", "study_sha256")
    return {run[key] for run in runs for key in keys if run[key]}


def _land(home: Home, store: SharedStore, known: Known, file: SharedFile) -> tuple[int, int] | str:
    """Land a file; return its answers and bytes, or why it was refused."""
    content = store.read(file.path)
    try:
        if file.folder == STUDIES:
            _check_bytes(file, content)
            name, answers = f"{file.subject}.toml", 0
        else:
            rows = _checked_rows(file, content)
            name, answers = file.path.name, 0
            if file.folder == ANSWERS:
                check_answers(rows, known)
                answers = rows.num_rows
    except RefusedError as refusal:
        return f"{file.path}: {refusal}"
    write_bytes(home.landing / file.folder / name, content)
    return answers, len(content)


def _checked_rows(file: SharedFile, content: bytes) -> pa.Table:
    _check_bytes(file, content)
    rows = checked_shard(file.folder, content)
    key = _KEYS.get(file.folder)
    if key and set(rows[key].to_pylist()) != {file.subject}:
        raise RefusedError(f"it is not about the {key} {file.subject}")
    return rows


def _ids_here(home: Home, table: str) -> frozenset[str]:
    rows = query_landing(home, f"select distinct {_KEYS[table]} from {table}")
    return frozenset(key for (key,) in rows)


def _check_bytes(file: SharedFile, content: bytes) -> None:
    if _sha256(content) != file.sha256:
        raise RefusedError(
            f"its {len(content)} bytes are not those that were sent: cut off or altered. Delete it "
            "there and send it again"
        )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
