"""llama.cpp's own sampler under a grammar, for comparison."""

import ctypes
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
from llama_cpp import Llama
from llama_cpp.llama_grammar import LlamaGrammar
from numpy.typing import NDArray

from valuescope.scorer.engine.numerics import default_threads

# llama.cpp's number of the type.
F32 = 0
# Spellings that are less likely are left out.
_NEGLIGIBLE = 1e-6
_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])

Logits = Callable[[tuple[int, ...]], NDArray[np.float32]]


@contextmanager
def opened(path: Path) -> Iterator[Llama]:
    """llama-cpp-python's high-level model, which this project makes no use of."""
    model = Llama(
        str(path),
        n_ctx=512,
        n_threads=default_threads(),
        logits_all=True,
        type_k=F32,
        type_v=F32,
        verbose=False,
    )
    yield model
    model.close()


def percentages(labels: str, lead: str) -> str:
    """A grammar for a whole number from 0 to 100 beside each label."""
    first, *others = (f'"{label}) " n "%"' for label in labels)
    listed = ' ", " '.join([first, *others])
    return f'root ::= {json.dumps(lead)} {listed}\nn ::= "0" | "100" | [1-9] [0-9]?'


def greedy(model: Llama, prompt: Sequence[int], grammar: str) -> str:
    """The likeliest next token again and again."""
    found: Any = model.create_completion(
        list(prompt),
        max_tokens=200,
        temperature=0,
        repeat_penalty=1,
        grammar=LlamaGrammar.from_string(grammar, verbose=False),
    )
    return str(found["choices"][0]["text"])


def distribution(model: Llama, prompt: tuple[int, ...], answers: Sequence[str]) -> dict[str, float]:
    """The probability of each answer under a grammar of them, in all its spellings."""

    @cache
    def logits(answer: tuple[int, ...]) -> NDArray[np.float32]:
        model.reset()  # type: ignore[no-untyped-call]
        model.eval([*prompt, *answer])
        return np.array(model.scores[model.n_tokens - 1])

    grammar = "root ::= " + " | ".join(map(json.dumps, answers))
    sampler = llama.llama_sampler_init_grammar(
        llama.llama_model_get_vocab(model.model), grammar.encode(), b"root"
    )
    shares: dict[str, float] = defaultdict(float)
    for answer, share in _answers(model, logits, sampler, answers, (), 1.0):
        shares[answer] += share
    llama.llama_sampler_free(sampler)
    return dict(shares)


def _answers(
    model: Llama,
    logits: Logits,
    sampler: ctypes.c_void_p,
    answers: Sequence[str],
    tokens: tuple[int, ...],
    share: float,
) -> Iterator[tuple[str, float]]:
    """Yield an answer with its share as soon as no other goes on so."""
    text = model.detokenize(list(tokens)).decode()
    possible = [answer for answer in answers if answer.startswith(text)]
    if len(possible) == 1:
        yield possible[0], share
        return
    found = logits(tokens)
    data = np.zeros(len(found), _TOKEN_DATA)
    data["id"], data["logit"] = np.arange(len(found)), found
    candidates = llama.llama_token_data_array(
        data=data.ctypes.data_as(llama.llama_token_data_p),
        size=len(found),
        selected=-1,
        sorted=False,
    )
    llama.llama_sampler_apply(sampler, ctypes.byref(candidates))
    kept = data[np.isfinite(data["logit"])]
    weights = np.exp(kept["logit"].astype(float) - kept["logit"].max())
    for token, weight in zip(kept["id"].tolist(), weights / weights.sum(), strict=True):
        if share * weight > _NEGLIGIBLE:
            branch = llama.llama_sampler_clone(sampler)
            llama.llama_sampler_accept(branch, token)
            yield from _answers(model, logits, branch, answers, (*tokens, token), share * weight)
            llama.llama_sampler_free(branch)
