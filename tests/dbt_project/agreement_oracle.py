"""The jackknife a second time: battery after battery is dropped, and scipy computes r and t.

Nothing comes from the project's own arithmetic.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import pearsonr, t
from valuescope_statistics.agreement.cells import Settings
from valuescope_statistics.agreement.estimates import RESULT, estimates

CONTINENTS = ["Africa", "Asia"]
MEMBERSHIPS = ["western_paper", "western_weog", "western_inglehart_welzel"]
MEASURES = ["pearson_r", "demeaned_pearson_r", "r_above_blind", "country_gain"]


@dataclass(frozen=True)
class Frames:
    """What the estimates are made of, as plain frames."""

    cells: pd.DataFrame
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
    return Frames(pd.concat(frames, ignore_index=True), people, known, pairs)


def run(frames: Frames, settings: Settings) -> pd.DataFrame:
    """Return the project's result on frames."""
    result = estimates(
        frames.cells,
        frames.without_demeaned,
        frames.people,
        frames.countries,
        frames.pairs,
        settings,
    )
    assert list(result.columns) == RESULT.names
    return result


@dataclass(frozen=True)
class Values:
    """A measure of countries: whole and without each battery, and the questions it rests on.

    `samples` is 1 + batteries x countries, `asked` questions x countries, `battery` by question.
    """

    samples: pd.DataFrame
    asked: pd.DataFrame
    battery: pd.Series

    def minus(self, other: "Values") -> "Values":
        """Return the difference of two designs over the same cells."""
        return Values(self.samples - other.samples, self.asked, self.battery)

    def mean(self, countries: pd.Index) -> "Values":
        """Return the mean over some countries."""
        questions = self.asked[countries].any(axis=1)
        return Values(
            self.samples[countries].mean(axis=1).to_frame("mean"),
            questions.to_frame("mean"),
            self.battery,
        )

    def summary(self, name: str, *, is_r: bool, is_mean: bool) -> dict[str, float]:
        """Return the numbers of a country's row, or of the mean's over countries."""
        whole, *without = self.samples[name]
        sizes = self.battery[self.asked[name]].value_counts()
        number, counts = len(sizes), sizes**1.5 if is_mean else sizes
        freedom = counts.sum() ** 2 / (counts**2).sum() - 1

        def error(values: list[float], centre: float) -> float:
            squares = sum((value - centre) ** 2 for value in values)
            return float(np.sqrt((number - 1) / number * squares))

        def scale(value: float) -> float:
            return float(np.arctanh(value)) if is_r else value

        def back(value: float) -> float:
            return float(np.tanh(value)) if is_r else value

        centre = scale(whole)
        scaled = error([scale(value) for value in without], centre)
        low, high = map(back, t.interval(0.95, freedom, centre, scaled))
        plain = error(without, whole)
        return {
            "estimate": whole,
            "ci_low": low,
            "ci_high": high,
            "standard_error": plain,
            "p_value": 2 * t.cdf(-abs(centre) / scaled, freedom),
            "smallest_detectable_delta": plain * (t.ppf(0.975, freedom) + t.ppf(0.8, freedom)),
            "battery_count": number,
            "effective_battery_count": sizes.sum() ** 2 / (sizes**2).sum(),
        }


class OneByOne:
    """Every measure of every country and design of one survey and coding, battery by battery."""

    def __init__(self, frames: Frames, settings: Settings) -> None:
        self.frames = frames
        self.settings = settings
        self.human = frames.people.pivot(
            index="question_id", columns="country_id", values="human_mean_score"
        )
        batteries = frames.people.drop_duplicates("question_id").set_index("question_id")
        self.battery = batteries["battery_id"].reindex(self.human.index)
        self.design = cache(self._design)
        self.reference = set(frames.countries.query("is_reference_country")["country_id"])

    def _design(self, model_id: str, other_model_id: str | None = None) -> dict[str, Values]:
        """Return each measure, over the cells that the other model has too."""
        cells = self.scores(model_id)
        if other_model_id is not None:
            cells = cells.where(self.scores(other_model_id).notna())
        return self.measures(cells)

    def scores(self, model_id: str) -> pd.DataFrame:
        """Return questions x countries, NaN without a cell."""
        own = self.frames.cells[self.frames.cells["model_id"] == model_id]
        scores = own.pivot(index="question_id", columns="country_id", values="llm_mean_score")
        return scores.reindex_like(self.human)

    def measures(self, scores: pd.DataFrame) -> dict[str, Values]:
        """Return each measure of some cells."""
        inside = scores[[name for name in scores if name in self.reference]].notna()
        enough = inside.sum(axis=1) >= self.settings.minimum_reference_countries
        reference_score = scores[inside.columns].mean(axis=1)
        reference_human = self.human[inside.columns].where(inside).mean(axis=1)
        rows: dict[str, dict[str, list[float]]] = {measure: {} for measure in MEASURES}
        asked = {measure: scores.notna() for measure in MEASURES}
        asked["demeaned_pearson_r"] = scores.notna().mul(enough, axis=0)
        for name in map(str, scores):
            if scores[name].notna().sum() < self.settings.minimum_questions:
                continue
            own, human = scores[name], self.human[name]
            r = self.r(own, human, scores[name].notna())
            blind = self.human.drop(columns=name).mean(axis=1)
            blind_r = self.r(blind, human, scores[name].notna())
            elsewhere = scores.drop(columns=name).mean(axis=1)
            mean_r = self.r(elsewhere, human, scores[name].notna())
            rows["pearson_r"][name] = r
            rows["r_above_blind"][name] = [
                one - other for one, other in zip(r, blind_r, strict=True)
            ]
            rows["country_gain"][name] = [one - other for one, other in zip(r, mean_r, strict=True)]
            shared = asked["demeaned_pearson_r"][name]
            if shared.sum() >= self.settings.minimum_questions:
                rows["demeaned_pearson_r"][name] = self.r(
                    own - reference_score, human - reference_human, shared
                )
        return {
            measure: Values(pd.DataFrame(values), asked[measure], self.battery)
            for measure, values in rows.items()
        }

    def r(self, x: pd.Series, y: pd.Series, asked: pd.Series) -> list[float]:
        """Return scipy's r over the questions asked, then without each battery."""
        left_out = [None, *sorted(set(self.battery))]
        kept = [asked & (self.battery != battery) for battery in left_out]
        return [float(pearsonr(x[questions], y[questions]).statistic) for questions in kept]
