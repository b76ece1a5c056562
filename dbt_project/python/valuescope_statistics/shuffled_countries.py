"""What a model reaches when its answers about other countries are taken for a country's."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from valuescope_statistics import relations

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DESIGN = [*relations.DESIGN, relations.FINGERPRINT]
RESULT = pa.schema(
    [
        *((name, pa.string()) for name in DESIGN),
        ("country_id", pa.string()),
        ("shuffled_countries_r", pa.float64()),
        ("shuffled_countries_p", pa.float64()),
        ("shuffled_country_count", pa.int64()),
    ]
)
# Correlations closer than this are equal but for rounding.
ROUNDING = 1e-12


def correlations(human: Floats, answers: Floats) -> Floats:
    """Return Pearson's r of `human` (questions) with each row of `answers` (countries x questions).

    NaN for rows that lack a question, and where either side's standard deviation is under 1e-12.
    """
    human = human - human.mean()
    answers = answers - answers.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = answers @ human / np.sqrt((answers**2).sum(axis=1) * (human**2).sum())
    has_variance = (answers.std(axis=1) >= 1e-12) & (human.std() >= 1e-12)
    return np.where(has_variance, np.clip(r, -1, 1), np.nan)


def shuffled(answers: Floats, human: Floats, minimum: int) -> tuple[Floats, Floats, Integers]:
    """Return the null of shuffled countries for every country of one design.

    `answers` and `human` are countries x questions: `answers` is NaN where the model was not asked,
    `human` where the cell cannot be compared. Returns for each country the mean r that the other
    countries' answers reach on its own questions, the share of countries, itself among them, that
    reach the r of its own answers, and how many others there are. Both are NaN without any, and
    below `minimum` questions.
    """
    mean_r = np.full(len(answers), np.nan)
    p_value = np.full(len(answers), np.nan)
    count = np.zeros(len(answers), dtype=np.int64)
    for country, own_people in enumerate(human):
        compared = np.isfinite(own_people)
        if compared.sum() < minimum:
            continue
        # A country that lacks one of the questions would be compared on other cells: it is NaN.
        r = correlations(own_people[compared], answers[:, compared])
        others = np.delete(r, country)
        others = others[np.isfinite(others)]
        count[country] = others.size
        if others.size and np.isfinite(r[country]):
            mean_r[country] = others.mean()
            reached = np.count_nonzero(others >= r[country] - ROUNDING)
            p_value[country] = (1 + reached) / (1 + others.size)
    return mean_r, p_value, count


def lists(table: pa.Table, name: str) -> pa.Array:
    """Return a column of lists as one array of lists."""
    column = table[name].combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def matrix(rows: Integers, columns: Integers, values: Floats, shape: tuple[int, int]) -> Floats:
    """Return the values at their places, NaN elsewhere."""
    filled = np.full(shape, np.nan)
    filled[rows, columns] = values
    return filled


def shuffled_designs(table: pa.Table, minimum: int) -> pa.Table:
    """Return the null of every design and compared country, with the columns of `RESULT`.

    `table` has one row per design (`DESIGN`) and country, ordered by them, with the lists
    `questions`, `answers` and `people`: ids, the model's mean scores, and people's mean scores,
    null where the cell is not compared. A country without people is a stranger to the others.
    """
    questions = lists(table, "questions")
    names = questions.flatten().dictionary_encode()
    column_of_cell = names.indices.to_numpy()
    answer_of_cell = lists(table, "answers").flatten().to_numpy(zero_copy_only=False)
    person_of_cell = lists(table, "people").flatten().to_numpy(zero_copy_only=False)
    ends = questions.offsets.to_numpy()
    designs = table.select(DESIGN).to_pylist()
    starts = [row for row in range(len(designs)) if row == 0 or designs[row] != designs[row - 1]]
    is_compared = np.add.reduceat(np.isfinite(person_of_cell), ends[:-1]) > 0
    columns: list[tuple[Floats, Floats, Integers]] = []
    for first, last in pairwise([*starts, len(designs)]):
        cells_of_design = slice(ends[first], ends[last])
        row_of_cell = np.repeat(np.arange(last - first), np.diff(ends[first : last + 1]))
        places = (row_of_cell, column_of_cell[cells_of_design])
        shape = (last - first, len(names.dictionary))
        columns.append(
            shuffled(
                matrix(*places, answer_of_cell[cells_of_design], shape),
                matrix(*places, person_of_cell[cells_of_design], shape),
                minimum,
            )
        )
    mean_r, p_value, count = (
        np.concatenate([result[part] for result in columns]) if columns else np.array([])
        for part in range(3)
    )
    result = table.select([*DESIGN, "country_id"])
    for name, values in (
        ("shuffled_countries_r", mean_r),
        ("shuffled_countries_p", p_value),
        ("shuffled_country_count", count),
    ):
        result = result.append_column(name, pa.array(values, from_pandas=True))
    return result.filter(pa.array(is_compared)).cast(RESULT)
