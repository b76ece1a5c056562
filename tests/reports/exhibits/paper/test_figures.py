"""The paper's figures: categories, continents, base and chat."""

import duckdb
import pytest

from tests.dbt_project.study import Instrument
from tests.reports.exhibits.pictures import axis_labels, marks
from valuescope.reports.exhibits.exhibit import Row
from valuescope.reports.exhibits.paper import figures as charts
from valuescope.reports.exhibits.paper.figures import EXHIBITS
from valuescope.reports.terminal.summary import Design, designs

CATEGORIES, CONTINENTS, BASE_AND_CHAT = EXHIBITS
CHAT = "smollm2-360m-instruct-Q8_0"


@pytest.fixture(scope="module")
def chat(paired: duckdb.DuckDBPyConnection) -> Design:
    """A chat model asked through its template."""
    return next(
        design
        for design in designs(paired)
        if design.model_id == CHAT and "chat template" in design.prompt_description
    )


@pytest.fixture(scope="module")
def categories(paired: duckdb.DuckDBPyConnection, chat: Design) -> list[Row]:
    return CATEGORIES.rows(paired, chat.parameters)


def test_a_category_s_score_is_the_mean_of_its_keyed_questions(
    paired: duckdb.DuckDBPyConnection,
    chat: Design,
    categories: list[Row],
    instrument: Instrument,
) -> None:
    scores = paired.execute(
        "select question_id, country_id, llm_mean_score as model, human_mean_score as people "
        "from marts.fct_mean_scores where model_id = $model_id and prompt_id = $prompt_id "
        "and llm_mean_score is not null and human_mean_score is not null",
        {"model_id": chat.model_id, "prompt_id": chat.prompt_id},
    ).fetch_df()
    keyed = scores.merge(instrument.questions, on="question_id").dropna(subset=["polarity"])
    keyed = keyed.merge(instrument.countries, on="country_id")
    for who in ("model", "people"):
        keyed[who] *= keyed["polarity"]
    names = dict(
        paired.execute("select category_id, category_name from marts.dim_categories").fetchall()
    )
    expected = {
        (names[category], country): own
        for (category, country), own in keyed.groupby(["category_id", "country_name"])
    }
    assert len(categories) == len(expected) > 100
    for row in categories:
        own = expected[row["category_name"], row["country_name"]]
        assert row["keyed_mean_score"] == pytest.approx(own["model"].mean(), abs=1e-9)
        assert row["human_keyed_mean_score"] == pytest.approx(own["people"].mean(), abs=1e-9)
        assert row["question_count"] == len(own)


def test_each_category_has_a_box_of_people_and_one_of_the_model(categories: list[Row]) -> None:
    described = charts.category_scores()
    names = list(dict.fromkeys(row["category_name"] for row in categories))
    boxes, medians = marks(described, categories, "rect")
    assert len(boxes) == len(medians) == 2 * len(names)
    assert len(marks(described, categories, "rule")[-1]) == 2 * len(names)
    assert axis_labels(described, categories)[-len(names) :] == names


def test_one_country_is_a_box_too(categories: list[Row]) -> None:
    boxes, medians = marks(charts.category_scores(), categories[:1], "rect")
    assert len(boxes) == len(medians) == 2


@pytest.fixture(scope="module")
def continents(paired: duckdb.DuckDBPyConnection) -> list[Row]:
    return CONTINENTS.rows(paired, {})


def test_a_continent_s_r_is_the_mean_of_its_countries(
    paired: duckdb.DuckDBPyConnection, continents: list[Row], instrument: Instrument
) -> None:
    countries = paired.execute(
        "select model_id, prompt_id, country_id, pearson_r, blind_baseline_r "
        "from marts.agg_country_correlations"
    ).fetch_df()
    countries = countries.merge(instrument.countries, on="country_id")
    expected = countries.groupby(["model_id", "prompt_id", "continent"])
    assert len(continents) == len(designs(paired)) * countries["continent"].nunique()
    for row in continents:
        own = expected.get_group((row["model_id"], row["prompt_id"], row["continent"]))
        assert row["pearson_r"] == pytest.approx(own["pearson_r"].mean(), abs=1e-9)
        assert row["blind_baseline_r"] == pytest.approx(own["blind_baseline_r"].mean(), abs=1e-9)
        assert row["country_count"] == len(own)
        assert (row["ci_low"] is None) == (len(own) < 5)
        assert (row["null_reason"] == "too_few_countries") == (len(own) < 5)


def test_small_models_stand_above_larger_ones_and_each_size_goes_from_high_to_low(
    continents: list[Row],
) -> None:
    sizes = ["small", "medium", "large", "not in the registry"]
    for continent in {row["continent"] for row in continents}:
        own = [row for row in continents if row["continent"] == continent]
        assert [row["position"] for row in own] == sorted(row["position"] for row in own)
        assert 0 < own[0]["position"] < own[-1]["position"] < 1
        order = [(sizes.index(row["size_group"]), -row["pearson_r"]) for row in own]
        assert order == sorted(order)
    assert {row["size_group"] for row in continents} == {"small", "medium", "not in the registry"}


