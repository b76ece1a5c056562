import duckdb
import pytest

from valuescope.reports.terminal.agreement import (
    Agreement,
    category_agreement,
    continent_agreement,
    country_agreement,
    question_agreement,
)
from valuescope.reports.terminal.summary import Design, designs
from valuescope.warehouse.errors import ValuescopeError


def test_every_model_prompt_and_survey_is_a_design(connection: duckdb.DuckDBPyConnection) -> None:
    found = {(d.model_name, d.prompt_id, d.population_id) for d in designs(connection)}
    assert found == {
        ("small", "p1", "wvs"),
        ("small", "p1", "other survey"),
        ("small", "p2", "wvs"),
        ("large", "p1", None),
    }


def test_orders_stand_back_for_their_average_unless_a_prompt_is_named(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    changed = connection.cursor()
    changed.execute("begin")
    changed.execute("update marts.dim_prompts set order_family_id = 'p2' where prompt_id = 'p1'")
    found = {(d.model_name, d.prompt_id, d.population_id) for d in designs(changed)}
    assert ("small", "p2", "wvs") in found
    assert ("small", "p1", "wvs") not in found
    assert ("large", "p1", None) in found, "nothing averages the orders of this model"
    assert designs(changed, "small", "p1")
    changed.execute("rollback")


def test_means_are_those_of_the_summary_of_models(design: Design) -> None:
    assert design.country_count == 3
    assert design.blind_country_count == 2
    assert design.compared_country_count == 2
    assert design.mean_pearson_r == pytest.approx((0.2 + 0.6) / 2)
    assert design.mean_blind_baseline_r == pytest.approx((0.8 + 0.9) / 2)


def test_a_mean_r_needs_no_blind_baseline(connection: duckdb.DuckDBPyConnection) -> None:
    (other,) = (d for d in designs(connection) if d.population_id == "other survey")
    assert (other.compared_country_count, other.blind_country_count) == (1, 0)
    assert other.mean_pearson_r == -0.4
    assert other.mean_blind_baseline_r is None


def test_a_prompt_is_described_by_all_that_makes_it(design: Design) -> None:
    assert design.prompt_description == (
        "paper template, label answers, native coding, chat template"
    )


@pytest.mark.parametrize(
    ("model", "prompt_id", "count"),
    [("small", None, 3), ("bbb", None, 1), (None, "p2", 1), ("small", "p1", 2), (None, "p", 4)],
)
def test_designs_are_chosen_by_model_name_or_the_beginning_of_an_id(
    connection: duckdb.DuckDBPyConnection, model: str | None, prompt_id: str | None, count: int
) -> None:
    assert len(designs(connection, model, prompt_id)) == count


def test_what_does_not_exist_is_answered_with_what_does(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(ValuescopeError, match=r"model huge and prompt any.*large \(p1\)"):
        designs(connection, "huge")


def test_tables_that_are_not_built_are_named_with_the_next_command() -> None:
    with (
        duckdb.connect(":memory:") as empty,
        pytest.raises(ValuescopeError, match="run `valuescope build`"),
    ):
        designs(empty)


def test_built_tables_without_a_result_are_told_apart(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute("begin")
    try:
        connection.execute("delete from marts.agg_model_summary")
        with pytest.raises(ValuescopeError, match="Nothing to report"):
            designs(connection)
    finally:
        connection.execute("rollback")


def test_countries_come_best_first_and_those_without_r_last_with_the_reason(
    connection: duckdb.DuckDBPyConnection, design: Design
) -> None:
    assert country_agreement(connection, design) == [
        Agreement("USA", "United States", 0.6, 0.9, 12, None, 0.5, 0.7, 1, 2, 0.25),
        Agreement("JPN", "Japan", 0.2, 0.8, 10, None, 0.1, 0.3, 1, 2, 0.25),
        Agreement("NGA", "Nigeria", None, None, 3, "too_few_questions", None, None),
    ]


def test_surveys_are_not_mixed(connection: duckdb.DuckDBPyConnection) -> None:
    (other,) = (d for d in designs(connection) if d.population_id == "other survey")
    assert [row.r for row in country_agreement(connection, other)] == [-0.4]
    assert continent_agreement(connection, other) == []
    assert category_agreement(connection, other) == []
    assert question_agreement(connection, other) == []


def test_a_model_without_a_survey_is_listed_with_the_reason(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    (alone,) = designs(connection, "large")
    assert [row.reason for row in country_agreement(connection, alone)] == ["no_survey"]


def test_continents_come_best_first(connection: duckdb.DuckDBPyConnection, design: Design) -> None:
    rows = continent_agreement(connection, design)
    assert [(row.name, row.r, row.count) for row in rows] == [
        ("North America", 0.6, 1),
        ("Asia", 0.2, 1),
        ("Africa", None, 0),
    ]


def test_categories_come_by_rank_then_those_of_too_few_questions_then_those_without_scale(
    connection: duckdb.DuckDBPyConnection, design: Design
) -> None:
    rows = category_agreement(connection, design)
    assert [row.unit_id for row in rows] == ["ethical", "trust", "few", "none"]
    assert (rows[0].r, rows[0].blind_r) == (0.6, 0.7)
    assert rows[3].reason == "nominal_scale"
    assert (rows[0].rank_low, rows[0].rank_high) == (1, 2)


def test_questions_are_named_by_id_and_label(
    connection: duckdb.DuckDBPyConnection, design: Design
) -> None:
    rows = question_agreement(connection, design)
    assert [(row.name, row.r) for row in rows] == [("Q2 Friends", 0.3), ("Q1 Family", -0.3)]
