"""A study of pairs: sizes, precisions, base and chat models, waves, men and women."""

import numpy as np
import pandas as pd

from tests.dbt_project.study import (
    WITHOUT_TESTS,
    Instrument,
    add_load,
    build_successfully,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
)
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.subjects import invented_names

WEST = ["AND", "AUS", "CAN", "DEU", "GBR", "USA"]
ELSEWHERE = ["ARG", "BOL", "CHN", "IDN", "KOR", "SGP"]
COUNTRIES = [*WEST, *ELSEWHERE]
QUESTIONS = [
    *(f"Q{number}" for number in (1, 2, 27, 28, 29, 30, 31, *range(46, 51), 56)),
    *(f"Q{number}" for number in (57, 58, 59, 60, 61, 62)),
    *(f"Q{number}" for number in (106, 107, *range(112, 121), 122, 131, 146, 149)),
    *(
        f"Q{number}"
        for number in (152, 156, 158, 164, 168, 176, 177, 178, 179, 180, 182, 186, 199, 221, 235)
    ),
]
# Name in the registry, quantization, how much of people's answers it knows.
MODELS = [
    ("smollm2-135m-instruct", "Q8_0", 0.2),
    ("smollm2-360m", "Q8_0", 0.4),
    ("smollm2-360m-instruct", "Q8_0", 0.5),
    ("smollm2-360m-instruct", "Q4_K_M", 0.5),
    ("llama-2-7b", "Q8_0", 0.8),
    ("people", "F16", 1.0),
]


# Who is asked about groups, years and invented countries, in both orders.
ASKED_MORE = ("smollm2-360m-instruct-Q8_0", "template")
PLACEBOS = invented_names()[:6]
# The years that are asked about, each with the wave whose fieldwork is nearest and its people.
YEARS = {"year=2010": (6, 2), "year=2018": (7, 1)}


def people(instrument: Instrument, seed: int, wave: int = 7) -> pd.DataFrame:
    """Counts of invented respondents, others for each seed."""
    return random_counts(instrument, QUESTIONS, COUNTRIES, seed=seed).assign(wave=wave)


def shares_of(counts: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Weighted shares of the native choices, one row a country, question and choice."""
    native = instrument.choices[
        (instrument.choices["coding_id"] == "native") & instrument.choices["is_on_scale"]
    ]
    codes = native.assign(code=native["survey_codes"].str.split("|")).explode("code")
    codes = codes.assign(code=codes["code"].astype(int))[["question_id", "code", "choice_index"]]
    keys = ["country_id", "question_id"]
    rows = codes[codes["question_id"].isin(QUESTIONS)].merge(
        pd.DataFrame({"country_id": COUNTRIES}), how="cross"
    )
    rows = rows.merge(counts, on=[*keys, "code"], how="left")
    weights = rows["sum_of_weights"].fillna(0)
    total = weights.groupby([rows[key] for key in keys]).transform("sum")
    return rows.assign(share=weights / total)[[*keys, "choice_index", "share"]].sort_values(
        [*keys, "choice_index"], ignore_index=True
    )


def build_pairs_study(home: Home, instrument: Instrument) -> Home:
    """Two waves, men and women; base and chat models of two sizes, in both orders, once in Q4.

    One of them is asked about men and women, about two years, and about invented countries, too.
    """
    counts = people(instrument, seed=1)
    add_load(home, "wave7", counts)
    add_load(home, "wave6", people(instrument, seed=2, wave=6), wave_selection="6", first_year=2011)
    for sex, seed in (("female", 3), ("male", 4)):
        add_load(home, sex, people(instrument, seed), breakdown="sex", subgroup_id=f"sex={sex}")
    shares = shares_of(counts, instrument)
    world = shares.groupby(["question_id", "choice_index"], as_index=False)["share"].mean()
    asked = pd.concat([shares, world.assign(country_id="ZZZ")], ignore_index=True)
    random = np.random.default_rng(5)
    for order in ("forward", "reverse"):
        for chat_mode in ("template", "raw"):
            land_design(home, f"{order}-{chat_mode}", choice_order=order, chat_mode=chat_mode)
    for name, quantization, known in MODELS:
        is_chat = name.endswith("instruct")
        model_id = f"{name}-{quantization}"
        land_model(
            home,
            model_id,
            name,
            is_in_registry=name != "people",
            is_chat=is_chat,
            quantization=quantization,
        )
        for order in ("forward", "reverse"):
            for chat_mode in ("template", "raw") if "360m" in name else ("template",):
                run_id = f"{model_id}-{order}-{chat_mode}"
                prompt_id = f"{order}-{chat_mode}"
                land_run(home, run_id, model_id, prompt_id)
                noise = (1 - known) * random.normal(size=len(asked))
                values = np.log(np.maximum(asked["share"], 1e-6)) * known + noise
                frame = asked.assign(value=values)
                land_cells(
                    home,
                    [
                        (
                            {
                                "run_id": run_id,
                                "model_id": model_id,
                                "prompt_id": prompt_id,
                                "country_id": country_id,
                                "question_id": question_id,
                            },
                            list(cell["value"]),
                        )
                        for (country_id, question_id), cell in frame.groupby(
                            ["country_id", "question_id"]
                        )
                    ],
                )
                if (model_id, chat_mode) == ASKED_MORE:
                    _land_others(home, run_id, model_id, prompt_id, shares, instrument)
    build_successfully(home, *WITHOUT_TESTS)
    return home


def _land_others(
    home: Home,
    run_id: str,
    model_id: str,
    prompt_id: str,
    shares: pd.DataFrame,
    instrument: Instrument,
) -> None:
    """Land answers about women and men, half of them right, years, and invented countries."""
    random = np.random.default_rng([6, int(prompt_id.startswith("reverse"))])
    subjects: dict[tuple[str, str | None, str | None], pd.DataFrame] = {}
    for sex, seed in (("female", 3), ("male", 4)):
        own = shares_of(people(instrument, seed), instrument)
        for country_id, of_country in own.groupby("country_id"):
            known = np.log(np.maximum(of_country["share"], 1e-6))
            values = 0.5 * known + random.normal(size=len(of_country))
            subjects[str(country_id), f"sex={sex}", None] = of_country.assign(value=values)
    of_question = shares[shares["country_id"] == COUNTRIES[0]]
    level = random.normal(size=len(of_question))
    for name in PLACEBOS:
        values = level + 0.2 * random.normal(size=len(of_question))
        subjects["ZZZ", None, name] = of_question.assign(value=values)
    for year, (wave, seed) in YEARS.items():
        own = shares_of(people(instrument, seed, wave), instrument)
        for country_id, of_country in own.groupby("country_id"):
            known = np.log(np.maximum(of_country["share"], 1e-6))
            values = 0.5 * known + random.normal(size=len(of_country))
            subjects[str(country_id), year, None] = of_country.assign(value=values)
    cells = [
        (
            {
                "run_id": run_id,
                "model_id": model_id,
                "prompt_id": prompt_id,
                "country_id": country_id,
                "group_id": group_id,
                "placebo_id": placebo_id,
                "question_id": question_id,
            },
            list(cell["value"]),
        )
        for (country_id, group_id, placebo_id), frame in subjects.items()
        for question_id, cell in frame.groupby("question_id")
    ]
    land_cells(home, cells)
    # A compaction that was stopped between its rename and its deletes.
    land_cells(home, cells[::7])