def test_every_design_is_a_dot_in_each_continent_and_its_baseline_a_stroke(
    built: duckdb.DuckDBPyConnection,
) -> None:
    rows = CONTINENTS.rows(built, {})
    described = charts.continents()
    known = [row for row in rows if row["pearson_r"] is not None]
    strokes, dots = marks(described, rows, "symbol")
    assert len(dots) == len(known) > 20
    assert len(strokes) == sum(row["blind_baseline_r"] is not None for row in known)
    intervals = sum(row["ci_low"] is not None for row in known)
    assert intervals > 0
    assert len(marks(described, rows, "rule")[-1]) == intervals


def _continent(position: float) -> Row:
    return {
        "continent": "Asia",
        "size_group": "small",
        "display_name": "model",
        "pearson_r": 0.5 - position,
        "blind_baseline_r": 0.8,
        "position": position,
    }


@pytest.mark.parametrize("count", [1, 20, 200])
def test_a_continent_is_as_high_with_two_hundred_designs_as_with_one(count: int) -> None:
    rows = [_continent((number + 0.5) / count) for number in range(count)]
    _, dots = marks(charts.continents(), rows, "symbol")
    heights = [mark.y for mark in dots]
    assert len(heights) == count
    assert heights == sorted(heights)
    assert len(set(heights)) == count
    assert heights[-1] - heights[0] < 64


@pytest.fixture(scope="module")
def pairs_of_chat(paired: duckdb.DuckDBPyConnection) -> dict[str, Row]:
    """By what changes."""
    rows = BASE_AND_CHAT.rows(paired, {})
    assert len(rows) == 3
    return {row["pair_name"].split(": ")[1]: row for row in rows}


def test_base_and_chat_are_compared_by_weights_template_and_both(
    paired: duckdb.DuckDBPyConnection, pairs_of_chat: dict[str, Row]
) -> None:
    asked = {
        "chat weights": ("raw", "SmolLM2 360M Q8_0", "raw"),
        "chat template": ("template", "SmolLM2 360M Instruct Q4_K_M", "raw"),
        "weights and template": ("template", "SmolLM2 360M Q8_0", "template"),
    }
    means = {
        (model_id, chat_mode): r
        for model_id, chat_mode, r in paired.execute(
            "select model_id, chat_mode, avg(pearson_r) from marts.agg_country_correlations "
            "inner join marts.dim_prompts using (prompt_id) where is_derived group by all"
        ).fetchall()
    }
    ids = {"SmolLM2 360M Q8_0": "smollm2-360m-Q8_0"}
    for effect, (chat_mode, other, other_chat_mode) in asked.items():
        row = pairs_of_chat[effect]
        model = "smollm2-360m-instruct-Q4_K_M" if effect == "chat template" else CHAT
        assert (row["chat_mode"], row["other_name"], row["other_chat_mode"]) == (
            chat_mode,
            other,
            other_chat_mode,
        )
        # Every model was asked the same cells.
        assert row["model_estimate"] == pytest.approx(means[model, chat_mode], abs=1e-9)
        assert row["other_estimate"] == pytest.approx(
            means[ids.get(other, model), other_chat_mode], abs=1e-9
        )
        assert row["delta"] == pytest.approx(row["model_estimate"] - row["other_estimate"])
        assert row["ci_low"] < row["delta"] < row["ci_high"]
        assert row["demeaned_ci_low"] < row["demeaned_delta"] < row["demeaned_ci_high"]
    assert pairs_of_chat["chat weights"]["verdict"] == "higher"
    assert pairs_of_chat["chat template"]["verdict"] == "not distinguishable"


def _pair(verdict: str | None, low: float | None, high: float | None) -> Row:
    return {
        "pair_name": f"a model: {verdict}",
        "other_name": "its base",
        "other_estimate": 0.25,
        "model_estimate": 0.5,
        "delta": 0.25,
        "ci_low": low,
        "ci_high": high,
        "verdict": verdict,
        "null_reason": None if verdict else "order_not_controlled",
        "rank": 1,
    }


def test_the_interval_of_a_difference_is_drawn_from_what_it_is_compared_with() -> None:
    """r of 0 and 0.25 give the scale: the bar reaches from 0.25 + 0.25 to 0.25 + 0.75."""
    rows = [_pair("higher", 0.25, 0.75), _pair(None, None, None) | {"other_estimate": 0.0}]
    rings, dots = marks(charts.base_and_chat(), rows, "symbol")
    (bar,) = marks(charts.base_and_chat(), rows, "rule")[-1]
    assert len(rings) == len(dots) == 2
    none, quarter = sorted(ring.x for ring in rings)
    scale = quarter - none
    assert bar.x == pytest.approx(none + 2 * scale)
    assert float(bar.attributes["x2"]) == pytest.approx(2 * scale)


def test_a_verdict_has_a_colour_of_its_own_and_so_has_none() -> None:
    verdicts = ["higher", "lower", "not distinguishable", None]
    rows = [_pair(verdict, 0.1, 0.4) for verdict in verdicts]
    _, dots = marks(charts.base_and_chat(), rows, "symbol")
    assert len({mark.attributes["fill"] for mark in dots}) == 4
