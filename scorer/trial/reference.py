"""The generated model in numpy and float64: what a right engine computes, except for rounding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from valuescope.scorer.trial.generated_model import (
    HEAD_SIZE,
    HEADS,
    KEY_VALUE_HEADS,
    NORM_EPSILON,
    ROPE_BASE,
    GeneratedModel,
)

Array = NDArray[np.float64]


def log_probabilities(model: GeneratedModel, tokens: Sequence[int]) -> Array:
    """Return the natural-log probability of every token after each of `tokens`.

    One row for each of `tokens`, one column for each token of the vocabulary.
    """
    weights = {name: values.astype(np.float64) for name, values in model.weights.items()}
    state = weights["token_embd"][list(tokens)]
    normed = _rms_norm(state, weights["blk.0.attn_norm"])
    query, key, value = (normed @ weights[f"blk.0.attn_{name}"].T for name in "qkv")
    attended = _attention(_heads(query, HEADS), *(_heads(x, KEY_VALUE_HEADS) for x in (key, value)))
    state = state + attended @ weights["blk.0.attn_output"].T
    normed = _rms_norm(state, weights["blk.0.ffn_norm"])
    gate, up = (normed @ weights[f"blk.0.ffn_{name}"].T for name in ("gate", "up"))
    state = state + (gate / (1 + np.exp(-gate)) * up) @ weights["blk.0.ffn_down"].T
    return _log_softmax(_rms_norm(state, weights["output_norm"]) @ weights["output"].T)


def _rms_norm(state: Array, weight: Array) -> Array:
    mean_square = (state**2).mean(axis=-1, keepdims=True)
    return np.asarray(state / np.sqrt(mean_square + NORM_EPSILON) * weight)


def _heads(flat: Array, count: int) -> Array:
    """Return heads x positions x head size."""
    return flat.reshape(len(flat), count, HEAD_SIZE).transpose(1, 0, 2)


def _rotated(heads: Array) -> Array:
    """Turn each pair of neighbours by its position times its frequency."""
    frequencies = ROPE_BASE ** (-np.arange(0, HEAD_SIZE, 2) / HEAD_SIZE)
    turns = np.exp(1j * np.outer(np.arange(heads.shape[1]), frequencies))
    pairs = (heads[..., 0::2] + 1j * heads[..., 1::2]) * turns
    return np.stack((pairs.real, pairs.imag), axis=-1).reshape(heads.shape)


def _attention(query: Array, key: Array, value: Array) -> Array:
    """Return the causal attention of all heads, positions x width."""
    repeats = HEADS // KEY_VALUE_HEADS
    key, value = (np.repeat(heads, repeats, axis=0) for heads in (_rotated(key), value))
    scores = _rotated(query) @ key.transpose(0, 2, 1) / HEAD_SIZE**0.5
    scores[:, ~np.tri(scores.shape[1], dtype=bool)] = -np.inf
    attended = np.exp(_log_softmax(scores)) @ value
    return attended.transpose(1, 0, 2).reshape(attended.shape[1], -1)


def _log_softmax(rows: Array) -> Array:
    shifted = rows - rows.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
