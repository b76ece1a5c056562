"""The paper's tables, from the marts and from saved queries."""

import duckdb
import pytest

from valuescope.reports.exhibits.paper.tables import EXHIBITS
from valuescope.reports.terminal.summary import designs

MODELS, CATEGORIES, PRINTED = EXHIBITS


def test_every_scored_file_is_in_table_1(paired: duckdb.DuckDBPyConnection) -> None:
    rows = {row["model_id"]: row for row in MODELS.rows(paired, {})}
    assert len(rows) == 6
    llama = rows["llama-2-7b-Q8_0"]
    assert llama["billions_of_parameters"] == 7
    assert llama["trillions_of_training_tokens"] == 2
    assert (llama["base_or_chat"], llama["size_group"], llama["in_paper"]) == (
        "base",
        "medium",
        True,
    )
    assert rows["smollm2-360m-instruct-Q4_K_M"]["base_or_chat"] == "chat"
    own = rows["people-F16"]
    assert own["family"] is None, "the registry does not know it"
    assert own["quantization"] == "F16"


def test_table_2_follows_the_design_and_ranks_by_what_is_added_to_the_blind_baseline(
    paired: duckdb.DuckDBPyConnection, built: duckdb.DuckDBPyConnection
) -> None:
    for warehouse in (paired, built):
        for design in designs(warehouse):
            rows = CATEGORIES.rows(warehouse, design.parameters)
            names = [row["category_name"] for row in rows]
            assert len(set(names)) == len(names) > 0
            ranked = [row for row in rows if row["category_rank"] is not None]
            added = [row["rho0_above_blind"] for row in ranked]
            assert rows[: len(ranked)] == ranked
            assert added == sorted(added, reverse=True)
            for row in rows:
                assert (row["rho0"] is None) <= (row["null_reason"] is not None)
                if row["rho0_above_blind"] is not None:
                    assert row["rho0_above_blind"] == pytest.approx(row["rho0"] - row["blind_rho0"])


def test_printed_shares_stand_beside_the_survey(paired: duckdb.DuckDBPyConnection) -> None:
    rows = PRINTED.rows(paired, {})
    printed = {(row["country_name"], row["question_id"]): row["printed_share"] for row in rows}
    assert printed == {
        ("Japan", "Q168"): pytest.approx(0.848),
        ("South Korea", "Q146"): pytest.approx(0.70),
        ("China", "Q62"): pytest.approx(0.64),
        ("Singapore", "Q156"): pytest.approx(0.86),
        ("United States", "Q180"): pytest.approx(0.82),
        ("South Korea", "Q186"): pytest.approx(0.65),
    }
    for row in rows:
        assert (row["survey_share"] is None) == (row["null_reason"] is not None)
