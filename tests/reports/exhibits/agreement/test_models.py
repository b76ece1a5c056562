"""Models beside one another: all that a reader can choose, with what their r is worth."""

from itertools import pairwise

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.dbt_project import oracle
from tests.dbt_project.agreement_study import AgreementStudy
from tests.reports.exhibits.pictures import axis_labels, marks
from valuescope.reports.exhibits.agreement import models as charts
from valuescope.reports.exhibits.agreement.models import EXHIBITS
from valuescope.reports.exhibits.exhibit import Exhibit, Row
from valuescope.reports.terminal.summary import designs, query

AGREEMENT, SUMMARY, DISTANCES, STRUCTURE, STEERING, GROUPS, CHANGES = EXHIBITS


@pytest.fixture(params=["built", "paired"])
def warehouse(request: pytest.FixtureRequest) -> duckdb.DuckDBPyConnection:
    connection: duckdb.DuckDBPyConnection = request.getfixturevalue(request.param)
    return connection


@pytest.mark.parametrize("exhibit", [AGREEMENT, SUMMARY], ids=lambda exhibit: exhibit.exhibit_id)
def test_the_models_are_those_that_a_reader_chooses_from(
    exhibit: Exhibit, warehouse: duckdb.DuckDBPyConnection
) -> None:
    rows = exhibit.rows(warehouse, {})
    shown = [(row["model_id"], row["prompt_id"], row["population_id"]) for row in rows]
    expected = [(d.model_id, d.prompt_id, d.population_id) for d in designs(warehouse)]
    assert sorted(shown) == sorted(expected)
    assert len(set(shown)) == len(shown)


