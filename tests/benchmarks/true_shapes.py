"""Models of random weights in the shapes of large ones, so that speed and memory are measured.

Weights are drawn as the bytes of quantized blocks: no floats are held, and a file of 3.8 GB is
written in seconds. All layers share one draw. What such a model answers means nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
from gguf.constants import GGML_QUANT_SIZES
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_SEED = 22


@dataclass(frozen=True)
class Shape:
    """The shape of a model of the architecture `llama`, and its vocabulary among llama.cpp's."""

    name: str
    vocabulary: str
    width: int
    layers: int
    heads: int
    key_value_heads: int
    inner_width: int
    is_tied: bool
    rope_base: float


ONE_BILLION = Shape("llama-3.2-1b", "llama-bpe", 2048, 16, 32, 8, 8192, True, 500_000.0)
SEVEN_BILLION = Shape("llama-2-7b", "llama-spm", 4096, 32, 32, 32, 11008, False, 10_000.0)


@dataclass(frozen=True)
class _Blocks:
    """Offsets of a block's scales (half precision), and the spread of weights for a scale of 1.

    `scales` are pairs of an offset in bytes and a factor, which makes the mean weight 0.
    """

    scales: tuple[tuple[int, float], ...]
    spread: float


_BLOCKS = {
    Kind.Q4_0: _Blocks(((0, 1.0),), 4.6),
    Kind.Q8_0: _Blocks(((0, 1.0),), 74),
    Kind.Q4_K: _Blocks(((0, 1.0), (2, 7.5)), 258),
    Kind.Q6_K: _Blocks(((208, 1.0),), 1369),
}
_MIXES = {
    "Q4_0": (Kind.Q4_0, LlamaFileType.MOSTLY_Q4_0),
    "Q8_0": (Kind.Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "Q4_K_M": (Kind.Q4_K, LlamaFileType.MOSTLY_Q4_K_M),
}


def write_true_shape(path: Path, shape: Shape, quantization: str, vocabularies: Path) -> None:
    """Write a GGUF of `shape`, quantized as llama.cpp does, with one of its `vocabularies`."""
    writer = GGUFWriter(path, "llama")
    writer.add_name(shape.name)
    writer.add_file_type(_MIXES[quantization][1])
    writer.add_context_length(4096)
    writer.add_block_count(shape.layers)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.inner_width)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_value_heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_base)
    tokens = _copy_vocabulary(writer, vocabularies / f"ggml-vocab-{shape.vocabulary}.gguf")
    draws: dict[Kind, Bytes] = {}
    for name, rows, columns in _matrices(shape, tokens):
        kind = _kind(name, shape, quantization)
        blocks = rows * columns // GGML_QUANT_SIZES[kind][0]
        if kind not in draws or len(draws[kind]) < blocks:
            draws[kind] = _drawn(kind, blocks, shape.width)
        writer.add_tensor(name, draws[kind][:blocks].reshape(rows, -1), raw_dtype=kind)
    layers = range(shape.layers)
    norms = [f"blk.{layer}.{part}_norm" for layer in layers for part in ("attn", "ffn")]
    for name in [*norms, "output_norm"]:
        writer.add_tensor(f"{name}.weight", np.ones(shape.width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_vocabulary(writer: GGUFWriter, path: Path) -> int:
    """Copy the tokenizer of a GGUF file; returns how many tokens it has."""
    fields = GGUFReader(path).fields
    for name, field in fields.items():
        if name.startswith("tokenizer"):
            is_array = field.types[0] == GGUFValueType.ARRAY
            writer.add_key_value(
                name, field.contents(), field.types[0], field.types[-1] if is_array else None
            )
    return len(fields["tokenizer.ggml.tokens"].data)


def _matrices(shape: Shape, tokens: int) -> Iterator[tuple[str, int, int]]:
    """Name, rows and columns of each matrix."""
    width, inner = shape.width, shape.inner_width
    narrow = width // shape.heads * shape.key_value_heads
    yield "token_embd.weight", tokens, width
    if not shape.is_tied:
        yield "output.weight", tokens, width
    for layer in range(shape.layers):
        for part, rows, columns in (
            ("attn_q", width, width),
            ("attn_k", narrow, width),
            ("attn_v", narrow, width),
            ("attn_output", width, width),
            ("ffn_gate", inner, width),
            ("ffn_up", inner, width),
            ("ffn_down", width, inner),
        ):
            yield f"blk.{layer}.{part}.weight", rows, columns


def _kind(name: str, shape: Shape, quantization: str) -> Kind:
    """The weight type that llama.cpp gives a matrix: more bits for the head and for a few."""
    kind = _MIXES[quantization][0]
    is_head = name == ("token_embd.weight" if shape.is_tied else "output.weight")
    if quantization == "Q8_0" or is_head:
        return Kind.Q8_0 if quantization == "Q8_0" else Kind.Q6_K
    if quantization == "Q4_K_M" and ("attn_v" in name or "ffn_down" in name):
        eighth, layer = shape.layers // 8, int(name.split(".")[1])
        if layer < eighth or layer >= 7 * eighth or (layer - eighth) % 3 == 2:
            return Kind.Q6_K
    return kind


def _drawn(kind: Kind, count: int, width: int) -> Bytes:
    """Random blocks of weights with mean 0 and a spread of 1 over the root of the width."""
    blocks: Bytes = np.frombuffer(
        np.random.default_rng(_SEED).bytes(count * GGML_QUANT_SIZES[kind][1]), np.uint8
    ).reshape(count, -1)
    blocks = blocks.copy()
    known = _BLOCKS[kind]
    for offset, factor in known.scales:
        scale = np.array([factor / known.spread / width**0.5], np.float16)
        blocks[:, offset : offset + 2] = scale.view(np.uint8)
    return blocks
