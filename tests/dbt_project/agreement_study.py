"""The study that the marts are checked on: invented people, loads that overlap, six designs."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from tests.dbt_project.study import (
    SCORED_AT,
    WITHOUT_UNIT_TESTS,
    Instrument,
    add_load,
    build_successfully,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
    tests_of_data,
)
from valuescope.warehouse.home import Home

EUROPE = ["AND", "CYP", "CZE", "DEU", "GBR", "GRC"]
COUNTED = [*EUROPE, "ARG", "BOL", "CHN", "IDN", "JPN", "EGY"]
SHARES_ONLY = ["KEN", "MEX", "USA"]
NOT_SURVEYED = "NZL"
SPARSE = "JPN"

QUESTIONS = [
    # two categories that are ranked, with batteries
    *(f"Q{number}" for number in range(1, 7)),
    *(f"Q{number}" for number in range(27, 34)),
    *(f"Q{number}" for number in range(177, 192)),
    # one below ten questions, one below five
    *(f"Q{number}" for number in range(106, 112)),
    *(f"Q{number}" for number in range(158, 161)),
    # reordered codes, codes outside the scale, code 0 on it, four options, yes or no
    *("Q56", "Q119", "Q122", "Q221", "Q254", "Q57", "Q199", "Q149"),
    # nominal and quiz questions
    *("Q42", "Q152", "Q91"),
]


@dataclass(frozen=True)
class AgreementStudy:
    """One built warehouse and all that went into it.

    `scores` has the rows that count, `loads` and `marginals` all that were loaded. `tests_of_data`
    are dbt's, to ask of other warehouses.
    """

    home: Home
    instrument: Instrument
    loads: pd.DataFrame
    marginals: pd.DataFrame
    scores: pd.DataFrame
    tests_of_data: dict[str, str]


def build_agreement_study(home: Home, instrument: Instrument) -> AgreementStudy:
    """Load, land and build everything with the dbt project's own tests of data."""
    loads, marginals = _load_people(home, instrument)
    scores = _land_answers(home, instrument, marginals)
    build_successfully(home, *WITHOUT_UNIT_TESTS)
    return AgreementStudy(home, instrument, loads, marginals, scores, tests_of_data())


