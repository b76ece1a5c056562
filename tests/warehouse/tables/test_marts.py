import re

import duckdb
import pytest

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import DBT_PROJECT
from valuescope.warehouse.tables.marts import built_marts, chosen_marts, described_marts

MARTS = {mart.name: mart for mart in described_marts()}


def test_every_mart_is_described() -> None:
    models = (DBT_PROJECT / "models" / "marts").rglob("*.sql")
    assert sorted(MARTS) == sorted(path.stem for path in models)


def test_the_grain_is_the_columns_that_tell_rows_apart() -> None:
    assert MARTS["dim_models"].grain == ("model_id",)
    assert MARTS["fct_choice_probabilities"].grain == (
        *("model_id", "prompt_id", "question_id", "country_id", "choice_index"),
    )
    for mart in MARTS.values():
        assert set(mart.grain) <= {column.name for column in mart.columns}


def test_rows_are_ordered_by_the_grain_and_then_by_all_the_rest() -> None:
    order = MARTS["dim_surveys"].in_grain_order.split(", ")
    assert order[0] == "survey_id"
    assert sorted(order) == sorted(column.name for column in MARTS["dim_surveys"].columns)


def test_descriptions_stand_on_one_line_and_leave_nothing_to_dbt() -> None:
    texts = [mart.description for mart in MARTS.values()]
    texts += [column.description for mart in MARTS.values() for column in mart.columns]
    assert not [text for text in texts if "{{" in text or "\n" in text or not text]
    (model_id,) = (c for c in MARTS["dim_models"].columns if c.name == "model_id")
    assert model_id.description.startswith("SHA-256 of the scored GGUF file")
    assert model_id.is_required


def test_marts_with_peoples_shares_or_scores_say_so() -> None:
    """Countries' means and spreads over questions are results; a question's shares are the data."""
    repeating = re.compile(r"human_(share|mean_score|keyed_mean_score|secular|self)|^mean_value$")
    for mart in MARTS.values():
        if any(repeating.search(column.name) for column in mart.columns):
            assert mart.holds_survey_estimates, mart.name
    assert MARTS["fct_cultural_map"].holds_survey_estimates
    assert not MARTS["agg_country_correlations"].holds_survey_estimates


def test_only_what_is_built_can_be_chosen() -> None:
    with duckdb.connect() as connection:
        with pytest.raises(ValuescopeError, match="no marts yet"):
            built_marts(connection)
        connection.execute("create schema marts")
        columns = ", ".join(f"{c.name} {c.data_type}" for c in MARTS["dim_surveys"].columns)
        connection.execute(f"create table marts.dim_surveys ({columns})")
        connection.execute("create table marts.somebody_elses (x integer)")
        built = built_marts(connection)
        assert chosen_marts(built, ()) == (MARTS["dim_surveys"],)
        assert chosen_marts(built, ("dim_surveys", "dim_surveys")) == built
        with pytest.raises(ValuescopeError, match="dim_models is not built yet"):
            chosen_marts(built, ("dim_models",))
        with pytest.raises(ValuescopeError, match="did you mean dim_surveys"):
            chosen_marts(built, ("dim_survey",))
        connection.execute("alter table marts.dim_surveys drop column doi")
        with pytest.raises(ValuescopeError, match="dim_surveys was built by another version"):
            built_marts(connection)
