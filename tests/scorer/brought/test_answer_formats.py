"""Files of other programs, and the answers that they hold. The golden files are as documented:

`samples_*.jsonl` as lm-evaluation-harness writes with `--log_samples`, `batch_*.jsonl` as OpenAI's
batches do, `inspect_log.json` as `inspect log dump` prints. `qstn_*.csv` are what QSTN 0.5.4 itself
made of SmolLM2 135M's answers, which llama-cpp-python's chat completions gave it over HTTP.
"""

import math
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from valuescope.scorer.brought.asked_prompts import AskedPrompts
from valuescope.scorer.brought.formats.completions import choice_said, first_token_shares
from valuescope.scorer.brought.landing import Brought, land_answers
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument

GOLDEN = Path(__file__).with_name("golden")
SAMPLES = GOLDEN / "samples_valuescope_2026-11-30T00-00-00.000000.jsonl"
COLUMNS = "question_id, country_id, choice_index, exp(log_likelihood), off_choice_mass, draws"


def land(home: Home, instrument: Instrument, path: Path, **settings: Any) -> Brought:
    return land_answers(home, path, instrument, **settings)


def landed(home: Home, columns: str = COLUMNS) -> list[tuple[Any, ...]]:
    shards = home.landing / "choice_log_likelihoods" / "[!_]*.parquet"
    return duckdb.execute(f"select {columns} from '{shards}' order by all").fetchall()


def test_lm_eval_samples_are_log_likelihoods(home: Home, instrument: Instrument) -> None:
    brought = land(home, instrument, SAMPLES, format_name="lm-eval", model="pythia-70m")

    assert (brought.elicitation, brought.cells, brought.rows) == ("likelihood", 4, 12)
    found = landed(
        home, "question_id, country_id, choice_index, log_likelihood, byte_count, off_choice_mass"
    )
    assert found[:2] == [
        ("Q1", "JPN", 1, -1.625, len(" A) Very important"), None),
        ("Q1", "JPN", 2, -3.875, len(" B) Rather important"), None),
    ]
    assert found[-1][:4] == ("Q149", "ZZZ", 2, -2.0)


