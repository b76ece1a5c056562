"""Writing a replication package of a home, and comparing a home with one."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb

from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.exports.citation_files import citation_files
from valuescope.warehouse.exports.exported_tables import exported_marts
from valuescope.warehouse.exports.table_files import write_tables
from valuescope.warehouse.home import SEEDS, Home
from valuescope.warehouse.replication.comparison import MartComparison, compare_marts
from valuescope.warehouse.replication.manifest import Manifest, seal
from valuescope.warehouse.replication.packing import (
    loaded_files,
    pack_instrument,
    pack_landing,
    pack_survey,
    smallest_counts,
)
from valuescope.warehouse.replication.readme import README, readme
from valuescope.warehouse.tables.build_record import Build, changes_since, last_build
from valuescope.warehouse.tables.caveats import caveats
from valuescope.warehouse.tables.citations import loaded_citations
from valuescope.warehouse.tables.marts import built_marts
from valuescope.warehouse.unfinished import unfinished_folder
from valuescope.warehouse.version import code_sha256, project_commit, project_version

MARTS = "marts"
# What the numbers depend on beside valuescope itself.
_PROGRAMS = ("duckdb", "dbt-core", "dbt-duckdb", "numpy", "scipy", "pandas", "pyarrow")


def write_package(home: Home, folder: Path, with_survey: bool = True) -> Manifest:
    """Write what another machine needs to build the same tables; whole, or not at all.

    Without the survey, its aggregates and the marts that repeat them are left out. Raises
    ValuescopeError when the tables are not those of what is loaded and scored now, when there is
    nothing to pack, or when `folder` holds something or cannot be written.
    """
    # `.` has no name of its own.
    folder = folder.resolve()
    _refuse_what_is_there(folder)
    connection = open_for_reading(home)
    try:
        built = _current_build(home)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with unfinished_folder(folder.parent, folder.name) as work:
            staged = work / folder.name
            staged.mkdir()
            manifest = _write(home, connection, built, staged, with_survey)
            if last_build(home) != built:
                raise ValuescopeError("The warehouse was built anew meanwhile. Repeat the command.")
            staged.rename(folder)
    except (OSError, duckdb.IOException) as error:
        problem = str(getattr(error, "strerror", None) or error).splitlines()[0]
        raise ValuescopeError(
            f"Cannot write {folder}: {problem}. Name a new folder where you may write."
        ) from error
    finally:
        connection.close()
    return manifest


def compare_with_package(
    home: Home, folder: Path, manifest: Manifest
) -> tuple[MartComparison, ...]:
    """Return the marts of `home` beside those of a package, a comparison each.

    Raises ValuescopeError when the home has no warehouse or no marts, and when a survey file that
    the package leaves out is not loaded.
    """
    connection = open_for_reading(home)
    try:
        built = built_marts(connection)
        loaded = {file.file_sha256 for file in loaded_files(connection)}
        for file in manifest.left_out_surveys:
            if file.file_sha256 not in loaded:
                raise ValuescopeError(
                    f"{file.file_name} with the SHA-256 {file.file_sha256} is not loaded, so the "
                    f"tables cannot be the package's. {'; '.join(file.commands)}, then build."
                )
        files = [
            folder / name for name in manifest.files if PurePosixPath(name).parent.name == MARTS
        ]
        return compare_marts(connection, built, files)
    finally:
        connection.close()


def other_code(manifest: Manifest) -> str | None:
    """Describe how this clone differs from the package's; None if it does not.

    The tables of other code need not be the same.
    """
    seeds = {f"{SEEDS.name}/{name}": sha for name, sha in _seed_hashes().items()}
    theirs = {
        name: sha for name, sha in manifest.seeds.items() if name.startswith(f"{SEEDS.name}/")
    }
    changed = sorted(n for n in seeds.keys() | theirs.keys() if seeds.get(n) != theirs.get(n))
    if manifest.code_sha256 == code_sha256() and not changed:
        return None
    what = ["the SQL and Python of dbt_project"] * (manifest.code_sha256 != code_sha256()) + changed
    commit = f", commit {manifest.commit}" if manifest.commit else ""
    return (
        f"The package was made with valuescope {manifest.valuescope_version}{commit}; this is "
        f"{project_version()} and differs in {', '.join(what)}. Tables can come out otherwise."
    )


def _current_build(home: Home) -> Build:
    built = last_build(home)
    if built is None:
        raise ValuescopeError(
            "The tables are not built yet, or only in part or by an earlier version of valuescope: "
            "run `valuescope build`."
        )
    if changes := changes_since(built, home):
        raise ValuescopeError(
            "The tables are not those of what is here now, so a package would not give them: "
            f"{'; '.join(changes)}. Run `valuescope build` first."
        )
    return built


def _write(
    home: Home,
    connection: duckdb.DuckDBPyConnection,
    built: Build,
    folder: Path,
    with_survey: bool,
) -> Manifest:
    surveys = loaded_files(connection)
    has_survey = with_survey and bool(surveys)
    if not has_survey and not built.landed_rows:
        raise ValuescopeError("Nothing to pack: no model is scored and no survey is to be packed.")
    if pack_landing(home, folder) != built.landed_rows:
        raise ValuescopeError(
            "Answers landed since the tables were built. Run `valuescope build`, then repeat."
        )
    pack_instrument(home, folder)
    if has_survey:
        pack_survey(connection, folder)
    if built.variables:
        text = json.dumps(built.variables, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        Home(folder).variables.write_text(text, encoding="utf-8")
    citations = loaded_citations(connection)
    for name, text in citation_files(citations).items():
        (folder / name).write_text(text, encoding="utf-8")
    marts = [
        mart for mart in built_marts(connection) if with_survey or not mart.holds_survey_estimates
    ]
    write_tables(
        connection,
        exported_marts(tuple(marts)),
        folder / MARTS,
        file_format="parquet",
        variables=built.variables,
    )
    manifest = Manifest(
        landing_schema=home.landing.name,
        valuescope_version=project_version(),
        commit=project_commit(),
        code_sha256=code_sha256(),
        seeds=built.instrument,
        versions={program: version(program) for program in _PROGRAMS},
        variables=built.variables,
        models=_models(connection),
        studies=_studies(connection),
        surveys=surveys,
        has_survey=has_survey,
    )
    text = readme(
        manifest,
        warning=caveats(connection),
        citations=citations,
        smallest=smallest_counts(connection) if has_survey else {},
        left_out_marts=[mart.name for mart in built_marts(connection) if mart not in marts],
        instrument=sorted(path.name for path in Home(folder).instrument.glob("*")),
    )
    (folder / README).write_text(text, encoding="utf-8")
    return seal(folder, manifest)


def _models(connection: duckdb.DuckDBPyConnection) -> tuple[Mapping[str, Any], ...]:
    """Return the scored files: their hashes, and where the registry says that they are from."""
    return _rows(
        connection,
        """
        select
            scored.model_id,
            scored.model_name,
            scored.file_name,
            scored.file_bytes,
            scored.quantization,
            scored.licence,
            registry.hub_repository,
            registry.hub_file,
            registry.hub_revision
        from marts.dim_models as scored
        left outer join raw.models as registry
            on scored.model_name = registry.model_name and scored.is_in_registry
        order by scored.model_name, scored.model_id
        """,
    )


def _studies(connection: duckdb.DuckDBPyConnection) -> tuple[Mapping[str, Any], ...]:
    return _rows(
        connection,
        """
        select study_name, study_sha256, count(*) as runs
        from marts.dim_runs
        where study_sha256 is not null
        group by study_name, study_sha256
        order by study_name, study_sha256
        """,
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(connection.sql(query).to_arrow_table().to_pylist())


def _seed_hashes() -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in SEEDS.glob("*.csv")
    }


def _refuse_what_is_there(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise ValuescopeError(
            f"{folder} already holds something. A package is written into a new folder."
        )
    if folder.exists() and not folder.is_dir():
        raise ValuescopeError(f"{folder} is a file. Name a folder.")