def test_distances_and_structure_are_of_every_design(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    for exhibit, mart in ((DISTANCES, "agg_distances"), (STRUCTURE, "agg_item_structure")):
        ((count,),) = query(warehouse, f"select count(*) from marts.{mart}")
        assert len(exhibit.rows(warehouse, {})) == count > 0
    assert DISTANCES.rows(warehouse, {})[0]["stratum"] == "all"


def test_steering_groups_and_changes_are_of_designs_that_were_asked_more(
    paired: duckdb.DuckDBPyConnection, built: duckdb.DuckDBPyConnection
) -> None:
    for exhibit in (STEERING, GROUPS, CHANGES):
        rows = exhibit.rows(paired, {})
        assert {row["display_name"] for row in rows} == {"SmolLM2 360M Instruct"}
        assert rows[0]["is_order_controlled"]
        assert len(rows) == 3
        assert exhibit.rows(built, {}) == []


def test_mean_r_is_that_of_a_second_calculation(
    built: duckdb.DuckDBPyConnection, agreement: AgreementStudy, people: pd.DataFrame
) -> None:
    rows = {f"{row['model_id']}-{row['prompt_id']}": row for row in AGREEMENT.rows(built, {})}
    native = agreement.scores[agreement.scores["prompt_id"] == "native"]
    for model_id in ("knowing", "guessing", "same-everywhere"):
        design = f"{model_id}-native"
        scores = native[native["model_id"] == model_id]
        cells = oracle.model_cells(scores, people, agreement.instrument, "native")
        cells = cells.dropna(subset=["m", "h"])
        countries = [own for _, own in cells.groupby("country_id") if len(own) >= 5]
        expected = np.array([np.corrcoef(own["m"], own["h"])[0, 1] for own in countries])
        blind = np.array([np.corrcoef(own["b"], own["h"])[0, 1] for own in countries])
        assert rows[design]["country_count"] == len(expected)
        assert rows[design]["mean_pearson_r"] == pytest.approx(expected.mean(), abs=1e-9)
        assert rows[design]["mean_blind_baseline_r"] == pytest.approx(blind.mean(), abs=1e-9)
        assert rows[design]["mean_r_above_blind"] == pytest.approx(
            (expected - blind).mean(), abs=1e-9
        )


def test_a_name_tells_what_differs_and_no_more(paired: duckdb.DuckDBPyConnection) -> None:
    names = {row["design_name"] for row in AGREEMENT.rows(paired, {})}
    assert "SmolLM2 360M Instruct Q4_K_M, chat raw" in names
    assert "SmolLM2 360M Instruct Q4_K_M, chat template" in names
    assert not any("order" in name for name in names), "all orders are averaged"


def test_no_two_designs_share_a_name(built: duckdb.DuckDBPyConnection) -> None:
    """The study's models are all called my-model and asked alike."""
    rows = AGREEMENT.rows(built, {})
    assert len({row["design_name"] for row in rows}) == len(rows) == 6


def test_a_model_without_r_comes_last_with_the_reason(built: duckdb.DuckDBPyConnection) -> None:
    last = AGREEMENT.rows(built, {})[-1]
    assert (last["model_id"], last["mean_pearson_r"]) == ("uniform", None)
    assert last["null_reason"] == "no_country_with_r"


def test_order_spread_is_forward_minus_reversed_over_countries(
    paired: duckdb.DuckDBPyConnection,
) -> None:
    (shown,) = (
        row
        for row in SUMMARY.rows(paired, {})
        if row["model_id"] == "smollm2-135m-instruct-Q8_0" and row["is_order_controlled"]
    )
    r = paired.execute(
        "select prompt_id, avg(pearson_r) from marts.agg_country_correlations "
        "where model_id = 'smollm2-135m-instruct-Q8_0' group by prompt_id"
    )
    means = dict(r.fetchall())
    assert shown["order_spread"] == pytest.approx(
        means["forward-template"] - means["reverse-template"]
    )
    assert shown["mean_off_choice_mass"] == pytest.approx(0.125), "as it was landed"


def test_every_model_with_r_is_a_dot_and_a_stroke_and_every_interval_a_line(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = AGREEMENT.rows(warehouse, {})
    known = [row for row in rows if row["mean_pearson_r"] is not None]
    described = charts.model_agreement()
    (points,) = marks(described, rows, "symbol")
    dots = [mark for mark in points if mark.said["kind"] != "blind baseline"]
    assert len(dots) == len(points) - len(dots) == len(known)
    _, intervals = marks(described, rows, "rule")
    assert len(intervals) == sum(row["ci_low"] is not None for row in known)
    # Best first, from top to bottom; higher is further right.
    dots.sort(key=lambda mark: mark.y)
    assert [mark.x for mark in dots] == sorted((mark.x for mark in dots), reverse=True)
    names = [row["design_name"] for row in known]
    assert axis_labels(described, rows)[-len(names) :] == names


def _row(name: str, r: float | None, reason: str | None = None) -> Row:
    return {
        "design_name": name,
        "mean_pearson_r": r,
        "ci_low": None,
        "ci_high": None,
        "mean_blind_baseline_r": None if r is None else 0.8,
        "country_count": 9,
        "null_reason": reason,
    }


def test_names_are_shown_whatever_they_are_made_of() -> None:
    names = ["<b>bold</b> & 'quoted' \"twice\"", "نموذج", "🙂", "x" * 200]
    rows = [_row(name, 0.9 - place / 10) for place, name in enumerate(names)]
    labels = axis_labels(charts.model_agreement(), rows)[-4:]
    assert labels[:3] == names[:3]
    assert labels[3].startswith("xxxx")
    assert labels[3].endswith("…")


def test_two_hundred_designs_are_two_hundred_rows_apart() -> None:
    rows = [_row(f"model {number}", 0.9 - number / 200) for number in range(200)]
    (points,) = marks(charts.model_agreement(), rows, "symbol")
    heights = sorted({mark.y for mark in points})
    assert len(points) == 400
    assert len(heights) == 200
    assert min(b - a for a, b in pairwise(heights)) > 20


def test_a_picture_of_nothing_says_why() -> None:
    (told,) = marks(charts.model_agreement(), [_row("a", None, "no_country_with_r")], "text")
    assert [mark.text for mark in told] == ["nothing to draw: no country with r"]
