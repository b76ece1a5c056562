"""`valuescope questions`, and `valuescope land` with a file of answers from elsewhere."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from llama_cpp import Llama

from tests.dbt_project.study import WITHOUT_TESTS
from tests.valuescope.conftest import COUNTRIES, QUESTIONS, fail, run, succeed
from valuescope.scorer.brought import landing
from valuescope.scorer.engine.numerics import default_threads
from valuescope.warehouse.home import SEEDS, Home
from valuescope.warehouse.instruments.own_models import COLUMNS
from valuescope.warehouse.replication.comparison import compare_marts
from valuescope.warehouse.tables.build import build_warehouse
from valuescope.warehouse.tables.marts import built_marts

DRAWS = 200
# llama.cpp's number of the type.
F32 = 0
# The rows of a scoring as anybody would bring them.
ROWS = """
    select
        'brought' as model,
        question_id as question,
        country_id as country,
        choice_index as choice,
        prompts.choice_order as "order",
        'answer=label' as design,
        prompt_text as text,
        log_likelihood,
        label_log_likelihood,
        token_count,
        byte_count,
        off_choice_mass,
        boundary_merged,
        is_chat,
        quantization
    from staging.stg_choice_log_likelihoods
    inner join marts.dim_prompts as prompts using (prompt_id)
    inner join marts.dim_models using (model_id)
"""
# The names of the model, the run and its numerics. All else is compared.
NAMES = {"model_name", "display_name", "model", "partner_model_name", "run_id", "numerics_id"}
# What only a file of weights has.
OF_THE_FILE = {
    *("file_name", "file_bytes", "chat_template_sha256"),
    *("architecture", "context_length", "vocabulary_size", "is_in_registry"),
}


def as_registered(home: Home, model_name: str, name: str) -> None:
    """Describe a model of that `name` in the home as the registry describes `model_name`."""
    with (SEEDS / "models.csv").open(encoding="utf-8", newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if row["model_name"] == model_name)
    own = {"model_name": name, "display_name": "", "file_sha256": "", "partner_model_name": ""}
    described = {column: own.get(column, row[column]) for column in COLUMNS}
    home.instrument.mkdir(parents=True)
    with (home.instrument / "models.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, described)
        writer.writeheader()
        writer.writerow(described)


def test_our_own_answers_brought_under_another_name_make_the_same_marts(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text(succeed(study, "sql", "--format", "csv", ROWS), encoding="utf-8")
    (scored,) = Home(study).landing.glob("models/[!_]*.parquet")
    # Random answers are drawn by the model's id.
    monkeypatch.setattr(landing, "model_id_of", lambda name: scored.stem)
    home = tmp_path / "home"
    as_registered(Home(home), "smollm2-135m-instruct", "brought")
    succeed(home, "ingest", str(study.parent / "answers.csv"))
    succeed(home, "land", str(answers))
    build_warehouse(Home(home), WITHOUT_TESTS)

    with duckdb.connect(str(Home(home).database), read_only=True) as here:
        here.execute(f"attach '{Home(study).database}' as there (read_only)")
        files, marts = [], built_marts(here)
        for mart in marts:
            files.append(tmp_path / f"{mart.name}.parquet")
            here.execute(f"copy there.marts.{mart.name} to '{files[-1]}'")
        compared = compare_marts(here, marts, files)

    assert {mart.name for mart in marts} >= {"fct_mean_scores", "agg_country_correlations"}
    for found in compared:
        if found.name != "dim_runs":
            expected = NAMES | OF_THE_FILE if found.name == "dim_models" else NAMES
            assert set(found.differing) <= expected, found
            assert (found.only_here, found.only_there) == (0, 0), found
    rows = {found.name: found.rows for found in compared}
    assert rows["fct_choice_probabilities"] == len(QUESTIONS) * (len(COUNTRIES) + 1) * 4
    assert sum(rows.values()) > 1000


@pytest.fixture(scope="module")
def sampled(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study with answers sampled from its own probabilities, under two precisions.

    In Japan every answer to Q1 is a refusal, and in Egypt one is.
    """
    home = Home(Path(shutil.copytree(study, tmp_path_factory.mktemp("sampled") / "home")))
    with duckdb.connect(str(home.database), read_only=True) as connection:
        cells = connection.execute(
            "select question_id, country_id, list(llm_probability order by choice_index) "
            "from marts.fct_choice_probabilities group by all order by all"
        ).fetchall()
    dice = np.random.default_rng(20)
    lines = ["model,quantization,question,country,choice,count,design"]
    for quantization in ("Q4_0", "Q8_0"):
        for question, country, shares in cells:
            refusals = DRAWS if (question, country) == ("Q1", "JPN") else int(country == "EGY")
            counts = [*dice.multinomial(DRAWS - refusals, shares), refusals]
            lines += [
                f"m-{quantization.lower()},{quantization},{question},{country},{choice},{count},"
                "answer=label"
                for choice, count in zip([1, 2, 3, 4, ""], counts, strict=True)
            ]
    answers = home.path.parent / "sampled.csv"
    answers.write_text("\n".join(lines), encoding="utf-8")
    succeed(home.path, "land", str(answers))
    build_warehouse(home, WITHOUT_TESTS)
    return home.path


