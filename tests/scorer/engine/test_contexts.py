import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from valuescope.scorer.engine import contexts
from valuescope.scorer.engine.contexts import BatchToken, Model, log_probabilities
from valuescope.scorer.engine.log import LOG
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.trial.generated_model import GeneratedModel
from valuescope.warehouse.errors import ValuescopeError

SENTENCE = "The capital of France is"
PARTS = struct.Struct("<4sIQQ")


def load(path: Path) -> None:
    with Model(path, "a model"):
        raise AssertionError("the file should have been refused")


def with_metadata(source: Path, target: Path, key: str, value: int) -> Path:
    """A copy of a GGUF that says one thing more; its tensors stay where they were, modulo 32."""
    content = source.read_bytes()
    magic, version, tensors, entries = PARTS.unpack_from(content)

    def named(name: str, kind: int, body: bytes) -> bytes:
        return struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + body

    added = named(key, 4, struct.pack("<I", value))
    filler = -(len(added) + len(named("filler", 8, struct.pack("<Q", 0)))) % 32
    added += named("filler", 8, struct.pack("<Q", filler) + b"x" * filler)
    header = PARTS.pack(magic, version, tensors, entries + 2)
    target.write_bytes(header + added + content[PARTS.size :])
    return target


def test_a_model_is_described_by_its_own_file(smollm2: Model, gemma: Model) -> None:
    assert smollm2.description.architecture == "llama"
    assert smollm2.description.parameter_count == 134_515_008
    assert smollm2.description.quantization == "Q4_1"
    assert smollm2.description.context_length == 8192
    assert smollm2.description.vocabulary_size == 49_152
    assert smollm2.description.chat_template is not None
    assert gemma.description.architecture == "gemma3"
    assert gemma.description.vocabulary_size == 262_144
    assert gemma.description.chat_template is None


def test_a_base_model_has_no_chat_turn_to_offer(gemma: Model) -> None:
    with pytest.raises(ValuescopeError, match=r"no chat template.*--chat raw"):
        gemma.chat_text("Is tea good?")


@pytest.mark.parametrize("name", ["smollm2", "gemma"])
def test_the_probabilities_of_the_whole_vocabulary_sum_to_one(
    request: pytest.FixtureRequest, name: str, numerics: Numerics
) -> None:
    model: Model = request.getfixturevalue(name)
    tokens = model.tokenise_with_bos(SENTENCE)
    everything = range(model.description.vocabulary_size)
    with model.new_context(256, numerics, threads=1) as context:
        rows = context.decode(
            [BatchToken(token, position, (0,), everything) for position, token in enumerate(tokens)]
        )
    for row in rows:
        assert np.exp(list(row.values())).sum() == pytest.approx(1, abs=1e-7)
    paris, berlin = (model.tokenise(city)[0] for city in (" Paris", " Berlin"))
    assert rows[-1][paris] > rows[-1][berlin] + 1


def test_the_log_softmax_shifts_before_it_exponentiates() -> None:
    logits = np.array([1e4, 1e4, 0.0], dtype=np.float32)
    values = log_probabilities(logits, [0, 2], "a model")
    assert values[0] == pytest.approx(np.log(0.5), abs=1e-12)
    assert values[2] == pytest.approx(np.log(0.5) - 1e4, rel=1e-12)


@pytest.mark.parametrize("row", [[0, np.nan], [0, np.inf], [-np.inf, -np.inf], [-np.inf, 0]])
def test_logits_that_are_not_numbers_are_refused(row: Sequence[float]) -> None:
    with pytest.raises(ValuescopeError, match="a model gives logits that are not numbers"):
        log_probabilities(np.array(row, dtype=np.float32), [0], "a model")


def test_only_the_rows_asked_for_are_read(smollm2: Model, numerics: Numerics) -> None:
    tokens = smollm2.tokenise(SENTENCE)
    with smollm2.new_context(256, numerics, threads=1) as context:
        rows = context.decode(
            [
                BatchToken(t, position, (0,), (5,) if position == 2 else ())
                for position, t in enumerate(tokens)
            ]
        )
    assert [list(row) for row in rows] == [
        [5] if position == 2 else [] for position in range(len(tokens))
    ]


def test_long_sequences_are_cut_into_batches_in_order(smollm2: Model) -> None:
    entries = [BatchToken(0, position, (0,), ()) for position in range(25)]
    with smollm2.new_context(256, Numerics(batch_size=10), threads=1) as context:
        batches = list(context.batches(entries))
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert [entry for batch in batches for entry in batch] == entries


