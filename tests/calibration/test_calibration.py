"""The harness of `make calibrate`: its truths, and a small fixed part of it."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import spearmanr, t
from valuescope_statistics.agreement.cells import MEMBERSHIPS, PAIR_KEYS, Settings
from valuescope_statistics.agreement.estimates import estimates
from valuescope_statistics.agreement.jackknife import correlations, samples_of, summary
from valuescope_statistics.agreement.prompt_errors import prompt_errors
from valuescope_statistics.groups import Limits, shuffled_p

from tests.calibration.measured import Measured, measured
from tests.calibration.page import page
from tests.calibration.study import (
    ALIKE,
    APART,
    CHAT,
    DIFFERING,
    DIFFERING_FROM,
    GROUPS,
    ORDERS,
    PROMPTS,
    RANDOM,
    RANKED,
    TEMPLATES,
    Scene,
    asked_questions,
    build_scene,
    differing_models,
    generated_models,
    grouped_models,
    qualities,
    ranked_scores,
)
from tests.calibration.truth import (
    COUNTRY,
    GROUP,
    RESPONDENTS,
    WORLD,
    Floats,
    GeneratedModel,
    Prompted,
    World,
    draw,
    draw_halves,
)
from tests.dbt_project.study import read, read_instrument
from valuescope.scorer.planning.forecast import Power
from valuescope.warehouse.home import Home

SMALL = Scene(countries=20, surveys=1)
SMALL_WITH_PROMPTS = Scene(countries=6, surveys=1, kind="prompts")


def places_of(questions: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of six countries."""
    return pd.MultiIndex.from_product(
        [[f"C{number}" for number in range(6)], questions["question_id"]],
        names=["country_id", "question_id"],
    ).to_frame(index=False)