def rows(home: Path, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(succeed(home, "sql", "--format", "json", query))
    return found


def test_counts_have_their_own_sampling_error_and_agree_with_what_they_are_drawn_from(
    sampled: Path,
) -> None:
    found = rows(
        sampled,
        """
        select
            cells.model_id, cells.question_id, cells.country_id, cells.llm_mean_score,
            cells.llm_standard_error,
            cells.draws, cells.off_choice_mass, cells.null_reason, own.llm_mean_score as own_score,
            list(choices.llm_probability order by choice_index) as shares
        from fct_mean_scores as cells
        inner join dim_prompts using (prompt_id)
        inner join fct_mean_scores as own using (question_id, country_id)
        inner join dim_prompts as own_prompts on own.prompt_id = own_prompts.prompt_id
        inner join fct_choice_probabilities as choices
            on cells.model_id = choices.model_id and cells.prompt_id = choices.prompt_id
            and cells.question_id = choices.question_id and cells.country_id = choices.country_id
        where dim_prompts.elicitation = 'sampled' and own_prompts.elicitation = 'likelihood'
        group by all
        """,
    )
    assert len(found) == 2 * len(QUESTIONS) * (len(COUNTRIES) + 1)
    refused = [row for row in found if row["null_reason"] == "no_answer_on_choices"]
    assert [(row["question_id"], row["country_id"]) for row in refused] == [("Q1", "JPN")] * 2
    assert {(row["off_choice_mass"], row["draws"]) for row in refused} == {(1, 0)}
    score = np.array([-1, -1 / 3, 1 / 3, 1])
    away = []
    for row in (row for row in found if row not in refused):
        draws = DRAWS - (row["country_id"] == "EGY")
        assert row["draws"] == draws
        # The standard error of a mean of as many single answers.
        single = np.repeat(score, np.rint(np.array(row["shares"]) * draws).astype(int))
        assert row["llm_mean_score"] == pytest.approx(single.mean(), abs=1e-12)
        error = single.std(ddof=1) / np.sqrt(draws)
        assert row["llm_standard_error"] == pytest.approx(error, rel=1e-9)
        away.append((row["llm_mean_score"] - row["own_score"]) / error)
    assert np.abs(away).max() < 4
    assert np.std(away) == pytest.approx(1, abs=0.25)


def test_two_draws_of_one_model_do_not_differ_beyond_their_noise(sampled: Path) -> None:
    (row,) = rows(sampled, "select * from cmp_quantization")
    assert (row["noise_basis"], row["other_noise_basis"]) == ("draws", "draws")
    assert row["log_likelihood_noise"] is None
    assert row["drift_to_noise_ratio"] == pytest.approx(1, abs=0.4)
    assert row["answer"] == "no difference beyond numerical noise"


def test_one_report_has_the_scored_model_and_the_sampled_ones(sampled: Path) -> None:
    told = succeed(sampled, "report")
    assert "label answers, native coding, chat template, sampled" in told
    for model in ("smollm2-135m-instruct", "m-q4_0", "m-q8_0"):
        assert model in told


def test_what_only_log_likelihoods_have_is_null_of_counts(sampled: Path) -> None:
    found = rows(
        sampled,
        """
        select normalization, count(llm_mean_score) as known, list(distinct null_reason) as reasons
        from fct_normalized_mean_scores inner join dim_prompts using (prompt_id)
        where elicitation = 'sampled' and (question_id, country_id) != ('Q1', 'JPN')
        group by all
        """,
    )
    reasons = {row["normalization"]: (row["known"], row["reasons"]) for row in found}
    cells = 2 * (len(QUESTIONS) * (len(COUNTRIES) + 1) - 1)
    assert reasons.pop("sum") == (cells, [None])
    assert set(map(str, reasons.values())) == {str((0, ["no_log_likelihoods"]))}


def test_a_file_that_is_checked_or_wrong_leaves_no_trace(tmp_path: Path) -> None:
    home, answers = tmp_path / "home", tmp_path / "answers.csv"
    answers.write_text("model,question,country,choice,count\nm,Q1,JPN,A,3\n")
    told = run(home, "land", str(answers), "--check").stderr.decode()
    assert "4 answers in 1 cell, of 1 model in 1 design; elicitation: sampled." in told
    assert "Taken for chat models (a column is_chat says otherwise): m." in told
    answers.write_text("model,question,country,choice,count\nm,Q1,JAP,A,3.5\n")
    message = fail(home, "land", str(answers))
    assert "has 2 faults; nothing of it has landed" in message
    assert "does not exist" in fail(home, "land", str(tmp_path / "none.csv"))
    assert "are for a file of answers" in fail(home, "land", str(tmp_path), "--check", code=2)
    assert "not for a file" in fail(home, "land", str(answers), "--study", "s", code=2)
    assert not home.exists()


def test_questions_are_those_that_models_are_asked_here(study: Path) -> None:
    written = succeed(study, "questions", "--answer", "label", "--format", "jsonl")
    cells = {
        (cell["question"], cell["country"]): cell for cell in map(json.loads, written.splitlines())
    }
    scored = rows(
        study,
        "select question_id, country_id, choice_index, choice_label, prompt_text "
        "from staging.stg_choice_log_likelihoods",
    )
    assert len(cells) == len(QUESTIONS) * (len(COUNTRIES) + 1)
    for row in scored:
        cell = cells[row["question_id"], row["country_id"]]
        assert cell["text"] in row["prompt_text"]
        assert cell["choices"][row["choice_index"] - 1]["answer"] == row["choice_label"]
    table = list(csv.DictReader(io.StringIO(succeed(study, "questions", "--answer", "label"))))
    assert [(row["id"], int(row["choice"]), row["text_sha256"]) for row in table] == [
        (cell["id"], choice["choice"], cell["text_sha256"])
        for cell in cells.values()
        for choice in cell["choices"]
    ]


def test_the_engines_own_top_logprobs_are_near_what_is_scored_here(
    study: Path, tmp_path: Path
) -> None:
    """llama-cpp-python's chat completions are what its OpenAI-compatible server returns."""
    (scored,) = Home(study).landing.glob("models/[!_]*.parquet")
    path = Home(study).cache / "computed" / f"{scored.stem}.f32.gguf"
    asked = ("--questions", "Q1", "--countries", "JPN", "--answer", "label")
    lines = succeed(study, "questions", *asked, "--format", "jsonl").splitlines()
    model = Llama(
        str(path),
        n_ctx=256,
        n_threads=default_threads(),
        logits_all=True,
        type_k=F32,
        type_v=F32,
        verbose=False,
    )
    batch = tmp_path / "batch.jsonl"
    with batch.open("w", encoding="utf-8") as file:
        for cell in map(json.loads, lines):
            body = model.create_chat_completion(
                [{"role": "user", "content": cell["text"]}],
                max_tokens=1,
                temperature=0,
                logprobs=True,
                top_logprobs=20,
            )
            response = {"status_code": 200, "request_id": "r", "body": body}
            line = {"id": "b", "custom_id": cell["id"], "response": response, "error": None}
            file.write(json.dumps(line, default=float) + "\n")
    model.close()
    home = tmp_path / "home"
    succeed(home, "land", str(batch), "--format", "openai-batch", "--model", "served")

    shards = Home(home).landing / "choice_log_likelihoods" / "[!_]*.parquet"
    brought = {
        tuple(key): value
        for *key, value in duckdb.execute(
            f"select question_id, country_id, choice_index, log_likelihood from '{shards}'"
        ).fetchall()
    }
    assert len(brought) == 2 * 4
    for row in rows(
        study,
        "select question_id, country_id, choice_index, log_likelihood "
        "from staging.stg_choice_log_likelihoods",
    ):
        key = row["question_id"], row["country_id"], row["choice_index"]
        if key in brought:
            assert brought[key] == pytest.approx(row["log_likelihood"], abs=0.01)
