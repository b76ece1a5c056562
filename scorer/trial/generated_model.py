"""A small model with generated weights, the same ones each time, in any weight type."""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp._ggml
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import dequantize, quant_shape_to_byte_shape
from numpy.typing import NDArray

# K-quants need rows that are multiples of 256.
WIDTH, INNER_WIDTH = 256, 512
HEADS, KEY_VALUE_HEADS, HEAD_SIZE = 4, 2, 64
NORM_EPSILON, ROPE_BASE = 1e-5, 10_000.0
# Text is spelled in bytes. An odd number, so that the last matrix fits no tile or vector and the
# kernels of edges run too.
_TOKENS = ("<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)))
_TOKEN_TYPES = (TokenType.UNKNOWN, *[TokenType.CONTROL] * 2, *[TokenType.BYTE] * 256)
VOCABULARY_SIZE = len(_TOKENS)
_CONTEXT_LENGTH = 1024
_SEED = 14
# Wide enough that a wrong product moves a log-probability by more than rounding does.
_LOGIT_SPREAD = 4

_MATRICES = {
    "token_embd": (VOCABULARY_SIZE, WIDTH),
    "blk.0.attn_q": (HEADS * HEAD_SIZE, WIDTH),
    "blk.0.attn_k": (KEY_VALUE_HEADS * HEAD_SIZE, WIDTH),
    "blk.0.attn_v": (KEY_VALUE_HEADS * HEAD_SIZE, WIDTH),
    "blk.0.attn_output": (WIDTH, HEADS * HEAD_SIZE),
    "blk.0.ffn_gate": (INNER_WIDTH, WIDTH),
    "blk.0.ffn_up": (INNER_WIDTH, WIDTH),
    "blk.0.ffn_down": (WIDTH, INNER_WIDTH),
    "output": (VOCABULARY_SIZE, WIDTH),
}
_VECTORS = ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm")


@dataclass(frozen=True)
class GeneratedModel:
    """The weights of one layer and its vocabulary; a matrix has one row for each output."""

    weights: dict[str, NDArray[np.float32]]

    @classmethod
    def generate(cls) -> "GeneratedModel":
        """Return the weights, which are the same at each call."""
        random = np.random.default_rng(_SEED)
        weights = {
            name: random.standard_normal(shape, np.float32) / np.float32(shape[1] ** 0.5)
            for name, shape in _MATRICES.items()
        }
        weights["token_embd"] *= np.float32(WIDTH**0.5)
        weights["output"] *= np.float32(_LOGIT_SPREAD)
        for name in _VECTORS:
            weights[name] = 1 + random.standard_normal(WIDTH, np.float32) / 10
        return cls(weights)

    def write(self, path: Path, weight_type: str) -> "GeneratedModel":
        """Write the matrices as `weight_type` into a GGUF file; return the model in the file.

        llama.cpp rounds the weights; the `gguf` package, whose code is another, reads them back.
        """
        kind = GGMLQuantizationType[weight_type]
        writer = GGUFWriter(path, "llama")
        _describe(writer)
        stored = {}
        for name, weights in self.weights.items():
            if name in _VECTORS:
                writer.add_tensor(f"{name}.weight", weights)
                stored[name] = weights
            else:
                data = _rounded(weights, kind)
                writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)
                stored[name] = dequantize(data, kind).reshape(weights.shape)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return GeneratedModel(stored)


def _rounded(weights: NDArray[np.float32], kind: GGMLQuantizationType) -> NDArray[Any]:
    """Return the bytes of `weights` in a weight type, one row for each output."""
    if kind is GGMLQuantizationType.F32:
        return weights
    rows, columns = weights.shape
    data = np.zeros(quant_shape_to_byte_shape(weights.shape, kind), np.uint8)
    quantize = llama_cpp._ggml.libggml.ggml_quantize_chunk
    quantize.restype = ctypes.c_size_t
    quantize.argtypes = (
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_void_p,
        *[ctypes.c_int64] * 3,
        ctypes.c_void_p,
    )
    written = quantize(int(kind), weights.ctypes.data, data.ctypes.data, 0, rows, columns, None)
    assert written == data.nbytes, f"{kind.name}: {written} bytes written, {data.nbytes} expected"
    return data


def _describe(writer: GGUFWriter) -> None:
    writer.add_context_length(_CONTEXT_LENGTH)
    writer.add_block_count(1)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER_WIDTH)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_rope_dimension_count(HEAD_SIZE)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(_TOKENS)
    writer.add_token_types(_TOKEN_TYPES)
    writer.add_token_scores([0.0] * len(_TOKENS))
    writer.add_add_space_prefix(False)
