"""What a file says of its tokenizer, and what it leaves out: read rightly, or refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFWriter, TokenType

from tests.scorer.tiny_models import write_tiny_model
from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.log import decided
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.supplied_metadata import CHAT_TEMPLATE, PRE_TOKENIZER
from valuescope.scorer.paths.choice import Probe, open_scorer
from valuescope.scorer.paths.tokens import tokenise_cell
from valuescope.scorer.planning.prompts import Answer, Prompt
from valuescope.warehouse.errors import ValuescopeError

ADD_BOS, BOS, EOS = (
    f"tokenizer.ggml.{key}" for key in ("add_bos_token", "bos_token_id", "eos_token_id")
)
# GPT-2's tokens of printable bytes, a word of two of them, and one token that is no text.
LETTERS = [chr(code) for code in range(33, 127)] + ["Ġ", "Ċ"]
TOKENS = [*LETTERS, "is", "<|begin|>"]
BEGIN = len(TOKENS) - 1
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def write_vocabulary(path: Path, metadata: Mapping[str, Any], architecture: str = "llama") -> Path:
    """A file with a vocabulary like GPT-2's and no weights."""
    writer = GGUFWriter(path, architecture)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([TokenType.NORMAL] * BEGIN + [TokenType.CONTROL])
    writer.add_token_merges(["i s"])
    for key, value in metadata.items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        else:
            writer.add_string(key, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def vocabulary(folder: Path, metadata: Mapping[str, Any], **known: Mapping[str, str]) -> Model:
    path = write_vocabulary(folder / "vocabulary.gguf", metadata)
    return Model(path, "a model", vocabulary_only=True, **known)  # type: ignore[arg-type]


def test_a_tokenizer_that_does_not_say_how_it_splits_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValuescopeError, match=r"a model does not say how .* --pre-tokenizer"):
        vocabulary(tmp_path, {})


@pytest.mark.parametrize("known", ["stated", "lacking"])
def test_what_the_user_or_the_registry_knows_is_taken_and_recorded(
    tmp_path: Path, known: str
) -> None:
    with vocabulary(tmp_path, {}, **{known: {PRE_TOKENIZER: "phi-2"}}) as model:
        assert model.metadata_overrides == {PRE_TOKENIZER: "phi-2"}
        assert model.tokenise("is") == (TOKENS.index("is"),)


def test_what_the_file_says_itself_comes_before_what_the_registry_knows(tmp_path: Path) -> None:
    own = {PRE_TOKENIZER: "gpt-2", CHAT_TEMPLATE: TEMPLATE}
    known = {PRE_TOKENIZER: "phi-2", CHAT_TEMPLATE: "another"}
    with vocabulary(tmp_path, own, lacking=known) as model:
        assert model.metadata_overrides == {}
        assert model.chat_text("Tea?") == "[user] Tea?[assistant] "


def test_a_splitter_that_llama_cpp_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValuescopeError, match="unknown pre-tokenizer type: 'mine'"):
        vocabulary(tmp_path, {}, stated={PRE_TOKENIZER: "mine"})


@pytest.mark.parametrize(("metadata", "found"), [({}, "missing"), ({BOS: 999_999}, "999999")])
def test_a_first_token_that_is_asked_for_and_not_there_is_refused(
    tmp_path: Path, metadata: Mapping[str, Any], found: str
) -> None:
    with pytest.raises(ValuescopeError, match=rf"\(BOS\) and names none .* {found}"):
        vocabulary(tmp_path, {PRE_TOKENIZER: "gpt-2", ADD_BOS: True, **metadata})


def test_strange_special_tokens_are_reported(tmp_path: Path) -> None:
    strange = {PRE_TOKENIZER: "gpt-2", ADD_BOS: True, BOS: 11, EOS: 999_999}
    with vocabulary(tmp_path, strange) as model:
        eos, bos = model.notices
        assert "names a special token that its vocabulary lacks" in eos
        assert f"begins with {TOKENS[11]!r}, a token of ordinary text" in bos
        assert model.tokenise_with_bos("is") == (11, TOKENS.index("is"))
    usual = {PRE_TOKENIZER: "gpt-2", ADD_BOS: True, BOS: BEGIN, EOS: BEGIN}
    with vocabulary(tmp_path, usual) as model:
        assert model.notices == ()


