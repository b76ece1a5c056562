import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader, GGUFValueType, GGUFWriter

from tests.scorer.tiny_models import write_tiny_model
from valuescope.scorer.engine.weights import write_weights
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.models.gguf_header import norms_sha256, read_header
from valuescope.warehouse.errors import ValuescopeError


def write_gguf(path: Path, architecture: str = "llama", **general: str | int) -> Path:
    """A GGUF of one tensor, with a tokenizer's name and `general` (or `split`) metadata."""
    writer = GGUFWriter(path, architecture)
    writer.add_tokenizer_model("llama")
    for key, value in general.items():
        kind = GGUFValueType.UINT32 if isinstance(value, int) else GGUFValueType.STRING
        group = "split" if key in ("no", "count") else "general"
        writer.add_key_value(f"{group}.{key}", value, kind)
    writer.add_tensor("output_norm.weight", np.ones(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_tiny_model(tmp_path / "tiny.gguf", "jamba")
    return tmp_path / "tiny.gguf"


def test_a_header_is_read_as_the_authors_of_the_format_read_it(smollm2_file: ModelFile) -> None:
    header, reader = read_header(smollm2_file.path), GGUFReader(smollm2_file.path)
    expected = {
        name: field.contents()
        for name, field in reader.fields.items()
        if field.types and field.types[0] != GGUFValueType.ARRAY and not name.startswith("GGUF.")
    }
    assert dict(header.metadata) == expected
    assert [(tensor.name, tensor.shape) for tensor in header.tensors] == [
        (tensor.name, tuple(tensor.shape)) for tensor in reader.tensors
    ]
    assert header.data_start == reader.data_offset
    assert header.parameter_count == 134_515_008
    assert (header.architecture, header.quantization, header.refusal) == ("llama", "Q4_1", None)


@pytest.mark.parametrize(
    ("general", "base_name"),
    [
        (
            {"basename": "Llama-3.2", "size_label": "1B", "finetune": "Instruct", "name": "x"},
            "Llama-3.2-1B-Instruct",
        ),
        ({"basename": "gemma-3", "size_label": "270M"}, "gemma-3-270M"),
        ({"name": "LLaMA v2", "size_label": "7B"}, "LLaMA v2"),
        ({"name": "two\nlines \x1b[31m"}, "two lines [31m"),
        ({}, None),
    ],
)
def test_a_model_is_known_by_the_parts_of_its_name_or_by_the_name(
    tmp_path: Path, general: dict[str, Any], base_name: str | None
) -> None:
    assert read_header(write_gguf(tmp_path / "m.gguf", **general)).base_name == base_name


@pytest.mark.parametrize(
    ("architecture", "general", "refusal"),
    [
        ("llama", {"type": "adapter"}, "a LoRA adapter"),
        ("clip", {"type": "mmproj"}, "a projector of pictures or sound"),
        ("clip", {}, "a projector of pictures or sound"),
        ("llama", {"type": "imatrix"}, "an importance matrix"),
        ("llama", {"type": "model", "file_type": 15}, None),
    ],
)
def test_a_file_that_holds_no_language_model_is_refused_as_what_it_is(
    tmp_path: Path, architecture: str, general: dict[str, Any], refusal: str | None
) -> None:
    header = read_header(write_gguf(tmp_path / "m.gguf", architecture, **general))
    assert (header.refusal or "").partition(",")[0] == (refusal or "")


def test_norms_tell_precisions_of_one_model_from_other_models(tmp_path: Path, tiny: Path) -> None:
    half, other = tmp_path / "half.gguf", tmp_path / "other.gguf"
    write_weights(tiny, half, "f16")
    write_tiny_model(other, "llama")
    assert read_header(half).quantization == "F16"
    assert norms_sha256([half]) == norms_sha256([tiny]) is not None
    assert norms_sha256([other]) not in (None, norms_sha256([tiny]))


def test_every_cut_of_a_header_is_refused(tmp_path: Path, tiny: Path) -> None:
    content, cut = tiny.read_bytes(), tmp_path / "cut.gguf"
    end = read_header(tiny).data_start
    for size in [*range(0, end, 97), end, (end + len(content)) // 2]:
        cut.write_bytes(content[:size])
        with pytest.raises(ValuescopeError, match=r"cut\.gguf (is|cannot)"):
            read_header(cut)


def test_no_header_however_damaged_ends_in_anything_but_a_message(
    tmp_path: Path, tiny: Path
) -> None:
    content, random_bytes = tiny.read_bytes(), random.Random(17)
    end, damaged = read_header(tiny).data_start, tmp_path / "damaged.gguf"
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(random_bytes.randint(1, 4)):
            changed[random_bytes.randrange(4, end)] = random_bytes.randrange(256)
        damaged.write_bytes(changed)
        try:
            header = read_header(damaged)
        except ValuescopeError:
            continue
        assert header.refusal is None or header.refusal
        assert header.parameter_count <= 8 * len(content)
        norms_sha256([damaged])


def _with_key(kind: int, value: bytes) -> bytes:
    return (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k"
        + struct.pack("<I", kind) + value
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html>", "is not a GGUF file: it begins with b'<!DO'"),
        (b"", "is not a GGUF file"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "of version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "for big-endian machines"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63) + bytes(64), "cut off"),
        (_with_key(8, struct.pack("<Q", 2**64 - 1)), "cut off"),
        (_with_key(9, struct.pack("<IQ", 8, 2**64 - 1)), "cut off"),
        (_with_key(9, struct.pack("<IQ", 12, 2**61)), "cut off"),
        (_with_key(9, struct.pack("<IQ", 9, 1) + bytes(64)), "a list of the unknown type 9"),
        (_with_key(77, bytes(64)), "a value of the unknown type 77"),
    ],
)
def test_absurd_headers_are_refused_at_once(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "absurd.gguf"
    path.write_bytes(content)
    with pytest.raises(ValuescopeError, match=reason):
        read_header(path)


@pytest.mark.parametrize(
    ("list_header", "reason"),
    [((8, 2**30), "a list of 1,073,741,824 texts"), ((4, 2**30), "longer than 64 MiB")],
)
def test_a_header_without_end_is_not_read_to_its_end(
    tmp_path: Path, list_header: tuple[int, int], reason: str
) -> None:
    path = tmp_path / "endless.gguf"
    with path.open("wb") as file:
        file.write(_with_key(9, struct.pack("<IQ", *list_header)))
        file.truncate(1 << 40)  # zeros for a terabyte, which take no room
    with pytest.raises(ValuescopeError, match=reason):
        read_header(path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ValuescopeError, match=rf"Cannot read {path}: {reason}"):
            read_header(path)
