import csv
import io
import json
import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.valuescope.conftest import COUNTRIES, QUESTIONS, fail, run, succeed

COUNTRY_R = "select country_id, pearson_r from agg_country_correlations order by country_id"


def test_sql_prints_a_table_and_messages_do_not_mix_with_it(study: Path) -> None:
    finished = run(study, "sql", COUNTRY_R, "--max-rows", "2")
    assert "BRA" in finished.stdout.decode()
    assert "USA" not in finished.stdout.decode()
    assert "2 of 6 rows" in finished.stderr.decode()


def test_all_formats_hold_the_same_rows(study: Path, tmp_path: Path) -> None:
    as_json = json.loads(succeed(study, "sql", COUNTRY_R, "--format", "json"))
    as_csv = list(csv.DictReader(io.StringIO(succeed(study, "sql", COUNTRY_R, "--format", "csv"))))
    target = tmp_path / "r.parquet"
    succeed(study, "sql", COUNTRY_R, "--output", str(target))
    piped = run(study, "sql", COUNTRY_R, "--format", "parquet").stdout

    assert [row["country_id"] for row in as_json] == sorted(COUNTRIES)
    assert all(-1 <= row["pearson_r"] <= 1 for row in as_json)
    assert [float(row["pearson_r"]) for row in as_csv] == [row["pearson_r"] for row in as_json]
    assert pq.read_table(target).to_pylist() == as_json
    assert pq.read_table(io.BytesIO(piped)).to_pylist() == as_json


def test_a_statement_can_come_from_stdin(study: Path) -> None:
    assert succeed(study, "sql", "-", "--format", "csv", stdin=b"select 1 as one") == "one\n1\n"


def test_a_pipe_is_read_without_being_named(study: Path) -> None:
    assert succeed(study, "sql", "--format", "csv", stdin=b"select 1 as one") == "one\n1\n"


def test_a_statement_can_come_from_a_file(study: Path, tmp_path: Path) -> None:
    file = tmp_path / "question.sql"
    file.write_bytes("\ufeff-- naïve\r\nselect 1 as one;\r\n".encode())
    assert succeed(study, "sql", "--file", str(file), "--format", "csv") == "one\n1\n"
    assert "nowhere.sql" in fail(study, "sql", "--file", str(tmp_path / "nowhere.sql"))


def test_a_saved_query_is_asked_by_name(study: Path) -> None:
    name = "which_countries_does_it_know_best"
    chosen = ("sql", "--saved", name, "--var", "country=JPN")
    rows = json.loads(succeed(study, *chosen, "--format", "json"))
    assert [row["country_name"] for row in rows] == ["Japan"]
    printed = succeed(study, *chosen, "--print")
    assert json.loads(succeed(study, "sql", printed, "--format", "json")) == rows


def test_saved_queries_are_listed_with_their_questions(study: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(succeed(study, "sql", "--list", "--format", "csv"))))
    assert {"name": "may_i_use_q4", "variables": "model"}.items() <= {
        key: value for row in rows for key, value in row.items() if row["name"] == "may_i_use_q4"
    }.items()
    assert "may_i_use_q4" in fail(study, "sql", "--saved", "may_i_use_q5")
    assert "is not NAME=VALUE" in fail(study, "sql", "--saved", "may_i_use_q4", "--var", "model")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("country=JAP", "Unknown country 'JAP'; did you mean JPN"),
        ("model=smollm2-135m", "Unknown model 'smollm2-135m'; did you mean smollm2-135m-instruct?"),
        ("nation=JPN", "Unknown variable 'nation'"),
    ],
)
def test_a_variable_without_such_a_value_is_answered_with_the_nearest(
    study: Path, setting: str, message: str
) -> None:
    name = "which_countries_does_it_know_best"
    assert message in fail(study, "sql", "--saved", name, "--var", setting)


@pytest.mark.parametrize(
    "arguments",
    [
        ("select 1", "--saved", "may_i_use_q4"),
        ("select 1", "--var", "a=b"),
        ("--list", "--file", "x"),
    ],
)
def test_one_thing_is_asked_at_a_time(study: Path, arguments: tuple[str, ...]) -> None:
    assert "Usage" in fail(study, "sql", *arguments, code=2)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("drop table marts.dim_models", "read-only"),
        ("selec 1", "syntax error"),
        ("select * from fct_mean_score", "fct_mean_score"),
        ("explain analyze copy (select 1) to 'copied.csv'", "--files lets a statement read files"),
        ("from 'copied.csv'", "--files lets a statement read files"),
        ("select * from read_text('/etc/hostname')", "--files lets a statement read files"),
        ("call enable_logging(level = 'info')", "has been locked"),
    ],
)
def test_a_wrong_statement_is_answered_in_duckdbs_words(
    study: Path, statement: str, message: str
) -> None:
    assert message in fail(study, "sql", statement)
    assert not Path("copied.csv").exists()


