"""Find out what is loaded: the people that models are compared with, and what they were asked.

A shared warehouse counts as nothing loaded: the environment that scores cannot open it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from valuescope.warehouse.database.connections import open_for_reading
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import DEFAULT_SURVEY, Instrument, load_instrument
from valuescope.warehouse.status.reference import answered_cells, reference_population
from valuescope.warehouse.tables.build_record import last_build


@dataclass(frozen=True)
class LoadedPeople:
    """The people of a survey that models are compared with, and what they were asked.

    `divisions` are the traits by which they are loaded in groups, such as `sex,age`; `years` are
    those in which people were asked alike, in all loaded waves.
    """

    survey_id: str
    population_id: str
    countries: tuple[str, ...]
    questions: tuple[str, ...]
    divisions: tuple[str, ...] = ()
    years: tuple[int, ...] = ()


def loaded_people(
    home: Home, instrument: Instrument, survey_id: str | None = None
) -> LoadedPeople | None:
    """Return whom models are compared with: those of a survey, else of the survey that is loaded.

    Where several surveys are loaded, `wvs` is meant. None where no such survey is loaded. Raises
    ValuescopeError when `wvs` is not among several, or the database cannot be read.
    """
    if home.lake is not None or not home.database.exists():
        return None
    variables = built.variables if (built := last_build(home)) else {}
    survey_id = survey_id or default_survey(home, instrument)
    if survey_id is None:
        return None
    connection = open_for_reading(home, is_latest=True)
    try:
        surveys = instrument.surveys_of_same_questions(survey_id)
        own = instrument.survey(survey_id)
        if own.question_survey_id != survey_id:
            surveys = (own,)
        reference = reference_population(connection, surveys)
        if reference is None:
            return None
        named = variables.get("reference_populations", {}).get(survey_id)
        population_id = str(named or reference.population_id)
        countries, questions = answered_cells(connection, population_id)
        if not countries:
            # The last build's population is not loaded any more.
            population_id = reference.population_id
            countries, questions = answered_cells(connection, population_id)
        divisions = _divisions(connection, population_id)
        years = _years(connection, population_id)
    except duckdb.CatalogException:
        return None
    finally:
        connection.close()
    return LoadedPeople(
        survey_id,
        population_id,
        tuple(name for name in instrument.countries if name in countries),
        tuple(name for name in instrument.questions if name in questions),
        divisions,
        years,
    )


def _divisions(connection: duckdb.DuckDBPyConnection, population_id: str) -> tuple[str, ...]:
    try:
        rows = connection.execute(
            "select distinct breakdown from raw.survey_loads "
            "where concat_ws(':', survey_id, wave_selection, weighting) = ? order by all",
            [population_id.rpartition(":")[0]],
        ).fetchall()
    except duckdb.BinderException:  # a database of an earlier version
        return ()
    return tuple(breakdown for (breakdown,) in rows)


def _years(connection: duckdb.DuckDBPyConnection, population_id: str) -> tuple[int, ...]:
    survey_id, _, weighting, subgroup_id = population_id.split(":", 3)
    rows = connection.execute(
        """
        select distinct unnest(range(first_year, last_year + 1)) as year
        from raw.survey_fieldwork
        inner join raw.survey_loads using (load_id)
        where survey_id = ? and weighting = ? and subgroup_id = ?
        order by year
        """,
        [survey_id, weighting, subgroup_id],
    ).fetchall()
    return tuple(year for (year,) in rows)


def default_survey(home: Home, instrument: Instrument) -> str | None:
    """Return the survey whose questions are asked where none is named: the one that is loaded.

    Where several are, that is `wvs`. None where nothing is loaded. Raises ValuescopeError when
    `wvs` is not among several, or the database cannot be read.
    """
    if home.lake is not None or not home.database.exists():
        return None
    connection = open_for_reading(home, is_latest=True)
    try:
        loaded = connection.execute(
            "select distinct survey_id from raw.survey_loads order by all"
        ).fetchall()
    except duckdb.CatalogException:
        return None
    finally:
        connection.close()
    known = [instrument.surveys[name] for (name,) in loaded if name in instrument.surveys]
    asked = dict.fromkeys(survey.question_survey_id for survey in known)
    if DEFAULT_SURVEY in asked:
        return DEFAULT_SURVEY
    if len(asked) > 1:
        raise ValuescopeError(
            f"Several surveys are loaded: {', '.join(asked)}. Name one with --survey."
        )
    return next(iter(asked), None)


def looking_at(home: Home) -> Callable[[str | None], LoadedPeople | None]:
    """Return what finds the loaded people of a survey, once somebody asks."""

    def loaded(survey_id: str | None) -> LoadedPeople | None:
        return loaded_people(home, load_instrument(home), survey_id)

    return loaded
