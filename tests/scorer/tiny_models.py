"""Tiny models of random weights, for kinds of memory that no packaged model has and for speed.

They know no language, but llama.cpp computes them as it does large ones.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType
from numpy.typing import NDArray

Weights = NDArray[np.float32]

# A state-space layer remembers in one state a sequence, an attention layer in a cell a token.
LAYERS = {
    "mamba": ("state-space", "state-space"),
    "jamba": ("state-space", "attention"),
    "llama": ("attention", "attention"),
    "llada": ("attention", "attention"),
}
# Those that no path but `copies` and `sequence` can score.
RECURRENT = ("mamba", "jamba")
_SEED = 20
_WIDTH = 64
# llama.cpp takes no other inner width.
_INNER = 2 * _WIDTH
_STATE, _RANK, _KERNEL, _HEADS = 16, 4, 4, 4
_CONTEXT_LENGTH = 4096
# Text is spelled in bytes; SentencePiece writes a space as one character of its own.
_TOKENS = ("<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁")
_LINE_BREAK = "<0x0A>"
_TOKEN_TYPES = (
    TokenType.UNKNOWN,
    *[TokenType.CONTROL] * 2,
    *[TokenType.BYTE] * 256,
    TokenType.NORMAL,
)
# Wide enough that a wrong past moves an answer by more than rounding ever does.
_LOGIT_SPREAD = 4


def write_tiny_model(
    path: Path, architecture: str, spells_bytes: bool = True, epsilon: float = 1e-6
) -> None:
    """Write a GGUF of `architecture`, one of `LAYERS`; the same weights each time.

    Without `spells_bytes` it has no token for any letter; llama.cpp ends the process that computes
    with a negative `epsilon`.
    """
    writer = GGUFWriter(path, architecture)
    _describe(writer, LAYERS[architecture], epsilon)
    tokens = [
        token if spells_bytes or token == _LINE_BREAK else token.replace("0x", "byte ")
        for token in _TOKENS
    ]
    writer.add_token_list(tokens)
    writer.add_token_types(_TOKEN_TYPES if spells_bytes else [TokenType.NORMAL] * len(_TOKENS))
    for name, weights in _tensors(LAYERS[architecture], np.random.default_rng(_SEED)):
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: GGUFWriter, layers: tuple[str, ...], epsilon: float) -> None:
    writer.add_context_length(_CONTEXT_LENGTH)
    writer.add_block_count(len(layers))
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_INNER)
    writer.add_layer_norm_rms_eps(epsilon)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv([_HEADS if layer == "attention" else 0 for layer in layers])
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_ssm_conv_kernel(_KERNEL)
    writer.add_ssm_inner_size(_INNER)
    writer.add_ssm_state_size(_STATE)
    writer.add_ssm_time_step_rank(_RANK)
    writer.add_tokenizer_model("llama")
    writer.add_token_scores([0.0] * len(_TOKENS))
    writer.add_add_space_prefix(False)


def _tensors(layers: tuple[str, ...], random: np.random.Generator) -> Iterator[tuple[str, Weights]]:
    """Names and weights; a matrix has a row for each output, as in numpy."""

    def matrix(outputs: int, inputs: int) -> Weights:
        return random.standard_normal((outputs, inputs), np.float32) / np.float32(inputs**0.5)

    yield "token_embd.weight", random.standard_normal((len(_TOKENS), _WIDTH), np.float32)
    yield "output_norm.weight", _ones(_WIDTH)
    yield "output.weight", _LOGIT_SPREAD * matrix(len(_TOKENS), _WIDTH)
    for number, layer in enumerate(layers):
        prefix = f"blk.{number}"
        yield f"{prefix}.attn_norm.weight", _ones(_WIDTH)
        if layer == "attention":
            for projection in ("q", "k", "v", "output"):
                yield f"{prefix}.attn_{projection}.weight", matrix(_WIDTH, _WIDTH)
        else:
            yield f"{prefix}.ssm_in.weight", matrix(2 * _INNER, _WIDTH)
            yield f"{prefix}.ssm_conv1d.weight", matrix(_INNER, _KERNEL)
            yield f"{prefix}.ssm_conv1d.bias", np.zeros(_INNER, np.float32)
            yield f"{prefix}.ssm_x.weight", matrix(_RANK + 2 * _STATE, _INNER)
            yield f"{prefix}.ssm_dt.weight", matrix(_INNER, _RANK)
            # Steps of 0.001 to 0.1 and decays of 1 to 16, as Mamba begins its training with.
            steps = np.geomspace(0.001, 0.1, _INNER, dtype=np.float32)
            yield f"{prefix}.ssm_dt.bias", np.log(np.expm1(steps))
            decays = np.arange(1, _STATE + 1, dtype=np.float32)
            yield f"{prefix}.ssm_a", np.tile(-decays, (_INNER, 1))
            yield f"{prefix}.ssm_d", _ones(_INNER)
            yield f"{prefix}.ssm_out.weight", matrix(_WIDTH, _INNER)
        if "attention" in layers:
            if layer != "attention":
                for vector, size in (("dt", _RANK), ("b", _STATE), ("c", _STATE)):
                    yield f"{prefix}.ssm_{vector}_norm.weight", _ones(size)
            yield f"{prefix}.ffn_norm.weight", _ones(_WIDTH)
            yield f"{prefix}.ffn_gate.weight", matrix(_INNER, _WIDTH)
            yield f"{prefix}.ffn_up.weight", matrix(_INNER, _WIDTH)
            yield f"{prefix}.ffn_down.weight", matrix(_WIDTH, _INNER)


def _ones(size: int) -> Weights:
    return np.ones(size, np.float32)
