"""The map: every country has a place, and the colours say what the numbers say."""

import re
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.dbt_project.study import Instrument
from tests.reports.exhibits.pictures import Mark, marks, warnings
from valuescope.reports.charts.tile_map import TILES
from valuescope.reports.exhibits.agreement import world
from valuescope.reports.exhibits.catalogue import EXHIBITS
from valuescope.reports.terminal.summary import Design, designs

EXHIBIT = {exhibit.exhibit_id: exhibit for exhibit in EXHIBITS}

# Countries and territories of the European Values Study that the WVS never surveyed.
ONLY_EVS = ["AUT", "BEL", "DNK", "IRL", "ISL", "LUX", "MLT", "PRT", "XKX"]


@pytest.fixture(scope="module")
def tiles() -> pd.DataFrame:
    return pd.read_csv(TILES)


def country(country_id: str, r: float | None, name: str | None = None) -> dict[str, Any]:
    return {
        "country_id": country_id,
        "country_name": name or country_id,
        "pearson_r": r,
        "ci_low": None,
        "ci_high": None,
        "blind_baseline_r": None,
        "question_count": 9,
        "null_reason": None if r is not None else "too_few_questions",
    }


def places(drawn: list[list[Mark]]) -> list[tuple[float, float]]:
    return [(round(mark.x, 1), round(mark.y, 1)) for layer in drawn for mark in layer]


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2, of `#rrggbb` or `rgb(r, g, b)`."""
    if colour.startswith("#"):
        channels = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    else:
        channels = [int(value) for value in re.findall(r"\d+", colour)]
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in channels)
    ]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_all_countries_of_wvs_and_evs_have_a_tile_and_no_two_the_same(
    tiles: pd.DataFrame, instrument: Instrument
) -> None:
    countries = instrument.countries
    surveyed = countries.loc[countries["in_wvs"], "country_id"]
    assert set(surveyed) | set(ONLY_EVS) <= set(tiles["country_id"])
    assert set(tiles["country_id"]) <= set(countries["country_id"])
    assert tiles["country_id"].is_unique
    assert not tiles.duplicated(["column", "row"]).any()
    assert tiles["column"].min() == tiles["row"].min() == 1


@pytest.mark.parametrize(
    ("axis", "in_order"),
    [
        ("column", ["USA", "BRA", "PRT", "FRA", "DEU", "UKR", "KAZ", "MNG", "KOR", "JPN", "NZL"]),
        ("column", ["CHL", "NGA", "KEN", "YEM", "PAK", "IND", "THA", "VNM", "PHL"]),
        ("column", ["MAR", "DZA", "TUN", "LBY", "EGY", "ISR", "SAU"]),
        ("row", ["CAN", "USA", "MEX", "NIC", "COL", "ECU", "PER", "CHL"]),
        ("row", ["NOR", "DNK", "DEU", "CHE", "ITA", "TUN", "NGA", "GAB", "AGO", "ZAF"]),
        ("row", ["RUS", "KAZ", "UZB", "AFG", "PAK", "LKA", "SGP", "AUS", "NZL"]),
    ],
)
def test_west_is_left_and_north_is_up(tiles: pd.DataFrame, axis: str, in_order: list[str]) -> None:
    along = tiles.set_index("country_id").loc[in_order, axis]
    assert along.is_monotonic_increasing, along.to_dict()


def test_the_map_has_the_rows_of_the_headline(built: duckdb.DuckDBPyConnection) -> None:
    for design in designs(built):
        rows = EXHIBIT["world_agreement"].rows(built, design.parameters)
        assert rows == EXHIBIT["country_agreement"].rows(built, design.parameters)
        assert len(rows) == 16


def test_each_country_is_coloured_or_says_why_not(
    built: duckdb.DuckDBPyConnection, knowing: Design
) -> None:
    rows = EXHIBIT["world_agreement"].rows(built, knowing.parameters)
    known = {f"{row['country_name']}: {row['pearson_r']:.2f}" for row in rows if row["pearson_r"]}
    unknown = {f"{row['country_name']}: none" for row in rows if row["pearson_r"] is None}
    assert unknown
    _, coloured, dashed = marks(world.world_agreement(), rows, "rect")
    assert {mark.description for mark in coloured} == known
    assert {mark.description for mark in dashed} == unknown
    assert all("stroke-dasharray" in mark.attributes for mark in dashed)
    assert not any("fill" in mark.attributes for mark in dashed)
    (codes_of_known, codes_of_unknown) = marks(world.world_agreement(), rows, "text")
    assert sorted(mark.text for mark in [*codes_of_known, *codes_of_unknown]) == sorted(
        row["country_id"] for row in rows
    )


def test_countries_without_a_place_stand_below_the_map_each_on_its_own(
    tiles: pd.DataFrame,
) -> None:
    unplaced = [country(f"X{number:02}", 0.5) for number in range(60)]
    rows = [country("DEU", 0.5), *unplaced, country("XNO", None), country("NZL", None)]
    shadows, coloured, dashed = marks(world.world_agreement(), rows, "rect")
    assert len(shadows) == len(tiles)
    assert len(coloured) == 61
    assert len(dashed) == 2
    of_rows = places([coloured, dashed])
    assert len(set(of_rows)) == 63
    assert len(set(of_rows) - set(places([shadows]))) == 61
    lowest = max(mark.y for mark in shadows)
    below = [mark for mark in [*coloured, *dashed] if mark.y > lowest + 1]
    assert len(below) == 61
    texts = [mark.text for layer in marks(world.world_agreement(), rows, "text") for mark in layer]
    assert texts.count("without a place on the map") == 1


def test_a_map_whose_countries_all_have_a_place_has_nothing_below_it() -> None:
    rows = [country("DEU", 0.5), country("NZL", None)]
    texts = [mark.text for layer in marks(world.world_agreement(), rows, "text") for mark in layer]
    assert sorted(texts) == ["DEU", "NZL"]


def test_a_narrow_map_has_two_letters_and_three_where_there_are_no_two() -> None:
    rows = [country("DEU", 0.5), country("NIR", 0.1)]
    (codes,) = marks(world.world_agreement(), rows, "text", width=320)
    assert [mark.text for mark in codes] == ["DE", "NIR"]


def test_every_code_is_readable_on_its_colour(tiles: pd.DataFrame) -> None:
    values = np.linspace(-1, 1, 81)
    rows = [
        country(country_id, float(value))
        for country_id, value in zip(tiles["country_id"], values, strict=False)
    ]
    _, coloured = marks(world.world_agreement(), rows, "rect")
    (codes,) = marks(world.world_agreement(), rows, "text")
    assert len(coloured) == len(codes) == 81
    for ground, code in zip(coloured, codes, strict=True):
        dark, light = sorted(luminance(mark.attributes["fill"]) for mark in (ground, code))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground.description, code.attributes["fill"])


def test_colours_are_the_same_for_every_model_and_meet_in_the_middle_at_zero() -> None:
    def colours(*values: float) -> list[str]:
        rows = [country(f"X{place}", value) for place, value in enumerate(values)]
        _, coloured = marks(world.world_agreement(), rows, "rect")
        return [mark.attributes["fill"] for mark in coloured]

    assert colours(0.2, 0.3)[0] == colours(-0.9, 0.2)[1]
    red, _, blue = (int(value) for value in re.findall(r"\d+", colours(0.0)[0]))
    assert abs(red - blue) < 10
    below, above = colours(-0.5, 0.5)
    assert int(re.findall(r"\d+", below)[2]) > int(re.findall(r"\d+", below)[0])
    assert int(re.findall(r"\d+", above)[0]) > int(re.findall(r"\d+", above)[2])


def test_signed_errors_are_of_all_countries_that_can_be_compared(
    built: duckdb.DuckDBPyConnection, knowing: Design, cells: pd.DataFrame
) -> None:
    chosen = {**knowing.parameters, "question_id": "Q177"}
    rows = EXHIBIT["world_signed_error"].rows(built, chosen)
    of_question = cells[(cells["question_id"] == "Q177") & (cells["country_id"] != "ZZZ")]
    expected = of_question.dropna(subset=["m", "h"]).set_index("country_id")
    errors = {row["country_id"]: row["llm_mean_score"] - row["human_mean_score"] for row in rows}
    assert errors == pytest.approx((expected["m"] - expected["h"]).to_dict(), abs=1e-9)
    assert {(row["first_choice"], row["last_choice"]) for row in rows} == {
        ("1 (Never justifiable)", "10 (Always justifiable)")
    }
    _, coloured = marks(world.world_signed_error(), rows, "rect")
    assert {mark.description.replace("\u2212", "-") for mark in coloured} == {
        f"{row['country_name']}: {errors[row['country_id']]:.2f}" for row in rows
    }


def test_an_error_of_more_than_half_the_scale_has_the_full_colour() -> None:
    def colour(model: float, people: float) -> str:
        row = {"country_id": "DEU", "country_name": "Germany", "short_label": "x"}
        rows = [{**row, "llm_mean_score": model, "human_mean_score": people}]
        _, ((mark),) = marks(world.world_signed_error(), rows, "rect")
        return mark.attributes["fill"]

    assert colour(1, -1) == colour(0.5, -0.5) != colour(0.4, -0.5)
    assert colour(-1, 1) == colour(-0.5, 0.5)


@pytest.mark.parametrize("exhibit_id", ["world_agreement", "world_signed_error"])
def test_a_map_compiles_without_warnings_whatever_its_rows(
    exhibit_id: str,
    built: duckdb.DuckDBPyConnection,
    knowing: Design,
    capfd: pytest.CaptureFixture[str],
) -> None:
    exhibit = EXHIBIT[exhibit_id]
    assert exhibit.chart is not None
    described = exhibit.chart()
    rows = exhibit.rows(built, {**knowing.parameters, "question_id": "Q177"})
    odd = {**dict.fromkeys(rows[0]), "country_id": "<i>", "country_name": '"<b>" \u05d0 \U0001f389'}
    for some in ([], rows[:1], rows, [*rows, odd]):
        assert warnings(described, some, capfd) == []
    assert {column.name for column in exhibit.columns} <= set(rows[0])


def test_what_is_not_there_gives_no_rows(
    built: duckdb.DuckDBPyConnection, empty: duckdb.DuckDBPyConnection, knowing: Design
) -> None:
    nominal = {**knowing.parameters, "question_id": "Q152"}
    without_people = {**knowing.parameters, "question_id": "Q177", "population_id": None}
    for exhibit_id in ("world_agreement", "world_signed_error"):
        assert EXHIBIT[exhibit_id].rows(built, without_people) == []
        assert EXHIBIT[exhibit_id].rows(empty, nominal) == []
    assert EXHIBIT["world_signed_error"].rows(built, nominal) == []