def test_samples_need_the_name_of_the_model_and_our_documents(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    with pytest.raises(ValuescopeError, match=r"lacks columns: model \(or --model NAME\)"):
        land(home, instrument, SAMPLES, format_name="lm-eval")
    other = tmp_path / "samples_hellaswag.jsonl"
    other.write_text('{"doc_id": 0, "doc": {"ctx": "x"}, "filtered_resps": [["-1.0", "False"]]}\n')
    with pytest.raises(ValuescopeError, match="has in line 1 no sample of a multiple_choice task"):
        land(home, instrument, other, format_name="lm-eval", model="m")
    cut = tmp_path / "cut.jsonl"
    cut.write_text(SAMPLES.read_text()[:-100])
    with pytest.raises(ValuescopeError, match="has in line 4 no JSON object"):
        land(home, instrument, cut, format_name="lm-eval", model="m")


def test_top_logprobs_are_probabilities_of_first_tokens(home: Home, instrument: Instrument) -> None:
    brought = land(home, instrument, GOLDEN / "batch_logprobs.jsonl", format_name="openai-batch")

    assert brought.elicitation == "probability"
    assert {run.model_name for run in brought.runs} == {"gpt-4o-mini-2024-07-18"}
    assert any("1 requests failed and are left out: Q2/JPN" in note for note in brought.notes)
    assert any("4 choices begin with no token of their own" in note for note in brought.notes)
    found = [(*key, round(p, 9), round(off, 9), n) for *key, p, off, n in landed(home)]
    assert found == [
        # "Very" and "Rather" begin one choice, "Not" begins two.
        ("Q1", "JPN", 1, 0.5, 0.375, None),
        ("Q1", "JPN", 2, 0.125, 0.375, None),
        ("Q1", "JPN", 3, 0, 0.375, None),
        ("Q1", "JPN", 4, 0, 0.375, None),
        # "A" and " A" are one answer, "I" is none.
        ("Q1", "ZZZ", 1, 0.625, 0.25, None),
        ("Q1", "ZZZ", 2, 0.125, 0.25, None),
        ("Q1", "ZZZ", 3, 0, 0.25, None),
        ("Q1", "ZZZ", 4, 0, 0.25, None),
    ]


def test_messages_without_logprobs_are_sampled_answers(home: Home, instrument: Instrument) -> None:
    brought = land(home, instrument, GOLDEN / "batch_sampled.jsonl", format_name="openai-batch")

    assert brought.elicitation == "sampled"
    found = [(*key, round(p, 9), round(off, 9), n) for *key, p, off, n in landed(home)]
    assert found == [
        # Of ten answers one is a refusal without content, one has an opinion on nothing, and one
        # names two choices.
        ("Q1", "JPN", 1, round(4 / 7, 9), 0.3, 7),
        ("Q1", "JPN", 2, round(2 / 7, 9), 0.3, 7),
        ("Q1", "JPN", 3, 0, 0.3, 7),
        ("Q1", "JPN", 4, round(1 / 7, 9), 0.3, 7),
        # In reverse the label A is that of the last choice.
        ("Q1", "USA", 1, 0.5, 0, 2),
        ("Q1", "USA", 2, 0, 0, 2),
        ("Q1", "USA", 3, 0, 0, 2),
        ("Q1", "USA", 4, 0.5, 0, 2),
    ]


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("B", 2),
        ("b.", 2),
        ("(B) because it matters", 2),
        ("**B)** Rather important", 2),
        ("Rather important", 2),
        ("B) Rather important, since ..", 2),
        ("A) or B)", None),
        ("B) Rather important, C) Not very important", None),
        ("B) Not very important", None),
        ("", None),
        ("I would say: it depends", None),
        ("Berlin", None),
        ("E)", None),
    ],
)
def test_an_answer_names_one_choice_or_none(
    home: Home, instrument: Instrument, text: str, choice: int | None
) -> None:
    prompt = AskedPrompts(home, instrument, "wvs").prompt("Q1/JPN/forward/default")
    assert choice_said(prompt, text) == choice


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("J) 10", 10),
        ("10", 10),
        ("J) 10 (always justifiable)", 10),
        ("A) 1, is the most common", 1),
        ("A) 1200", 1),
        ("F) 10 (Always justifiable)", None),
        ("C) 4", None),
        ("A) 1, C) 1200", None),
    ],
)
def test_numbered_choices_are_named_by_their_number_too(
    home: Home, instrument: Instrument, text: str, choice: int | None
) -> None:
    prompt = AskedPrompts(home, instrument, "wvs").prompt("Q182/JPN/forward/default")
    assert choice_said(prompt, text) == choice


def test_rounded_probabilities_of_tokens_never_sum_to_more_than_one(
    home: Home, instrument: Instrument
) -> None:
    prompt = AskedPrompts(home, instrument, "wvs").prompt("Q149/JPN/forward/answer=label")
    shares = first_token_shares(prompt, [("A", math.log(0.75)), ("B", math.log(0.2500001))])
    assert sum(shares.values()) == pytest.approx(1, abs=1e-12)
    assert shares[None] == 0


