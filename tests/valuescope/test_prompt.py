import json
from pathlib import Path

import llama_cpp
import pytest

from tests.valuescope.conftest import succeed


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
