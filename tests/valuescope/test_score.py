"""`valuescope score` over several models and designs, and as a study."""

import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.valuescope.conftest import fail, run, succeed

MODEL = "smollm2-135m-instruct"
ONE_CELL = ("--answer", "label", "--questions", "Q57", "--countries", "JPN", "--compute", "f32")
STUDY = f"""
name = "two-orders"
models = ["{MODEL}", "nowhere.gguf"]
countries = ["JPN"]
questions = ["Q57"]

[[designs]]
answers = "label"
orders = ["forward", "reverse"]
"""


def landed(home: Path, table: str) -> list[dict[str, object]]:
    shards = sorted((home / "landing" / "schema=1" / table).glob("*.parquet"))
    rows: list[dict[str, object]] = pa.concat_tables(map(pq.read_table, shards)).to_pylist()
    return rows


def test_each_order_is_a_design_and_rows_keep_the_instruments_index(tmp_path: Path) -> None:
    succeed(tmp_path, "score", "--model", MODEL, *ONE_CELL, "--orders", "forward,reverse")
    orders = {row["prompt_id"]: row["choice_order"] for row in landed(tmp_path, "prompts")}
    assert Counter(orders.values()) == {"forward": 1, "reverse": 1}
    shown = {
        (orders[row["prompt_id"]], row["choice_index"], row["choice_label"])
        for row in landed(tmp_path, "choice_log_likelihoods")
    }
    assert shown == {
        ("forward", 1, "A"),
        ("forward", 2, "B"),
        ("reverse", 1, "B"),
        ("reverse", 2, "A"),
    }


def test_what_is_loaded_is_asked_and_a_run_can_be_forgotten(tmp_path: Path) -> None:
    survey = tmp_path / "answers.csv"
    survey.write_text(
        "country,question,code,count\nUSA,Q57,1,5\nJPN,Q57,2,5\nJPN,Q1,1,0\n", "utf-8"
    )
    home = tmp_path / "home"
    score = ("score", "--model", MODEL, "--answer", "label", "--compute", "f32")
    assert "No survey is loaded" in fail(home, *score, "--countries", "loaded")
    loaded = run(home, "ingest", str(survey)).stderr.decode()
    assert "Next: valuescope score --model NAME, then valuescope build" in loaded

    assert "(wvs:7:unstated:all): 2 countries and 1 question" in run(home, *score).stderr.decode()
    cells = {(r["question_id"], r["country_id"]) for r in landed(home, "choice_log_likelihoods")}
    assert cells == {("Q57", "JPN"), ("Q57", "USA"), ("Q57", "ZZZ")}

    assert "No load, run or model is called nobody" in fail(home, "forget", "nobody", "--yes")
    assert "Nothing was removed" in fail(home, "forget", MODEL)
    run_id = str(landed(home, "runs")[0]["run_id"])
    succeed(home, "forget", run_id, "--yes")
    assert [landed(home, table) for table in ("choice_log_likelihoods", "runs", "models")] == [
        []
    ] * 3
    assert "Scored: no model yet" in succeed(home, "status")


def test_a_dry_run_tells_tokens_time_and_memory_and_scores_nothing(tmp_path: Path) -> None:
    finished = run(
        tmp_path, "score", "--model", MODEL, *ONE_CELL, "--orders", "forward,rotate_3", "--dry-run"
    )
    table = finished.stdout.decode()
    assert re.search(rf"{MODEL} .*label forward.* f32 .* 2 .* \d\d\d? .* GB", table)
    assert re.search(rf"{MODEL} .*label rotate_3.* - ", table)
    assert "asks none of the questions" in finished.stderr.decode()
    assert "too few batteries of questions with a scale" in finished.stderr.decode()
    # A design that asks nothing is not the model's fault.
    assert finished.returncode == 0
    assert landed(tmp_path, "choice_log_likelihoods") == []


def test_a_dry_run_measures_a_model_once(tmp_path: Path) -> None:
    two = ("--orders", "forward,reverse", "--dry-run")
    table = run(tmp_path, "score", "--model", MODEL, *ONE_CELL, *two).stdout.decode()
    # Cells, tokens, tokens a second.
    speeds = re.findall(r" f32 +│ +[\d,]+ +│ +[\d,]+ +│ +([\d,]+) ", table)
    assert len(speeds) == 2
    assert len(set(speeds)) == 1


