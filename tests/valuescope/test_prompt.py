import json
import shutil
from pathlib import Path

import llama_cpp
import pytest

from tests.valuescope.conftest import fail, succeed
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument
from valuescope.warehouse.instruments.wordings import load_wording_set
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone, write_shard

ASK = ("prompt", "--model", "smollm2-135m-instruct", "--question", "Q1", "--chat", "raw")


@pytest.mark.parametrize("answer", ["label", "label_text", "text"])
def test_the_tokens_shown_are_those_of_llama_cpp_for_prompt_and_answer_together(
    tmp_path: Path, answer: str
) -> None:
    shown = json.loads(
        succeed(
            tmp_path,
            *("prompt", "--model", "smollm2-135m-instruct", "--question", "Q182"),
            *("--country", "JPN", "--answer", answer, "--json"),
        )
    )
    model = llama_cpp.Llama(shown["model_path"], vocab_only=True, verbose=False)
    try:
        prompt = model.tokenize(shown["text"].encode(), add_bos=False, special=True)
        assert len(shown["answers"]) == 10
        for choice in shown["answers"]:
            joint = (shown["text"] + choice["text"]).encode()
            assert choice["token_ids"] == model.tokenize(joint, add_bos=False, special=True)
            assert choice["token_ids"][: choice["answer_start"]] == prompt
    finally:
        model.close()


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        ("reverse", [4, 3, 2, 1]),
        ("rotate_1", [2, 3, 4, 1]),
        ("rotate_3", [4, 1, 2, 3]),
    ],
)
def test_choices_are_shown_in_the_order_asked_for(
    tmp_path: Path, order: str, shown: list[int]
) -> None:
    prompt = json.loads(succeed(tmp_path, *ASK, "--order", order, "--json"))
    assert [answer["choice_index"] for answer in prompt["answers"]] == shown
    assert [answer["text"][:3] for answer in prompt["answers"]] == [" A)", " B)", " C)", " D)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--order", "reversed"), "Unknown choice order 'reversed'; did you mean reverse?"),
        (("--order", "rotate_4"), "Q1 has 4 choices"),
        (("--wordings", "valuscope"), "did you mean valuescope?"),
        (("--wordings", "deutsch"), "Sets: valuescope."),
    ],
)
def test_an_order_or_wording_set_that_cannot_be_asked_is_named(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert message in fail(tmp_path, *ASK, *arguments)


def test_a_landed_design_is_read_back_with_its_order_and_wording_set(tmp_path: Path) -> None:
    home = Home(tmp_path)
    folder = home.wordings / "mine"
    folder.mkdir(parents=True)
    (folder / "set.toml").write_text('language = "en"\ntranslator = "me"\nsource = "mine"\n')
    (folder / "questions.csv").write_text("question_id,country_id,wording\nQ1,,Family?\n")
    wordings = load_wording_set(home, "mine", load_instrument())
    design = PromptDesign(named_template("paper"), choice_order="rotate_2", wordings=wordings)
    ensure_landing_zone(home)
    write_shard(home, "prompts", [design.as_row()], f"{design.prompt_id}.parquet")

    text = succeed(tmp_path, *ASK, "--prompt", design.prompt_id[:8])

    assert f"prompt {design.prompt_id}" in text
    assert "Question: Family?\nChoices: A) Not very important, B) Not at all important, C)" in text

    (folder / "set.toml").write_text('language = "en-GB"\ntranslator = "me"\nsource = "mine"\n')
    assert "'mine' has changed since" in fail(tmp_path, *ASK, "--prompt", design.prompt_id)
    shutil.rmtree(folder)
    assert "Unknown wording set 'mine'" in fail(tmp_path, *ASK, "--prompt", design.prompt_id)
