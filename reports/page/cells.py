"""Every cell of a design, small enough that a page holds those of twenty designs.

A matrix is a flat list, countries within questions; None where there is nothing. Mean scores are
whole thousandths, shares and probabilities whole percents.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from valuescope.reports.terminal.summary import Design, query_table

MEAN_SCORE_UNITS = 1_000
SHARE_UNITS = 100

Matrix = list[int | None]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class People:
    """What people said, for the designs that compare with one population under one coding.

    `mean_scores` has a value a question and country; `shares` a matrix a question, choices within
    countries, or None where nobody answered it.
    """

    population_id: str | None
    coding_id: str
    choices: list[list[str]]
    mean_scores: Matrix
    shares: list[Matrix | None]


@dataclass(frozen=True)
class Grid:
    """The countries and questions that the matrices of a page are over."""

    country_ids: tuple[str, ...]
    question_ids: tuple[str, ...]

    def matrix(self, rows: pd.DataFrame, column: str) -> Matrix:
        """Return the mean scores of `column`."""
        values = np.full(len(self.question_ids) * len(self.country_ids), np.nan)
        questions = _positions(rows["question_id"], self.question_ids)
        countries = _positions(rows["country_id"], self.country_ids)
        values[questions * len(self.country_ids) + countries] = _numbers(rows[column])
        return _whole(values * MEAN_SCORE_UNITS)

    def share_matrices(
        self, rows: pd.DataFrame, column: str, choice_counts: Sequence[int]
    ) -> list[Matrix | None]:
        """Return the shares of `column`, one matrix per question."""
        matrices: list[Matrix | None] = [None] * len(self.question_ids)
        questions = _positions(rows["question_id"], self.question_ids)
        countries = _positions(rows["country_id"], self.country_ids)
        choices = rows["choice_index"].to_numpy(dtype=np.int64) - 1
        shares = _numbers(rows[column])
        for question in np.unique(questions):
            count = choice_counts[question]
            asked = questions == question
            values = np.full(len(self.country_ids) * count, np.nan)
            values[countries[asked] * count + choices[asked]] = shares[asked]
            if not np.isnan(values).all():
                matrices[question] = _whole(values * SHARE_UNITS)
        return matrices


def grid(connection: duckdb.DuckDBPyConnection, designs: Sequence[Design]) -> Grid:
    """Return the countries and questions that any of the designs was asked about."""
    countries: set[str] = set()
    questions: dict[str, int] = {}
    for design in designs:
        asked = query_table(
            connection,
            """
            select distinct
                scores.country_id,
                scores.question_id,
                dim_questions.question_order
            from marts.fct_mean_scores as scores
            inner join marts.dim_questions on scores.question_id = dim_questions.question_id
            inner join marts.dim_countries on scores.country_id = dim_countries.country_id
            where
                scores.model_id = $model_id
                and scores.prompt_id = $prompt_id
                and scores.population_id is not distinct from $population_id
                and not dim_countries.is_country_free
            """,
            _parameters(design),
        )
        countries.update(asked["country_id"])
        questions.update(zip(asked["question_id"], asked["question_order"], strict=True))
    in_order = sorted(questions, key=lambda question_id: (questions[question_id], question_id))
    return Grid(tuple(sorted(countries)), tuple(in_order))


def people(
    connection: duckdb.DuckDBPyConnection, cells: Grid, population_id: str | None, coding_id: str
) -> People:
    """Return what people said in the cells of `cells`."""
    chosen = {"population_id": population_id, "coding_id": coding_id}
    choices = query_table(
        connection,
        """
        select question_id, choice_index, choice_text
        from marts.dim_choices
        where coding_id = $coding_id and choice_index is not null
        order by question_id, choice_index
        """,
        {"coding_id": coding_id},
    )
    texts = choices.groupby("question_id", observed=True)["choice_text"].agg(list)
    in_order = [list(texts.get(question_id, [])) for question_id in cells.question_ids]
    scores = query_table(
        connection,
        """
        select question_id, country_id, human_mean_score
        from marts.fct_human_mean_scores
        where population_id = $population_id and coding_id = $coding_id
        """,
        chosen,
    )
    shares = query_table(
        connection,
        """
        select question_id, country_id, choice_index, human_share
        from marts.fct_human_choice_shares
        where
            population_id = $population_id
            and coding_id = $coding_id
            and choice_index is not null
        """,
        chosen,
    )
    counts = [len(texts) for texts in in_order]
    return People(
        population_id,
        coding_id,
        in_order,
        cells.matrix(_within(cells, scores), "human_mean_score"),
        cells.share_matrices(_within(cells, shares), "human_share", counts),
    )


def answers(
    connection: duckdb.DuckDBPyConnection, cells: Grid, design: Design, side: People
) -> tuple[Matrix, list[Matrix | None]]:
    """Return the answers of a design's model: mean scores and probabilities, as in `People`."""
    scores = query_table(
        connection,
        """
        select question_id, country_id, llm_mean_score
        from marts.fct_mean_scores
        where
            model_id = $model_id
            and prompt_id = $prompt_id
            and population_id is not distinct from $population_id
        """,
        _parameters(design),
    )
    probabilities = query_table(
        connection,
        """
        select question_id, country_id, choice_index, llm_probability
        from marts.fct_choice_probabilities
        where
            model_id = $model_id
            and prompt_id = $prompt_id
            and population_id is not distinct from $population_id
        """,
        _parameters(design),
    )
    counts = [len(texts) for texts in side.choices]
    return (
        cells.matrix(_within(cells, scores), "llm_mean_score"),
        cells.share_matrices(_within(cells, probabilities), "llm_probability", counts),
    )


def _parameters(design: Design) -> dict[str, str | None]:
    names = ("model_id", "prompt_id", "population_id")
    return {name: design.parameters[name] for name in names}


def _within(cells: Grid, rows: pd.DataFrame) -> pd.DataFrame:
    return rows[
        rows["country_id"].isin(cells.country_ids) & rows["question_id"].isin(cells.question_ids)
    ]


def _positions(ids: "pd.Series[str]", in_order: Sequence[str]) -> Positions:
    return np.asarray(pd.Index(in_order).get_indexer(pd.Index(ids)), dtype=np.int64)


def _numbers(values: "pd.Series[float]") -> npt.NDArray[np.float64]:
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))


def _whole(values: npt.NDArray[np.float64]) -> Matrix:
    """Round values to whole numbers; None for NaN."""
    rounded = np.nan_to_num(np.rint(values)).astype(int).tolist()
    missing = np.isnan(values).tolist()
    return [
        None if is_missing else value for value, is_missing in zip(rounded, missing, strict=True)
    ]
