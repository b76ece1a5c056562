"""The state of a home: surveys loaded, cells landed, and whether the tables are up to date."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
from packaging.version import Version

from valuescope.warehouse.database.connections import has_warehouse, open_for_reading
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Survey, load_instrument
from valuescope.warehouse.landing_zone.shards import damaged_shards, other_versions, query_landing
from valuescope.warehouse.status.reference import Reference, reference_population
from valuescope.warehouse.tables.build_record import changes_since, last_build
from valuescope.warehouse.version import project_version


@dataclass(frozen=True)
class SurveyLoad:
    """One loaded file."""

    load_id: str
    survey_id: str
    wave_selection: str
    weighting: str
    file_name: str
    countries: int
    questions: int
    loaded_at: datetime
    valuescope_version: str


@dataclass(frozen=True)
class ScoringRun:
    """One run of the scorer, or of answers that were brought, as its record says.

    `cells` counts what has landed of it.
    """

    run_id: str
    model_name: str
    prompt_id: str
    answer_style: str
    choice_order: str
    coding_id: str
    chat_mode: str
    elicitation: str
    status: str
    cells: int
    cells_planned: int
    started_at: datetime
    valuescope_version: str


@dataclass(frozen=True)
class HomeState:
    """The state of a home; `stale` names what the built tables do not hold yet.

    `question_surveys` maps each loaded survey to the one whose questions it asks. `variables` are
    those that the last whole build was given. `has_other_tables` is whether there
    are tables though no whole build is recorded: a part was built, or by an earlier version.
    """

    loads: tuple[SurveyLoad, ...]
    references: tuple[Reference, ...]
    question_surveys: Mapping[str, str]
    runs: tuple[ScoringRun, ...]
    is_built: bool
    has_other_tables: bool
    variables: Mapping[str, Any]
    stale: tuple[str, ...]


def loaded_survey_count(home: Home) -> int:
    """Return how many survey files are loaded."""
    return len(_loads(home)) if has_warehouse(home) else 0


def landed_cell_count(home: Home) -> int:
    """Return how many cells of models, prompts, questions and subjects have landed."""
    if not (home.landing / "choice_log_likelihoods").exists():
        return 0
    rows = query_landing(
        home,
        """
        select count(distinct (
            model_id, prompt_id, numerics_id, question_id, country_id, group_id, placebo_id
        ))
        from choice_log_likelihoods
        """,
    )
    return int(rows[0][0])


def describe_home(home: Home) -> HomeState:
    """Return everything that `valuescope status` shows."""
    loads = _loads(home) if has_warehouse(home) else ()
    surveys = _surveys(home, loads)
    references = _references(home, surveys)
    runs = _runs(home) if (home.landing / "runs").exists() else ()
    built = last_build(home) if has_warehouse(home) else None
    stale = changes_since(built, home) if built else ()
    has_other_tables = built is None and has_warehouse(home) and _has_tables(home)
    return HomeState(
        loads,
        references,
        {survey.survey_id: survey.question_survey_id for survey in surveys},
        runs,
        built is not None,
        has_other_tables,
        built.variables if built else {},
        stale,
    )


def landing_notices(home: Home) -> Iterator[str]:
    """Report landing zones that other versions of valuescope wrote, and damaged shards."""
    if left_alone := other_versions(home):
        yield (
            f"Left alone: {', '.join(map(str, left_alone))}. Another version of valuescope wrote "
            "it; its answers are not in these tables. Build with that version, or score again."
        )
    if damaged := damaged_shards(home):
        yield (
            f"Set aside as damaged: {', '.join(map(str, damaged))}. Its answers are not in these "
            "tables: `valuescope score` or `land` brings them again, then delete it."
        )


def newer_version_notice(state: HomeState) -> str | None:
    """Report a newer version that has loaded a survey or scored a model; None without one."""
    written = [load.valuescope_version for load in state.loads]
    written += [run.valuescope_version for run in state.runs]
    newest, own = max(map(Version, written), default=Version("0")), Version(project_version())
    if newest <= own:
        return None
    return (
        f"valuescope {newest} has written to this home, and this is {own}: its tables can lack "
        f"what {newest} has added. Use the newer one, or a home for each."
    )


def _has_tables(home: Home) -> bool:
    connection = open_for_reading(home)
    try:
        return bool(
            connection.execute(
                "from information_schema.tables where table_schema = 'marts' limit 1"
            ).fetchall()
        )
    finally:
        connection.close()


def _loads(home: Home) -> tuple[SurveyLoad, ...]:
    connection = open_for_reading(home, is_latest=True)
    try:
        rows = connection.execute(
            """
            select
                survey_loads.load_id,
                survey_loads.survey_id,
                survey_loads.wave_selection,
                survey_loads.weighting,
                survey_loads.file_name,
                count(distinct human_marginals.country_id),
                count(distinct human_marginals.question_id),
                survey_loads.loaded_at,
                survey_loads.valuescope_version,
            from raw.survey_loads
            left join raw.human_marginals
                on survey_loads.load_id = human_marginals.load_id
            group by all
            order by survey_loads.loaded_at
            """
        ).fetchall()
    except duckdb.CatalogException:
        return ()
    finally:
        connection.close()
    return tuple(SurveyLoad(*row) for row in rows)


def _surveys(home: Home, loads: Iterable[SurveyLoad]) -> tuple[Survey, ...]:
    """Return the loaded surveys that the instrument knows."""
    try:
        known = load_instrument(home).surveys
    except ValuescopeError:
        # A fault in the home's own surveys is reported elsewhere.
        known = load_instrument().surveys
    names = dict.fromkeys(load.survey_id for load in loads)
    return tuple(known[name] for name in names if name in known)


def _references(home: Home, surveys: Iterable[Survey]) -> tuple[Reference, ...]:
    """Return the population that comes first in each survey."""
    if not surveys:
        return ()
    connection = open_for_reading(home, is_latest=True)
    try:
        found = [reference_population(connection, (survey,)) for survey in surveys]
    finally:
        connection.close()
    return tuple(reference for reference in found if reference is not None)


def _runs(home: Home) -> tuple[ScoringRun, ...]:
    rows = query_landing(
        home,
        """
        with

        landed as (
            select run_id, count(distinct (question_id, country_id, group_id, placebo_id)) as cells
            from choice_log_likelihoods
            group by run_id
        ),

        latest_models as (
            select model_id, arg_max(model_name, described_at) as model_name
            from models
            group by model_id
        ),

        -- A run or a design may have landed twice, from a shared store.
        latest_runs as (
            select distinct on (run_id) *
            from runs
            order by run_id, finished_at desc nulls last
        ),

        designs as (
            select distinct
                prompt_id, answer_style, choice_order, coding_id, chat_mode,
                coalesce(elicitation, 'likelihood') as elicitation
            from prompts
        )

        select
            runs.run_id,
            latest_models.model_name,
            runs.prompt_id,
            designs.answer_style,
            designs.choice_order,
            designs.coding_id,
            designs.chat_mode,
            designs.elicitation,
            runs.status,
            coalesce(landed.cells, 0),
            runs.cells_planned,
            runs.started_at,
            runs.valuescope_version,
        from latest_runs as runs
        inner join latest_models
            on runs.model_id = latest_models.model_id
        inner join designs
            on runs.prompt_id = designs.prompt_id
        left join landed
            on runs.run_id = landed.run_id
        order by runs.started_at
        """,
    )
    return tuple(ScoringRun(*row) for row in rows)
