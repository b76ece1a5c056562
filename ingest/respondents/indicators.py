"""Respondents in, moments of the cultural map's indicators out.

A factor analysis needs to know how the answers of one person go together, which marginals lack.
Sums over respondents are enough for it, so these are kept and never the respondents.
"""

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from valuescope.ingest.coding.answers import Answers, Codes
from valuescope.ingest.respondents.breakdowns import ALL, Breakdown
from valuescope.ingest.respondents.layouts import Item, RespondentFile
from valuescope.warehouse.home import SEEDS

INDICATOR_CODES = SEEDS / "indicator_codes.csv"

Floats = npt.NDArray[np.float64]

_TEXTS = (
    "country_id",
    "breakdown",
    "subgroup_id",
    "deletion",
    "indicator_id",
    "other_indicator_id",
)


def store_moments(
    connection: duckdb.DuckDBPyConnection,
    file: RespondentFile,
    answers: Mapping[str, Answers],
    breakdowns: Sequence[Breakdown],
    cells: Sequence[str],
    minimum_cell: int,
) -> None:
    """Fill `indicator_moments` from `answers` and the tables `respondents` and `country_waves`.

    `cells` is SQL for the number of a respondent's cell in each of `breakdowns`. Indicators whose
    questions the file lacks are left out; cells of fewer than `minimum_cell` respondents too.
    """
    items = {item.question_id: item for item in file.items}
    indicators = {
        indicator: questions
        for indicator, questions in _indicators().items()
        if questions.keys() <= items.keys()
    }
    if not indicators:
        return
    numbered = ", ".join(f"{sql} as cell_{n}" for n, sql in enumerate(cells))
    rows = connection.execute(
        f"select row, country_wave, weight, {numbered} from respondents "
        "where country_wave is not null"
    ).fetchnumpy()
    values = np.column_stack(
        [
            np.sum(
                [
                    _values(answers[name].codes[rows["row"]], items[name], codes)
                    for name, codes in questions.items()
                ],
                axis=0,
            )
            for questions in indicators.values()
        ]
    )
    weights, country_wave = _floats(rows["weight"]), _floats(rows["country_wave"])
    # In order, so that the sums do not depend on which rows were read first.
    order = np.lexsort((*values.T[::-1], weights, country_wave))
    values, weights, country_wave = values[order], weights[order], country_wave[order]
    country_waves = connection.execute(
        "select wave, country_id from country_waves order by country_wave"
    ).fetchall()
    has_all = len(indicators) == len(_indicators())
    parts = []
    for number, breakdown in enumerate(breakdowns):
        subgroups = breakdown.cells()
        cell = _floats(rows[f"cell_{number}"])[order]
        group: Floats = (country_wave - 1) * len(subgroups) + cell
        for chosen, members in _groups(group):
            wave, country_id = country_waves[chosen // len(subgroups)]
            subgroup_id = subgroups[chosen % len(subgroups)]
            if subgroup_id != ALL and len(members) < minimum_cell:
                continue
            names = {
                "wave": wave,
                "country_id": country_id,
                "breakdown": breakdown.name,
                "subgroup_id": subgroup_id,
            }
            own, own_weights = values[members], weights[members]
            parts.append(_table(names | {"deletion": "pairwise"}, indicators, own, own_weights))
            if has_all:
                whole = ~np.isnan(own).any(axis=1)
                parts.append(
                    _table(
                        names | {"deletion": "listwise"}, indicators, own[whole], own_weights[whole]
                    )
                )
    if parts:
        connection.register("moments", pa.concat_tables(parts))
        connection.execute("insert into indicator_moments by name select * from moments")
        connection.unregister("moments")


def moments(values: Floats, weights: Floats) -> dict[str, npt.NDArray[np.float64]]:
    """Return sums over respondents who answered both of two indicators, i in rows, j in columns.

    `values` is respondents x indicators, NaN where missing; `weights` has one entry a respondent.
    """
    answered = (~np.isnan(values)).astype(np.float64)
    known = np.nan_to_num(values)
    weight = weights[:, None]
    # A weight with an infinite square is refused later, as too large.
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            "respondents": answered.T @ answered,
            "sum_of_weights": answered.T @ (weight * answered),
            "sum_of_values": known.T @ (weight * answered),
            "sum_of_squares": (known * known).T @ (weight * answered),
            "sum_of_products": known.T @ (weight * known),
            "sum_of_squared_weights": answered.T @ (weight * weight * answered),
            "squared_weight_values": known.T @ (weight * weight * answered),
            "squared_weight_products": known.T @ (weight * weight * known),
        }


def _values(said: Codes, item: Item, values: Mapping[int, int]) -> Floats:
    """Return what one question adds to the indicator; NaN for other answers."""
    if item.recodes is not None:
        values = {old: values[new] for old, new in item.recodes.items() if new in values}
    found = np.full(len(said), np.nan)
    for code, value in values.items():
        found[said == code] = value
    return found


def _groups(group: Floats) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """Yield the members of each group in their order; NaN is in no group."""
    known = np.flatnonzero(~np.isnan(group))
    if not len(known):
        return
    ordered = known[np.argsort(group[known], kind="stable")]
    names, first = np.unique(group[ordered], return_index=True)
    for name, members in zip(names, np.split(ordered, first[1:]), strict=True):
        yield int(name), members


def _table(
    names: Mapping[str, object], indicators: Collection[str], values: Floats, weights: Floats
) -> pa.Table:
    """Return one row per ordered pair of indicators that somebody answered both of."""
    sums = {name: matrix.ravel() for name, matrix in moments(values, weights).items()}
    answered = sums["respondents"] > 0
    pairs = [(one, other) for one in indicators for other in indicators]
    kept = [pair for pair, is_kept in zip(pairs, answered, strict=True) if is_kept]
    return pa.table(
        {
            **{name: [value] * len(kept) for name, value in names.items()},
            "indicator_id": [one for one, _ in kept],
            "other_indicator_id": [other for _, other in kept],
            **{name: column[answered] for name, column in sums.items()},
        },
        schema=pa.schema(
            [
                ("wave", pa.int32()),
                *((name, pa.string()) for name in _TEXTS),
                *((name, pa.float64()) for name in sums),
            ]
        ),
    )


def _floats(column: npt.ArrayLike) -> Floats:
    """Return a column of numbers with NaN for null."""
    floats: Floats = np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)
    return floats


@cache
def _indicators() -> Mapping[str, Mapping[str, Mapping[int, int]]]:
    """Return the value that each code adds: by indicator, question and code, as in the seed."""
    found: dict[str, dict[str, dict[int, int]]] = {}
    with INDICATOR_CODES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            codes = found.setdefault(row["indicator_id"], {}).setdefault(row["question_id"], {})
            codes[int(row["code"])] = int(row["value"])
    return found
