"""The facts of a methods section, read from the marts, and how runs deviate from their studies."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from valuescope.reports.terminal.summary import query
from valuescope.warehouse.counted import counted


@dataclass(frozen=True)
class ScoredModel:
    """A scored file; what nobody recorded is None."""

    name: str
    file_name: str
    model_id: str
    is_chat: bool
    licence: str | None
    training_cutoff_month: str | None


@dataclass(frozen=True)
class AskedDesign:
    """A design that models were asked in, as `dim_prompts` has it."""

    template_id: str
    wording_set: str
    language: str
    coding_id: str
    answer_style: str
    choice_order: str
    chat_mode: str
    elicitation: str


@dataclass(frozen=True)
class FrozenStudy:
    """A study that runs name: its file as the landing zone keeps it, None where that is missing."""

    name: str
    sha256: str
    text: str | None


@dataclass(frozen=True)
class MethodsFacts:
    """All that a methods section is filled from.

    `largest_path_difference` is in nats. `deviations` are sentences, one for each.
    """

    models: tuple[ScoredModel, ...]
    designs: tuple[AskedDesign, ...]
    is_averaged: bool
    questions: tuple[str, ...]
    countries: tuple[str, ...]
    cells: int
    is_asked_without_country: bool
    engines: tuple[str, ...]
    compute_types: tuple[str, ...]
    versions: tuple[str, ...]
    largest_path_difference: float | None
    studies: tuple[FrozenStudy, ...]
    deviations: tuple[str, ...]
    variables: Mapping[str, Any]


def methods_facts(
    connection: duckdb.DuckDBPyConnection, landing: Path, variables: Mapping[str, Any]
) -> MethodsFacts:
    """Return the facts of a warehouse that was built with `variables`.

    `landing` is the landing zone that keeps the study files. Raises ValuescopeError where the marts
    are not built.
    """
    ((questions, countries, cells, without_country),) = query(
        connection,
        """
        select
            coalesce(list(distinct question_id), []),
            coalesce(list(distinct country_id) filter (where country_id <> 'ZZZ'), []),
            count(*) filter (where country_id <> 'ZZZ'),
            coalesce(bool_or(country_id = 'ZZZ'), false)
        from marts.fct_mean_scores
        """,
    )
    designs = query(
        connection,
        """
        select distinct
            template_id, wording_set, language, coding_id, answer_style, choice_order, chat_mode,
            elicitation
        from marts.dim_prompts
        where not is_derived
        order by all
        """,
    )
    models = query(
        connection,
        """
        select
            concat_ws(' ', display_name, quantization), file_name, model_id, is_chat, licence,
            training_cutoff_month
        from marts.dim_models
        order by all
        """,
    )
    ((engines, compute_types, versions, difference),) = query(
        connection,
        """
        select
            list(distinct engine_version order by engine_version)
                filter (where source_file is null),
            list(distinct compute_type order by compute_type) filter (where source_file is null),
            list(distinct valuescope_version order by valuescope_version),
            max(path_difference)
        from marts.dim_runs
        """,
    )
    ((is_averaged,),) = query(
        connection, "select coalesce(bool_or(is_derived), false) from marts.dim_prompts"
    )
    studies = _studies(connection, landing)
    return MethodsFacts(
        models=tuple(ScoredModel(*row) for row in models),
        designs=tuple(AskedDesign(*row) for row in designs),
        is_averaged=is_averaged,
        questions=tuple(sorted(questions, key=_number)),
        countries=tuple(sorted(countries)),
        cells=cells,
        is_asked_without_country=without_country,
        engines=tuple(engines or ()),
        compute_types=tuple(compute_types or ()),
        versions=tuple(versions or ()),
        largest_path_difference=difference,
        studies=studies,
        deviations=tuple(_deviations(connection, studies)),
        variables=variables,
    )


def _studies(connection: duckdb.DuckDBPyConnection, landing: Path) -> tuple[FrozenStudy, ...]:
    found = query(
        connection,
        """
        select distinct study_name, study_sha256 from marts.dim_runs
        where study_sha256 is not null
        order by all
        """,
    )
    return tuple(
        FrozenStudy(name, sha256, _text(landing / "studies" / f"{sha256}.toml"))
        for name, sha256 in found
    )


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _deviations(
    connection: duckdb.DuckDBPyConnection, studies: Sequence[FrozenStudy]
) -> Iterator[str]:
    """Yield what the records show of runs that are not as a frozen study says."""
    for name in dict.fromkeys(study.name for study in studies):
        hashes = [study.sha256[:12] for study in studies if study.name == name]
        if len(hashes) > 1:
            yield f"The study {name} was changed: its runs are of {', '.join(hashes)}."
    for study in studies:
        yield from _models_not_run(connection, study)
    yield from _unfinished(connection)
    yield from _run_otherwise(connection, bool(studies))


def _models_not_run(connection: duckdb.DuckDBPyConnection, study: FrozenStudy) -> Iterator[str]:
    if study.text is None:
        yield f"The file of the study {study.name} is not in the landing zone."
        return
    run = query(
        connection,
        """
        select count(distinct model_id) from marts.dim_runs where study_sha256 = $sha256
        """,
        {"sha256": study.sha256},
    )
    planned = tomllib.loads(study.text).get("models", [])
    missing = len(planned) - run[0][0]
    if missing > 0:
        yield (
            f"The study {study.name} names {len(planned)} models, {', '.join(planned)}; "
            f"{missing} of them were never run."
        )


def _unfinished(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    rows = query(
        connection,
        """
        with

        last_runs as (

            select *, cells_planned - cells_already_done - cells_scored as cells_missing
            from marts.dim_runs
            qualify
                row_number() over (
                    partition by study_sha256, model_id, prompt_id
                    order by started_at desc, run_id desc
                ) = 1

        )

        select
            concat_ws(' ', dim_models.display_name, dim_models.quantization),
            dim_prompts.prompt_name,
            last_runs.status,
            last_runs.cells_missing
        from last_runs
        inner join marts.dim_models on last_runs.model_id = dim_models.model_id
        inner join marts.dim_prompts on last_runs.prompt_id = dim_prompts.prompt_id
        where last_runs.status <> 'finished' or last_runs.cells_missing > 0
        order by all
        """,
    )
    for model, prompt, status, missing in rows:
        lacks = counted(missing, "cell")
        yield f"The last run of {model} ({prompt}) is {status} and lacks {lacks}."


def _run_otherwise(connection: duckdb.DuckDBPyConnection, has_study: bool) -> Iterator[str]:
    ((outside, brought, overridden),) = query(
        connection,
        """
        select
            count(*) filter (where study_sha256 is null and source_file is null),
            count(*) filter (where source_file is not null),
            count(*) filter (where metadata_overrides is not null)
        from marts.dim_runs
        """,
    )
    if has_study and outside:
        yield f"{outside} scored {_runs(outside)} not part of a study."
    if brought:
        yield f"{brought} {_runs(brought)} of answers that another program asked for."
    if overridden:
        yield f"Metadata replaced the model file's own in {overridden} of the runs."
    mixed = query(
        connection,
        """
        select study_name, count(distinct numerics_id), count(distinct valuescope_version)
        from marts.dim_runs
        where study_sha256 is not null and source_file is null
        group by study_name
        having count(distinct numerics_id) > 1 or count(distinct valuescope_version) > 1
        order by study_name
        """,
    )
    for name, numerics, versions in mixed:
        yield (
            f"The runs of the study {name} were computed in {numerics} ways by {versions} "
            "versions of valuescope."
        )


def _number(question_id: str) -> tuple[str, int]:
    """Return a key that has Q2 before Q10."""
    name = question_id.rstrip("0123456789")
    return name, int(question_id[len(name) :] or 0)


def _runs(count: int) -> str:
    return "run is" if count == 1 else "runs are"
