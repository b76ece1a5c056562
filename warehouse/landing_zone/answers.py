"""Checks that the tables can be built from answers."""

import duckdb
import pyarrow as pa

from valuescope.warehouse.instruments.seeds import COUNTRY_FREE, Instrument

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
    """
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
    """,
)


def answers_problem(answers: pa.Table, instrument: Instrument) -> str | None:
    """Say what is wrong with one cell of `answers`, rows of a shard; None if nothing is.

    The staging tables would refuse the same later: values that are not log-likelihoods, ids
    that the instrument lacks, and cells without all of their choices.
    """
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
        for check in _CHECKS:
            found = connection.execute(f"{check} order by all limit 1").fetchall()
            if found:
                question_id, country_id, problem = found[0]
                return f"its answers to {question_id} for {country_id} have {problem}"
    return None
