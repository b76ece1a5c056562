"""How far names of real countries move a model's answers, against invented names."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from valuescope_statistics.relations import DESIGN

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

RESULT = pa.schema(
    [
        *((name, pa.string()) for name in [*DESIGN, "question_id"]),
        ("country_count", pa.int64()),
        ("placebo_count", pa.int64()),
        ("question_count", pa.int64()),
        ("country_spread", pa.float64()),
        ("placebo_spread", pa.float64()),
        ("steering_ratio", pa.float64()),
        ("p_value", pa.float64()),
        ("null_reason", pa.string()),
    ]
)
FEWEST_SHUFFLES = 999
# A family's smallest q-value of a lone effect is its number of tests times the smallest p-value.
SHUFFLES_A_TEST = 40
# Variances below this are rounding.
ROUNDING = 1e-24


class Limits(NamedTuple):
    """The build's variables that the result depends on."""

    minimum_names: int
    seed: int


class Spreads(NamedTuple):
    """Variances over real and over invented names: rows x questions, NaN below two names."""

    real: Floats
    invented: Floats

    def of_all(self, chosen: Flags) -> "Spreads":
        """Return the means over the chosen questions, as one column."""
        real, invented = (side[:, chosen].mean(axis=1, keepdims=True) for side in self)
        return Spreads(real, invented)

    def ratios(self) -> Floats:
        """Return the ratios of standard deviations; infinite where invented names do not differ."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.invented > ROUNDING, np.sqrt(self.real / self.invented), np.inf)


def variances(scores: Floats, members: Floats) -> Floats:
    """Return sample variances of each question over the names of each row of `members`.

    `scores` is names x questions, NaN where a name was not asked; `members` is rows x names, 1 for
    a member and else 0. The result is rows x questions, NaN below two names.
    """
    known = np.isfinite(scores)
    # About the mean of all names, so that squares lose no digits.
    centre = np.nansum(scores, axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, scores - centre, 0.0)
    count = members @ known
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = (members @ centred**2 - (members @ centred) ** 2 / count) / (count - 1)
    return np.where(count > 1, np.maximum(found, 0.0), np.nan)


def spreads(scores: Floats, is_real: Floats) -> Spreads:
    """Return the variances for each row of `is_real` (rows x names)."""
    return Spreads(variances(scores, is_real), variances(scores, 1 - is_real))


def p_values(observed: Floats, shuffled: Floats) -> Floats:
    """Return, by column, the share of 1 + shuffles that are at least as large as observed."""
    reached = ~(shuffled < observed * (1 - 1e-12))
    p: Floats = (1 + reached.sum(axis=0)) / (1 + len(shuffled))
    return p


def steering(scores: Floats, is_real: Flags, questions: list[str], limits: Limits) -> pd.DataFrame:
    """Return one row per question and, with `question_id` null, one for all that have a ratio.

    `scores` is names x questions. The ratio is of standard deviations over names; for all questions
    of the roots of mean variances. p is one-sided: which names are real is shuffled, in the same
    way for all questions.
    """
    known = np.isfinite(scores)
    countries, placebos = known[is_real].sum(axis=0), known[~is_real].sum(axis=0)
    own = spreads(scores, is_real[None, :].astype(float))
    enough = (countries >= limits.minimum_names) & (placebos >= limits.minimum_names)
    has_ratio = enough & (own.invented[0] > ROUNDING)
    shuffles = max(FEWEST_SHUFFLES, SHUFFLES_A_TEST * int(has_ratio.sum()))
    random = np.random.default_rng(limits.seed)
    labels = random.permuted(np.tile(is_real.astype(float), (shuffles, 1)), axis=1)
    null = spreads(scores, labels)
    too_few = np.where(countries < limits.minimum_names, "too_few_countries", "too_few_placebos")
    rows = pd.DataFrame(
        {
            "question_id": questions,
            "country_count": countries,
            "placebo_count": placebos,
            "question_count": has_ratio.astype(int),
            "country_spread": np.where(enough, np.sqrt(own.real[0]), np.nan),
            "placebo_spread": np.where(enough, np.sqrt(own.invented[0]), np.nan),
            "steering_ratio": np.where(has_ratio, own.ratios()[0], np.nan),
            "p_value": np.where(has_ratio, p_values(own.ratios(), null.ratios()), np.nan),
            "null_reason": [
                None if known else reason
                for known, reason in zip(
                    has_ratio, np.where(enough, "no_variance_in_placebos", too_few), strict=True
                )
            ],
        }
    )
    whole: dict[str, Any] = {
        "question_id": None,
        "country_count": int(is_real.sum()),
        "placebo_count": int((~is_real).sum()),
        "question_count": int(has_ratio.sum()),
        "null_reason": rows["null_reason"].iloc[0],
    }
    if has_ratio.any():
        of_all, null_of_all = own.of_all(has_ratio), null.of_all(has_ratio)
        whole |= {
            "country_spread": float(np.sqrt(of_all.real[0, 0])),
            "placebo_spread": float(np.sqrt(of_all.invented[0, 0])),
            "steering_ratio": float(of_all.ratios()[0, 0]),
            "p_value": float(p_values(of_all.ratios(), null_of_all.ratios())[0]),
            "null_reason": None,
        }
    return pd.concat([rows, pd.DataFrame([whole])], ignore_index=True)


def steering_of_designs(cells: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Return the columns of `RESULT` of all designs.

    `cells` has one row per design (`DESIGN`), name and question, with `subject_name`, `is_real`,
    `question_id` and `llm_mean_score`.
    """
    found = []
    for design, of_design in cells.groupby(DESIGN, observed=True, sort=True):
        # Texts, because the order of categories depends on what else was read.
        texts = {name: of_design[name].astype(str) for name in ("subject_name", "question_id")}
        table = (
            of_design.assign(**texts)
            .pivot(
                index=["is_real", "subject_name"], columns="question_id", values="llm_mean_score"
            )
            .sort_index()
        )
        rows = steering(
            table.to_numpy(dtype=float),
            table.index.get_level_values("is_real").to_numpy(dtype=bool),
            [str(name) for name in table.columns],
            limits,
        )
        for name, value in zip(DESIGN, design, strict=True):
            rows[name] = str(value)
        found.append(rows)
    return pd.concat(found)[RESULT.names] if found else pd.DataFrame(columns=RESULT.names)
