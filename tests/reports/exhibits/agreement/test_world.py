"""The map: every country has a place, and the colours say what the numbers say."""

import json
import re
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.dbt_project.study import Instrument
from tests.reports.exhibits.pictures import Mark, marks, warnings
from valuescope.reports.charts.world_map import WORLD
from valuescope.reports.exhibits.agreement import world
from valuescope.reports.exhibits.catalogue import EXHIBITS
from valuescope.reports.terminal.summary import Design, designs

EXHIBIT = {exhibit.exhibit_id: exhibit for exhibit in EXHIBITS}

# Countries and territories of the European Values Study that the WVS never surveyed.
ONLY_EVS = ["AUT", "BEL", "DNK", "IRL", "ISL", "LUX", "MLT", "PRT", "XKX"]
# Places that anybody can look up: longitude and latitude, of a dot or of an outline's middle.
KNOWN = {
    "AND": (1.6, 42.5),
    "HKG": (114.2, 22.3),
    "NIR": (-6.7, 54.6),
    "PRI": (-66.4, 18.2),
    "SGP": (103.8, 1.4),
    "XKX": (20.9, 42.6),
}


@pytest.fixture(scope="module")
def world_data() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(WORLD.read_text(encoding="utf-8"))
    return content


def country(country_id: str, value: float | None, name: str | None = None) -> dict[str, Any]:
    return {
        "country_id": country_id,
        "country_name": name or country_id,
        "r_above_random": value,
        "question_count": 9,
        "random_null_reason": None if value is not None else "too_few_questions",
    }


def shown(rows: list[dict[str, Any]]) -> tuple[list[Mark], list[Mark]]:
    """The outlines of countries, without the grey land, and the dots; none is a line."""
    described = world.world_agreement()
    outlines = [mark for layer in marks(described, rows, "shape")[1:] for mark in layer]
    return outlines, [mark for layer in marks(described, rows, "symbol") for mark in layer]


def test_every_country_ever_surveyed_has_an_outline_or_a_dot(
    world_data: dict[str, Any], instrument: Instrument
) -> None:
    countries = instrument.countries
    surveyed = set(countries.loc[countries["in_wvs"], "country_id"]) | set(ONLY_EVS)
    outlines = [one.get("id") for one in world_data["objects"]["countries"]["geometries"]]
    dots = {dot["country_id"] for dot in world_data["dots"]}
    named = [name for name in outlines if name is not None]
    assert len(named) == len(set(named))
    assert surveyed <= set(named) | dots
    assert set(named) | dots <= set(countries["country_id"])
    assert "public domain" in world_data["source"]


def test_dots_are_where_their_countries_are(world_data: dict[str, Any]) -> None:
    dots = {dot["country_id"]: dot for dot in world_data["dots"]}
    for name, (longitude, latitude) in KNOWN.items():
        assert dots[name]["longitude"] == pytest.approx(longitude, abs=0.7)
        assert dots[name]["latitude"] == pytest.approx(latitude, abs=0.7)


def test_west_is_left_and_north_is_up() -> None:
    def placed(*country_ids: str) -> list[Mark]:
        outlines, _ = shown([country(country_id, 0.5) for country_id in country_ids])
        by_name = {mark.description.split(":")[0]: mark for mark in outlines}
        return [by_name[name] for name in country_ids]

    across = [mark.x for mark in placed("USA", "BRA", "DEU", "IRN", "MNG", "JPN", "NZL")]
    down = [mark.y for mark in placed("NOR", "DEU", "TUN", "NGA", "AGO", "ZAF")]
    assert across == sorted(across)
    assert down == sorted(down)


def test_the_map_has_the_rows_of_the_headline(built: duckdb.DuckDBPyConnection) -> None:
    for design in designs(built):
        rows = EXHIBIT["world_agreement"].rows(built, design.parameters)
        assert rows == EXHIBIT["country_agreement"].rows(built, design.parameters)
        assert len(rows) == 16


def test_the_colour_is_r_minus_that_of_random_answers(
    built: duckdb.DuckDBPyConnection, knowing: Design
) -> None:
    """Of both sides minus the blind baseline, which drops out."""
    known = {
        row["country_id"]: row
        for row in EXHIBIT["world_agreement"].rows(built, knowing.parameters)
        if row["r_above_random"] is not None
    }
    assert len(known) > 5
    for row in known.values():
        of_random = row["blind_baseline_r"] + row["random_r_above_blind"]
        assert row["r_above_random"] == pytest.approx(row["pearson_r"] - of_random, abs=1e-12)
        width = row["r_above_blind_ci_high"] - row["r_above_blind_ci_low"]
        ends = row["r_above_random_ci_low"], row["r_above_random_ci_high"]
        assert ends[1] - ends[0] == pytest.approx(width, abs=1e-12)
        assert ends[0] <= row["r_above_random"] <= ends[1]


