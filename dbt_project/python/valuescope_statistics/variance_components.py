"""What a model's mean scores vary with: components of variance of balanced crossed layouts.

A layout is full: every question in every country under every combination of what designs differ in.
Main effects and interactions are then orthogonal, their sums of squares add up to the total, and
expected mean squares give the variance that each adds to a score.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Layout = tuple[list[int], Flags, Flags]

RESULT = pa.schema(
    [
        ("model_id", pa.string()),
        ("survey_id", pa.string()),
        ("coding_id", pa.string()),
        ("component", pa.string()),
        ("design_count", pa.int64()),
        ("crossed_design_count", pa.int64()),
        ("question_count", pa.int64()),
        ("country_count", pa.int64()),
        ("level_count", pa.int64()),
        ("degrees_of_freedom", pa.int64()),
        ("sum_of_squares", pa.float64()),
        ("share_of_total", pa.float64()),
        ("variance", pa.float64()),
        ("share_of_variance", pa.float64()),
        ("null_reason", pa.string()),
    ]
)
# What designs of one coding differ in. Wordings in two languages are two levels of `wording`.
FACTORS = ["choice_order", "template", "answer_style", "chat_mode", "wording", "elicitation"]


def full_rectangle(present: Flags) -> tuple[Flags, Flags]:
    """Return the questions and countries (as masks) of a full part of questions x countries.

    Countries with fewer than half as many questions as the fullest are left out, as stopped runs
    leave them; then stay the questions that all of the others have.
    """
    answered = present.sum(axis=0)
    countries = (answered > 0) & (answered >= answered.max(initial=0) / 2)
    questions = present[:, countries].all(axis=1) & countries.any()
    return questions, countries if questions.any() else np.zeros_like(countries)


def crossed_layout(designs: pd.DataFrame, present: Flags) -> Layout:
    """Return the largest full layout: its designs' positions, masks of its questions and countries.

    `designs` has a column a factor, `present` is designs x questions x countries. The levels of a
    factor come in by how much was scored under them, the most first, so that what was tried once
    does not keep out what was crossed. One design alone is taken where no two have common cells.
    """
    size = present.sum(axis=(1, 2))
    ordered = []
    for factor in FACTORS:
        scored = pd.Series(size).groupby(designs[factor].to_numpy()).sum()
        ordered.append(list(scored.sort_index().sort_values(ascending=False, kind="stable").index))
    place = {tuple(levels): at for at, levels in enumerate(designs[FACTORS].to_numpy().tolist())}
    nothing: Layout = ([], *full_rectangle(np.zeros(present.shape[1:], bool)))
    best: tuple[tuple[bool, int, int], Layout] = ((False, 0, 0), nothing)
    for counts in product(*(range(1, len(levels) + 1) for levels in ordered)):
        taken = [levels[:count] for levels, count in zip(ordered, counts, strict=True)]
        combinations = list(product(*taken))
        if not all(combination in place for combination in combinations):
            continue
        places = [place[combination] for combination in combinations]
        questions, countries = full_rectangle(np.logical_and.reduce(present[places]))
        cells = len(places) * int(questions.sum()) * int(countries.sum())
        merit = (cells > 0 and len(places) > 1, cells, len(places))
        if merit > best[0]:
            best = (merit, (places, questions, countries))
    return best[1]


def squares(scores: Floats, axes: tuple[int, ...]) -> float:
    """Return the sum of squares between the means over all other axes, about the mean of all."""
    others = tuple(axis for axis in range(scores.ndim) if axis not in axes)
    means = scores.mean(axis=others)
    return float(((means - scores.mean()) ** 2).sum() * scores.size / means.size)


def components(scores: Floats) -> Iterator[tuple[str, int, int, float]]:
    """Yield name, levels, degrees of freedom and sum of squares of every part of a full layout.

    `scores` has the axes questions, countries and FACTORS. Interactions are those of the question
    with each of the others; the residual is everything else.
    """
    names = ["question", "country", *FACTORS]
    sizes = dict(zip(names, scores.shape, strict=True))
    total = float(((scores - scores.mean()) ** 2).sum())
    main = {name: squares(scores, (axis,)) for axis, name in enumerate(names)}
    left, left_freedom = total, scores.size - 1
    for name in names:
        yield name, sizes[name], sizes[name] - 1, main[name]
        left, left_freedom = left - main[name], left_freedom - (sizes[name] - 1)
    for axis, name in enumerate(names[1:], start=1):
        both = max(0.0, squares(scores, (0, axis)) - main["question"] - main[name])
        freedom = (sizes["question"] - 1) * (sizes[name] - 1)
        yield f"question_by_{name}", sizes["question"] * sizes[name], freedom, both
        left, left_freedom = left - both, left_freedom - freedom
    yield "residual", scores.size, left_freedom, max(0.0, left)
    yield "total", scores.size, scores.size - 1, total


def variances(parts: list[tuple[str, int, int, float]]) -> dict[str, float]:
    """Estimate the variance that each part of a full layout adds to a score, negative ones as 0.

    All effects are taken as random. A mean square estimates the residual variance, plus N / levels
    times the part's own variance, plus for a main effect the same of its interactions: parts
    without degrees of freedom have no estimate, nor has any part if none are left for the residual.
    """
    size = parts[-1][1]
    square = {name: squares / freedom for name, _, freedom, squares in parts if freedom}
    if "residual" not in square:
        return {}
    residual = square["residual"]
    interactions = [name for name in square if name.startswith("question_by_")]
    found = {"residual": residual}
    for name, levels, freedom, _ in parts[:-2]:
        if freedom:
            if name == "question":
                beside = sum(square[other] - residual for other in interactions) + residual
            else:
                beside = square.get(f"question_by_{name}", residual)
            found[name] = max(0.0, (square[name] - beside) * levels / size)
    return found | {"total": sum(found.values())}


def explained(
    layout: Floats, designs: pd.DataFrame, crossed_design_count: int
) -> Iterator[dict[str, Any]]:
    """Yield one model's rows; `designs` has one row per design, one column per factor."""
    rows = list(components(layout if layout.size else np.zeros((1,) * (2 + len(FACTORS)))))
    variance = variances(rows)
    for component, level_count, freedom, square in rows:
        factor = component.removeprefix("question_by_")
        reason = None
        if len(designs) < 2:
            reason = "too_few_designs"
        elif not layout.size:
            reason = "no_common_cells"
        elif np.ptp(layout) < 1e-12:
            reason = "no_variance_in_model"
        elif freedom == 0:
            varied = factor in FACTORS and designs[factor].nunique() > 1
            reason = "not_crossed" if varied else "single_level"
        own = variance.get(component)
        yield {
            "component": component,
            "design_count": len(designs),
            "crossed_design_count": crossed_design_count,
            "question_count": layout.shape[0],
            "country_count": layout.shape[1],
            "level_count": level_count,
            "degrees_of_freedom": freedom,
            "sum_of_squares": square if reason is None else None,
            "share_of_total": square / rows[-1][-1] if reason is None else None,
            "variance": own if reason is None else None,
            "share_of_variance": (
                own / variance["total"] if reason is None and own is not None else None
            ),
            "null_reason": reason,
        }


def model_components(cells: pd.DataFrame, designs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of one model, survey and coding; cells are (prompt, question, country, m)."""
    questions = pd.Index(sorted(cells["question_id"].unique()))
    countries = pd.Index(sorted(cells["country_id"].unique()))
    scores = np.full((len(designs), len(questions), len(countries)), np.nan)
    scores[
        pd.Index(designs["prompt_id"]).get_indexer(cells["prompt_id"]),
        questions.get_indexer(cells["question_id"]),
        countries.get_indexer(cells["country_id"]),
    ] = cells["llm_mean_score"]
    places, is_question, is_country = crossed_layout(designs, ~np.isnan(scores))
    full = scores[places][:, is_question][:, :, is_country]
    levels = [designs.loc[places, factor].nunique() for factor in FACTORS]
    layout = full.transpose(1, 2, 0).reshape(*full.shape[1:], *levels)
    yield from explained(layout, designs, len(places))
