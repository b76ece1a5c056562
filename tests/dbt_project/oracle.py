"""The numbers of the marts computed a second way: pandas, numpy and scipy on the raw rows.

Nothing here reads what dbt built, and nothing shares a formula with its SQL.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax
from scipy.stats import entropy, pearsonr, spearmanr, wasserstein_distance

from tests.dbt_project.study import Instrument

CELL = ["country_id", "question_id"]


def score_of(choice_count: int) -> np.ndarray:
    """Scores of the choices, evenly spaced from -1 to 1."""
    return np.linspace(-1, 1, choice_count)


def human_cells(
    loads: pd.DataFrame, marginals: pd.DataFrame, instrument: Instrument, coding_id: str
) -> pd.DataFrame:
    """Distribution, mean score and standard error of every country and question.

    `loads` are those of one population. Returns one row a cell with a list of shares, or None.
    """
    coding = instrument.choices[instrument.choices["coding_id"] == coding_id]
    choices_of = dict(tuple(coding.groupby("question_id")))
    facts = {load["load_id"]: load for load in loads.to_dict("records")}
    numbers = ["sum_of_weights", "sum_of_squared_weights", "respondents"]
    cells: dict[tuple[str, str], dict[tuple[str, int], dict[int, list[float]]]] = {}
    for row in marginals[["load_id", "wave", *CELL, "code", *numbers]].itertuples(index=False):
        load_id, wave, country_id, question_id, code, *values = row
        by_load = cells.setdefault((country_id, question_id), {})
        by_load.setdefault((load_id, wave), {})[code] = values
    rows = []
    for (country_id, question_id), by_load in sorted(cells.items()):
        answered = {
            key: by_code
            for key, by_code in by_load.items()
            if any(code >= 0 and values[0] > 0 for code, values in by_code.items())
        }
        if not answered:
            continue
        load_id, wave = max(
            answered,
            key=lambda key: (facts[key[0]]["has_counts"], facts[key[0]]["loaded_at"], key[1]),
        )
        best, by_code = facts[load_id], answered[load_id, wave]
        choices = choices_of[question_id]
        scale = choices[choices["is_on_scale"]].sort_values("choice_index")
        codes = [[int(code) for code in joined.split("|")] for joined in scale["survey_codes"]]
        if not any(by_code.get(code, [0.0])[0] for group in codes for code in group if code >= 0):
            continue
        sums = [np.nansum([by_code.get(c, [0.0] * 3) for c in group], axis=0) for group in codes]
        weight, squared, respondents = np.array(sums).T
        count = respondents.sum()
        outside_codes = choices.loc[~choices["is_on_scale"], "survey_codes"].astype(int)
        outside = sum(by_code.get(code, [0.0])[0] for code in outside_codes)
        known = bool(best["has_dont_know_codes"]) or not scale["is_dont_know"].any()
        score = score_of(len(scale))
        shares = weight / weight.sum()
        mean = shares @ score
        error = np.nan
        if not best["has_counts"]:
            # The build's default: a thousand respondents whom nobody counted.
            error = np.sqrt((shares * (score - mean) ** 2).sum() / (1000 - 1))
        elif count > 1:
            error = np.sqrt(
                count / (count - 1) * (squared * (score - mean) ** 2).sum() / weight.sum() ** 2
            )
        rows.append(
            {
                "country_id": country_id,
                "question_id": question_id,
                "load_id": load_id,
                "wave": wave,
                "shares": shares if known else None,
                "h": mean if known else np.nan,
                "se": error if known else np.nan,
                "outside": outside / (outside + weight.sum()),
            }
        )
    frame = pd.DataFrame(rows).merge(
        instrument.questions[["question_id", "scale_kind"]], on="question_id"
    )
    frame.loc[~frame["scale_kind"].isin(["ordinal", "binary"]), ["h", "se"]] = np.nan
    return frame.drop(columns="scale_kind")


def with_blind_scores(human: pd.DataFrame) -> pd.DataFrame:
    """Add `b`, the mean of the other countries' mean scores."""
    blind = []
    scores = human["h"].groupby(human["question_id"]).agg(np.array)
    for question_id, own in zip(human["question_id"], human["h"], strict=True):
        known = scores[question_id][~np.isnan(scores[question_id])]
        if np.isnan(own) or len(known) < 2:
            blind.append(np.nan)
        else:
            # Whose score is taken out does not matter where two are the same.
            blind.append(np.delete(known, np.flatnonzero(known == own)[0]).mean())
    return human.assign(b=blind)


