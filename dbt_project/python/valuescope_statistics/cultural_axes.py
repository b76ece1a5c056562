"""The two axes of the Inglehart-Welzel map: principal components of people, rotated by varimax.

What Inglehart and Welzel (2005) and the syntax of the World Values Survey Association do: two
principal components of the ten indicators' correlation matrix, varimax rotation with Kaiser's
normalisation, scores by regression.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Floats = npt.NDArray[np.float64]

AXES = ("secular_rational", "self_expression")
RESULT = pa.schema(
    [
        ("indicator_id", pa.string()),
        ("axis_id", pa.string()),
        ("loading", pa.float64()),
        ("score_coefficient", pa.float64()),
        ("explained_variance", pa.float64()),
        ("null_reason", pa.string()),
    ]
)


def varimax_angle(loadings: Floats) -> float:
    """Return the angle that turns two factors into the varimax position (Kaiser 1958, closed form).

    `loadings` is indicators x 2. Every row is scaled to length 1 first, so that indicators count
    the same however much of them the two factors explain.
    """
    x, y = (loadings / np.linalg.norm(loadings, axis=1, keepdims=True)).T
    u, v = x * x - y * y, 2 * x * y
    count = len(loadings)
    numerator = 2 * (u @ v) - 2 * u.sum() * v.sum() / count
    denominator = u @ u - v @ v - (u.sum() ** 2 - v.sum() ** 2) / count
    return float(np.arctan2(numerator, denominator) / 4)


def cultural_axes(correlations: Floats, is_marker: Floats) -> tuple[Floats, Floats]:
    """Return loadings and scoring coefficients, both indicators x 2 in the order of `AXES`.

    `correlations` is indicators x indicators, `is_marker` (0 or 1) indicators x 2: the axis that
    each indicator marks. Of the two components the one becomes an axis whose markers load on it
    most; its sign is such that they load positively in sum, as their values point upwards.
    """
    eigenvalues, eigenvectors = np.linalg.eigh(correlations)
    eigenvalues, eigenvectors = eigenvalues[:-3:-1], eigenvectors[:, :-3:-1]
    loadings = eigenvectors * np.sqrt(eigenvalues)
    angle = varimax_angle(loadings)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rotated = loadings @ turn
    # For principal components the regression scores need no inverse of the correlations.
    coefficients = (eigenvectors / np.sqrt(eigenvalues)) @ turn
    explained = is_marker.T @ rotated**2
    if explained[0, 0] + explained[1, 1] < explained[0, 1] + explained[1, 0]:
        rotated, coefficients = rotated[:, ::-1], coefficients[:, ::-1]
    signs = np.where((is_marker * rotated).sum(axis=0) < 0, -1.0, 1.0)
    return rotated * signs, coefficients * signs


def null_reason(correlations: pd.DataFrame, size: int, minimum: int) -> str | None:
    """Return why there are no axes; None if there are axes."""
    if correlations.empty:
        return "no_respondents"
    if len(correlations) < size * size:
        return "indicator_not_asked"
    if correlations["country_count"].min() < minimum:
        return "too_few_countries"
    return "no_variance" if correlations["pearson_r"].isna().any() else None
