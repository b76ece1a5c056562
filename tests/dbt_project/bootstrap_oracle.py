"""The bootstrap a second time: draw after draw, questions repeated as drawn, scipy's r.

Only the random numbers themselves come from the model; nothing of its arithmetic does.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import pearsonr
from valuescope_statistics.bootstrap.cells import Settings, read_people
from valuescope_statistics.bootstrap.draws import battery_weights, moved_scores
from valuescope_statistics.bootstrap.estimates import RESULT, bootstrap

CONTINENTS = ["Africa", "Asia"]
MEMBERSHIPS = ["western_paper", "western_weog", "western_inglehart_welzel"]
MEASURES = ["pearson_r", "demeaned_pearson_r", "r_above_blind", "country_gain"]


@dataclass(frozen=True)
class Frames:
    """What the bootstrap takes, as plain frames."""

    cells: pd.DataFrame
    noise: pd.DataFrame
    people: pd.DataFrame
    countries: pd.DataFrame
    pairs: pd.DataFrame
    without_demeaned: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            columns=["survey_id", "model_id", "prompt_id", "country_id"]
        )
    )


def invented(
    designs: dict[str, float],
    *,
    countries: int = 8,
    questions: int = 24,
    batteries: int = 8,
    seed: int = 0,
) -> Frames:
    """Designs that know some share of what people say; batteries whose items hang together."""
    random = np.random.default_rng(seed)
    country_ids = [f"C{number:02d}" for number in range(countries)]
    question_ids = [f"Q{number:03d}" for number in range(questions)]
    # Neighbouring questions in different batteries, so that order within batteries matters.
    battery_of = {name: f"battery-{place % batteries}" for place, name in enumerate(question_ids)}
    shared = random.normal(0, 0.3, (questions, 1)) + random.normal(0, 0.2, (questions, countries))
    battery = random.normal(0, 0.3, (batteries, 1))[np.arange(questions) % batteries]
    human = pd.DataFrame(shared + battery, index=question_ids, columns=country_ids)
    people = human.rename_axis("question_id").reset_index()
    people = people.melt("question_id", var_name="country_id", value_name="human_mean_score")
    people["human_standard_error"] = random.uniform(0.01, 0.05, len(people))
    people = people.assign(survey_id="wvs", coding_id="native")
    people["battery_id"] = people["question_id"].map(battery_of)
    frames = []
    for model_id, knowledge in sorted(designs.items()):
        own = np.random.default_rng([seed, *model_id.encode()])
        score = knowledge * people["human_mean_score"] + own.normal(0, 0.2, len(people))
        frames.append(
            people[["survey_id", "coding_id", "question_id", "country_id"]].assign(
                model_id=model_id,
                prompt_id="p",
                llm_mean_score=score,
                noise_sensitivity=own.uniform(0.2, 0.6, len(people)),
            )
        )
    known = pd.DataFrame(
        {
            "country_id": country_ids,
            "continent": [CONTINENTS[place % 2] for place in range(countries)],
            "is_reference_country": [place != 2 for place in range(countries)],
            "is_western_paper": [place % 2 == 0 for place in range(countries)],
            "is_western_weog": pd.array(
                [None if place == 1 else place < 4 for place in range(countries)], "boolean"
            ),
            "is_western_inglehart_welzel": [place == 0 for place in range(countries)],
        }
    )
    names = sorted(designs)
    pairs = pd.DataFrame(
        [("wvs", first, "p", other, "p") for first in names for other in names if first > other],
        columns=["survey_id", "model_id", "prompt_id", "other_model_id", "other_prompt_id"],
    )
    noise = pd.DataFrame({"model_id": names, "prompt_id": "p", "log_likelihood_noise": np.nan})
    return Frames(pd.concat(frames, ignore_index=True), noise, people, known, pairs)


def run(frames: Frames, settings: Settings) -> pd.DataFrame:
    """The model's result on frames."""
    result = bootstrap(
        frames.cells,
        frames.noise,
        frames.without_demeaned,
        frames.people,
        frames.countries,
        frames.pairs,
        settings,
    )
    assert list(result.columns) == RESULT.names
    return result