def model_cells(
    scores: pd.DataFrame, human: pd.DataFrame, instrument: Instrument, coding_id: str
) -> pd.DataFrame:
    """A model's cells under one prompt beside people's.

    `scores` has one row a choice that counts: question_id, country_id, choice_index,
    log_likelihood.
    """
    kinds = dict(
        zip(instrument.questions["question_id"], instrument.questions["scale_kind"], strict=True)
    )
    people = {(row["country_id"], row["question_id"]): row for row in human.to_dict("records")}
    rows: list[dict[str, Any]] = []
    in_order = scores.sort_values("choice_index")
    for (country, question), cell in in_order.groupby(CELL)["log_likelihood"]:
        country_id, question_id = str(country), str(question)
        values = cell.to_numpy()
        if len(values) != instrument.choice_count(question_id, coding_id):
            continue
        p = softmax(values)
        score = score_of(len(p))
        row: dict[str, Any] = {"country_id": country_id, "question_id": question_id, "p": p}
        scored = kinds[question_id] in ("ordinal", "binary")
        row["m"] = p @ score if scored else np.nan
        row["llm_entropy"] = entropy(p, base=2)
        person = people.get((country_id, question_id))
        if person is not None:
            r = person["shares"]
            row |= {"h": person["h"], "se": person["se"], "b": person["b"]}
            if r is not None:
                row |= {
                    "total_variation": np.abs(p - r).sum() / 2,
                    "jensen_shannon": jensenshannon(p, r, base=2),
                    "wasserstein": wasserstein_distance(score, score, p, r) if scored else np.nan,
                    "human_entropy": entropy(r, base=2),
                    "modal": np.argmax(p) == np.argmax(r),
                }
        rows.append(row)
    columns = ["country_id", "question_id", "m", "h", "se", "b"]
    cells = pd.DataFrame(rows).reindex(
        columns=[*columns, *(c for c in pd.DataFrame(rows).columns if c not in columns)]
    )
    return cells.merge(
        instrument.questions[["question_id", "category_id", "battery_id", "polarity"]],
        on="question_id",
    )


