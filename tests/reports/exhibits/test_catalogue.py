"""All exhibits together: what holds for each of them, whatever a warehouse holds."""

import json
import re
from pathlib import Path

import duckdb
import pytest

import valuescope.reports.exhibits
from tests.dbt_project.agreement_study import AgreementStudy
from tests.reports.exhibits.pictures import warnings
from valuescope.reports.charts import palette
from valuescope.reports.exhibits.catalogue import COMPARING, EXHIBITS
from valuescope.reports.exhibits.exhibit import Exhibit, Row
from valuescope.reports.terminal.summary import designs

ALL = (*EXHIBITS, *COMPARING)
DRAWN = tuple(exhibit for exhibit in ALL if exhibit.chart is not None)
COLOURS = {
    value for value in vars(palette).values() if isinstance(value, str) and value.startswith("#")
}


def by_id(exhibit: Exhibit) -> str:
    return exhibit.exhibit_id


@pytest.fixture(scope="module")
def emptied(
    empty: duckdb.DuckDBPyConnection, agreement: AgreementStudy
) -> duckdb.DuckDBPyConnection:
    """Empty marts, and the seed that a saved query reads."""
    empty.execute(f"attach '{agreement.home.database}' as built (read_only)")
    empty.execute("create schema raw")
    empty.execute("create table raw.printed_figures as from built.raw.printed_figures")
    empty.execute("detach built")
    return empty


@pytest.fixture(params=["built", "paired", "emptied", "alone"])
def warehouse(request: pytest.FixtureRequest) -> duckdb.DuckDBPyConnection:
    connection: duckdb.DuckDBPyConnection = request.getfixturevalue(request.param)
    return connection


def chosen(connection: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    """A choice of everything that can be chosen."""
    if connection.execute("select count(*) from marts.dim_models").fetchall() == [(0,)]:
        own = dict.fromkeys(("model_id", "prompt_id", "population_id"))
        last = own
    else:
        first, *_, other = [*designs(connection), *designs(connection)]
        own, last = first.parameters, other.parameters
    return own | {
        "other_model_id": last["model_id"],
        "other_prompt_id": last["prompt_id"],
        "country_id": "DEU",
        "question_id": "Q1",
        "category_id": "all",
    }


@pytest.mark.parametrize("exhibit", ALL, ids=by_id)
def test_every_exhibit_answers_and_its_rows_have_its_columns(
    exhibit: Exhibit, warehouse: duckdb.DuckDBPyConnection
) -> None:
    for row in exhibit.rows(warehouse, chosen(warehouse)):
        assert {name for column in exhibit.columns for name in column.names} <= set(row)
        assert exhibit.draws is None or exhibit.draws in row


@pytest.mark.parametrize("exhibit", ALL, ids=by_id)
def test_the_query_as_one_would_type_it_gives_the_same_rows(
    exhibit: Exhibit, paired: duckdb.DuckDBPyConnection
) -> None:
    own = chosen(paired)
    relation = paired.execute(exhibit.statement_for(own))
    names = [column[0] for column in relation.description or []]
    typed = [dict(zip(names, row, strict=True)) for row in relation.fetchall()]
    assert typed == exhibit.rows(paired, own)


@pytest.mark.parametrize("exhibit", ALL, ids=by_id)
def test_an_empty_warehouse_has_nothing_to_show(
    exhibit: Exhibit, emptied: duckdb.DuckDBPyConnection
) -> None:
    assert exhibit.rows(emptied, chosen(emptied)) == []


@pytest.mark.parametrize("exhibit", DRAWN, ids=by_id)
def test_a_chart_compiles_without_a_warning(
    exhibit: Exhibit, warehouse: duckdb.DuckDBPyConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    assert exhibit.chart is not None
    rows = json.loads(json.dumps(exhibit.rows(warehouse, chosen(warehouse)), default=str))
    for some in (rows, rows[:1]):
        assert warnings(exhibit.chart(), some, capfd) == []


@pytest.mark.parametrize("exhibit", DRAWN, ids=by_id)
def test_a_chart_has_the_palette_s_colours_and_the_page_s_width(exhibit: Exhibit) -> None:
    assert exhibit.chart is not None
    described = exhibit.chart()
    assert described["width"] == "container"
    assert "config" not in described
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", json.dumps(described))) <= COLOURS


@pytest.mark.parametrize("exhibit", ALL, ids=by_id)
def test_words_are_there_for_a_newcomer(exhibit: Exhibit) -> None:
    assert len(exhibit.title) > 10
    assert 60 < len(exhibit.reading) < 520
    assert exhibit.reading.endswith(".")
    assert not exhibit.needs.endswith(".")


def test_ids_and_queries_belong_together() -> None:
    ids = [exhibit.exhibit_id for exhibit in ALL]
    assert len(set(ids)) == len(ids)
    folder = Path(valuescope.reports.exhibits.__file__).parent / "queries"
    own = {exhibit.query_of or exhibit.exhibit_id for exhibit in ALL if exhibit.saved_query is None}
    assert {path.stem for path in folder.glob("*.sql")} == own


def test_a_model_without_people_is_listed_with_the_reason(
    alone: duckdb.DuckDBPyConnection,
) -> None:
    by_name = {exhibit.exhibit_id: exhibit for exhibit in EXHIBITS}

    def rows(exhibit_id: str) -> list[Row]:
        return by_name[exhibit_id].rows(alone, chosen(alone))

    (model,) = rows("model_agreement")
    assert (model["mean_pearson_r"], model["null_reason"]) == (None, "no_survey_loaded")
    assert rows("citations") == rows("survey_files") == []
    assert rows("category_scores") == rows("cultural_map") == []
    assert {row["outcome"] for row in rows("missing_cells")} == {"no_survey_loaded"}
