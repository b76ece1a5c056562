"""Files of other programs, and the answers that they hold. The golden files are as documented:

`samples_*.jsonl` as lm-evaluation-harness writes with `--log_samples`, `batch_*.jsonl` as OpenAI's
batches do, `inspect_log.json` as `inspect log dump` prints.
"""

import math
from pathlib import Path
from typing import Any

import duckdb
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