def comparable(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells that enter correlations."""
    return cells[cells["m"].notna() & cells["h"].notna() & (cells["country_id"] != "ZZZ")]


def r_or_nan(x: ArrayLike, y: ArrayLike, minimum: int = 5) -> float:
    """scipy's Pearson r, NaN below `minimum` pairs and without variance on a side."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(x) < minimum or np.std(x) < 1e-12 or np.std(y) < 1e-12:
        return np.nan
    return float(pearsonr(x, y).statistic)


def congruence(x: pd.Series, y: pd.Series) -> float:
    """The cosine of two vectors of scores."""
    return float(np.dot(x, y) / np.linalg.norm(x) / np.linalg.norm(y))


def country_measures(cells: pd.DataFrame, minimum_reference_countries: int) -> pd.DataFrame:
    """Every measure of agreement of each country that has comparable cells."""
    cells = comparable(cells)
    by_question = cells.groupby("question_id")
    cells = cells.assign(
        others_m=(by_question["m"].transform("sum") - cells["m"])
        / (by_question["m"].transform("count") - 1),
        dm=cells["m"] - by_question["m"].transform("mean"),
        dh=cells["h"] - by_question["h"].transform("mean"),
        countries=by_question["m"].transform("size"),
    )
    # What the mean over all other countries says, minus the mean of what it says of all.
    left_out = (by_question["h"].transform("sum") - cells["h"]) / (cells["countries"] - 1)
    cells["blind_dh"] = left_out - left_out.groupby(cells["question_id"]).transform("mean")
    rows = []
    for country_id, own in cells.groupby("country_id"):
        blind_known = own["b"].notna().all() and len(own) >= 5
        shared = own[own["countries"] >= minimum_reference_countries]
        r = r_or_nan(own["m"], own["h"])
        rows.append(
            {
                "country_id": country_id,
                "question_count": len(own),
                "pearson_r": r,
                # Equal counts give equal scores up to rounding, which are ties.
                "spearman_rho": (
                    spearmanr(own["m"].round(12), own["h"].round(12)).statistic
                    if not np.isnan(r)
                    else np.nan
                ),
                "demeaned_pearson_r": (
                    r_or_nan(shared["dm"], shared["dh"])
                    if np.std(shared["dm"]) > 1.000001 * np.std(shared["blind_dh"])
                    else np.nan
                ),
                "demeaned_question_count": len(shared),
                "blind_baseline_r": r_or_nan(own["b"], own["h"]) if blind_known else np.nan,
                "skill": (
                    1 - ((own["m"] - own["h"]) ** 2).sum() / ((own["b"] - own["h"]) ** 2).sum()
                    if blind_known
                    else np.nan
                ),
                "rho0": (
                    congruence(own["m"], own["h"])
                    if len(own) >= 5 and own["m"].abs().max() > 1e-9
                    else np.nan
                ),
                "blind_rho0": congruence(own["b"], own["h"]) if blind_known else np.nan,
                "country_gain": r - r_or_nan(own["others_m"], own["h"]),
                "noise_ceiling": (
                    np.sqrt(max(0, 1 - (own["se"] ** 2).mean() / np.var(own["h"])))
                    if own["se"].notna().all() and len(own) >= 5
                    else np.nan
                ),
                "mean_absolute_error": (own["m"] - own["h"]).abs().mean(),
                "mean_wasserstein_1": own["wasserstein"].mean(),
                "mean_total_variation": own["total_variation"].mean(),
                "mean_jensen_shannon_distance": own["jensen_shannon"].mean(),
                "modal_agreement_share": own["modal"].astype(float).mean(),
                "mean_llm_entropy": own["llm_entropy"].mean(),
                "mean_human_entropy": own["human_entropy"].mean(),
            }
        )
    return pd.DataFrame(rows).astype({"country_id": str})


def null_measures(cells: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """What each country's r is worth: neighbours, shuffled countries, option positions, no country.

    `people` are the cells of the reference population, whether or not a model was asked them.
    """
    compared = comparable(cells)
    answers = cells.pivot(index="country_id", columns="question_id", values="m")
    human = people.pivot(index="country_id", columns="question_id", values="h")
    shares = {
        (row["country_id"], row["question_id"]): row["shares"] for row in people.to_dict("records")
    }
    compared_countries = sorted(compared["country_id"].unique())
    asked_everywhere = [
        question_id
        for question_id, of_question in compared.groupby("question_id")
        if len(of_question) == len(compared_countries)
    ]
    rows = []
    for country_id, own in compared.groupby("country_id"):
        questions = list(own["question_id"])
        r = r_or_nan(own["m"], own["h"])
        people_of = dict(zip(human.index, human[questions].to_numpy(), strict=True))
        answers_of = dict(zip(answers.index, answers[questions].to_numpy(), strict=True))
        neighbours = {
            other: r_or_nan(people_of[other], people_of[country_id])
            for other in sorted(people_of)
            if other != country_id and not np.isnan(people_of[other]).any()
        }
        strangers = [
            r_or_nan(answers_of[other], own["h"])
            for other in sorted(set(answers_of) - {country_id, "ZZZ"})
            if not np.isnan(answers_of[other]).any()
        ]
        strangers = [value for value in strangers if not np.isnan(value) and not np.isnan(r)]
        sizes = own["p"].map(len)
        leaning = {
            size: np.mean(np.stack(list(own["p"][sizes == size])), axis=0) for size in set(sizes)
        }
        positions = [leaning[size] @ score_of(size) for size in sizes]
        free = (
            answers.loc["ZZZ", questions]
            if "ZZZ" in answers.index
            else pd.Series(np.nan, index=questions)
        )
        common = own[own["question_id"].isin(asked_everywhere)]
        even = [
            (np.full(size, 1 / size), shares[country_id, question_id])
            for size, question_id in zip(sizes, questions, strict=True)
        ]
        best = max(neighbours.values(), default=np.nan) if len(own) >= 5 else np.nan
        rows.append(
            {
                "country_id": country_id,
                "common_question_count": len(common),
                "common_pearson_r": r_or_nan(common["m"], common["h"]),
                "best_other_country_id": (
                    max(neighbours, key=lambda other: neighbours[other])
                    if not np.isnan(best)
                    else None
                ),
                "best_other_country_r": best,
                "other_country_count": len(neighbours),
                "shuffled_countries_r": np.mean(strangers) if strangers else np.nan,
                "shuffled_countries_p": (
                    (1 + sum(value > r - 1e-9 for value in strangers)) / (1 + len(strangers))
                    if strangers
                    else np.nan
                ),
                "option_position_r": r_or_nan(
                    pd.Series(positions), own["h"].reset_index(drop=True)
                ),
                "country_free_r": r_or_nan(free, own["h"]) if free.notna().all() else np.nan,
                "uniform_mean_absolute_error": own["h"].abs().mean(),
                "uniform_mean_wasserstein_1": np.mean(
                    [
                        wasserstein_distance(score_of(len(p)), score_of(len(p)), p, r)
                        for p, r in even
                    ]
                ),
                "uniform_mean_jensen_shannon_distance": np.mean(
                    [jensenshannon(p, r, base=2) for p, r in even]
                ),
            }
        )
    return pd.DataFrame(rows).astype({"country_id": str})


def category_measures(cells: pd.DataFrame) -> pd.DataFrame:
    """Pooled agreement of each category that has comparable cells."""
    rows = []
    for category_id, own in comparable(cells).groupby("category_id"):
        enough = own["question_id"].nunique() >= 5
        centred = own.assign(
            m=own["m"] - own.groupby("country_id")["m"].transform("mean"),
            h=own["h"] - own.groupby("country_id")["h"].transform("mean"),
        )
        has_variance = np.std(centred["m"]) >= 1e-12
        rho0 = (
            congruence(own["m"], own["h"]) if enough and np.abs(own["m"]).max() > 1e-9 else np.nan
        )
        blind = congruence(own["b"], own["h"]) if enough and own["b"].notna().all() else np.nan
        rows.append(
            {
                "category_id": category_id,
                "question_count": own["question_id"].nunique(),
                "cell_count": len(own),
                "pearson_r": (
                    pearsonr(centred["m"], centred["h"]).statistic
                    if enough and has_variance
                    else np.nan
                ),
                "rho0": rho0,
                "blind_rho0": blind,
                "rho0_above_blind": rho0 - blind,
            }
        )
    return pd.DataFrame(rows)
