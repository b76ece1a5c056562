"""Studies of the cultural map: respondents drawn anew from the people of twelve countries.

The people are finite and their places known exactly. Each study draws respondents from them, of
unequal weights and with answers that lack, loads them as a survey file, and builds the map.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from tests.calibration.truth import RESPONDENTS, Floats
from tests.dbt_project.map_study import (
    COUNTRIES,
    ENDS,
    INDICATORS,
    PEOPLE,
    QUESTIONS,
    TRADITIONAL_QUESTIONS,
    by_search,
)
from tests.dbt_project.study import WITHOUT_TESTS, build_successfully, read
from valuescope.ingest import LoadOptions, load_file
from valuescope.warehouse.home import SEEDS, Home
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone

AXES = ("secular_rational", "self_expression")
# How many people a country has, and how many of their answers lack.
PEOPLE_OF_COUNTRY = 20_000
MISSING = 0.05
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class People:
    """Everybody in all countries, country by country: codes (people x questions) and weights."""

    codes: Codes
    weights: Floats

    @property
    def values(self) -> pd.DataFrame:
        """Return each person's indicators, a column each."""
        told = pd.read_csv(SEEDS / "indicator_codes.csv")
        values = pd.DataFrame(0.0, index=range(len(self.codes)), columns=INDICATORS)
        for (indicator, question), rows in told.groupby(["indicator_id", "question_id"]):
            of_code = dict(zip(rows["code"], rows["value"], strict=True))
            said = pd.Series(self.codes[:, QUESTIONS.index(str(question))])
            values[indicator] += said.map(of_code)
        return values

    def means(self) -> Floats:
        """Return the means of countries (x indicators), whom weights do not concern."""
        shape = len(COUNTRIES), PEOPLE_OF_COUNTRY, len(INDICATORS)
        found: Floats = self.values.to_numpy().reshape(shape).mean(axis=1)
        return found

    def places(self) -> Floats:
        """Return the countries' places on the axes of everybody (countries x axes)."""
        values = self.values.to_numpy()
        _, coefficients = by_search(np.corrcoef(values.T))
        found: Floats = (self.means() - values.mean(axis=0)) / values.std(axis=0) @ coefficients
        return found


def all_people(random: np.random.Generator) -> People:
    """Return people with two values each, which the questions of an axis have in common."""
    size = len(COUNTRIES) * PEOPLE_OF_COUNTRY
    places = np.repeat(random.normal(scale=0.6, size=(len(COUNTRIES), 2)), PEOPLE_OF_COUNTRY, 0)
    own = places + random.normal(size=(size, 2))
    codes = np.empty((size, len(QUESTIONS)), np.int64)
    for question, (high, low) in ENDS.items():
        value = own[:, 0 if question in TRADITIONAL_QUESTIONS else 1] + random.normal(size=size)
        steps = np.rint((value + 2) / 4 * abs(high - low)).clip(0, abs(high - low))
        codes[:, QUESTIONS.index(question)] = low + np.sign(high - low) * steps
    # Of four aims two are post-materialist; nobody takes one twice.
    firmly = own[:, 1:] + random.normal(size=(size, 2)) > 0
    kinds = [np.tile(both, (size, 1)) for both in ([2, 4], [1, 3])]
    aims = np.stack([random.permuted(both, axis=1) for both in kinds])
    first = np.where(firmly[:, 0], aims[0, :, 0], aims[1, :, 0])
    again = (firmly[:, 0] == firmly[:, 1]).astype(int)
    second = np.where(firmly[:, 1], aims[0, range(size), again], aims[1, range(size), again])
    codes[:, QUESTIONS.index("Q154")], codes[:, QUESTIONS.index("Q155")] = first, second
    return People(codes, np.exp(0.4 * random.standard_normal(size)).round(3))


def _respondents(random: np.random.Generator, people: People) -> pd.DataFrame:
    """Return the rows of a survey file; whoever has a smaller weight is drawn more often."""
    shares = (1 / people.weights).reshape(len(COUNTRIES), -1)
    drawn = np.concatenate(
        [
            place * PEOPLE_OF_COUNTRY
            + random.choice(PEOPLE_OF_COUNTRY, RESPONDENTS, p=own / own.sum())
            for place, own in enumerate(shares)
        ]
    )
    codes = people.codes[drawn].copy()
    lacks = random.uniform(size=codes.shape) < MISSING
    # Both aims or none.
    lacks[:, QUESTIONS.index("Q155")] = lacks[:, QUESTIONS.index("Q154")]
    codes[lacks] = -1
    return pd.DataFrame(
        {
            "A_WAVE": 7,
            "A_YEAR": 2018,
            "A_STUDY": 2,
            "B_COUNTRY_ALPHA": np.repeat(COUNTRIES, RESPONDENTS),
            "D_INTERVIEW": range(len(drawn)),
            "W_WEIGHT": people.weights[drawn],
            **dict(zip(QUESTIONS, codes.T, strict=True)),
        }
    )


def intervals_of_places(home: Home, surveys: int, seed: int) -> pd.DataFrame:
    """Build the map of so many studies; return places +- 1.96 standard errors and what is true.

    A place is compared with that of all people on the axes that the study found, which its error is
    about, and with that on the axes of all people.
    """
    random = np.random.default_rng([seed, len(COUNTRIES)])
    people = all_people(random)
    means, places = people.means(), people.places()
    ensure_landing_zone(home)
    file, instrument = Path(home.path) / "people.csv", load_instrument()
    frames = []
    for number in range(surveys):
        _respondents(random, people).to_csv(file, index=False)
        load_file(file, home, instrument, LoadOptions())
        build_successfully(home, *WITHOUT_TESTS, "--select", "+fct_cultural_map")
        found = read(
            home,
            f"""
            select * from marts.fct_cultural_map
            where population_id = '{PEOPLE}' and source_kind = 'human' order by country_id
            """,
        )
        assert list(found["country_id"]) == COUNTRIES
        axes = read(home, "select * from marts.dim_cultural_axes").set_index("indicator_id")
        for column, axis in enumerate(AXES):
            own = axes[axes["axis_id"] == axis].loc[INDICATORS]
            mean, deviation, coefficient = (
                own[name].to_numpy()
                for name in ("mean_value", "standard_deviation", "score_coefficient")
            )
            truths = {
                "found": (means - mean) / deviation @ coefficient,
                "of all people": places[:, column],
            }
            half = norm.ppf(0.975) * found[f"{axis}_standard_error"]
            for whose, truth in truths.items():
                frames.append(
                    pd.DataFrame(
                        {
                            "survey_id": f"s{number:04d}",
                            "model_id": "people",
                            "mart": f"fct_cultural_map, axes {whose}",
                            "number": axis,
                            "estimate": found[axis],
                            "ci_low": found[axis] - half,
                            "ci_high": found[axis] + half,
                            "truth": truth,
                        }
                    )
                )
    return pd.concat(frames, ignore_index=True).assign(p_value=np.nan, q_value=np.nan, family=None)