def test_a_statement_reads_files_where_it_is_let_and_writes_none(
    study: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("country_id\nJPN\n")
    joined = f"select country_id from '{file}' inner join dim_countries using (country_id)"
    assert succeed(study, "sql", "--files", joined, "--format", "csv") == "country_id\nJPN\n"
    copied = tmp_path / "copied.csv"
    for statement in (
        f"explain analyze copy (select 1) to '{copied}'",
        f"copy (select 1) to '{copied}'",
        f"pragma import_database('{tmp_path}')",
        f"attach '{copied}'",
    ):
        assert "`valuescope sql" in fail(study, "sql", "--files", statement)
    assert not copied.exists()


def test_the_probabilities_are_the_softmax_of_the_log_likelihoods(study: Path) -> None:
    rows = json.loads(
        succeed(
            study,
            *("sql", "--format", "json"),
            """
            select log_likelihood, llm_probability from fct_choice_probabilities
            where question_id = 'Q1' and country_id = 'JPN'
            """,
        )
    )
    whole = math.fsum(math.exp(row["log_likelihood"]) for row in rows)
    for row in rows:
        assert math.isclose(row["llm_probability"], math.exp(row["log_likelihood"]) / whole)


def test_status_tells_what_is_loaded_scored_and_built(study: Path) -> None:
    text = succeed(study, "status")
    assert "answers.csv" in text
    assert "smollm2-135m-instruct" in text
    assert "finished" in text
    assert "up to date" in text


def test_status_of_an_empty_home_names_what_is_missing(tmp_path: Path) -> None:
    text = succeed(tmp_path, "status")
    assert "no survey yet" in text
    assert "no model yet" in text


def test_prompt_shows_the_tokens_that_were_scored(study: Path) -> None:
    shown = json.loads(
        succeed(
            study,
            *("prompt", "--model", "smollm2-135m-instruct", "--question", "q1"),
            *("--country", "Japan", "--answer", "label", "--json"),
        )
    )
    landed = json.loads(
        succeed(
            study,
            *("sql", "--format", "json"),
            """
            select prompt_text, answer_text, token_count, choice_index
            from staging.stg_choice_log_likelihoods
            where question_id = 'Q1' and country_id = 'JPN' order by choice_index
            """,
        )
    )
    assert Path(shown["model_path"]).is_file()
    assert [answer["choice_index"] for answer in shown["answers"]] == [1, 2, 3, 4]
    for answer, row in zip(shown["answers"], landed, strict=True):
        assert shown["text"] == row["prompt_text"]
        assert answer["text"] == row["answer_text"]
        assert len(answer["token_ids"]) - answer["answer_start"] == row["token_count"]


def test_prompt_finds_a_design_that_was_scored(study: Path) -> None:
    (row,) = json.loads(
        succeed(study, "sql", "--format", "json", "select prompt_id from dim_prompts")
    )
    text = succeed(
        study,
        *("prompt", "--model", "smollm2-135m-instruct", "--question", "Q1"),
        *("--prompt", row["prompt_id"][:6]),
    )
    assert row["prompt_id"] in text
    assert "In " not in text.split("-- answers")[0].split("Choices:")[1]


def test_models_lists_the_registry_and_finds_a_file(study: Path) -> None:
    assert "llama-2-7b" in succeed(study, "models")
    shown = json.loads(succeed(study, "models", "smollm2-135m-instruct", "--json"))
    assert Path(shown["file"]).is_file()
    assert "did you mean" in fail(study, "models", "smollm2-135m-instrukt")


def test_every_cell_of_the_study_is_compared(study: Path) -> None:
    (row,) = json.loads(
        succeed(
            study,
            *("sql", "--format", "json"),
            "select count(*) as cells from fct_mean_scores where absolute_error is not null",
        )
    )
    assert row["cells"] == len(COUNTRIES) * len(QUESTIONS)
