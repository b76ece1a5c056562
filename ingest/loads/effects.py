"""Effects of a load on earlier loads: what it replaces, repeats, and is compared with."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import duckdb

from valuescope.warehouse.counted import counted
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.problems import listed
from valuescope.warehouse.status.reference import Reference, reference_population

# Called with what a load changes before it is kept; raises ValuescopeError to stop it.
Confirm = Callable[[Sequence[str]], None]


def refuse_effects(effects: Sequence[str]) -> None:
    """Raise ValuescopeError with the changes of a load that no user can confirm."""
    raise ValuescopeError(
        "\n".join(("Nothing was loaded yet.", *effects))
        + "\nRepeat with --yes to load it all the same, or remove the other load first with "
        "`valuescope forget LOAD`."
    )


def create_effect_tables(
    connection: duckdb.DuckDBPyConnection, survey_id: str, instrument: Instrument
) -> Reference | None:
    """Return the survey's reference as it is, and keep a list of its loads as `earlier_loads`."""
    connection.execute(
        "create or replace temp table earlier_loads as select load_id, file_name, weighting, "
        "loaded_at from raw.survey_loads where survey_id = ? and subgroup_id = 'all'",
        [survey_id],
    )
    connection.execute(
        "create or replace temp table earlier_cells as select distinct load_id, wave, country_id, "
        "question_id from raw.human_marginals where code >= 0 and sum_of_weights > 0 "
        "and load_id in (select load_id from earlier_loads)"
    )
    return reference_population(connection, instrument.surveys_of_same_questions(survey_id))


def replaced_loads(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Say what the loads that are gone held, and what of it is in no load of this file now."""
    rows = connection.execute(
        """
        select
            earlier.file_name,
            strftime(max(earlier.loaded_at), '%Y-%m-%d %H:%M'),
            list(distinct cells.country_id order by cells.country_id),
            list(distinct cells.country_id order by cells.country_id) filter (
                cells.country_id not in (
                    select country_id from raw.human_marginals
                    where load_id in (select load_id from loads)
                )
            )
        from earlier_loads as earlier
        inner join earlier_cells as cells using (load_id)
        where earlier.load_id not in (select load_id from raw.survey_loads)
            or earlier.load_id in (select load_id from loads)
        group by earlier.file_name
        order by all
        """
    ).fetchall()
    replacements = []
    for file_name, loaded_at, countries, gone in rows:
        lost = f"; no longer loaded: {listed(gone)}" if gone else ""
        replacements.append(
            f"Replaces {file_name}, loaded on {loaded_at} ({counted(len(countries), 'country')}: "
            f"{listed(countries)}){lost}."
        )
    return tuple(replacements)


def repeated_people(connection: duckdb.DuckDBPyConnection, weighting: str) -> tuple[str, ...]:
    """Say which other loads have the same people: the same wave, country and question."""
    rows = connection.execute(
        """
        select
            earlier.load_id,
            earlier.file_name,
            earlier.weighting,
            count(distinct (cells.country_id, cells.question_id)),
            list(distinct cells.country_id order by cells.country_id)
        from earlier_loads as earlier
        inner join earlier_cells as cells using (load_id)
        semi join (
            select wave, country_id, question_id
            from raw.human_marginals
            where code >= 0
                and load_id in (select load_id from loads where subgroup_id = 'all')
        ) as added using (wave, country_id, question_id)
        where earlier.load_id in (select load_id from raw.survey_loads)
            and earlier.load_id not in (select load_id from loads)
        group by all
        order by all
        """
    ).fetchall()
    return tuple(
        f"The same people are loaded from {file_name} ({other}; {counted(count, 'answer')} by "
        f"country: {listed(countries)}), as load {load_id}. "
        + (
            "Counts come before shares, then the newest load counts."
            if other == weighting
            else f"This load ({weighting}) makes a population beside it."
        )
        for load_id, file_name, other, count, countries in rows
    )


def changed_reference(before: Reference | None, after: Reference | None) -> tuple[str, ...]:
    """Say that models will be compared with another population, or with fewer countries."""
    if before is None or after is None or before.population_id == after.population_id:
        return ()
    return (
        f"Models were compared with {before.population_id} "
        f"({counted(before.countries, 'country')}, {counted(before.cells, 'answer')} by country); "
        f"they would be with {after.population_id} "
        f"({counted(after.countries, 'country')}, {after.cells:,}).",
    )


def find_loads(connection: duckdb.DuckDBPyConnection, name: str) -> Mapping[str, str]:
    """Return the load of that id, or all loads of the file of that name: their ids, described."""
    rows = connection.execute(
        "select load_id, survey_id, file_name, wave_selection, weighting, subgroup_id "
        "from raw.survey_loads where load_id = $1 or file_name = $1 order by all",
        [name],
    ).fetchall()
    return {
        load_id: f"{file_name}: survey {survey_id}, wave {wave}, {weighting}, {subgroup} "
        f"(load {load_id})"
        for load_id, survey_id, file_name, wave, weighting, subgroup in rows
    }


def forget_loads(connection: duckdb.DuckDBPyConnection, load_ids: Iterable[str]) -> None:
    """Remove loads and what they brought."""
    load_ids = list(load_ids)
    for table in ("human_marginals", "indicator_moments", "survey_fieldwork", "survey_loads"):
        connection.execute(f"delete from raw.{table} where list_contains(?, load_id)", [load_ids])
