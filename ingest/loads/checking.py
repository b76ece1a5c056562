"""Checks of what a reader took from a file: what is there, what is missing, what looks wrong."""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from valuescope.ingest.loads.report import (
    CodeOutsideInstrument,
    CountryFindings,
    DirectionCheck,
    FileReport,
    Findings,
    MissingRate,
    ShareDifference,
)
from valuescope.warehouse.database.connections import population_id_expression
from valuescope.warehouse.instruments.seeds import Instrument, Question
from valuescope.warehouse.problems import Problems

if TYPE_CHECKING:
    from valuescope.ingest.loads.loading import Load

# Don't know, no answer, not applicable, not asked, missing.
MISSING_CODES = frozenset({-1, -2, -3, -4, -5})
ANCHORS = Path(__file__).with_name("direction_anchors.csv")
# Of the countries with a clear majority, so many must be at the wrong end to doubt a question.
_DOUBTFUL_COUNTRIES = 0.8
_CLEAR_MAJORITY = 0.1
# Shares that differ by more are worth a line.
_NOTABLE_DIFFERENCE = 1e-6


def describe_file(
    connection: duckdb.DuckDBPyConnection,
    load: "Load",
    instrument: Instrument,
    findings: Findings,
    problems: Problems,
    *,
    has_loaded: bool = False,
) -> FileReport:
    """Describe `marginals` and `fieldwork`; compare with the table `loaded` where it is there."""
    questions = {
        question.question_id: question
        for question in instrument.questions_of_survey(load.survey_id)
    }
    connection.execute(
        "create or replace temp view everybody as select * from marginals where subgroup_id = 'all'"
    )
    in_file = [
        str(row[0])
        for row in connection.execute("select distinct question_id from everybody").fetchall()
    ]
    answered = {
        str(row[0])
        for row in connection.execute(
            "select distinct question_id from everybody where code >= 0 and sum_of_weights > 0"
        ).fetchall()
    }
    has_counts, has_dont_know, count = connection.execute(
        "select count(*) = count(respondents), coalesce(bool_or(code = -1), false), count(*) "
        "from marginals"
    ).fetchall()[0]
    provenance = connection.execute(
        "select list_sort(list(distinct release) filter (where release is not null)), "
        "list_sort(list(distinct doi) filter (where doi is not null)) from fieldwork"
    ).fetchall()[0]
    populations = connection.execute(
        f"""
        with

        loads as (
            select distinct
                ? as survey_id,
                coalesce(?, wave::varchar) as wave_selection,
                ? as weighting,
                subgroup_id,
                wave
            from marginals
        )

        select {population_id_expression()} as population_id
        from loads
        group by population_id
        order by min(wave), min(subgroup_id)
        """,
        [load.survey_id, load.wave_selection, load.weighting],
    ).fetchall()
    waves = connection.execute("select distinct wave from marginals order by all").fetchall()
    return FileReport(
        file_name=load.file_name,
        survey_id=load.survey_id,
        format_id=load.format_id,
        weighting=load.weighting,
        releases=tuple(provenance[0] or ()),
        dois=tuple(provenance[1] or ()),
        waves=tuple(wave for (wave,) in waves),
        populations=tuple(population_id for (population_id,) in populations),
        countries=_countries(connection, questions),
        # In survey order; what the instrument does not know comes last.
        questions=(
            *(q for q in questions if q in set(in_file)),
            *sorted(set(in_file) - questions.keys()),
        ),
        questions_missing=tuple(q for q in questions if q not in set(in_file)),
        questions_unanswered=tuple(q for q in questions if q in set(in_file) - answered),
        questions_outside_instrument=tuple(sorted(set(in_file) - questions.keys())),
        codes_outside_instrument=_codes_outside(connection, questions),
        missing_rates=_missing_rates(connection, questions),
        directions=_directions(connection, questions, has_loaded),
        differences=_differences(connection) if has_loaded else (),
        rows_read=findings.rows_read,
        marginal_count=count,
        has_counts=bool(has_counts),
        has_dont_know_codes=bool(has_dont_know),
        columns_ignored=findings.columns_ignored,
        refusals=tuple(problems.refusals),
        warnings=tuple(problems.warnings),
    )