class OneByOne:
    """Draws of every measure of every country and design of one survey and coding."""

    def __init__(self, frames: Frames, settings: Settings) -> None:
        self.frames = frames
        self.settings = settings
        known = read_people("wvs", frames.people, "native", frames.countries)
        by_battery = battery_weights(known, settings)
        self.times = pd.DataFrame(
            by_battery[:, known.battery_of_question].astype(int), columns=known.questions
        )
        self.moved = [
            pd.DataFrame(
                {
                    country_id: moved_scores(known, place, settings)[draw]
                    for place, country_id in enumerate(known.countries)
                },
                index=known.questions,
            )
            for draw in range(settings.replicates + 1)
        ]
        error = frames.people.pivot(
            index="question_id", columns="country_id", values="human_standard_error"
        )
        self.error = error.reindex_like(self.moved[0]).to_numpy()
        self.design = cache(self._design)
        self.reference = set(frames.countries.query("is_reference_country")["country_id"])

    def _design(self, model_id: str, other_model_id: str | None = None) -> dict[str, pd.DataFrame]:
        """Draws x countries of each measure, over the cells that the other model has too."""
        cells = self.scores(model_id)
        if other_model_id is not None:
            cells = cells.where(self.scores(other_model_id).notna())
        return self.measures(cells)

    def scores(self, model_id: str) -> pd.DataFrame:
        """Questions x countries, NaN without a cell."""
        own = self.frames.cells[self.frames.cells["model_id"] == model_id]
        scores = own.pivot(index="question_id", columns="country_id", values="llm_mean_score")
        return scores.reindex_like(self.moved[0])

    def measures(self, scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Draws x countries of each measure of some cells."""
        m, has_cell = scores.to_numpy(), scores.notna().to_numpy()
        is_reference = np.array([name in self.reference for name in scores.columns])
        inside = has_cell & is_reference
        enough = inside.sum(axis=1) >= self.settings.minimum_reference_countries
        draws = np.full((len(MEASURES), len(self.moved), m.shape[1]), np.nan)
        for draw, (moved, times) in enumerate(zip(self.moved, self.times.to_numpy(), strict=True)):
            h = moved.to_numpy()
            for place in range(m.shape[1]):
                asked = has_cell[:, place]
                if asked.sum() < self.settings.minimum_questions:
                    continue
                own, others = np.eye(m.shape[1])[place], np.full(m.shape[1], 1 / (m.shape[1] - 1))
                others[place] = 0
                drawn = Draw(h, self.error if draw else self.error * 0, times, asked)
                r = drawn.r(m[:, place], own)
                draws[0, draw, place] = r
                draws[2, draw, place] = r - drawn.r_of_means(others, own)
                draws[3, draw, place] = r - drawn.r(mean_of(m, has_cell), own)
                if (asked & enough).sum() >= self.settings.minimum_questions:
                    drawn = Draw(h, drawn.error, times, asked & enough)
                    mean = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
                    draws[1, draw, place] = drawn.r(m[:, place] - mean_of(m, inside), own - mean)
        return {
            measure: pd.DataFrame(values, columns=scores.columns).dropna(axis=1, how="all")
            for measure, values in zip(MEASURES, draws, strict=True)
        }


def mean_of(values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Each question's mean over the countries of some cells."""
    return np.array(
        [row[own].mean() if own.any() else np.nan for row, own in zip(values, cells, strict=True)]
    )


@dataclass(frozen=True)
class Draw:
    """One draw of some questions: people's moved scores, and how far each was moved on average.

    `shares` of countries, alike for all questions or not, make people's scores of theirs.
    """

    human: np.ndarray
    error: np.ndarray
    times: np.ndarray
    asked: np.ndarray

    def r(self, scores: np.ndarray, shares: np.ndarray) -> float:
        """scipy's r with people's scores, each question as often as it is drawn."""
        return self._r(scores, (self.human * shares).sum(axis=1)) * self._correction(shares)

    def r_of_means(self, shares: np.ndarray, others: np.ndarray) -> float:
        """The same of two of people's scores."""
        x, y = ((self.human * own).sum(axis=1) for own in (shares, others))
        return self._r(x, y) * self._correction(shares) * self._correction(others)

    def _r(self, x: np.ndarray, y: np.ndarray) -> float:
        repeats = self.times[self.asked]
        if (repeats > 0).sum() < 2:
            return np.nan
        pair = np.repeat(x[self.asked], repeats), np.repeat(y[self.asked], repeats)
        return float(pearsonr(*pair).statistic)

    def _correction(self, shares: np.ndarray) -> float:
        """Moving adds to the variance of people's scores; by how much is known."""
        repeats = self.times[self.asked]
        human = np.repeat((self.human * shares).sum(axis=1)[self.asked], repeats)
        added = np.repeat((self.error**2 * shares**2).sum(axis=1)[self.asked], repeats)
        return float(np.sqrt(np.var(human) / (np.var(human) - np.mean(added))))


def summary_of(draws: np.ndarray) -> dict[str, float]:
    """The numbers of the result, from draws of which the first is the estimate."""
    own = draws[1:][np.isfinite(draws[1:])]
    low, high = np.quantile(own, [0.025, 0.975])
    rarer = min((own <= 0).sum(), (own >= 0).sum())
    return {
        "estimate": draws[0],
        "ci_low": low,
        "ci_high": high,
        "standard_error": np.std(own, ddof=1),
        "p_value": min(1, 2 * (1 + rarer) / (1 + len(own))),
    }