def test_the_default_splitter_is_reported_where_the_file_names_it(tmp_path: Path) -> None:
    with vocabulary(tmp_path, {PRE_TOKENIZER: "default"}) as model:
        (notice,) = model.notices
        assert "llama.cpp's default way" in notice


def test_a_vocabulary_without_a_first_token_gets_none(tmp_path: Path) -> None:
    with vocabulary(tmp_path, {PRE_TOKENIZER: "gpt-2", CHAT_TEMPLATE: TEMPLATE}) as model:
        assert model.bos is None
        assert model.chat_text("Tea?") == "[user] Tea?[assistant] "


def test_a_template_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    metadata = {PRE_TOKENIZER: "gpt-2", CHAT_TEMPLATE: "caf~ {{ messages }}"}
    path = write_vocabulary(tmp_path / "latin.gguf", metadata)
    path.write_bytes(path.read_bytes().replace(b"caf~", b"caf\xe9"))
    with (
        Model(path, "a model", vocabulary_only=True) as model,
        pytest.raises(ValuescopeError, match=r"is not UTF-8 text .* byte 3.*--chat raw"),
    ):
        model.chat_text("Tea?")


def test_text_that_a_vocabulary_cannot_spell_is_an_error(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "mute.gguf", "llama", spells_bytes=False)
    with (
        Model(tmp_path / "mute.gguf", "mute", vocabulary_only=True) as model,
        pytest.raises(ValuescopeError, match="vocabulary of mute has no token for"),
    ):
        model.tokenise("Tea?")


@pytest.mark.parametrize(
    ("line", "decision"),
    [
        ("load: model vocab missing newline token, using special_pad_id instead", "refused"),
        ("load: adding 32 dummy tokens", "refused"),
        ("load: control-looking token: 7 '<|im_end|>' was not control-type; ..", "harmless"),
        ("load: ************************************", "harmless"),
        ("find_slot: non-consecutive token position 4 after 2 for sequence 0", "refused"),
        ("load_arch_hparams: Phi SWA is currently disabled - results might be ..", "reported"),
        ("something that a later version says", "reported"),
    ],
)
def test_each_warning_is_decided(line: str, decision: str) -> None:
    assert decided(line).decision == decision


@pytest.mark.parametrize(
    ("architecture", "metadata", "kind"),
    [
        ("llama", {"general.type": "adapter"}, "a LoRA adapter"),
        ("imatrix", {"general.type": "imatrix"}, "an importance matrix"),
        ("clip", {"general.type": "mmproj"}, "a projector of pictures or sound"),
        ("llama", {PRE_TOKENIZER: "gpt-2"}, "a vocabulary without a model's weights"),
    ],
)
def test_a_file_that_holds_no_language_model_is_refused_as_what_it_is(
    tmp_path: Path, architecture: str, metadata: Mapping[str, Any], kind: str
) -> None:
    path = write_vocabulary(tmp_path / "other.gguf", metadata, architecture)
    with pytest.raises(ValuescopeError, match=f"other.gguf is {kind}"):
        Model(path, "other")


def test_a_model_that_fills_gaps_is_refused_by_its_kind_and_by_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_model(tmp_path / "gaps.gguf", "llada")
    with pytest.raises(ValuescopeError, match=r"is a diffusion model \(llada\)"):
        Model(tmp_path / "gaps.gguf", "gaps")
    monkeypatch.setattr(Model, "_require_next_token", lambda _: None)
    with Model(tmp_path / "gaps.gguf", "gaps") as model:
        answers = tuple(Answer(i, i, label, label, label) for i, label in enumerate("AB", start=1))
        cell = tokenise_cell(model, Prompt("Q900", "JPN", "Is tea good?", answers), "raw", False)
        with (
            pytest.raises(ValuescopeError, match="gaps predicts no next token"),
            open_scorer(model, Numerics(compute_type="f32"), 1, "auto", Probe(cell, [[cell]])),
        ):
            raise AssertionError("the model should have been refused")