def _load_people(home: Home, instrument: Instrument) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts, newer shares that overlap them, a correction, and another population."""
    counts = random_counts(instrument, QUESTIONS, COUNTED, seed=1)
    sparse = (counts["country_id"] == SPARSE) & ~counts["question_id"].isin(["Q1", "Q2", "Q177"])
    not_asked = (counts["question_id"] == "Q30") & counts["country_id"].isin(["ARG", "CHN"])
    counts = counts[~sparse & ~not_asked]
    # Asked nowhere in China: one missing code for everybody.
    silent = (counts["question_id"] == "Q31") & (counts["country_id"] == "CHN")
    counts.loc[silent, "code"] = -4
    counts = counts.drop_duplicates(["country_id", "question_id", "code"])

    shares = random_counts(instrument, QUESTIONS, [*SHARES_ONLY, "DEU", "ARG"], seed=2)
    shares = shares[(shares["code"] >= 0) & (shares["country_id"] != "ARG")]
    valid = shares.groupby(["country_id", "question_id"])["respondents"].transform("sum")
    shares = shares.assign(
        sum_of_weights=shares["respondents"] / valid, respondents=None, sum_of_squared_weights=None
    )
    correction = random_counts(instrument, ["Q177", "Q178"], ["GRC", "BOL"], seed=3)
    unweighted = random_counts(instrument, QUESTIONS[:8], [*COUNTED, *SHARES_ONLY, "FRA"], seed=4)
    earlier = random_counts(instrument, ["Q1", "Q27"], ["DEU", "SWE"], seed=5).assign(wave=6)

    add_load(home, "counts", counts)
    add_load(home, "shares", shares, loaded_after=9, has_counts=False, has_dont_know_codes=False)
    add_load(home, "correction", correction, loaded_after=5)
    add_load(
        home,
        "others",
        pd.concat([unweighted, earlier]),
        wave_selection="since-6",
        weighting="unweighted",
    )
    loads = pd.DataFrame(
        [
            ("counts", "wvs:7:within_country:all", True, True, 0),
            ("shares", "wvs:7:within_country:all", False, False, 9),
            ("correction", "wvs:7:within_country:all", True, True, 5),
            ("others", "wvs:since-6:unweighted:all", True, True, 0),
        ],
        columns=["load_id", "population_id", "has_counts", "has_dont_know_codes", "loaded_at"],
    )
    frames = {"counts": counts, "shares": shares, "correction": correction}
    frames["others"] = pd.concat([unweighted, earlier])
    marginals = pd.concat([frame.assign(load_id=name) for name, frame in frames.items()])
    return loads, marginals.astype({"respondents": float, "sum_of_squared_weights": float})


def _land_answers(home: Home, instrument: Instrument, marginals: pd.DataFrame) -> pd.DataFrame:
    """Models that know something, nothing, no countries and no difference; two codings."""
    random = np.random.default_rng(11)
    land_design(home, "native")
    land_design(home, "native-text", answer_style="text")
    land_design(home, "paper", coding_id="paper")
    countries = [*COUNTED, *SHARES_ONLY, NOT_SURVEYED]
    known = _known(marginals)
    kept = []
    for model_id, prompt_id in [
        ("knowing", "native"),
        ("guessing", "native"),
        ("guessing", "paper"),
        ("uniform", "native"),
        ("same-everywhere", "native"),
        ("guessing", "native-text"),
    ]:
        coding_id = "paper" if prompt_id == "paper" else "native"
        land_model(home, model_id)
        run_id = f"{model_id}-{prompt_id}"
        land_run(home, run_id, model_id, prompt_id)
        cells = []
        for question_id in QUESTIONS if prompt_id != "native-text" else QUESTIONS[:6]:
            size = instrument.choice_count(question_id, coding_id)
            everywhere = random.normal(size=size)
            for country_id in [*countries, *(["ZZZ"] if prompt_id == "native" else [])]:
                own = random.normal(size=size)
                shares = known.get((country_id, question_id), np.zeros(0))[:size]
                values = {
                    "knowing": np.pad(shares, (0, size - len(shares))) + 0.5 * own,
                    "guessing": everywhere + own,
                    "uniform": np.zeros(size),
                    "same-everywhere": everywhere,
                }[model_id] - 6.0
                # A run that was interrupted.
                if model_id == "knowing" and country_id == "CZE" and question_id > "Q3":
                    continue
                # A cell whose choices are not the instrument's.
                if run_id == "guessing-native" and (country_id, question_id) == ("GBR", "Q3"):
                    values = values[:-1]
                cells.append((_cell(run_id, model_id, prompt_id, country_id, question_id), values))
        rows = [
            {
                **{key: cell[key] for key in ("model_id", "prompt_id", "country_id")},
                "question_id": cell["question_id"],
                "choice_index": index,
                "log_likelihood": value,
            }
            for cell, values in cells
            for index, value in enumerate(values, start=1)
        ]
        kept.append(pd.DataFrame(rows))
        landed = [
            (
                {
                    **cell,
                    "coding_id": coding_id,
                    **({"label_token_count": None} if prompt_id == "native-text" else {}),
                },
                list(values),
            )
            for cell, values in cells
        ]
        land_cells(home, landed)
        if run_id == "guessing-native":
            # The rename of a compaction without its deletes, and an older run with another text.
            land_cells(home, landed[:400], "compacted.parquet")
            older = SCORED_AT - timedelta(days=1)
            land_run(home, "older", model_id, prompt_id)
            land_cells(
                home,
                [
                    (
                        {**cell, "run_id": "older", "text_sha256": "t0", "scored_at": older},
                        values[::-1],
                    )
                    for cell, values in landed[:50]
                ],
            )
    return pd.concat(kept, ignore_index=True)


def _cell(
    run_id: str, model_id: str, prompt_id: str, country_id: str, question_id: str
) -> dict[str, str]:
    return {
        "run_id": run_id,
        "model_id": model_id,
        "prompt_id": prompt_id,
        "country_id": country_id,
        "question_id": question_id,
    }


def _known(marginals: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """Log shares of the answers people gave, by country and question."""
    keys = ["country_id", "question_id"]
    own = marginals[marginals["code"] >= 0].drop_duplicates([*keys, "code"])
    return {
        (str(country), str(question)): np.log((weights / weights.sum()).to_numpy())
        for (country, question), weights in own.groupby(keys, sort=False)["sum_of_weights"]
    }
