"""The harness of `make calibrate`: its truths, and a small fixed part of it."""

import numpy as np
import pandas as pd
import pytest
from valuescope_statistics.agreement.cells import MEMBERSHIPS, PAIR_KEYS, Settings
from valuescope_statistics.agreement.estimates import estimates

from tests.calibration.measured import Measured, measured
from tests.calibration.page import page
from tests.calibration.study import (
    CHAT,
    RANDOM,
    Scene,
    asked_questions,
    build_scene,
    generated_models,
)
from tests.calibration.truth import World, draw
from tests.dbt_project.study import read_instrument
from valuescope.warehouse.home import Home

SMALL = Scene(countries=20, surveys=2)


def test_truths_are_what_endless_batteries_come_to() -> None:
    world = World(5)
    models = {name: model for (name, _), model in generated_models(world).items()}
    batteries = np.arange(200_000) // 2
    scores = draw(np.random.default_rng(1), world.countries, batteries, models)
    people = scores.people
    blind = (people.sum(axis=0) - people[0]) / 4
    for name, model in models.items():
        own, truth = scores.models[name], world.truth(model)
        r = np.corrcoef(own[0], people[0])[0, 1]
        demeaned = own[0] - own.mean(axis=0), people[0] - people.mean(axis=0)
        elsewhere = (own.sum(axis=0) - own[0]) / 4
        found = {
            "pearson_r": r,
            "blind_baseline_r": np.corrcoef(blind, people[0])[0, 1],
            "demeaned_pearson_r": np.corrcoef(*demeaned)[0, 1],
            "country_gain": r - np.corrcoef(elsewhere, people[0])[0, 1],
            "skill": 1 - ((own[0] - people[0]) ** 2).sum() / ((blind - people[0]) ** 2).sum(),
        }
        for measure, value in found.items():
            assert getattr(truth, measure) == pytest.approx(value, abs=0.03), (name, measure)


def test_intervals_on_the_real_batteries_cover_what_is_true() -> None:
    """20 surveys of the 49 batteries; a model as good as the blind baseline, and a random one.

    Left out question by question, the same answers give intervals that are too narrow.
    """
    world, surveys = World(6), 20
    models = {name: model for (name, _), model in generated_models(world).items()}
    models = {name: models[name] for name in (CHAT[0], RANDOM[0])}
    questions = asked_questions(read_instrument())
    batteries, _ = pd.factorize(questions["battery_id"])
    assert sorted(np.bincount(batteries))[-3:] == [11, 19, 25]
    random = np.random.default_rng(2)
    places = pd.MultiIndex.from_product(
        [[f"C{number}" for number in range(6)], questions["question_id"]],
        names=["country_id", "question_id"],
    ).to_frame(index=False)
    people, cells = [], []
    for number in range(surveys):
        scores = draw(random, world.countries, batteries, models)
        base = places.assign(survey_id=f"s{number}", coding_id="native")
        people.append(base.assign(human_mean_score=scores.people.ravel()))
        cells += [
            base.assign(model_id=name, prompt_id="p", llm_mean_score=score.ravel())
            for name, score in scores.models.items()
        ]
    of_batteries = pd.concat(people).merge(questions[["question_id", "battery_id"]])
    countries = places[["country_id"]].drop_duplicates()
    countries = countries.assign(continent="Asia", is_reference_country=True)
    countries = countries.assign(**{f"is_{name}": False for name in MEMBERSHIPS})
    keys = ["survey_id", "model_id", "prompt_id", "country_id"]
    rates = {}
    for unit in ("battery_id", "question_id"):
        found = estimates(
            pd.concat(cells),
            pd.DataFrame(columns=keys),
            of_batteries.assign(battery_id=of_batteries[unit]),
            countries,
            pd.DataFrame(columns=["survey_id", *PAIR_KEYS]),
            Settings(5, 5, 5, 5),
        )
        for measure, model_id, area in (
            ("r_above_blind", CHAT[0], "world"),
            ("pearson_r", CHAT[0], "country"),
            ("demeaned_pearson_r", RANDOM[0], "world"),
        ):
            own = found.query(
                "measure == @measure and model_id == @model_id and area_kind == @area"
            )
            truth = getattr(world.truth(models[model_id]), measure)
            covers = own["ci_low"].le(truth) & own["ci_high"].ge(truth)
            assert len(own) == surveys * (6 if area == "country" else 1)
            rates[unit, measure] = covers.mean()
            if measure != "pearson_r":
                assert (own["p_value"].ge(0.05) == covers).all()
    for measure in ("r_above_blind", "pearson_r", "demeaned_pearson_r"):
        # Two of the binomial's standard errors below .93; countries of a survey go together.
        assert rates["battery_id", measure] >= 0.93 - 2 * np.sqrt(0.95 * 0.05 / surveys)
    assert rates["question_id", "pearson_r"] < rates["battery_id", "pearson_r"] - 0.1


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    home = Home(tmp_path_factory.mktemp("calibration") / "home")
    build_scene(home, SMALL, read_instrument())
    return measured(home, SMALL)


def test_marts_state_numbers_about_the_truth(small: Measured) -> None:
    rows = small.intervals
    assert rows["estimate"].notna().all()
    known = rows[rows["ci_low"].notna() & ~rows["mart"].str.startswith("agg_category")]
    away = (known["estimate"] - known["truth"]).abs() / (known["ci_high"] - known["ci_low"])
    # Half a width is the interval's end.
    assert away.max() < 2
    assert away.median() < 0.4
    estimates_off = (small.estimates["estimate"] - small.estimates["truth"]).abs()
    assert estimates_off[small.estimates["number"] != "skill"].max() < 0.3
    assert small.verdicts["is_wrong"].mean() < 0.5


def test_the_page_has_every_number_with_an_interval(small: Measured) -> None:
    text = page([(SMALL, small)])
    marts = ("agg_country", "agg_continent", "agg_model", "agg_category", "agg_western", "cmp_")
    for mart in marts:
        assert f"({mart}" in text
    for number in (
        "any q of `r_above_blind`",
        "`shuffled_countries_p`",
        "`skill`",
        "cmp_model_size",
    ):
        assert number in text
    assert "nan" not in text