def test_a_dry_run_fails_for_a_model_that_cannot_be_scored(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    models = ("--model", str(tmp_path / "broken.gguf"), "--model", MODEL)
    finished = run(tmp_path / "home", "score", *models, *ONE_CELL, "--dry-run")
    assert finished.returncode == 1
    assert re.search(rf"{MODEL} .* f32 .* GB", finished.stdout.decode())
    said = finished.stderr.decode()
    assert said.count("No estimate: ") == 1
    assert "1 of 2 models cannot be scored: " in said
    assert "broken.gguf. Why is above." in said


def test_a_failing_model_does_not_stop_the_others(tmp_path: Path) -> None:
    finished = run(tmp_path, "score", "--model", "nowhere.gguf", "--model", MODEL, *ONE_CELL)
    assert finished.returncode == 1
    message = finished.stderr.decode()
    assert "Failed: nowhere.gguf: No such model file" in message
    assert "1 of 2 runs failed; the others have landed" in message
    assert len(landed(tmp_path, "choice_log_likelihoods")) == 4


def test_a_study_runs_all_it_names_and_marks_every_run(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(STUDY, encoding="utf-8")
    arguments = ("score", "--study", str(study), "--compute", "f32")
    finished = run(tmp_path, *arguments)
    assert finished.returncode == 1
    assert "nowhere.gguf" in finished.stderr.decode()
    runs = landed(tmp_path, "runs")
    assert [(row["study_name"], row["status"]) for row in runs] == [("two-orders", "finished")] * 2
    (sha256,) = {str(row["study_sha256"]) for row in runs}
    kept = tmp_path / "landing" / "schema=1" / "studies" / f"{sha256}.toml"
    assert kept.read_text(encoding="utf-8") == STUDY
    run(tmp_path, *arguments)
    assert Counter(row["cells_scored"] for row in landed(tmp_path, "runs")) == {2: 2, 0: 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", MODEL), "--model cannot be given together with --study"),
        (("--orders", "reverse", "--countries", "JPN"), "--countries, --orders cannot be given"),
    ],
)
def test_what_a_study_fixes_cannot_be_given_beside_it(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    study = tmp_path / "study.toml"
    study.write_text(STUDY, encoding="utf-8")
    assert message in fail(tmp_path, "score", "--study", str(study), *arguments, code=2)


def test_the_numerics_asked_for_are_on_the_record(tmp_path: Path) -> None:
    succeed(
        tmp_path,
        *("score", "--model", MODEL, *ONE_CELL, "--kv-cache", "f16", "--flash-attention"),
        *("--batch-size", "64"),
    )
    (row,) = landed(tmp_path, "runs")
    assert (row["compute_type"], row["kv_cache_type"]) == ("f32", "f16")
    assert (row["flash_attention"], row["batch_size"]) == (True, 64)


def test_a_question_without_words_in_a_set_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "instrument" / "wordings" / "mine"
    folder.mkdir(parents=True)
    (folder / "set.toml").write_text(
        'language = "en"\ntranslator = "me"\nsource = "a test"\n', encoding="utf-8"
    )
    (folder / "questions.csv").write_text(
        "question_id,country_id,wording\nQ57,,Can most people be trusted?\n", encoding="utf-8"
    )
    mine = ("score", "--model", MODEL, "--wordings", "mine", "--answer", "label")
    message = fail(tmp_path, *mine, "--questions", "Q57,Q58")
    assert "'mine' has no words for Q58" in message
    finished = run(
        tmp_path,
        *mine,
        "--categories",
        "social_capital",
        *("--countries", "JPN", "--limit", "1", "--compute", "f32"),
    )
    assert "are not asked in it" in finished.stderr.decode()
    assert finished.returncode == 0
    asked = {row["prompt_text"] for row in landed(tmp_path, "choice_log_likelihoods")}
    assert all("Can most people be trusted?" in str(text) for text in asked)


def test_status_names_the_order_of_each_run(tmp_path: Path) -> None:
    succeed(tmp_path, "score", "--model", MODEL, *ONE_CELL, "--orders", "reverse")
    assert "reverse" in succeed(tmp_path, "status")
