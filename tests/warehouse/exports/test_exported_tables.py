"""The long table of an export, on the study that the marts are checked on."""

from collections.abc import Iterator

import duckdb
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.exports.exported_tables import ExportedTable, exported_tables

KEYS = "model_id, prompt_id, question_id, country_id"


@pytest.fixture(scope="module")
def connection(agreement: AgreementStudy) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def cells(connection: duckdb.DuckDBPyConnection) -> ExportedTable:
    """The table, kept in the connection as `cells`."""
    (table,) = exported_tables(connection, ("analysis_cells",))
    connection.execute(f"create temporary table cells as {table.query}")
    return table


def test_every_cell_of_a_country_is_one_row(
    connection: duckdb.DuckDBPyConnection, cells: ExportedTable
) -> None:
    twice = f"select {KEYS} from cells group by all having count(*) > 1"
    assert connection.sql(twice).fetchall() == []
    cells_of_countries = f"select {KEYS} from marts.fct_mean_scores where country_id <> 'ZZZ'"
    assert connection.sql(f"select {KEYS} from cells except {cells_of_countries}").fetchall() == []
    assert connection.sql(f"{cells_of_countries} except select {KEYS} from cells").fetchall() == []


def test_columns_are_those_described_each_with_a_label_that_stata_has_room_for(
    connection: duckdb.DuckDBPyConnection, cells: ExportedTable
) -> None:
    types = {name: kind.lower() for name, kind, *_ in connection.sql("describe cells").fetchall()}
    assert types == {column.name: column.data_type for column in cells.mart.columns}
    assert list(cells.labels) == list(types)
    assert max(len(label) for label in cells.labels.values()) <= 80
    assert max(len(name) for name in types) <= 32
    assert all(column.description for column in cells.mart.columns)


def test_numbers_are_those_of_the_marts(
    connection: duckdb.DuckDBPyConnection, cells: ExportedTable
) -> None:
    assert (
        connection.sql(
            f"""
        select {KEYS} from cells inner join marts.fct_mean_scores as marts using ({KEYS})
        where (
            cells.human_mean_score, cells.human_standard_error, cells.llm_mean_score,
            cells.wasserstein_1, cells.null_reason
        ) is distinct from (
            marts.human_mean_score, marts.human_standard_error, marts.llm_mean_score,
            marts.wasserstein_1, marts.null_reason
        )
        """
        ).fetchall()
        == []
    )
    differences = connection.sql(
        "select max(abs(abs(error) - absolute_error)) from cells"
    ).fetchall()
    assert differences == [(0.0,)]


def test_shares_give_the_mean_scores_again(
    connection: duckdb.DuckDBPyConnection, cells: ExportedTable
) -> None:
    longest = max(int(name.rpartition("_")[2]) for name in cells.labels if "_share_" in name)
    for side in ("human", "llm"):
        terms = [
            f"coalesce({side}_share_{k}, 0) * (-1 + 2 * ({k} - 1) / (choice_count - 1))"
            for k in range(1, longest + 1)
        ]
        (row,) = connection.sql(
            f"select max(abs({' + '.join(terms)} - {side}_mean_score)), count({side}_mean_score) "
            "from cells where coding_id = 'native'"
        ).fetchall()
        assert row[0] < 1e-12
        assert row[1] > 1000


def test_a_model_has_one_headline_design(
    connection: duckdb.DuckDBPyConnection, cells: ExportedTable
) -> None:
    assert (
        connection.sql(
            "select model_id, count(distinct prompt_id) from cells where is_headline group by 1 "
            "having count(distinct prompt_id) <> 1"
        ).fetchall()
        == []
    )
    assert (
        connection.sql("select count(distinct model_id) from cells where is_headline").fetchall()
        == connection.sql("select count(distinct model_id) from cells").fetchall()
    )


@pytest.mark.parametrize("number", ["model_number", "country_number", "question_number"])
def test_a_number_has_one_name(
    connection: duckdb.DuckDBPyConnection, cells: ExportedTable, number: str
) -> None:
    name = cells.names[number]
    assert (
        connection.sql(
            f"select {number} from cells group by 1 having count(distinct {name}) > 1"
        ).fetchall()
        == []
    )


def test_an_unknown_table_is_answered_with_the_nearest(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(ValuescopeError, match="did you mean analysis_cells"):
        exported_tables(connection, ("analysis_cell",))