def _countries(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, Question]
) -> tuple[CountryFindings, ...]:
    rows = connection.execute(
        """
        with

        answered as (
            select
                wave,
                country_id,
                list(distinct question_id) as questions
            from everybody
            where code >= 0 and sum_of_weights > 0
            group by all
        ),

        in_wave as (
            select wave, list(distinct question_id) as questions
            from everybody
            where code >= 0 and sum_of_weights > 0
            group by all
        ),

        groups_asked as (select distinct wave, country_id from everybody)

        select
            groups_asked.country_id,
            groups_asked.wave,
            fieldwork.respondents,
            fieldwork.first_year,
            fieldwork.last_year,
            fieldwork.mode,
            fieldwork.release,
            fieldwork.doi,
            fieldwork.smallest_weight,
            fieldwork.largest_weight,
            fieldwork.effective_sample_size,
            coalesce(len(answered.questions), 0) as question_count,
            list_filter(
                in_wave.questions,
                lambda q: not list_contains(coalesce(answered.questions, []), q)
            ) as not_asked
        from groups_asked
        left join answered using (wave, country_id)
        left join in_wave using (wave)
        left join fieldwork using (wave, country_id)
        order by groups_asked.country_id, groups_asked.wave
        """
    ).fetchall()
    order = {question_id: n for n, question_id in enumerate(questions)}
    found = []
    for row in rows:
        not_asked = sorted(row[-1] or (), key=lambda q: order.get(q, len(order)))
        found.append(CountryFindings(*(*row[:-1], tuple(not_asked))))
    return tuple(found)


def _codes_outside(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, Question]
) -> tuple[CodeOutsideInstrument, ...]:
    rows = connection.execute(
        """
        select
            question_id,
            code,
            list(distinct country_id order by country_id) as countries,
            sum(respondents)::bigint as respondents
        from everybody
        group by question_id, code
        """
    ).fetchall()
    order = {question_id: n for n, question_id in enumerate(questions)}
    return tuple(
        CodeOutsideInstrument(question_id, code, tuple(countries), respondents)
        for question_id, code, countries, respondents in sorted(
            (row for row in rows if row[0] in questions), key=lambda row: (order[row[0]], row[1])
        )
        if code not in MISSING_CODES and code not in questions[question_id].known_codes
    )


def _missing_rates(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, Question]
) -> tuple[MissingRate, ...]:
    rows = connection.execute(
        """
        select
            question_id,
            coalesce(sum(sum_of_weights) filter (where code = -1) / asked, 0),
            coalesce(sum(sum_of_weights) filter (where code = -2) / asked, 0),
            coalesce(sum(sum_of_weights) filter (where code in (-3, -5)) / asked, 0),
            coalesce(sum(sum_of_weights) filter (where code = -4), 0) / sum(sum_of_weights)
        from (
            select
                *,
                nullif(sum(sum_of_weights) filter (where code <> -4) over (
                    partition by question_id
                ), 0) as asked
            from everybody
        )
        group by question_id, asked
        having bool_or(code < 0)
        """
    ).fetchall()
    rates = {row[0]: MissingRate(*row) for row in rows}
    return tuple(rates[question_id] for question_id in questions if question_id in rates)


def _directions(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, Question], has_loaded: bool
) -> tuple[DirectionCheck, ...]:
    """Return questions whose answers seem reversed, by their usual majority or other loads."""
    compared = {q: own for q, own in questions.items() if has_loaded or q in _anchors()}
    scores = _mean_scores(connection, "everybody", compared)
    checks = []
    for question_id, side in _anchors().items():
        own = scores.get(question_id, {}).values()
        clear = [score for score in own if abs(score) > _CLEAR_MAJORITY]
        wrong = [score for score in clear if (score > 0) != (side == "last")]
        if clear and len(wrong) >= _DOUBTFUL_COUNTRIES * len(clear):
            checks.append(
                DirectionCheck(
                    question_id,
                    "usual majority",
                    f"most people choose the {'first' if side == 'last' else 'last'} answers in "
                    f"{len(wrong)} of {len(clear)} countries; everywhere else it is the {side}",
                )
            )
    if has_loaded:
        loaded = _mean_scores(connection, "loaded", questions)
        for question_id, by_country_wave in scores.items():
            shared = [
                (score, loaded[question_id][country_wave])
                for country_wave, score in by_country_wave.items()
                if country_wave in loaded.get(question_id, {})
            ]
            straight = sum(abs(a - b) for a, b in shared)
            turned = sum(abs(a + b) for a, b in shared)
            if shared and turned < straight / 2 and straight / len(shared) > _CLEAR_MAJORITY:
                checks.append(
                    DirectionCheck(
                        question_id,
                        "what is loaded",
                        f"mean scores are {straight / len(shared):.2f} from the loaded ones as "
                        f"they are and {turned / len(shared):.2f} turned round",
                    )
                )
    return tuple(checks)


