"""A study of the Inglehart-Welzel map: respondents with two values each, and models of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar

from tests.dbt_project.study import (
    WITHOUT_TESTS,
    Instrument,
    build_successfully,
    land_cells,
    land_design,
    land_model,
    land_run,
)
from tests.ingest.survey_files import Respondent, Survey, write_wave7_csv
from tests.ingest.survey_oracle import indicators
from valuescope.ingest import LoadOptions, load_file, parse_breakdown
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument

Floats = npt.NDArray[np.float64]

SECULAR = ["importance_of_god", "autonomy", "abortion", "national_pride", "respect_for_authority"]
EXPRESSIVE = ["postmaterialism", "happiness", "petition", "homosexuality", "trust"]
INDICATORS = [*SECULAR, *EXPRESSIVE]
# The answer that lies furthest up each axis, and the one furthest down.
ENDS = {
    **{"Q164": (1, 10), "Q184": (10, 1), "Q254": (4, 1), "Q45": (3, 1)},
    **{"Q8": (1, 2), "Q14": (1, 2), "Q15": (2, 1), "Q17": (2, 1)},
    **{"Q46": (1, 4), "Q209": (1, 3), "Q182": (10, 1), "Q57": (1, 2)},
}
TRADITIONAL_QUESTIONS = ["Q164", "Q184", "Q254", "Q45", "Q8", "Q14", "Q15", "Q17"]
QUESTIONS = sorted([*ENDS, "Q154", "Q155"], key=lambda question: int(question[1:]))
COUNTRIES = [
    *("AND", "ARG", "BOL", "CHN", "CYP", "CZE", "DEU", "GBR", "GRC", "IDN", "JPN", "KEN"),
]
# Nobody there was asked about homosexuality.
NOT_ASKED = "EGY"
# Everybody there answered everything.
COMPLETE = "JPN"
PEOPLE = "wvs:7:within_country:all"
MODELS = ("fct_cultural_map", "agg_cultural_distances", "dim_countries", "dim_populations")


def answer(question: str, value: float) -> int:
    """The code of somebody with `value` standard deviations on the question's axis."""
    high, low = ENDS[question]
    step = np.clip(round((value + 2) / 4 * abs(high - low)), 0, abs(high - low))
    return int(low + step if high > low else low - step)


def invent_people() -> Survey:
    random = np.random.default_rng(42)
    people: list[Respondent] = []
    for number, country in enumerate([*COUNTRIES, NOT_ASKED]):
        place = random.normal(scale=0.8, size=2)
        for interview in range(150 + 10 * number):
            own = place + random.normal(size=2)
            noisy = {
                question: own[0 if question in TRADITIONAL_QUESTIONS else 1] + random.normal()
                for question in ENDS
            }
            answers = {question: answer(question, value) for question, value in noisy.items()}
            high, low = random.permutation([2, 4]), random.permutation([1, 3])
            first, second = own[1] + random.normal(size=2) > 0
            answers["Q154"] = int(high[0] if first else low[0])
            answers["Q155"] = int((high if second else low)[1 if first == second else 0])
            if country != COMPLETE:
                # Both aims or none, as a model has both.
                lost = [q for q in QUESTIONS if q != "Q155" and random.uniform() < 0.06]
                answers |= dict.fromkeys(lost, -1)
                if "Q154" in lost:
                    answers["Q155"] = -2
            if country == NOT_ASKED:
                answers["Q182"] = -4
            people.append(
                Respondent(
                    country_id=country,
                    wave=7,
                    year=2018,
                    weight=round(random.uniform(0.4, 2.5), 3),
                    interview=len(people) + 1,
                    mode=None,
                    sex=1 + interview % 2,
                    age=40,
                    education=2,
                    urban=1,
                    answers=answers,
                )
            )
    return Survey(tuple(people), tuple(QUESTIONS))


@dataclass(frozen=True)
class MapStudy:
    """A built warehouse and who is in it: a row a respondent, NaN where an indicator is missing."""

    home: Home
    people: pd.DataFrame


