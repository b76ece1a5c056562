"""Temperatures that bring a model's answers closest to people's, fitted without the country's own.

With T a cell's probabilities are p_k(T) = exp(l_k / T) / sum_j exp(l_j / T). The temperature of
a country minimises the cross-entropy -sum_cells sum_k r_k log p_k(T) over other countries' cells.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Floats = npt.NDArray[np.float64]

RESULT = pa.schema(
    [
        ("model_id", pa.string()),
        ("prompt_id", pa.string()),
        ("survey_id", pa.string()),
        ("country_id", pa.string()),
        ("fold", pa.int32()),
        ("fitted_country_count", pa.int64()),
        ("fitted_cell_count", pa.int64()),
        ("temperature", pa.float64()),
        ("is_at_bound", pa.bool_()),
        ("null_reason", pa.string()),
        ("source_fingerprint", pa.string()),
    ]
)
DESIGN = ["model_id", "prompt_id", "survey_id", "source_fingerprint"]
FOLDS = 5
# At the lower bound one choice has all, at the upper one all choices are alike.
LOWEST, HIGHEST = 0.05, 100.0


def folds_of(country_ids: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the fold of each country, 0 to FOLDS - 1.

    Countries are dealt out in the order of their ids' hashes, so that neighbours in the alphabet
    and on the map are in different folds and folds differ by at most one country.
    """
    hashes = [hashlib.md5(str(name).encode()).hexdigest() for name in country_ids]
    places = np.empty(len(hashes), dtype=np.intp)
    places[np.argsort(np.array(hashes))] = np.arange(len(hashes))
    return places % FOLDS


def slopes(
    inverse: Floats, gaps: Floats, first: npt.NDArray[np.intp], human: Floats, used: Floats
) -> tuple[Floats, Floats]:
    """Return two derivatives of each fold's cross-entropy by its inverse temperature.

    `inverse` has one value a fold. `gaps` are all cells' log-likelihoods less the cell's largest,
    one cell's choices after the other's, beginning at `first`; `human` is sum_k r_k gap_k of each
    cell, `used` (folds x cells) is 1 where the fold is fitted on the cell. The derivatives are the
    sums over cells of E_p[gap] - human and of Var_p[gap].
    """
    weights = np.exp(inverse[:, None] * gaps)
    total = np.add.reduceat(weights, first, axis=1)
    mean = np.add.reduceat(weights * gaps, first, axis=1) / total
    square = np.add.reduceat(weights * gaps**2, first, axis=1) / total
    return ((mean - human) * used).sum(axis=1), ((square - mean**2) * used).sum(axis=1)


def fitted_temperatures(
    log_likelihoods: Floats, first: npt.NDArray[np.intp], shares: Floats, used: Floats
) -> Floats:
    """Return the temperature of each fold, between LOWEST and HIGHEST.

    `log_likelihoods` and `shares` have one value a choice, see `slopes` for the rest. The
    cross-entropy is convex in 1/T, so its slope has one root: Newton's steps, halving the bracket
    where a step leaves it.
    """
    sizes = np.diff(np.append(first, len(log_likelihoods)))
    gaps = log_likelihoods - np.repeat(np.maximum.reduceat(log_likelihoods, first), sizes)
    human = np.add.reduceat(shares * gaps, first)
    low, high = np.full(len(used), 1 / HIGHEST), np.full(len(used), 1 / LOWEST)
    # A root outside is at the nearer bound, which closes the bracket.
    high = np.where(slopes(low, gaps, first, human, used)[0] > 0, low, high)
    low = np.where(slopes(high, gaps, first, human, used)[0] < 0, high, low)
    inverse = np.clip(np.ones(len(used)), low, high)
    for _ in range(100):
        slope, curvature = slopes(inverse, gaps, first, human, used)
        low, high = np.where(slope < 0, inverse, low), np.where(slope > 0, inverse, high)
        with np.errstate(invalid="ignore", divide="ignore"):
            newton = inverse - slope / curvature
        is_found = np.abs(newton - inverse) <= 1e-12 * inverse
        is_done = is_found | (slope == 0) | (low == high)
        if is_done.all():
            break
        is_inside = (newton > low) & (newton < high)
        following = np.where(is_inside, newton, (low + high) / 2)
        inverse = np.where(is_done, inverse, following)
    return 1 / inverse


def design_temperatures(cells: pd.DataFrame, values: Floats, shares: Floats) -> pd.DataFrame:
    """Return one row for each country of one model, prompt and survey.

    `cells` has country_id and choice_count; `values` and `shares` the log-likelihoods and people's
    shares of all their choices, in the order of the cells.
    """
    country_ids, country_of_cell = np.unique(cells["country_id"].to_numpy(), return_inverse=True)
    fold_of_country = folds_of(country_ids)
    first = np.concatenate([[0], np.cumsum(cells["choice_count"])[:-1]]).astype(np.intp)
    is_used = fold_of_country[country_of_cell] != np.arange(FOLDS)[:, None]
    temperatures = fitted_temperatures(values, first, shares, is_used.astype(np.float64))
    differs = np.maximum.reduceat(values, first) - np.minimum.reduceat(values, first) > 1e-12
    folds = pd.DataFrame(
        {
            "fold": np.arange(1, FOLDS + 1),
            "fitted_country_count": (fold_of_country != np.arange(FOLDS)[:, None]).sum(axis=1),
            "fitted_cell_count": is_used.sum(axis=1),
            "temperature": temperatures,
            "is_at_bound": (temperatures < LOWEST * 1.000001) | (temperatures > HIGHEST / 1.000001),
            "null_reason": None,
        }
    )
    folds.loc[~(is_used & differs).any(axis=1), "null_reason"] = "no_variance_in_model"
    folds.loc[folds["fitted_country_count"] == 0, "null_reason"] = "too_few_countries"
    folds.loc[folds["null_reason"].notna(), ["temperature", "is_at_bound"]] = [np.nan, False]
    return folds.iloc[fold_of_country].assign(country_id=country_ids)


def values_of(cells: pa.Table, column: str) -> Floats:
    """Return the values of a column of lists, one cell's after the other's."""
    values: Floats = cells[column].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return values


def temperatures_of(cells: pa.Table) -> Iterator[pd.DataFrame]:
    """Yield the rows of every design among cells that are ordered by design."""
    keys = cells.select([*DESIGN, "country_id", "choice_count"]).to_pandas()
    for design, own in keys.groupby(DESIGN, sort=False):
        part = cells.slice(own.index[0], len(own))
        rows = design_temperatures(
            own, values_of(part, "log_likelihoods"), values_of(part, "human_shares")
        )
        yield rows.assign(**dict(zip(DESIGN, design, strict=True)))
