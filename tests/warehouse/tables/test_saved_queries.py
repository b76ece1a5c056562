import pytest

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import DBT_PROJECT
from valuescope.warehouse.tables.saved_queries import saved_queries, statement


def test_every_analysis_is_a_saved_query_that_asks_a_question() -> None:
    queries = saved_queries()
    names = [path.stem for path in (DBT_PROJECT / "analyses").glob("*.sql")]
    assert [query.name for query in queries] == sorted(names)
    assert all(query.question.endswith("?") and query.grain for query in queries)


def test_variables_are_those_that_narrow_a_query_down() -> None:
    variables = {query.name: query.variables for query in saved_queries()}
    assert variables["which_of_two_models_is_closer"] == ("model", "other_model", "country")
    assert variables["what_determines_my_numbers"] == ()


def test_tables_are_named_with_their_schemas_and_nothing_is_left_to_dbt() -> None:
    text = statement("which_of_two_models_is_closer")
    assert "from marts.fct_mean_scores" in text
    assert "{" not in text


def test_a_value_cannot_leave_its_quotes() -> None:
    text = statement("may_i_use_q4", {"model": "x' or 'a' = 'a"})
    assert "'x'' or ''a'' = ''a'" in text


def test_thresholds_are_those_of_the_build() -> None:
    usual = statement("which_of_two_models_is_closer")
    assert "< 5 then null" in usual
    assert "< 17 then null" in statement(
        "which_of_two_models_is_closer", built_with={"minimum_questions": 17}
    )


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValuescopeError, match="Did you mean may_i_use_q4"):
        statement("may_i_use_q8")


def test_an_unknown_variable_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValuescopeError, match=r"Unknown variable 'nation'.* takes country, model"):
        statement("which_questions_does_it_miss_most", {"nation": "JPN"})
    with pytest.raises(ValuescopeError, match="did you mean country"):
        statement("which_questions_does_it_miss_most", {"countri": "JPN"})