def answers(
    random: np.random.Generator,
    number: int,
    questions: pd.DataFrame,
    models: dict[str, GeneratedModel],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return models' and people's mean scores in one survey, on the batteries of the questions."""
    batteries, _ = pd.factorize(questions["battery_id"])
    scores = draw(random, 6, batteries, models)
    base = places_of(questions).assign(survey_id=f"s{number}", coding_id="native")
    people = base.assign(human_mean_score=scores.people.ravel())
    cells = pd.concat(
        base.assign(model_id=name, llm_mean_score=score.ravel())
        for name, score in scores.models.items()
    )
    return cells, people.merge(questions[["question_id", "battery_id"]])


def with_areas(countries: pd.DataFrame) -> pd.DataFrame:
    """Return countries of one continent, none of them in the West."""
    placed = countries.assign(continent="Asia", is_reference_country=True)
    return placed.assign(**{f"is_{name}": False for name in MEMBERSHIPS})


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


def surveyed_groups(
    random: np.random.Generator, countries: int, batteries: npt.NDArray[np.intp]
) -> dict[str, Floats]:
    """Return mean scores in one survey by who says so: countries x questions x groups.

    A country's own are under the model's id and " of the country".
    """
    models = grouped_models(World(countries))
    of_countries = {name: model.country for name, model in models.items()}
    scores = draw(random, countries, batteries, of_countries)
    halves = draw_halves(random, countries, batteries, models)

    def groups(whole: Floats, half: Floats) -> Floats:
        return np.stack([whole + sign * half for sign in GROUPS.values()], axis=2)

    people = groups(scores.people, halves.people)
    size = RESPONDENTS // len(GROUPS)
    shares = random.binomial(size, np.clip((1 + people) / 2, 0, 1)) / size
    said = {name: groups(scores.models[name], halves.models[name]) for name in models}
    of_country = {f"{name} of the country": scores.models[name] for name in models}
    return {"people": 2 * shares - 1, **said, **of_country}


def test_truths_of_groups_are_what_endless_batteries_come_to() -> None:
    found = surveyed_groups(np.random.default_rng(1), 5, np.arange(60_000) // 2)
    people = found["people"]
    for name, model in grouped_models(World(5)).items():
        own, truth = found[name], World(5).truth_of_groups(model)
        r = np.corrcoef(own[0, :, 0], people[0, :, 0])[0, 1]
        country_r = np.corrcoef(found[f"{name} of the country"][0], people[0, :, 0])[0, 1]
        apart = [side - side.mean(axis=2, keepdims=True) for side in (own, people)]
        expected = {
            "pearson_r": r,
            "gain": r - country_r,
            "deviation_r": np.corrcoef(*(side.ravel() for side in apart))[0, 1],
            "stereotyping": apart[0].std() / np.sqrt(GROUP),
            "mean_total_variation": np.abs(own - people).mean() / 2,
        }
        for measure, value in expected.items():
            assert truth[measure] == pytest.approx(value, abs=0.02), (name, measure)


def test_labels_that_mean_nothing_are_told_from_those_that_do() -> None:
    """Half of what each says of a group is the same in all countries.

    Shuffled in each country, labels would find differences that a model only guesses.
    """
    surveys, world = 200, World(6)
    batteries, _ = pd.factorize(asked_questions(read_instrument())["battery_id"])
    random = np.random.default_rng(3)
    blocks = {"battery": np.tile(batteries, 6), "country": np.repeat(range(6), len(batteries))}
    found: dict[tuple[str, str], list[float]] = {}
    for number in range(surveys):
        drawn = surveyed_groups(random, 6, batteries)
        for name, model in grouped_models(world).items():
            if model.knowledge and number >= 5:
                continue
            own, people = (
                (side - side.mean(axis=2, keepdims=True)).reshape(-1, len(GROUPS))
                for side in (drawn[name], drawn["people"])
            )
            for unit, block in blocks.items():
                p_value = shuffled_p(own, people, block, Limits(5, 5, 1))
                found.setdefault((name, unit), []).append(p_value)
    for name, model in grouped_models(world).items():
        rates = {unit: np.mean(np.array(found[name, unit]) < 0.05) for unit in blocks}
        if model.knowledge:
            assert rates["battery"] == 1
        else:
            assert abs(rates["battery"] - 0.05) < 2.5 * np.sqrt(0.05 * 0.95 / surveys)
            assert rates["country"] > 0.12


def test_prompts_that_were_not_asked_add_what_they_would_in_generated_studies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.calibration.truth.STUDIES_OF_PROMPTS", 200)
    batteries, _ = pd.factorize(asked_questions(read_instrument())["battery_id"])
    world = World(6)
    means = {
        count: world.means_over_prompts(PROMPTS, batteries, count, 2)["pearson_r"]
        for count in (1, 5)
    }
    truth = world.truth_over_prompts(PROMPTS).pearson_r
    for of_studies in means.values():
        error = of_studies.std() / np.sqrt(len(of_studies))
        # People's sampling error lowers r a little.
        assert abs(of_studies.mean() - truth) < 0.01 + 3 * error
    assert means[1].std() > 1.15 * means[5].std()
    alone = replace(PROMPTS, errors=(PROMPTS.errors[0], 0, 0, 0))
    known = world.means_over_prompts(alone, batteries, 1, 2)["pearson_r"]
    assert known.std() < means[5].std()


def test_models_have_the_measures_that_they_are_made_for() -> None:
    world = World(12)
    models = differing_models(world)
    for base, lower in DIFFERING.items():
        found = [world.truth(models[name, "Q8_0"]) for name in (base, f"{base}-instruct")]
        for measure, start, difference in zip(
            ("pearson_r", "demeaned_pearson_r"), DIFFERING_FROM, lower, strict=True
        ):
            assert getattr(found[0], measure) == pytest.approx(start)
            assert getattr(found[1], measure) == pytest.approx(start - difference)


def test_two_surveys_in_a_row_rank_the_same_units() -> None:
    scene = Scene(countries=20, surveys=40, kind="ranks")
    random, questions = np.random.default_rng(4), asked_questions(read_instrument())
    model_id = "-".join(next(iter(RANKED)))
    again: dict[str, list[float]] = {ALIKE: [], APART: []}
    best: list[float] = []
    for number in range(0, scene.surveys, 2):
        both = [ranked_scores(scene, random, questions, number + own) for own in (0, 1)]
        errors = qualities(scene, number, 12).countries
        assert (errors == qualities(scene, number + 1, 12).countries).all()
        assert (errors != qualities(scene, number + 2, 12).countries).all()
        for units, found in again.items():
            first, second = (
                [
                    float(np.corrcoef(pair)[0, 1])
                    for pair in zip(own.models[f"{model_id} {units}"], own.people, strict=True)
                ]
                for own in both
            )
            found.append(float(spearmanr(first, second).statistic))
        best.append(float(spearmanr(first, errors).statistic))
    chance = 1 / np.sqrt(19 * len(best))
    assert abs(np.mean(again[ALIKE])) < 3 * chance
    assert np.mean(again[APART]) > 0.25
    # Who errs most has the lowest r.
    assert np.mean(best) < -0.4


def test_the_page_has_power_reliabilities_and_places() -> None:
    rates = pd.DataFrame({"survey_id": [f"s{number}" for number in range(100)]})
    power = rates.assign(
        mart="cmp_base_chat, world",
        number="pearson_r",
        model_id="chat - base",
        truth=-0.142,
        stated=0.141,
        is_found=rates.index < 60,
    )
    text = page([(Scene(12, 100, kind="differences"), Measured(power=power))])
    assert "| .142 | .141 | 100 p | **.600 (.049)** |" in text
    assert "\n1 of 1 rates" in text
    rows = [
        {"survey_id": "pair 0", "model_id": "units apart", "estimate": estimate, "truth": 0.5}
        for estimate in (0.3, 0.9)
    ]
    found = Measured(estimates=pd.DataFrame(rows).assign(number="r_ranking_reliability"))
    text = page([(Scene(6, 2, kind="ranks"), found)])
    assert "| `r_ranking_reliability` | units apart | .500 | .100 (.000) | .424 |" in text


def test_true_distances_are_those_of_normal_deviates() -> None:
    """Clipping and people's sampling error, which the closed form lacks, change little."""
    world = World(6)
    model = generated_models(world)[CHAT]
    found = world.distances(model)
    signal = model.world**2 * WORLD + model.country**2 * COUNTRY
    covariance = model.world * WORLD + model.country * COUNTRY
    spread = world.human_variance - 2 * covariance + signal + model.error
    assert found["mean_total_variation"] == pytest.approx(np.sqrt(spread / (2 * np.pi)), rel=0.02)
    assert found["total_variation_score"] == pytest.approx(
        100 * (1 - np.sqrt(spread / world.human_variance)), abs=2
    )
    assert found["effective_respondents"] == pytest.approx(
        (1 - world.human_variance) / spread, rel=0.03
    )


def test_intervals_over_prompts_cover_what_other_prompts_would_show() -> None:
    """40 surveys of a model in three templates and two orders, each with an error of its own.

    Intervals of batteries alone, which know nothing of other prompts, are too narrow.
    """
    world, surveys = World(6), 40
    questions = asked_questions(read_instrument())
    random = np.random.default_rng(7)
    prompts = Prompted(world=0.7, country=0.35, errors=(0.01, 0.06, 0.02, 0.01), spread=0.8)
    truth = world.truth_over_prompts(prompts).pearson_r
    names = list(product(TEMPLATES, ORDERS))
    designs = pd.DataFrame(names, columns=["template", "choice_order"]).assign(
        prompt_id=["-".join(name) for name in names],
        answer_style="text",
        chat_mode="raw",
        wording="own",
        elicitation="likelihood",
    )
    cells, people, countries = [], [], places_of(questions)[["country_id"]].drop_duplicates()
    for number in range(surveys):
        drawn = {
            "-".join(name): one for name, one in prompts.draw(random, TEMPLATES, ORDERS).items()
        }
        cells_of_survey, people_of_survey = answers(random, number, questions, drawn)
        cells.append(cells_of_survey.rename(columns={"model_id": "prompt_id"}).assign(model_id="m"))
        people.append(people_of_survey)
    lacking = pd.DataFrame(columns=["survey_id", "model_id", "prompt_id", "country_id"])
    found = prompt_errors(
        pd.concat(cells),
        designs,
        pd.concat(people),
        with_areas(countries),
        lacking,
        3,
        Settings(5, 5, 5, 10),
    )
    own = found[found["is_asked"] & (found["measure"] == "pearson_r")]
    assert len(own) == surveys
    covers = own["ci_low"].le(truth) & own["ci_high"].ge(truth)
    assert covers.mean() >= 0.93 - 2 * np.sqrt(0.95 * 0.05 / surveys)
    half = t.ppf(0.975, own["effective_battery_count"] - 1) * own["battery_standard_error"]
    of_batteries = (own["estimate"] - truth).abs() < half
    assert of_batteries.mean() < 0.85


@pytest.mark.parametrize("countries", [1, 6])
@pytest.mark.parametrize("r", [0.5, 0.7])
def test_a_planned_difference_shows_as_often_as_forecast(r: float, countries: int) -> None:
    """Two models differ by what was forecast to show in four of five studies."""
    studies = 250
    batteries = np.sort(pd.factorize(asked_questions(read_instrument())["battery_id"])[0])
    power = Power(tuple(np.bincount(batteries).tolist()), countries)
    smallest = power.smallest_difference(r)
    models = {
        name: GeneratedModel(
            world=1,
            country=1,
            error=World(6).error_for(own, 1, 1),
            sources={name: 1},
            everywhere=0.7,
        )
        for name, own in (("better", r + smallest / 2), ("worse", r - smallest / 2))
    }
    random = np.random.default_rng([8, countries])
    samples = samples_of(batteries, np.zeros((0, len(power.battery_sizes)), bool))
    differences = []
    for _ in range(studies):
        scores = draw(random, countries, batteries, models)
        both = np.stack([scores.models[name] for name in ("better", "worse")])
        of_countries = [
            correlations(samples, both[:, [country]], scores.people[country])[:, 0]
            for country in range(countries)
        ]
        better, worse = np.mean(of_countries, axis=0)
        differences.append(better - worse)
    values = np.array(differences)
    number = np.full(studies, float(len(power.battery_sizes)))
    found = summary(values, np.full(studies, False), number, np.full(studies, power.freedom))
    assert (found.p_value < 0.05).mean() == pytest.approx(0.8, abs=0.09)
    assert values[:, 0].std() == pytest.approx(power.error(r), rel=0.15)


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
    both = [answers(random, number, questions, models) for number in range(surveys)]
    cells = pd.concat(own.assign(prompt_id="p") for own, _ in both)
    of_batteries = pd.concat(people for _, people in both)
    countries = with_areas(places_of(questions)[["country_id"]].drop_duplicates())
    keys = ["survey_id", "model_id", "prompt_id", "country_id"]
    rates = {}
    for unit in ("battery_id", "question_id"):
        found = estimates(
            cells,
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
    return measured(home, SMALL, build_scene(home, SMALL, read_instrument()))


def test_the_mart_over_prompts_is_about_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.calibration.truth.STUDIES_OF_PROMPTS", 10)
    home = Home(tmp_path / "home")
    drawn = build_scene(home, SMALL_WITH_PROMPTS, read_instrument())
    found = measured(home, SMALL_WITH_PROMPTS, drawn)
    rows = found.intervals
    # Six countries are too few for a demeaned r.
    assert list(rows["number"]) == ["estimate of pearson_r"]
    away = (rows["estimate"] - rows["truth"]).abs() / (rows["ci_high"] - rows["ci_low"])
    assert away.max() < 1
    expected = read(
        home,
        """
        select survey_id, avg(pearson_r) as estimate from intermediate.int_country_correlations
        inner join staging.stg_prompts using (prompt_id)
        where not is_derived group by survey_id order by survey_id
        """,
    )
    np.testing.assert_allclose(
        rows.sort_values("survey_id")["estimate"], expected["estimate"], atol=1e-12
    )
    text = page([(SMALL_WITH_PROMPTS, found)])
    assert "one model in three templates" in text
    # Numbers of templates that were not asked have an error, too.
    assert set(found.forecasts["prompts"]) == {"1 x 1", "3 x 2", "10 x 2", "20 x 4"}
    assert "| 10 x 2 |" in text
    own = read(
        home,
        """
        select standard_error from marts.agg_prompt_errors
        where template_count = 10 and order_count = 2 and measure = 'pearson_r'
        """,
    )
    stated = found.forecasts.set_index("prompts")["estimate"]
    assert stated["10 x 2"] == own["standard_error"].item() < stated["3 x 2"] < stated["1 x 1"]


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
    for mart in (*marts, "agg_distances", "agg_item_structure"):
        assert f"({mart}" in text
    for number in (
        "any q of `r_above_blind`",
        "`shuffled_countries_p`",
        "`shuffled_p_value`",
        "`random_place`",
        "`model_rank`",
        "`category_rank`",
        "does_it_beat_the_blind_baseline",
        "observation_1_categories",
        "observation_2_western_gap",
        "`mean_wasserstein_1`",
        "`skill`",
        "cmp_model_size",
    ):
        assert number in text
    assert "nan" not in text
