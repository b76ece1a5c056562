"""The prompt of `valuescope sql`, typed into by a pipe in the place of a keyboard."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from valuescope.interactive import ask_interactively, completer
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home

ENTER = "\r"
CONTROL_C, CONTROL_D, UP = "\x03", "\x04", "\x1b[A"

Type = Callable[..., list[pa.Table]]


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.fixture
def type_(study: Path, tmp_path: Path, keyboard: PipeInput) -> Type:
    """Type into one prompt, leave it, and get the tables that were shown."""
    shutil.copy(study / "valuescope.duckdb", tmp_path)

    def typed(*keys: str) -> list[pa.Table]:
        shown: list[pa.Table] = []
        keyboard.send_text("".join(keys) + CONTROL_D)
        ask_interactively(Home(tmp_path), shown.append)
        return shown

    return typed


def test_a_statement_goes_on_until_its_semicolon(type_: Type) -> None:
    (rows,) = type_(
        "select country_id", ENTER, "from dim_countries where country_id = 'JPN';", ENTER
    )
    assert rows.to_pylist() == [{"country_id": "JPN"}]


def test_a_wrong_statement_is_told_and_the_prompt_goes_on(
    type_: Type, capsys: pytest.CaptureFixture[str]
) -> None:
    (rows,) = type_("selec 1;", ENTER, ".nothing", ENTER, "select 2 as two;", ENTER)
    assert rows.to_pylist() == [{"two": 2}]
    messages = capsys.readouterr().err
    assert "syntax error" in messages
    assert ".nothing is unknown" in messages


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("select * from agg_model_summ", "agg_model_summary"),
        ("select Mean_Jens", "mean_jensen_shannon_distance"),
        (".run may_i", "may_i_use_q4"),
        ("select 1 group", "group by"),
    ],
)
def test_what_is_typed_is_completed(study: Path, typed: str, completed: str) -> None:
    found = completer(Home(study)).get_completions(Document(typed), CompleteEvent())
    assert completed in [completion.text for completion in found]


def test_what_was_asked_is_remembered_from_one_prompt_to_the_next(type_: Type) -> None:
    type_("select 42 as answer;", ENTER)
    (rows,) = type_(UP, ENTER)
    assert rows.to_pylist() == [{"answer": 42}]


def test_control_c_drops_what_is_typed(type_: Type) -> None:
    (rows,) = type_("select 1;", CONTROL_C, "select 2 as two;", ENTER)
    assert rows.to_pylist() == [{"two": 2}]


def test_words_with_a_dot_list_tables_columns_and_saved_queries(type_: Type) -> None:
    tables, columns, saved, answer = type_(
        *(".tables", ENTER, ".columns dim_countries", ENTER, ".saved", ENTER),
        *(".run which_countries_does_it_know_best country=JPN", ENTER),
    )
    assert "agg_country_correlations" in tables["table_name"].to_pylist()
    assert "headline_countries" in tables["table_name"].to_pylist()
    (continent,) = (row for row in columns.to_pylist() if row["column_name"] == "continent")
    assert continent["comment"].startswith("One of six continents")
    assert "may_i_use_q4" in saved["name"].to_pylist()
    assert answer["country_name"].to_pylist() == ["Japan"]


def test_quit_leaves(type_: Type) -> None:
    assert type_(".quit", ENTER) == []


def test_a_home_without_a_database_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValuescopeError, match="valuescope ingest"):
        ask_interactively(Home(tmp_path / "none"), lambda _: None)
