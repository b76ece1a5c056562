"""How far each path is from an evaluation of its own kind, model file by model file.

    python -m tests.benchmarks.architectures FOLDER_OR_FILE ..    # prints a table in Markdown

The evaluation decodes one token after the other into an empty cache and takes the softmax of each
row of logits in float64: it shares no batches, no sequences and no tree with the paths. Each file
is computed in a process of its own, which llama.cpp may end.
"""

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import numpy as np
from scipy.special import log_softmax

from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.paths.choice import SCORERS, SEQUENCES, Probe, open_scorer
from valuescope.scorer.paths.path import CellScore
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.planning.templates import named_template
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.instruments.seeds import load_instrument

NUMERICS = Numerics(compute_type="as-is")
COUNTRIES = ("JPN", "USA", "DEU")
SIZE = 2048


def say(text: str) -> None:
    """Write at once, so that what is said before llama.cpp ends the process is seen."""
    sys.stdout.write(text)
    sys.stdout.flush()


def cells_of(model: Model) -> list[TokenisedCell]:
    """One question in a few countries."""
    instrument = load_instrument()
    design = PromptDesign(named_template("paper"), chat_mode="raw")
    places = [instrument.country(country) for country in COUNTRIES]
    prompts = (render_prompt(instrument.question("Q57"), place, design) for place in places)
    return [tokenise_cell(model, prompt, "raw", with_label=False) for prompt in prompts]


def evaluated(path: Path, cells: list[TokenisedCell]) -> Iterator[float]:
    """The log-likelihood of each answer, in nats."""
    model = llama_cpp.Llama(
        str(path),
        n_ctx=SIZE,
        n_batch=1,
        n_threads=1,
        logits_all=True,
        flash_attn=False,
        swa_full=True,
        type_k=llama_cpp.GGML_TYPE_F32,
        type_v=llama_cpp.GGML_TYPE_F32,
        verbose=False,
    )
    for cell in cells:
        for answer in cell.answers:
            model.reset()  # type: ignore[no-untyped-call]
            model._ctx.kv_cache_clear()  # type: ignore[no-untyped-call]
            model.eval(answer.token_ids[:-1])
            rows = model.scores[: len(answer.token_ids) - 1].astype(np.float64)
            yield math.fsum(
                log_softmax(rows[place - 1])[answer.token_ids[place]]
                for place in range(answer.start, len(answer.token_ids))
            )


def difference(expected: list[float], scores: list[CellScore]) -> float:
    """The largest, in nats an answer."""
    found = [answer.log_likelihood for score in scores for answer in score.answers]
    return max(abs(a - b) for a, b in zip(expected, found, strict=True))


def print_row(path: Path) -> None:
    """Print one file's row, as far as llama.cpp lets it."""
    say(f"| {path.stem} ")
    try:
        with Model(path, path.stem, is_chat=False) as model:
            cells = cells_of(model)
            with open_scorer(model, NUMERICS, 1, "auto", Probe(cells[-1], [cells])) as opened:
                chosen = opened.scorer.name
            say(f"| {chosen} ")
            expected = list(evaluated(path, cells))
            for name in ("sequence", "tree", "copies"):
                if name == "tree" and not model.is_attention_only:
                    say("| - ")
                    continue
                with model.new_context(SIZE, NUMERICS, 1, SEQUENCES[name]) as context:
                    try:
                        found = difference(expected, list(SCORERS[name](context).score([cells])))
                        say(f"| {found:.1e} ")
                    except ValuescopeError as error:
                        say(f"| {str(error)[:60]} ")
            say("|\n")
    except ValuescopeError as error:
        say(f"| refused: {error} |\n")


def main() -> None:
    """Print the table of all files."""
    named = [Path(name) for name in sys.argv[1:]]
    say("| file | chosen | sequence | tree | copies |\n|---|---|---|---|---|\n")
    for entry in named:
        for path in sorted(entry.glob("*.gguf")) if entry.is_dir() else [entry]:
            command = [sys.executable, "-m", __spec__.name, "--row", str(path)]
            if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode:
                say("| llama.cpp ended the process |\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--row"]:
        print_row(Path(sys.argv[2]))
    else:
        main()