def test_a_decode_that_llama_cpp_refuses_is_an_error(smollm2: Model) -> None:
    full, more = (
        [BatchToken(0, position, (0,), ()) for position in range(first, first + 200)]
        for first in (0, 200)
    )
    with smollm2.new_context(256, Numerics(batch_size=200), threads=1) as context:
        context.decode(full)
        with pytest.raises(ValuescopeError, match=r"could not decode 200 tokens .*code 1"):
            context.decode(more)
        context.clear()
        context.decode(full)


@pytest.mark.parametrize("settings", [{"threads": 2}, {"context_size": 1024}])
def test_threads_and_room_do_not_move_an_answer(
    smollm2: Model, numerics: Numerics, settings: dict[str, int]
) -> None:
    def score(context_size: int = 256, threads: int = 1) -> dict[int, float]:
        tokens = smollm2.tokenise(SENTENCE)
        with smollm2.new_context(context_size, numerics, threads) as context:
            return context.decode(
                [BatchToken(t, position, (0,), range(50)) for position, t in enumerate(tokens)]
            )[-1]

    assert score(**settings) == pytest.approx(score(), abs=1e-6)


@pytest.mark.parametrize("length", [0, 3_000, 5_000_000])
def test_a_truncated_model_is_refused(smollm2_file: ModelFile, tmp_path: Path, length: int) -> None:
    path = tmp_path / "cut.gguf"
    with smollm2_file.path.open("rb") as file:
        path.write_bytes(file.read(length))
    with pytest.raises(ValuescopeError, match=f"llama.cpp cannot load {path}"):
        load(path)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.gguf"
    path.write_text("hello, world\n" * 100)
    with pytest.raises(ValuescopeError, match=f"llama.cpp cannot load {path}.*magic"):
        load(path)


@pytest.mark.parametrize(("key", "value"), [("llama.pooling_type", 3), ("llama.pooling_type", 1)])
def test_an_embedding_model_is_refused(
    smollm2_file: ModelFile, tmp_path: Path, key: str, value: int
) -> None:
    path = with_metadata(smollm2_file.path, tmp_path / "embedding.gguf", key, value)
    with pytest.raises(ValuescopeError, match="is an embedding model"):
        load(path)


def test_metadata_without_meaning_here_changes_nothing(
    smollm2_file: ModelFile, tmp_path: Path
) -> None:
    path = with_metadata(smollm2_file.path, tmp_path / "same.gguf", "general.note", 3)
    with Model(path, "same", vocabulary_only=True) as model:
        assert model.description.vocabulary_size == 49_152


def test_llama_cpp_keeps_silent_unless_asked(
    smollm2_file: ModelFile,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Model(smollm2_file.path, "quiet", vocabulary_only=True):
        pass
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr(LOG, "is_shown", True)
    with Model(smollm2_file.path, "loud", vocabulary_only=True):
        pass
    assert "llama" in capfd.readouterr().err


def test_the_pages_of_a_file_do_not_stay_beside_weights_in_another_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which weights are put in another order depends on the processor; Q4_0 is on most."""
    path = tmp_path / "a.gguf"
    GeneratedModel.generate().write(path, "Q4_0")
    for smallest_large_file, is_mapped in ((path.stat().st_size + 1, True), (0, False)):
        monkeypatch.setattr(contexts, "_LARGE_FILE", smallest_large_file)
        with Model(path, "a model") as model:
            found = {buffer.name: buffer.is_another_order for buffer in model.buffers}
        if any(found.values()):
            assert ("CPU_Mapped" in found) == is_mapped
        else:
            assert set(found) == {"CPU_Mapped"}


def test_batches_that_are_filled_up_for_blas_give_the_same_values(tmp_path: Path) -> None:
    """Without a BLAS too: what fills a batch is forgotten, and moves nothing after it."""
    path = tmp_path / "a.gguf"
    GeneratedModel.generate().write(path, "F32")
    batches = [
        [
            BatchToken(position, position, (0,), (7, 9) if position == last else ())
            for position in range(first, last + 1)
        ]
        for first, last in ((0, 40), (41, 41), (42, 50))
    ]
    found = []
    for unpacks in (False, True):
        with (
            Model(path, "a model", unpacks=unpacks) as model,
            model.new_context(64, Numerics("f32"), threads=1) as context,
        ):
            found.append([context.decode(batch) for batch in batches])
            assert context.tokens_decoded == 51
    for plain, filled in zip(*found, strict=True):
        assert [set(row) for row in plain] == [set(row) for row in filled]
        for one, other in zip(plain, filled, strict=True):
            assert one == pytest.approx(other, abs=1e-4)