def test_an_unknown_id_is_refused_with_the_nearest(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    path = tmp_path / "batch.jsonl"
    content = (GOLDEN / "batch_sampled.jsonl").read_text()
    path.write_text(content.replace("Q1/JPN", "Q1/JAP").replace("reverse", "reversed"))
    with pytest.raises(ValuescopeError) as refusal:
        land(home, instrument, path, format_name="openai-batch")
    assert "did you mean JPN" in str(refusal.value)
    assert "did you mean reverse?" in str(refusal.value)


def test_epochs_of_an_inspect_log_are_sampled_answers(home: Home, instrument: Instrument) -> None:
    brought = land(home, instrument, GOLDEN / "inspect_log.json", format_name="inspect")

    assert brought.elicitation == "sampled"
    assert {run.model_name for run in brought.runs} == {"ollama/llama3.1"}
    assert not any("another text" in note for note in brought.notes)
    assert any("1 requests failed and are left out" in note for note in brought.notes)
    found = [(*key, round(p, 9), round(off, 9), n) for *key, p, off, n in landed(home)]
    assert found == [
        ("Q149", "JPN", 1, round(2 / 3, 9), 0.25, 3),
        ("Q149", "JPN", 2, round(1 / 3, 9), 0.25, 3),
        ("Q149", "ZZZ", 1, 0, 0, 1),
        ("Q149", "ZZZ", 2, 1, 0, 1),
    ]


def test_a_log_without_samples_is_told(home: Home, instrument: Instrument, tmp_path: Path) -> None:
    header = tmp_path / "log.json"
    header.write_text('{"version": 2, "status": "success", "eval": {"model": "m"}}')
    with pytest.raises(ValuescopeError, match="is not an Inspect log with samples as JSON"):
        land(home, instrument, header, format_name="inspect")


def test_frames_of_qstn_with_logprobs_are_probabilities(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    frame = GOLDEN / "qstn_logprobs.csv"
    brought = land(home, instrument, frame, format_name="qstn", model="smollm2")

    assert (brought.elicitation, brought.cells) == ("probability", 4)
    shares = [p / (1 - off) for question, country, _, p, off, _ in landed(home) if country == "ZZZ"]
    # What QSTN's own parser makes of it.
    q1 = [0.262065, 0.15613, 0.207907, 0.373898]
    q182 = [0.711346, 0.040692, 0.062687, 0.119886, 0.025963, 0.02491, 0, 0, 0.014518, 0]
    assert shares == pytest.approx([*q1, *q182], abs=1e-6)
    for ending, form in ((".parquet", ""), (".jsonl", "(format json)")):
        saved = tmp_path / f"{frame.stem}{ending}"
        duckdb.execute(f"copy (from '{frame}') to '{saved}' {form}")
        again = land(home, instrument, saved, format_name="qstn", model="smollm2", check_only=True)
        assert (again.elicitation, again.rows) == ("probability", brought.rows)


def test_frames_of_qstn_with_logprobs_of_vllm_are_probabilities(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    ids = [f"Q1/{country}/forward/answer=label" for country in ("JPN", "ZZZ")]
    logprobs = [{"A": math.log(0.5), "Very": math.log(0.25)}, {"B": math.log(0.125)}]
    frame = pd.DataFrame({"questionnaire_item_id": ids, "llm_response": "A", "logprobs": logprobs})
    frame.to_csv(tmp_path / "frame.csv")
    frame.to_parquet(tmp_path / "frame.parquet")
    for path in tmp_path.iterdir():
        land(home, instrument, path, format_name="qstn", model=path.name)
    found = [(country, round(p, 9), off) for _, country, _, p, off, _ in landed(home) if p]
    assert found == [("JPN", 0.5, 0.5)] * 2 + [("ZZZ", 0.125, 0.875)] * 2


def test_frames_of_qstn_without_logprobs_are_sampled_answers(
    home: Home, instrument: Instrument, tmp_path: Path
) -> None:
    frame = GOLDEN / "qstn_responses.csv"
    brought = land(home, instrument, frame, format_name="qstn", model="smollm2")

    assert brought.elicitation == "sampled"
    found = [(*key, round(p, 9), round(off, 9), n) for *key, p, off, n in landed(home) if p]
    # "D) Not very important ..", "A) 1, C) 1200" and the like name two choices.
    assert found == [
        ("Q1", "ZZZ", 4, 1.0, round(2 / 3, 9), 1),
        ("Q182", "ZZZ", 1, 1.0, round(2 / 3, 9), 1),
    ]
    parsed = tmp_path / "frame.csv"
    parsed.write_text("questionnaire_item_id,A,B\nQ1/JPN/forward/answer=label,0.7,0.3\n")
    with pytest.raises(ValuescopeError, match="no columns questionnaire_item_id and llm_response"):
        land(home, instrument, parsed, format_name="qstn", model="smollm2")
