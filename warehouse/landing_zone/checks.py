"""Checks that the tables can be built from shards that come from elsewhere."""

import io
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from valuescope.warehouse.instruments.seeds import COUNTRY_FREE, Instrument
from valuescope.warehouse.landing_zone.shards import SCHEMAS

# Each finds one row at fault, and says what is wrong with it.
_CHECKS = (
    """
    select question_id, country_id, 'the log-likelihood ' || log_likelihood || ' of a choice, '
        || 'which must be a number of at most 0'
    from answers
    where isnan(log_likelihood) or log_likelihood > 0
        or (isinf(log_likelihood) and len(token_log_likelihoods) > 0)
    """,
    """
    select question_id, country_id, 'a log-likelihood of a label or token that is not a number'
    from answers
    where not coalesce(isfinite(label_log_likelihood), true)
        or list_bool_or(list_transform(token_log_likelihoods, lambda x: not isfinite(x)))
    """,
    """
    select question_id, country_id, 'the off-choice mass ' || off_choice_mass || ', which must be '
        || 'from 0 to 1'
    from answers where not off_choice_mass between 0 and 1
    """,
    """
    select question_id, country_id, draws || ' draws, which must be none or more'
    from answers where draws < 0
    """,
    """
    select question_id, country_id, 'a country that is not in the instrument'
    from answers where country_id not in (select country_id from countries)
    """,
    """
    select question_id, country_id, 'a question of the coding ' || coding_id || ' that the '
        || 'instrument here does not have: is its survey loaded?'
    from answers anti join choices using (coding_id, question_id)
    """,
)
_WHOLE_CELLS = """
    select question_id, country_id, concat(
        'the choices ', cast(found as varchar), ', where the instrument has 1 to ', expected
    )
    from (
        select
            question_id,
            country_id,
            list_sort(list(distinct choice_index)) as found,
            any_value(choice_count) as expected
        from answers inner join choices using (coding_id, question_id)
        group by
            run_id, model_id, prompt_id, numerics_id, coding_id, question_id, country_id,
            text_sha256
    )
    where found != range(1, expected + 1)
    """


class RefusedError(Exception):
    """A file that must not land; the message says why."""


@dataclass(frozen=True)
class Known:
    """The subjects that answers may have, and the ids of prompts and models that are described."""

    instrument: Instrument
    prompts: frozenset[str]
    models: frozenset[str]


def checked_shard(table: str, content: bytes) -> pa.Table:
    """Return the rows of a shard of `table`. Raises RefusedError if they are not such rows."""
    try:
        shard = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        problem = str(error).splitlines()[0]
        raise RefusedError(f"it is not a Parquet file ({problem})") from error
    expected = SCHEMAS[table]
    for column in shard.schema:
        if column.name not in expected.names or not _fits(column, expected.field(column.name)):
            raise RefusedError(
                f"its column {column.name} ({column.type}) is not one that this version of "
                "valuescope knows. Use the version that scored it"
            )
    missing = [f.name for f in expected if not f.nullable and f.name not in shard.schema.names]
    if missing:
        raise RefusedError(f"it lacks the columns {', '.join(missing)}")
    return shard


def _fits(column: pa.Field, expected: pa.Field) -> bool:
    """Return whether a column is as expected; in earlier versions fewer could be null."""
    return column.type.equals(expected.type) and (expected.nullable or not column.nullable)


def check_answers(answers: pa.Table, known: Known, *, whole_cells: bool = True) -> None:
    """Check rows of answers against what is known.

    Raises RefusedError where prompt or model are not described, and for what the staging tables
    would refuse: values that are not log-likelihoods, ids that the instrument lacks, and, with
    `whole_cells`, cells without all of their choices.
    """
    for key, here in (("prompt_id", known.prompts), ("model_id", known.models)):
        if strange := set(answers[key].unique().to_pylist()) - here:
            raise RefusedError(f"nothing describes its {key} {min(strange)}")
    checks = (*_CHECKS, _WHOLE_CELLS) if whole_cells else _CHECKS
    if problem := _problem(answers, known.instrument, checks):
        raise RefusedError(problem)


def _problem(answers: pa.Table, instrument: Instrument, checks: tuple[str, ...]) -> str | None:
    """Say what is wrong with one cell of `answers`; None if nothing is."""
    counted = [
        {"coding_id": coding_id, "question_id": question_id, "choice_count": len(choices)}
        for question_id, question in instrument.questions.items()
        for coding_id, choices in question.choices.items()
    ]
    countries = pa.table({"country_id": [*instrument.countries, COUNTRY_FREE]})
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.register("answers", answers)
        connection.register("choices", pa.Table.from_pylist(counted))
        connection.register("countries", countries)
        for check in checks:
            found = connection.execute(f"{check} order by all limit 1").fetchall()
            if found:
                question_id, country_id, problem = found[0]
                return f"its answers to {question_id} for {country_id} have {problem}"
    return None
