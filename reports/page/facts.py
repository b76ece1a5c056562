"""Caveats of a page: where its numbers come from and what they cannot show."""

from collections.abc import Sequence

import duckdb

from valuescope.reports.files.number_format import decimals, number
from valuescope.reports.terminal.summary import Design, query
from valuescope.warehouse.tables.caveats import compared_surveys


def facts(
    connection: duckdb.DuckDBPyConnection, designs: Sequence[Design]
) -> list[tuple[str, str]]:
    """Return what a reader must know before citing a number: a few words, then a sentence."""
    return [
        (
            "A match to survey answers, not a model's values",
            "how close a model's probabilities of the answers are to the shares of people who gave "
            "them.",
        ),
        ("The survey", f"{compared_surveys(connection)}.{_errors(connection)}"),
        ("The wordings", _wordings(connection)),
        ("r alone flatters", _blind(connection)),
        ("No reference is neutral", _random(connection)),
        *_orders(designs),
        *_reconstructions(connection),
    ]


def _errors(connection: duckdb.DuckDBPyConnection) -> str:
    """Say what the survey's sampling error rests on, and that it is small."""
    ((assumed, ceiling),) = query(
        connection,
        """
        select
            bool_or(human_error_basis in ('assumed_respondents', 'mixed')),
            avg(noise_ceiling)
        from marts.agg_country_correlations
        """,
    )
    said = ""
    if assumed:
        said += (
            " The file has no counts of respondents: intervals assume as many as the variable "
            "assumed_respondents says."
        )
    if ceiling is not None:
        said += (
            f" Its sampling error leaves an r of {number(ceiling, 3)} within reach: it is not why "
            "models fail."
        )
    return said


def _wordings(connection: duckdb.DuckDBPyConnection) -> str:
    rows = query(
        connection,
        "select distinct language, wording_set from marts.dim_prompts order by all",
    )
    named = ", ".join(
        f"{'English' if language == 'en' else language} "
        f"({'our own words' if wording_set == 'valuescope' else wording_set})"
        for language, wording_set in rows
    )
    return (
        f"questions were asked in {named or 'no language yet'}. The survey's published tables are "
        "probably in the training data."
    )


def _blind(connection: duckdb.DuckDBPyConnection) -> str:
    ((blind,),) = query(
        connection, "select avg(blind_baseline_r) from marts.agg_country_correlations"
    )
    reached = "" if blind is None else f": here an r of {decimals(blind)} on average"
    return (
        "people everywhere agree on much, so the mean of all other countries is close to any "
        f"country{reached}. It means knowing no country at all, and is shown beside every r."
    )


def _random(connection: duckdb.DuckDBPyConnection) -> str:
    ((low, high),) = query(
        connection,
        """
        select min(random_r_above_blind), max(random_r_above_blind)
        from marts.agg_country_correlations
        """,
    )
    reached = (
        ""
        if low is None
        else f" They reach {decimals(low)} to {decimals(high)} here, by country and model."
    )
    return (
        "r minus that of knowing no country rewards countries that are unlike the world, so what "
        f"random answers of the same spread reach is shown beside it.{reached}"
    )


def _orders(designs: Sequence[Design]) -> list[tuple[str, str]]:
    alone = sorted({design.model_name for design in designs if design.choice_order != "averaged"})
    if not alone:
        return []
    return [
        (
            "One order of choices",
            f"{', '.join(alone)} saw the choices in one order only. Leaning to a position is part "
            "of those numbers, and there is no verdict on them.",
        )
    ]


def _reconstructions(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    ((is_paper,),) = query(
        connection,
        """
        select bool_or(coding_id = 'paper' or question_selection = 'paper')
        from marts.agg_model_summary
        """,
    )
    if not is_paper:
        return []
    return [
        (
            "Reconstructions",
            "the paper's set of 209 questions and its coding were rebuilt from its text and "
            "printed figures.",
        )
    ]