def _mean_scores(
    connection: duckdb.DuckDBPyConnection, table: str, questions: Mapping[str, Question]
) -> dict[str, dict[tuple[int, str], float]]:
    """Return mean scores of ordered questions by wave and country.

    Choice k of K scores -1 + 2(k-1)/(K-1).
    """
    rows = connection.execute(
        f"""
        select question_id, wave, country_id, code, sum(sum_of_weights)
        from {table}
        where code >= 0 and list_contains(?, question_id)
        group by all
        """,
        [list(questions)],
    ).fetchall()
    weights: dict[tuple[str, int, str], dict[int, float]] = {}
    for question_id, wave, country_id, code, weight in rows:
        weights.setdefault((question_id, wave, country_id), {})[code] = weight
    found: dict[str, dict[tuple[int, str], float]] = {}
    for (question_id, wave, country_id), answers in weights.items():
        question = questions[question_id]
        if question.scale_kind not in ("ordinal", "binary"):
            continue
        choices = question.choices["native"]
        step = 2 / (len(choices) - 1)
        scored = [
            (-1 + step * (choice.index - 1), answers.get(code, 0.0))
            for choice in choices
            for code in choice.survey_codes
        ]
        total = sum(weight for _, weight in scored)
        if total > 0:
            found.setdefault(question_id, {})[(wave, country_id)] = (
                sum(score * weight for score, weight in scored) / total
            )
    return found


def _differences(connection: duckdb.DuckDBPyConnection) -> tuple[ShareDifference, ...]:
    """Return the largest difference of a valid answer's share, by population and question."""
    shares = """
        select
            *,
            sum_of_weights / sum(sum_of_weights) over (
                partition by {population} wave, country_id, question_id
            ) as share
        from {table}
        where code >= 0
        qualify sum(sum_of_weights) over (
            partition by {population} wave, country_id, question_id
        ) > 0
    """
    rows = connection.execute(
        f"""
        with

        new_shares as ({shares.format(population="", table="everybody")}),

        old_shares as ({shares.format(population="population_id,", table="loaded")}),

        old_cells as (
            select distinct population_id, wave, country_id, question_id from old_shares
        ),

        new_cells as (select distinct wave, country_id, question_id from new_shares),

        codes as (select distinct question_id, code from new_shares union
                  select distinct question_id, code from old_shares),

        compared as (
            select
                old_cells.population_id,
                old_cells.question_id,
                old_cells.country_id,
                abs(coalesce(new_shares.share, 0) - coalesce(old_shares.share, 0)) as difference
            from old_cells
            inner join new_cells using (wave, country_id, question_id)
            inner join codes using (question_id)
            left join new_shares using (wave, country_id, question_id, code)
            left join old_shares using (population_id, wave, country_id, question_id, code)
        )

        select
            population_id,
            question_id,
            arg_max(country_id, difference) as country_id,
            max(difference) as largest_difference
        from compared
        group by all
        having max(difference) > {_NOTABLE_DIFFERENCE}
        order by largest_difference desc, population_id, question_id
        """
    ).fetchall()
    return tuple(ShareDifference(*row) for row in rows)


@cache
def _anchors() -> dict[str, str]:
    """Return the end of each question that a majority chooses in nearly every country."""
    with ANCHORS.open(encoding="utf-8", newline="") as file:
        return {row["question_id"]: row["end"] for row in csv.DictReader(file)}