def test_each_country_is_coloured_or_says_why_not(
    built: duckdb.DuckDBPyConnection, knowing: Design
) -> None:
    rows = EXHIBIT["world_agreement"].rows(built, knowing.parameters)
    expected = {
        f"{row['country_name']}: "
        + ("none" if row["r_above_random"] is None else f"{row['r_above_random']:.2f}")
        for row in rows
    }
    found = [mark for some in shown(rows) for mark in some]
    assert {mark.description.replace("\u2212", "-") for mark in found} == expected
    for mark in found:
        assert ("stroke-dasharray" in mark.attributes) == mark.description.endswith(": none")
    assert all(row["random_null_reason"] for row in rows if row["r_above_random"] is None)


def test_countries_without_a_place_are_dots_of_their_own() -> None:
    unplaced = [country(f"X{number:02}", 0.5) for number in range(40)]
    rows = [country("DEU", 0.5), *unplaced, country("XNO", None)]
    outlines, dots = shown(rows)
    assert [mark.description for mark in outlines] == ["DEU: 0.50"]
    assert len({(round(mark.x, 1), round(mark.y, 1)) for mark in dots}) == 41
    texts = [mark.text for layer in marks(world.world_agreement(), rows, "text") for mark in layer]
    assert texts.count("not on the map:") == 1
    alone = marks(world.world_agreement(), rows[:1], "text")
    assert [mark.text for layer in alone for mark in layer] == []


def test_a_scale_fits_the_rows_and_does_not_enlarge_small_differences() -> None:
    def colours(*values: float) -> list[str]:
        names = ("DEU", "FRA", "USA", "BRA")
        rows = [country(name, value) for name, value in zip(names, values, strict=False)]
        return [mark.attributes["fill"] for mark in shown(rows)[0]]

    assert colours(0.5, 0.6, 0.7) == colours(0.2, 0.3, 0.4)
    assert colours(0.5, 0.9)[1] == colours(0.5, 0.7)[1]
    assert colours(0.5, 0.51) != colours(0.5, 0.7)


def test_signed_errors_are_of_all_countries_that_can_be_compared(
    built: duckdb.DuckDBPyConnection, knowing: Design, cells: pd.DataFrame
) -> None:
    chosen = {**knowing.parameters, "question_id": "Q177"}
    rows = EXHIBIT["world_signed_error"].rows(built, chosen)
    of_question = cells[(cells["question_id"] == "Q177") & (cells["country_id"] != "ZZZ")]
    expected = of_question.dropna(subset=["m", "h"]).set_index("country_id")
    errors = {row["country_id"]: row["signed_error"] for row in rows}
    assert errors == pytest.approx((expected["m"] - expected["h"]).to_dict(), abs=1e-9)
    assert {(row["first_choice"], row["last_choice"]) for row in rows} == {
        ("1 (Never justifiable)", "10 (Always justifiable)")
    }
    described = world.world_signed_error()
    _, *outlines = marks(described, rows, "shape")
    coloured = [mark for layer in (*outlines, *marks(described, rows, "symbol")) for mark in layer]
    assert {mark.description.replace("\u2212", "-") for mark in coloured} == {
        f"{row['country_name']}: {errors[row['country_id']]:.2f}" for row in rows
    }


def test_errors_to_both_sides_have_colours_of_one_strength_and_none_at_zero() -> None:
    def channels(*errors: float) -> list[list[int]]:
        names = ("DEU", "FRA", "USA", "BRA")
        rows = [
            {"country_id": name, "country_name": name, "short_label": "x", "signed_error": error}
            for name, error in zip(names, errors, strict=False)
        ]
        _, coloured = marks(world.world_signed_error(), rows, "shape")
        return [
            [int(value) for value in re.findall(r"\d+", mark.attributes["fill"])]
            for mark in coloured
        ]

    below, zero, above = channels(-1.2, 0, 0.5)
    assert np.ptp(zero) < 10
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert above != channels(-1.2, 0, 1.2)[2]
    assert channels(-0.5, 0.5)[1] == channels(-1, 1)[1]


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
    assert {name for column in exhibit.columns for name in column.names} <= set(rows[0])


def test_what_is_not_there_gives_no_rows(
    built: duckdb.DuckDBPyConnection, empty: duckdb.DuckDBPyConnection, knowing: Design
) -> None:
    nominal = {**knowing.parameters, "question_id": "Q152"}
    without_people = {**knowing.parameters, "question_id": "Q177", "population_id": None}
    for exhibit_id in ("world_agreement", "world_signed_error"):
        assert EXHIBIT[exhibit_id].rows(built, without_people) == []
        assert EXHIBIT[exhibit_id].rows(empty, nominal) == []
    assert EXHIBIT["world_signed_error"].rows(built, nominal) == []