def shares(survey: Survey, country: str, question: str, size: int) -> Floats:
    found: Floats = np.zeros(size)
    for person in survey.respondents:
        if person.country_id == country and person.answers[question] > 0:
            found[person.answers[question] - 1] += person.weight
    return np.asarray(found / found.sum())


def build_map_study(home: Home, instrument: Instrument) -> MapStudy:
    """Load the people, land answers of models that copy them and build what the map needs."""
    survey = invent_people()
    home.path.mkdir(parents=True)
    file = write_wave7_csv(survey, home.path / "people.csv")
    options = LoadOptions(breakdowns=(parse_breakdown("sex"),), minimum_cell=1)
    load_file(file, home, load_instrument(), options)
    land_design(home, "native")
    land_design(home, "folded", coding_id="paper")
    for model_id, prompt_id in (
        ("copy", "native"),
        ("japan-everywhere", "native"),
        ("forgetful", "native"),
        ("copy", "folded"),
    ):
        land_model(home, model_id)
        land_run(home, f"{model_id}-{prompt_id}", model_id, prompt_id)
        cells = []
        countries = [*COUNTRIES, "ZZZ"] if model_id == "japan-everywhere" else COUNTRIES
        for country in countries:
            for question in QUESTIONS:
                if model_id == "forgetful" and question == "Q155":
                    continue
                source = "JPN" if model_id == "japan-everywhere" else country
                coding = "paper" if prompt_id == "folded" else "native"
                size = instrument.choice_count(question, coding)
                known = shares(survey, source, question, 10)[:size] if coding == "native" else None
                cell = {
                    "run_id": f"{model_id}-{prompt_id}",
                    "model_id": model_id,
                    "prompt_id": prompt_id,
                    "coding_id": coding,
                    "country_id": country,
                    "question_id": question,
                }
                with np.errstate(divide="ignore"):
                    values = np.zeros(size) if known is None else np.maximum(np.log(known), -2000)
                cells.append((cell, list(values)))
        land_cells(home, cells)
    build_successfully(home, *WITHOUT_TESTS, "--select", *(f"+{name}" for name in MODELS))
    rows = [
        {
            "country_id": person.country_id,
            "weight": person.weight,
            "sex": person.sex,
            **indicators(person.answers),
        }
        for person in survey.respondents
    ]
    return MapStudy(home, pd.DataFrame(rows).astype(dict.fromkeys(INDICATORS, float)))


def varimax_criterion(loadings: Floats) -> float:
    """Variance of the squared loadings, rows scaled to length one (Kaiser's normalisation)."""
    scaled = loadings / np.sqrt((loadings**2).sum(axis=1, keepdims=True))
    return float((scaled**2).var(axis=0).sum())


def turned(loadings: Floats, angle: float) -> Floats:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(loadings @ np.array([[cosine, -sine], [sine, cosine]]))


def by_search(correlations: Floats) -> tuple[Floats, Floats]:
    """Components by power iteration, varimax by search, coefficients as R^-1 L."""
    rest, columns = correlations.copy(), []
    for _ in range(2):
        vector = np.random.default_rng(0).normal(size=len(rest))
        for _ in range(20000):
            vector = rest @ vector
            vector /= np.linalg.norm(vector)
        value = vector @ rest @ vector
        columns.append(np.sqrt(value) * vector)
        rest = rest - value * np.outer(vector, vector)
    loadings = np.column_stack(columns)
    grid = np.linspace(0, np.pi / 2, 181)
    best = grid[np.argmax([varimax_criterion(turned(loadings, angle)) for angle in grid])]
    found = minimize_scalar(
        lambda angle: -varimax_criterion(turned(loadings, angle)),
        bounds=(best - 0.02, best + 0.02),
        method="bounded",
        options={"xatol": 1e-12},
    )
    rotated = turned(loadings, float(found.x))
    if abs(rotated[:5, 0]).sum() < abs(rotated[:5, 1]).sum():
        rotated = rotated[:, ::-1]
    rotated = rotated * np.sign([rotated[:5, 0].sum(), rotated[5:, 1].sum()])
    return rotated, np.linalg.solve(correlations, rotated).astype(np.float64)
